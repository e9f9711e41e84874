"""Checkpoints on S3, Google Cloud Storage and whatever else pyarrow has a filesystem for.

Objects cannot be renamed, so a folder ``step-000010`` is uploaded as ``step-000010.1f0c3a9e/...``
and exists once the one small object ``step-000010.commit.json``, written last, names it and lists
its files. Replacing is writing that object again. What no commit names is half-uploaded: it is
never read, and removed by the next process that commits.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

from pyarrow.fs import FileSelector, FileSystem, FileType, LocalFileSystem, copy_files

from pybmfm.core import UserError
from pybmfm.training.lease_record import Record
from pybmfm.training.object_record import ObjectRecord, S3Record
from pybmfm.training.storage import LEASE, LocalStorage, Storage

COMMIT = ".commit.json"
LOG_SUFFIX = ".jsonl"
CHUNK = 8 << 20  # bytes read and sent at once


@dataclass(frozen=True)
class Commit:
    """What a commit object says: the prefix of the files, and the bytes of each."""

    folder: str
    files: dict[str, int]


def open_object_storage(address: str, *names: str) -> Storage:
    """Open the storage of an address such as ``s3://bucket/checkpoints``.

    Credentials, region and endpoint are the store's usual ones (``AWS_PROFILE``, ``AWS_REGION``,
    ``AWS_ENDPOINT_URL``, a machine's role, ...); region and endpoint may stand in the address:
    ``s3://bucket/folder?region=eu-west-1&endpoint_override=localhost:9000&scheme=http``.

    Raises
    ------
    UserError
        If pyarrow knows no such filesystem, or it cannot be reached or read.
    """
    shown = "/".join([address.split("?")[0].rstrip("/"), *names])
    try:
        files, root = FileSystem.from_uri(address)
        root = "/".join([root.rstrip("/"), *names])
        if isinstance(files, LocalFileSystem):
            return LocalStorage(Path(root))
        if files.get_file_info(root.split("/")[0]).type == FileType.NotFound:
            raise FileNotFoundError("there is no such bucket")
        storage = ObjectStorage(files, root, address)
        storage.folders()
    except (OSError, ValueError) as error:
        raise UserError(
            f"cannot be used for checkpoints ({' '.join(str(error).split())})",
            file=shown,
            remedy="check the address, the bucket and the credentials (S3: AWS_PROFILE, "
            "AWS_REGION, AWS_ENDPOINT_URL), or give a folder",
        ) from error
    return storage


class ObjectStorage:
    """A prefix of an object store.

    Parameters
    ----------
    files, root
        The filesystem, and the prefix in it.
    address
        The address they come from, for the lease and for messages.
    """

    def __init__(self, files: FileSystem, root: str, address: str) -> None:
        self._files, self._root, self._address = files, root, address
        # Holds what is uploaded, what is downloaded, and the logs.
        self._scratch = tempfile.TemporaryDirectory(
            prefix="pybmfm-checkpoints-", ignore_cleanup_errors=True
        )

    @property
    def place(self) -> str:
        """The address."""
        return f"{urlsplit(self._address).scheme}://{self._root}"

    @property
    def logs(self) -> Path:
        """A copy of the logs on this machine, brought here when first asked for."""
        folder = Path(self._scratch.name) / "logs"
        if not folder.is_dir():
            folder.mkdir()
            for name in self._listed(FileType.File):
                if name.endswith(LOG_SUFFIX):
                    (folder / name).write_bytes(self.read(name) or b"")
        return folder

    def folders(self) -> list[str]:
        """See `Storage`."""
        names = self._listed(FileType.File)
        return sorted(name.removesuffix(COMMIT) for name in names if name.endswith(COMMIT))

    def path(self, name: str) -> Path:
        """Download a committed folder, once; see `Storage`."""
        commit = self._commit(name)
        if commit is None:
            raise FileNotFoundError(f"{self.place}/{name} was never committed")
        target: Path = Path(self._scratch.name) / "downloaded" / commit.folder
        if not target.is_dir():
            self._free()
            arriving = target.with_name("arriving")
            arriving.mkdir(parents=True)
            _copy(self._files, self._at(commit.folder), LocalFileSystem(), str(arriving))
            arriving.rename(target)
        there = {str(p.relative_to(target)): p.stat().st_size for p in _files_below(target)}
        wrong = [file for file, size in commit.files.items() if there.get(file) != size]
        if wrong:
            raise OSError(f"{', '.join(wrong)} cannot be had as committed")
        return target

    @contextmanager
    def replacing(self, name: str, check: Callable[[], None]) -> Iterator[Path]:
        """See `Storage`."""
        self._free()
        with tempfile.TemporaryDirectory(dir=self._scratch.name) as scratch:
            staging = Path(scratch)
            yield staging
            self._upload(name, staging, check)

    def _upload(self, name: str, staging: Path, check: Callable[[], None]) -> None:
        before = self._commit(name)
        folder = f"{name}.{uuid.uuid4().hex[:8]}"
        _copy(LocalFileSystem(), str(staging), self._files, self._at(folder))
        # Before the commit, so that no step is missing in the log of who goes on from it.
        self.save_logs()
        files = {str(p.relative_to(staging)): p.stat().st_size for p in _files_below(staging)}
        check()
        self.write(f"{name}{COMMIT}", json.dumps(asdict(Commit(folder, files))).encode())
        if before is not None:
            self._delete(before.folder)

    def remove(self, name: str) -> None:
        """See `Storage`."""
        commit = self._commit(name)
        with contextlib.suppress(OSError):
            self._files.delete_file(self._at(f"{name}{COMMIT}"))
        if commit is not None:
            self._delete(commit.folder)

    def sweep(self) -> None:
        """See `Storage`."""
        commits = [self._commit(name) for name in self.folders()]
        committed = {commit.folder for commit in commits if commit is not None}
        for folder in self._listed(FileType.Directory):
            if folder not in committed:
                self._delete(folder)

    def read(self, name: str) -> bytes | None:
        """See `Storage`."""
        folder, _, file = name.rpartition("/")
        if folder:
            commit = self._commit(folder)
            if commit is None:
                return None
            name = f"{commit.folder}/{file}"
        try:
            with self._files.open_input_stream(self._at(name)) as stream:
                return bytes(stream.read())
        except FileNotFoundError:
            return None

    def write(self, name: str, content: bytes) -> None:
        """See `Storage`."""
        with self._files.open_output_stream(self._at(name)) as stream:
            stream.write(content)

    def save_logs(self) -> None:
        """See `Storage`."""
        for path in sorted((Path(self._scratch.name) / "logs").glob(f"*{LOG_SUFFIX}")):
            self.write(path.name, path.read_bytes())

    def lease(self) -> Record:
        """On S3 with conditional writes; elsewhere the last to write it owns it."""
        if urlsplit(self._address).scheme == "s3":
            return S3Record(self._address, self._at(LEASE))
        return ObjectRecord(self._files, self._at(LEASE), self.place)

    def _at(self, name: str) -> str:
        return f"{self._root}/{name}"

    def _listed(self, kind: FileType) -> list[str]:
        selector = FileSelector(self._root, allow_not_found=True)
        return [info.base_name for info in self._files.get_file_info(selector) if info.type == kind]

    def _commit(self, name: str) -> Commit | None:
        """Read what a commit says; None if there is none or it is torn."""
        content = self.read(f"{name}{COMMIT}")
        with contextlib.suppress(ValueError, KeyError, TypeError):
            commit = json.loads(content or b"")
            return Commit(str(commit["folder"]), dict(commit["files"]))
        return None

    def _delete(self, folder: str) -> None:
        """Delete what nothing names any more; what stays is swept later."""
        with contextlib.suppress(OSError):
            self._files.delete_dir(self._at(folder))

    def _free(self) -> None:
        shutil.rmtree(Path(self._scratch.name) / "downloaded", ignore_errors=True)


def _copy(source: FileSystem, start: str, target: FileSystem, end: str) -> None:
    copy_files(
        start, end, source_filesystem=source, destination_filesystem=target, chunk_size=CHUNK
    )


def _files_below(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.rglob("*")) if path.is_file()]
