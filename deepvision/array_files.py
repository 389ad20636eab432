"""Files of named arrays: .safetensors, .npz and, with torch, .pth.

What a file holds is data: nothing in it is executed, and what its headers claim is checked before room is made for it.
"""

from __future__ import annotations

import math
import tokenize
import zipfile
import zlib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import jax.numpy as jnp
import numpy as np
import safetensors
import safetensors.numpy

from deepvision.checks import check_room
from deepvision.errors import UserError

_COUNTER = "num_batches_tracked"
_LARGER = "it is damaged, or for a larger machine"
# What the decoders of .npz raise on damaged bytes. RuntimeError: members that are encrypted.
_BROKEN = (OSError, ValueError, EOFError, KeyError, TypeError, RuntimeError, zipfile.BadZipFile, zipfile.LargeZipFile)
_BROKEN += (zlib.error, SyntaxError, tokenize.TokenError)  # the last two: of headers, which are literals of Python


def read_arrays(source: str | Path | Mapping[str, Any], field: str = "weights") -> dict[str, np.ndarray]:
    """Returns the arrays of a file or mapping, in float32, or float64 where they are.

    Counters of batches are left out, and so is the prefix that a parallel wrapper put in front of every name.

    Args:
        source: the file, or the mapping.
        field: what named it, for messages.

    Raises:
        UserError: it cannot be read, or holds something else than arrays of real numbers.
    """
    given = isinstance(source, Mapping)
    arrays, where = (source, field) if given else (_read_file(Path(source), field), f"{field}: {source}")
    arrays = {name: _floating(where, name, value) for name, value in arrays.items() if not name.endswith(_COUNTER)}
    if arrays and all(name.startswith("module.") for name in arrays):
        arrays = {name.removeprefix("module."): value for name, value in arrays.items()}
    return arrays


def read_npz(path: Path, names: Collection[str] | None = None) -> dict[str, np.ndarray]:
    """Returns arrays of a .npz file; nothing is unpickled.

    Args:
        path: of the file.
        names: of the arrays to read; None: all.

    Raises:
        UserError: the arrays are larger than the memory of this machine.
        ValueError: the file is damaged, or holds something else than plain arrays.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = _members(archive)
            chosen = {name: member for name, member in members.items() if names is None or name in names}
            check_room(f"the arrays of {path}", sum(member.file_size for member in chosen.values()), _LARGER)
            return {name: _read_member(archive, name, member) for name, member in chosen.items()}
    except (UserError, FileNotFoundError):
        raise
    except _BROKEN as error:
        raise ValueError(_first_line(error)) from error


def npz_names(path: Path) -> list[str]:
    """Returns the names of the arrays in a .npz file; errors are those of `read_npz`."""
    try:
        with zipfile.ZipFile(path) as archive:
            return list(_members(archive))
    except FileNotFoundError:
        raise
    except _BROKEN as error:
        raise ValueError(_first_line(error)) from error


def write_arrays(path: str | Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Writes the arrays to a file of the kind that its suffix names."""
    write = _of_suffix(_WRITERS, Path(path), "weights")
    try:
        write(Path(path), arrays)
    except (OSError, safetensors.SafetensorError) as error:
        raise UserError(f"weights: cannot write {path}: {error}") from None


def _read_file(path: Path, field: str) -> dict[str, np.ndarray]:
    reader = _of_suffix(_READERS, path, field)
    if not path.is_file():  # nor a pipe, which would be waited for
        raise UserError(f"{field}: no file {path}")
    try:
        return reader(path)
    except (UserError, MemoryError):
        raise
    except (OSError, ValueError) as error:
        raise UserError(f"{field}: cannot read {path}: {error}; save or download it again") from None


