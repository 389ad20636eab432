"""Tar files, read where they lie: nothing is unpacked, so no name in an archive ever becomes a path."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import BinaryIO, NamedTuple

from deepvision.errors import UserError

_MOST_HEADER = 2**20  # bytes that an archive may claim for what describes a file


class Member(NamedTuple):
    """A file in an archive: its name without folders, and where its bytes are in the file that holds the archive."""

    name: str
    offset: int
    size: int


def members(file: BinaryIO, path: Path, start: int, size: int) -> Iterator[Member]:
    """Yields the regular files of an uncompressed archive that lies at `start` of an open file; links are passed over.

    Raises:
        UserError: it is no such archive, or ends early; names `path`.
    """
    try:
        with tarfile.open(fileobj=_Window(file, start, size), mode="r:") as archive:
            for member in archive:
                if member.offset_data + max(member.size, 0) > size:
                    raise UserError(f"{path} ends within {member.name!r}: copy it again")
                if member.isreg() and not member.issparse():
                    yield Member(PurePosixPath(member.name).name, start + member.offset_data, member.size)
    except (tarfile.TarError, EOFError) as error:
        raise UserError(f"cannot read {path}: it is no tar file, or ends early ({error}): copy it again") from error


class _Window:
    """A part of an open file as a file of its own; only headers are read from it."""

    def __init__(self, file: BinaryIO, start: int, size: int):
        self._file, self._start, self._size, self._at = file, start, size, 0

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int) -> int:
        self._at = offset
        return offset

    def read(self, size: int) -> bytes:
        if size > _MOST_HEADER:
            raise tarfile.ReadError(f"a header of {size:,} bytes")
        self._file.seek(self._start + self._at)
        data = self._file.read(max(min(size, self._size - self._at), 0))
        self._at += len(data)
        return data
