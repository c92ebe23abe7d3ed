"""The module in what came: bare, gzipped, or ``plugin.wasm`` in an archive.

Nothing is ever written by a name out of the archive, and no more is unpacked than a
module may have: what inflates without end is left there.
"""

from __future__ import annotations

import gzip
import io
import tarfile
import zlib
from typing import IO, TYPE_CHECKING, BinaryIO, Final

from meltemi.proxy.wasm.failure import ModuleRefusedError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from _typeshed import WriteableBuffer

MODULE_BYTES: Final = 256 * 1024 * 1024
FILE_NAME: Final = "plugin.wasm"
MAGIC: Final = b"\0asm"
GZIP: Final = b"\x1f\x8b"
PIECE: Final = 256 * 1024
MOST_FILES: Final = 1000


class _Bounded(io.RawIOBase):
    """The first bytes of a stream; one more is an error."""

    def __init__(self, source: BinaryIO | gzip.GzipFile, limit: int) -> None:
        self._source, self._limit, self._left = source, limit, limit

    def readable(self) -> bool:
        return True

    def readinto(self, into: WriteableBuffer) -> int:
        view = memoryview(into)
        data = self._source.read(min(len(view), self._left + 1))
        if len(data) > self._left:
            raise ModuleRefusedError(f"inflates to more than {self._limit:,} bytes")
        self._left -= len(data)
        view[: len(data)] = data
        return len(data)


def unpack(source: BinaryIO, target: BinaryIO, *, limit: int = MODULE_BYTES) -> None:
    """Write the module in ``source``, which can be rewound, to ``target``.

    Raises:
        ModuleRefusedError: If there is none, or it has more than ``limit`` bytes.

    """
    head = source.read(len(MAGIC))
    source.seek(0)
    try:
        if head.startswith(GZIP):
            _unpack_stream(gzip.GzipFile(fileobj=source), target, limit)
        else:
            _unpack_stream(source, target, limit)
    except (tarfile.TarError, zlib.error, OSError, EOFError, ValueError) as error:
        raise ModuleRefusedError(f"is no Wasm module and has none: {error}") from error


def _unpack_stream(
    source: BinaryIO | gzip.GzipFile, target: BinaryIO, limit: int
) -> None:
    stream = io.BufferedReader(_Bounded(source, limit), PIECE)
    if stream.peek(len(MAGIC)).startswith(MAGIC):
        _copy(stream, target)
        return
    with tarfile.open(fileobj=stream, mode="r|") as archive:
        module = archive.extractfile(_member(archive))
        if module is None or module.read(len(MAGIC)) != MAGIC:
            raise ModuleRefusedError(f"its {FILE_NAME} is no Wasm module")
        target.write(MAGIC)
        _copy(module, target)


def _member(archive: Iterable[tarfile.TarInfo]) -> tarfile.TarInfo:
    """Return the module's entry: a file of that name at the top of the archive."""
    for count, each in enumerate(archive):
        if count >= MOST_FILES:
            raise ModuleRefusedError(f"has more than {MOST_FILES} files")
        if each.name.removeprefix("./") == FILE_NAME:
            if not each.isreg():
                raise ModuleRefusedError(f"its {FILE_NAME} is a link or no file")
            return each
    raise ModuleRefusedError(f"has no {FILE_NAME}")


def _copy(source: IO[bytes], target: BinaryIO) -> None:
    while piece := source.read(PIECE):
        target.write(piece)