def _members(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """Returns the arrays of an archive by name; each is one file, and anything else in it is left alone."""
    found = {info.filename.removesuffix(".npy"): info for info in archive.infolist() if info.filename.endswith(".npy")}
    if not found and archive.infolist():
        raise ValueError("it is an archive without arrays")
    return found


def _read_member(archive: zipfile.ZipFile, name: str, member: zipfile.ZipInfo) -> np.ndarray:
    """Reads one array, after making sure that its header claims as many bytes as there are."""
    with archive.open(member) as stream:
        shape, dtype = _npy_header(stream)
        claimed, there = math.prod(shape) * dtype.itemsize, member.file_size - stream.tell()
    if dtype.hasobject:
        raise ValueError(f"{name!r} is an array of pickled objects, which are not executed")
    if claimed != there:
        raise ValueError(f"{name!r} claims {claimed:,} bytes and holds {there:,}")
    with archive.open(member) as stream:
        return np.lib.format.read_array(stream, allow_pickle=False)


def _npy_header(stream: BinaryIO) -> tuple[tuple[int, ...], np.dtype]:
    version = np.lib.format.read_magic(stream)
    first = np.lib.format.read_array_header_1_0
    shape, _, dtype = (first if version == (1, 0) else np.lib.format.read_array_header_2_0)(stream)
    return shape, dtype


def _read_safetensors(path: Path) -> dict[str, np.ndarray]:
    try:
        return safetensors.numpy.load_file(path)
    except (safetensors.SafetensorError, KeyError, TypeError, AttributeError) as error:  # the last three: of types
        raise ValueError(_first_line(error)) from None


def _read_torch(path: Path) -> dict[str, np.ndarray]:
    """Reads a state dictionary, or a checkpoint with one in it, by an unpickler that makes tensors and nothing else."""
    try:
        import torch
    except ImportError:
        raise UserError(
            f"weights: {path.name} needs torch: pip install 'deepvision[torch]', or convert it to .safetensors"
        ) from None
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            check_room(f"what is in {path}", sum(info.file_size for info in archive.infolist()), _LARGER)
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception:  # on damaged bytes, an unpickler may raise any
        raise ValueError("it is damaged, or holds more than tensors, which is not executed") from None
    content = next((content[key] for key in _STATE_KEYS if isinstance(_get(content, key), Mapping)), content)
    if not isinstance(content, Mapping):
        raise ValueError(f"it holds a {type(content).__name__}, not a state dictionary")
    for name, value in content.items():
        if not isinstance(name, str) or not isinstance(value, torch.Tensor):
            raise ValueError(f"{name!r} is a {type(value).__name__}, not a tensor with a name")
    return {name: tensor.detach().float().numpy() for name, tensor in content.items()}


def _get(content: Any, key: str) -> Any:
    return content.get(key) if isinstance(content, Mapping) else None


def _floating(where: str, name: str, value: Any) -> np.ndarray:
    array = np.asarray(value)
    if not jnp.issubdtype(array.dtype, jnp.number) and array.dtype != bool or array.dtype.kind == "c":
        found = "complex numbers" if array.dtype.kind == "c" else f"{array.dtype}"
        raise UserError(f"{where}: {name!r} is no array of real numbers ({found}): give names with such arrays alone")
    return array if array.dtype == np.float64 else array.astype(np.float32, copy=False)


def _write_npz(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    with path.open("wb") as file:
        np.savez(file, **arrays)


def _write_safetensors(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    safetensors.numpy.save_file({name: np.ascontiguousarray(value) for name, value in arrays.items()}, path)


_STATE_KEYS = ("state_dict", "model", "net")  # under which checkpoints keep a state dictionary
_READERS = {
    ".npz": read_npz,
    ".safetensors": _read_safetensors,
    ".pth": _read_torch,
    ".pt": _read_torch,
}
_WRITERS = {".npz": _write_npz, ".safetensors": _write_safetensors}


def _of_suffix(table: Mapping[str, Any], path: Path, field: str) -> Any:
    if path.suffix not in table:
        raise UserError(f"{field}: {path.name!r} is none of {', '.join(table)}")
    return table[path.suffix]


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
