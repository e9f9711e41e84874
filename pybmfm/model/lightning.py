"""Read PyTorch's weight files without running what their pickle asks for.

A ``.ckpt`` of Lightning, or a ``pytorch_model.bin``, is a zip archive: one pickle that describes
the content, and the raw bytes of every tensor. Pickles can name any function to be called. Here
every name but those that build tensors and dictionaries stands for an inert object that swallows
what is done to it.
"""

from __future__ import annotations

import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from pybmfm.core import UserError

_DTYPES = {
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "DoubleStorage": torch.float64,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}


def read_lightning_weights(path: str | Path) -> dict[str, torch.Tensor]:
    """Return the tensors under ``state_dict`` of a Lightning checkpoint, by name.

    Parameters
    ----------
    path
        A ``.ckpt`` file as ``torch.save`` has written them since version 1.6.

    Returns
    -------
    dict
        Name -> tensor on the CPU, in the file's precision.

    Raises
    ------
    UserError
        If the file is missing, damaged, of an older format, or holds no ``state_dict``.
    """
    path = Path(path)
    content = _content(path)
    weights = content.get("state_dict") if isinstance(content, Mapping) else None
    if not isinstance(weights, Mapping) or not weights:
        raise UserError(
            "holds no state_dict", file=path, remedy="give a checkpoint that Lightning wrote"
        )
    return _tensors(weights)


def read_torch_weights(path: str | Path) -> dict[str, torch.Tensor]:
    """Return the tensors of a ``pytorch_model.bin``, by name; as `read_lightning_weights`.

    Raises
    ------
    UserError
        If the file is missing, damaged, of an older format, or holds no tensors.
    """
    path = Path(path)
    content = _content(path)
    weights = _tensors(content) if isinstance(content, Mapping) else {}
    if not weights:
        raise UserError("holds no weights", file=path, remedy="copy the model again")
    return weights


def _content(path: Path) -> Any:
    if not path.is_file():
        raise UserError("no such file", file=path, remedy="check the path")
    try:
        with zipfile.ZipFile(path) as archive:
            return _load(archive)
    except (zipfile.BadZipFile, pickle.UnpicklingError, EOFError, KeyError, ValueError) as error:
        raise UserError(
            f"is not a whole file of PyTorch weights ({error})",
            file=path,
            remedy="fetch it again; files older than PyTorch 1.6 are not read",
        ) from error


def _tensors(weights: Mapping[Any, Any]) -> dict[str, torch.Tensor]:
    return {str(name): t for name, t in weights.items() if isinstance(t, torch.Tensor)}


def _load(archive: zipfile.ZipFile) -> Any:
    names = [name for name in archive.namelist() if name.endswith("/data.pkl")]
    if len(names) != 1:
        raise ValueError("it has no data.pkl")
    with archive.open(names[0]) as handle:
        return _InertUnpickler(handle, archive, names[0][: -len("data.pkl")]).load()


class _InertUnpickler(pickle.Unpickler):
    """Builds tensors, plain containers and nothing else."""

    def __init__(self, handle: Any, archive: zipfile.ZipFile, folder: str) -> None:
        super().__init__(handle)
        self._archive, self._folder = archive, folder

    def find_class(self, module: str, name: str) -> Any:
        """Stand in for whatever the pickle names."""
        if module == "torch" and name in _DTYPES:
            return _DTYPES[name]
        return _BUILDERS.get((module, name), _Inert)

    def persistent_load(self, pid: Any) -> torch.Tensor:
        """Read the bytes of a storage, as a flat tensor."""
        kind, dtype, key, _, count = pid
        if kind != "storage" or not isinstance(dtype, torch.dtype):
            raise pickle.UnpicklingError("it refers to something other than a tensor")
        data = bytearray(self._archive.read(f"{self._folder}data/{key}"))
        values = torch.frombuffer(data, dtype=dtype) if data else torch.empty(0, dtype=dtype)
        if len(values) != count:
            raise pickle.UnpicklingError(f"tensor {key} is cut short")
        return values


class _Inert:
    """Takes the place of an object that is not built: accepts everything, does nothing."""

    def __init__(self, *_: Any, **__: Any) -> None: ...

    def __setstate__(self, state: Any) -> None: ...

    def __setitem__(self, key: Any, value: Any) -> None: ...

    def append(self, value: Any) -> None:
        """Take an item of what would have been a list."""

    def extend(self, values: Any) -> None:
        """Take items of what would have been a list."""

    def add(self, value: Any) -> None:
        """Take an item of what would have been a set."""


def _tensor(
    storage: torch.Tensor, offset: int, size: tuple[int, ...], stride: tuple[int, ...], *_: Any
) -> torch.Tensor:
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    if min(size, default=1) > 0 and not 0 <= offset <= last < len(storage):
        raise pickle.UnpicklingError("a tensor reaches beyond its bytes")
    return torch.as_strided(storage, size, stride, offset).clone()


def _parameter(data: torch.Tensor, *_: Any) -> torch.Tensor:
    return data


_BUILDERS: dict[tuple[str, str], Callable[..., Any]] = {
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    ("torch._utils", "_rebuild_parameter"): _parameter,
    ("collections", "OrderedDict"): OrderedDict,
}
