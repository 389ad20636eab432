"""Files of named arrays: .safetensors, .npz and, with torch, .pth. Nothing that a file holds is ever executed."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy

from deepvision.errors import UserError

_COUNTER = "num_batches_tracked"


def read_arrays(source: str | Path | Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Returns the arrays of a file or mapping, in float32, or float64 where they are.

    Counters of batches are left out, and so is the prefix that a parallel wrapper put in front of every name.
    """
    arrays = source if isinstance(source, Mapping) else _read_file(Path(source))
    arrays = {name: _floating(name, value) for name, value in arrays.items() if not name.endswith(_COUNTER)}
    if arrays and all(name.startswith("module.") for name in arrays):
        arrays = {name.removeprefix("module."): value for name, value in arrays.items()}
    return arrays


def _read_file(path: Path) -> dict[str, np.ndarray]:
    reader = _of_suffix(_READERS, path)
    try:
        return reader(path)
    except FileNotFoundError:
        raise UserError(f"weights: no file {path}") from None
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, safetensors.SafetensorError) as error:
        raise UserError(f"weights: cannot read {path}: {error}") from None


def _read_npz(path: Path) -> dict[str, np.ndarray]:
    with zipfile.ZipFile(path), np.load(path, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def _floating(name: str, value: Any) -> np.ndarray:
    array = np.asarray(value)
    if array.dtype.kind in "OSU":
        raise UserError(f"weights: {name!r} is no array of numbers; give the mapping from names to arrays itself")
    return array if array.dtype == np.float64 else array.astype(np.float32, copy=False)


def write_arrays(path: str | Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Writes the arrays to a file of the kind that its suffix names."""
    write = _of_suffix(_WRITERS, Path(path))
    try:
        write(Path(path), arrays)
    except (OSError, safetensors.SafetensorError) as error:
        raise UserError(f"weights: cannot write {path}: {error}") from None


def _write_npz(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    with path.open("wb") as file:
        np.savez(file, **arrays)


def _write_safetensors(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    safetensors.numpy.save_file({name: np.ascontiguousarray(value) for name, value in arrays.items()}, path)


def _read_torch(path: Path) -> dict[str, np.ndarray]:
    """Reads a state dictionary, or a checkpoint with one in it, by an unpickler that makes tensors and nothing else."""
    try:
        import torch
    except ImportError:
        raise UserError(
            f"weights: {path.name} needs torch: pip install 'deepvision[torch]', or convert it to .safetensors"
        ) from None
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError) as error:
        raise ValueError(str(error).splitlines()[0]) from None
    content = next((content[key] for key in _STATE_KEYS if isinstance(content.get(key), Mapping)), content)
    return {name: tensor.float().numpy() for name, tensor in content.items()}


_STATE_KEYS = ("state_dict", "model", "net")  # under which checkpoints keep a state dictionary
_READERS = {
    ".npz": _read_npz,
    ".safetensors": safetensors.numpy.load_file,
    ".pth": _read_torch,
    ".pt": _read_torch,
}
_WRITERS = {".npz": _write_npz, ".safetensors": _write_safetensors}


def _of_suffix(table: Mapping[str, Any], path: Path) -> Any:
    if path.suffix not in table:
        raise UserError(f"weights: {path.name!r} is none of {', '.join(table)}")
    return table[path.suffix]
