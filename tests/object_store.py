"""An S3 server in this process, with AWS Batch beside it, and what tests ask of them."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest


@dataclass(frozen=True)
class ObjectStore:
    """A bucket of an emulated S3."""

    endpoint: str
    bucket: str = "bucket"

    def client(self, service: str = "s3") -> Any:
        """Return a client of this or another service of the server."""
        import boto3

        return boto3.client(service)

    def keys(self, prefix: str = "") -> list[str]:
        """Every object below a prefix, the empty ones that stand for folders left out."""
        pages = self.client().get_paginator("list_objects_v2")
        found = pages.paginate(Bucket=self.bucket, Prefix=prefix).search("Contents[].Key")
        return sorted(key for key in found if key and not key.endswith("/"))

    def get(self, key: str) -> bytes:
        """Content of an object."""
        return self.client().get_object(Bucket=self.bucket, Key=key)["Body"].read()

    def put(self, key: str, content: bytes) -> None:
        """Write an object."""
        self.client().put_object(Bucket=self.bucket, Key=key, Body=content)

    def upload(self, folder: Path, prefix: str) -> None:
        """Copy a folder to below a prefix."""
        for path in folder.rglob("*"):
            if path.is_file():
                self.put(f"{prefix}/{path.relative_to(folder)}", path.read_bytes())

    def download(self, prefix: str, folder: Path) -> Path:
        """Copy what is below a prefix into a folder."""
        for key in self.keys(f"{prefix}/"):
            path = folder / key.removeprefix(f"{prefix}/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(self.get(key))
        return folder


@contextmanager
def emulated_aws() -> Iterator[ObjectStore]:
    """Serve an empty bucket while the block runs.

    The environment names the endpoint and credentials, as a user's does.
    """
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    store = ObjectStore(f"http://{host}:{port}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", store.endpoint)
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        store.client().create_bucket(Bucket=store.bucket)
        yield store
    server.stop()
