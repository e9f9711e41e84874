"""Lease records in object stores: by conditional writes on S3, by looking again elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

from pyarrow.fs import FileSystem

from pybmfm.training.lease_record import Found

SETTLING = 1.0  # seconds after which two that wrote at once both see who was last
# 412: it is another by now; 409: another write of it is under way.
LOST = (409, 412)
UNSUPPORTED = 501


class ObjectRecord:
    """A record of a store without conditional writes: the last to write it owns it."""

    def __init__(self, files: FileSystem, path: str, folder: str) -> None:
        self._files, self._path, self._folder = files, path, folder

    @property
    def place(self) -> str:
        """The address."""
        return f"{self._folder}/{self._path.rpartition('/')[2]}"

    @property
    def folder(self) -> str:
        """The address that it guards."""
        return self._folder

    def create(self, content: str) -> bool:
        """See `pybmfm.training.lease_record.Record`."""
        if self.read() is not None:
            return False
        self.replace(content, None)
        time.sleep(SETTLING)
        found = self.read()
        return found is not None and found.content == content

    def read(self) -> Found | None:
        """See `pybmfm.training.lease_record.Record`."""
        try:
            with self._files.open_input_stream(self._path) as stream:
                return Found(bytes(stream.read()).decode(errors="replace"))
        except FileNotFoundError:
            return None

    def replace(self, content: str, found: Found | None) -> bool:  # noqa: ARG002
        """See `pybmfm.training.lease_record.Record`."""
        with self._files.open_output_stream(self._path) as stream:
            stream.write(content.encode())
        return True

    def remove(self) -> None:
        """See `pybmfm.training.lease_record.Record`."""
        self._files.delete_file(self._path)


class S3Record:
    """A record on S3, created and replaced by conditional writes (If-None-Match and If-Match).

    A store that speaks S3 but answers that it does not know them is written to without.
    """

    def __init__(self, address: str, path: str) -> None:
        self._bucket, _, self._key = path.partition("/")
        self._client = _s3_client(address)

    @property
    def place(self) -> str:
        """The address."""
        return f"s3://{self._bucket}/{self._key}"

    @property
    def folder(self) -> str:
        """The address that it guards."""
        return self.place.rpartition("/")[0]

    def create(self, content: str) -> bool:
        """See `pybmfm.training.lease_record.Record`."""
        # Read first: a store that ignores the condition must not overwrite another's lease.
        return self.read() is None and self._put(content, IfNoneMatch="*")

    def read(self) -> Found | None:
        """See `pybmfm.training.lease_record.Record`."""
        with _as_os_error(self.place):
            try:
                answer = self._client.get_object(Bucket=self._bucket, Key=self._key)
            except self._client.exceptions.NoSuchKey:
                return None
            return Found(answer["Body"].read().decode(errors="replace"), answer["ETag"])

    def replace(self, content: str, found: Found | None) -> bool:
        """See `pybmfm.training.lease_record.Record`."""
        if found is None or found.version is None:
            return self._put(content, IfNoneMatch="*")
        return self._put(content, IfMatch=found.version)

    def remove(self) -> None:
        """See `pybmfm.training.lease_record.Record`."""
        with _as_os_error(self.place):
            self._client.delete_object(Bucket=self._bucket, Key=self._key)

    def _put(self, content: str, **condition: str) -> bool:
        from botocore.exceptions import ClientError

        body = {"Bucket": self._bucket, "Key": self._key, "Body": content.encode()}
        with _as_os_error(self.place):
            try:
                self._client.put_object(**body, **condition)
            except ClientError as error:
                status = error.response["ResponseMetadata"]["HTTPStatusCode"]
                if status in LOST:
                    return False
                if status != UNSUPPORTED:
                    raise
                self._client.put_object(**body)
            return True


def _s3_client(address: str) -> Any:
    """Make a client for the region and endpoint that an address names, if it does."""
    import boto3
    from botocore.config import Config

    named = {name: values[-1] for name, values in parse_qs(urlsplit(address).query).items()}
    endpoint = named.get("endpoint_override")
    if endpoint is not None and "://" not in endpoint:
        endpoint = f"{named.get('scheme', 'https')}://{endpoint}"
    retries: Any = {"mode": "standard", "max_attempts": 5}
    config = Config(retries=retries, connect_timeout=10, read_timeout=30)
    region = named.get("region")
    return boto3.session.Session(region_name=region).client(
        "s3", endpoint_url=endpoint, config=config
    )


@contextmanager
def _as_os_error(place: str) -> Iterator[None]:
    """Tell a store that fails as pyarrow does: by an OSError."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise OSError(f"{place}: {error}") from error
