"""convolution.cc, compiled where it runs, and kept."""

from __future__ import annotations

import ctypes
import hashlib
import os
import shutil
import subprocess
import tempfile
from importlib import metadata
from pathlib import Path
from typing import Any

import jax
import jaxlib

from deepvision.errors import UserError
from deepvision.train import compile_cache

LIBRARY, HEADERS = "onednn-cpu-gomp", "onednn-devel-cpu-gomp"  # packages
_SOURCE = Path(__file__).with_name("convolution.cc")
_COMPILERS = ("c++", "g++", "clang++")
_OPTIONS = ("-std=c++17", "-O2", "-fPIC", "-shared", "-w")


def version() -> str | None:
    """Returns the version of the packages; None: they are not installed."""
    try:
        return metadata.version(LIBRARY) if metadata.version(HEADERS) else None
    except metadata.PackageNotFoundError:
        return None


def load() -> Any:
    """Returns the function that XLA calls, compiled by the first call on a machine.

    Raises:
        UserError: there is no compiler, or it fails, or the library cannot be loaded.
    """
    # The threads of oneDNN shall not wait for work by turning round and round on the cores that XLA computes on.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    try:
        return jax.ffi.pycapsule(ctypes.CDLL(str(_compiled())).deepvision_convolution)
    except OSError as error:
        raise UserError(f"oneDNN cannot be loaded: {error}") from error


def _compiled() -> Path:
    """Returns the file that holds the function, made if it is not there."""
    text = _SOURCE.read_bytes() + f"{_OPTIONS} {jaxlib.__version__} {_shared()} {version()}".encode()
    file = compile_cache.root() / "onednn" / f"{hashlib.sha256(text).hexdigest()[:16]}.so"
    if not file.exists():  # of two processes that compile, each puts a whole file there
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=file.parent) as folder:
            made = Path(folder) / file.name
            _compile(made)
            os.replace(made, file)
    return file


def _compile(file: Path) -> None:
    shared = _shared()
    include = [f"-I{_file(HEADERS, 'include/dnnl.hpp').parent}", f"-I{jax.ffi.include_dir()}"]
    link = ["-o", str(file), str(shared), f"-Wl,-rpath,{shared.parent}"]
    command = [_compiler(), *_OPTIONS, *include, str(_SOURCE), *link]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"status {done.returncode}"]
        said = next((line for line in lines if "error" in line), lines[-1])
        raise UserError(f"{command[0]} cannot compile {_SOURCE.name}: {said}")


def _compiler() -> str:
    named = os.environ.get("CXX")
    found = next(filter(None, map(shutil.which, [named] if named else _COMPILERS)), None)
    if found is None:
        raise UserError(f"no C++ compiler among {named or ', '.join(_COMPILERS)}; install one, or name it by $CXX")
    return found


def _shared() -> Path:
    return _file(LIBRARY, "/libdnnl.so.3")


def _file(package: str, end: str) -> Path:
    """Returns where a package has put a file."""
    for path in metadata.files(package) or ():
        if path.as_posix().endswith(end):
            return Path(path.locate()).resolve()
    raise UserError(f"package {package} holds no {end}: install it again")
