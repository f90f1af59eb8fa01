"""What is in an archive, member by member, within bounds: nothing in it leads elsewhere, is more than a file, directory
or link within, or grows beyond what was allowed.

Nothing is unpacked here, and no member is held in memory. Formats: ustar, pax and GNU tar (plain, gzip, bzip2, xz) and
zip (APPNOTE 6.3; stored, deflated, bzip2), told apart by their first bytes.
"""

from __future__ import annotations

import bz2
import io
import lzma
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, Final, NamedTuple

from agent.hosts import HostFault, Kind

MANIFEST: Final = ".vigo-archive"
MAX_DEPTH: Final = 64
_MAX_NAME: Final = 255
_MAX_PATH: Final = 2048
_MAX_HEADER: Final = 64 * 1024
_MAX_LZMA_BYTES: Final = 128 * 1024 * 1024
_CHUNK: Final = 256 * 1024
_FREE: Final = 1024 * 1024
_OVERHEAD: Final = 4096
"""Of a tar member: headers and padding."""
_ZIP_ENTRY: Final = 512
_ENCRYPTED: Final = 0x1
_METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2)
_BROKEN: Final = (
    tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, ValueError, NotImplementedError,
    RecursionError, OverflowError, KeyError, IndexError,
)  # fmt: skip


class Bounds(NamedTuple):
    """What an archive may come to."""

    bytes: int
    entries: int
    ratio: int


class Asked(NamedTuple):
    """How members are taken: see `ArchiveSpec`."""

    strip: int
    links: bool
    setuid: bool


class Member(NamedTuple):
    """One of them. `data` comes in pieces and must be read before the next member."""

    path: str
    kind: Kind
    mode: int
    data: Iterator[bytes] = iter(())
    target: str = ""
    copy_of: str = ""
    """Of a hard link: the member whose bytes it has."""


class Refused(HostFault):
    """The archive is not unpacked; the message says why."""


def members(stream: BinaryIO, size: int, bounds: Bounds, asked: Asked) -> Iterator[Member]:
    """The members in order, directories that are not named in it left to the caller.

    Args:
        stream: seekable, `size` bytes long.

    Raises:
        Refused: it is no archive, is broken, or has what is not taken. By then members may have been given out.
    """
    start = stream.read(8)
    stream.seek(0)
    total = _Total(bounds, size)
    with _judging():
        found = _zip(stream, total, bounds) if start[:4] in (b"PK\3\4", b"PK\5\6") else _tar(stream, start, total)
        for member in _vetted(found, bounds, asked):
            yield member._replace(data=_judged(member.data))


def _judged(data: Iterator[bytes]) -> Iterator[bytes]:
    with _judging():
        yield from data


@contextmanager
def _judging() -> Iterator[None]:
    """What the libraries raise for a broken archive is that it is refused."""
    try:
        yield
    except HostFault:
        raise
    except _BROKEN as error:
        raise Refused(f"the archive is broken: {str(error)[:200] or type(error).__name__}") from error
    except OSError as error:
        if error.errno is not None:
            raise
        raise Refused(f"the archive is broken: {error}") from error


class _Total:
    """All bytes that came out, counted as they come."""

    def __init__(self, bounds: Bounds, size: int) -> None:
        self.bounds: Final = bounds
        self.most: Final = max(_FREE, size * bounds.ratio)
        self.came = self.declared = 0

    def declare(self, number: int) -> None:
        self.declared += number
        if self.declared > self.bounds.bytes:
            raise Refused(f"the archive holds more than {self.bounds.bytes // _FREE} MiB (max_mib)")

    def add(self, number: int, *, overhead: int = 0) -> None:
        self.came += number
        if self.came > self.bounds.bytes + overhead:
            raise Refused(f"the archive holds more than {self.bounds.bytes // _FREE} MiB (max_mib)")
        if self.came > self.most:
            raise Refused(f"the archive grows to more than {self.bounds.ratio} times its size (max_ratio)")


class _Raw(NamedTuple):
    """A member as the archive has it."""

    name: str
    kind: Kind
    mode: int
    data: Iterator[bytes]
    target: str = ""
    hard: bool = False


def _vetted(found: Iterator[_Raw], bounds: Bounds, asked: Asked) -> Iterator[Member]:
    kinds: dict[str, Kind] = {}
    entries = 0
    for raw in found:
        entries += 1
        if entries > bounds.entries:
            raise Refused(f"the archive has more than {bounds.entries} entries (max_entries)")
        path = _clean(raw.name, asked.strip)
        if raw.kind is Kind.OTHER:
            raise Refused(f"{raw.name!r} is neither file, directory nor link")
        if (raw.kind is Kind.SYMLINK or raw.hard) and not asked.links:
            raise Refused(f"{raw.name!r} is a link (links: within takes those that stay within)")
        if not path:
            if raw.kind is not Kind.DIRECTORY and asked.strip == 0:
                raise Refused("a file without a name")
            continue
        copied = _clean(raw.target, asked.strip) if raw.hard else ""
        if raw.hard and kinds.get(copied) is not Kind.FILE:
            raise Refused(f"{raw.name!r} is a hard link to what is no file before it")
        _place(path, raw.kind, kinds)
        if len(kinds) > bounds.entries:
            raise Refused(f"the archive makes more than {bounds.entries} entries (max_entries)")
        if raw.kind is Kind.DIRECTORY:
            yield Member(path, raw.kind, 0o755 | (raw.mode & 0o6000 if asked.setuid else 0))
        elif raw.kind is Kind.SYMLINK:
            yield Member(path, raw.kind, 0o777, target=_within(path, raw.target))
        else:
            mode = (0o755 if raw.mode & 0o100 else 0o644) | (raw.mode & 0o6000 if asked.setuid else 0)
            yield Member(path, raw.kind, mode, raw.data, copy_of=copied)


def _clean(name: str, strip: int) -> str:
    """A name as a path below the directory; empty when nothing is left of it."""
    if name.startswith("/") or "\\" in name or any(ord(letter) < 32 or ord(letter) == 127 for letter in name):
        raise Refused(f"{name[:200]!r} is not a name within the directory")
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if ".." in parts or len(name) > _MAX_PATH or len(parts) > MAX_DEPTH:
        raise Refused(f"{name[:200]!r} leads elsewhere, or too deep")
    if any(len(part.encode("utf-8", "surrogateescape")) > _MAX_NAME for part in parts):
        raise Refused(f"{name[:200]!r} is too long a name")
    if parts[strip : strip + 1] == [MANIFEST]:
        raise Refused(f"{MANIFEST} is the name of our own list")
    return "/".join(parts[strip:])


def _place(path: str, kind: Kind, kinds: dict[str, Kind]) -> None:
    """Note what stands where; no way leads through a file or link, and nothing stands there twice."""
    parts = path.split("/")
    for depth in range(1, len(parts)):
        above = "/".join(parts[:depth])
        if kinds.setdefault(above, Kind.DIRECTORY) is not Kind.DIRECTORY:
            raise Refused(f"{path!r} leads through {above!r}, which is no directory")
    if path in kinds and not kinds[path] is kind is Kind.DIRECTORY:
        raise Refused(f"{path!r} is in the archive twice")
    kinds[path] = kind


def _within(path: str, target: str) -> str:
    """A link's target: up through directories of the archive, then down. So none leaves, even through another."""
    parts = target.split("/")
    ups = 0
    while ups < len(parts) and parts[ups] in ("..", "."):
        ups += 1
    leading = parts[:ups].count("..")
    bad = any(ord(letter) < 32 or ord(letter) == 127 for letter in target) or len(target) > _MAX_PATH
    if not target or bad or target.startswith("/") or ".." in parts[ups:] or leading > path.count("/"):
        raise Refused(f"{path!r} is a link that leads out of the archive")
    return target


# tar


class _Info(tarfile.TarInfo):
    """Headers that would be read whole are bounded."""

    def _proc_member(self, archive: Any) -> Any:
        special = (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE)
        named = (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK)
        if self.size < 0 or (self.type in (*special, *named) and self.size > _MAX_HEADER):
            raise Refused("a header of the archive is too large")
        return super()._proc_member(archive)  # type: ignore[misc]  # not in typeshed


def _tar(stream: BinaryIO, start: bytes, total: _Total) -> Iterator[_Raw]:
    opened: Any = _Bounded(_decompressed(stream, start), total)
    with tarfile.open(fileobj=opened, mode="r|", tarinfo=_Info, bufsize=_CHUNK) as archive:
        for info in archive:
            if info.issparse():
                raise Refused(f"{info.name[:200]!r} is a sparse file")
            total.declare(info.size)
            kind = Kind.OTHER
            if info.isdir():
                kind = Kind.DIRECTORY
            elif info.issym():
                kind = Kind.SYMLINK
            elif info.isreg() or info.islnk():
                kind = Kind.FILE
            data = _pieces(archive.extractfile(info)) if info.isreg() else iter(())
            yield _Raw(info.name, kind, info.mode & 0o7777, data, info.linkname, info.islnk())
            archive.members.clear()  # type: ignore[attr-defined]  # it would keep them all


def _decompressed(stream: BinaryIO, start: bytes) -> Iterator[bytes]:
    if start.startswith(b"\x1f\x8b"):
        return _gunzipped(stream)
    if start.startswith(b"BZh"):
        return _pieces(bz2.BZ2File(stream))
    if start.startswith(b"\xfd7zXZ\0"):
        return _unxzed(stream)
    return _pieces(stream)


def _gunzipped(stream: BinaryIO) -> Iterator[bytes]:
    machine, ended = zlib.decompressobj(wbits=31), False
    left = b""
    while True:
        if not left:
            left = stream.read(_CHUNK)
            if not left:
                break
        if ended:
            if not left.strip(b"\0"):
                left = b""
                continue
            machine, ended = zlib.decompressobj(wbits=31), False
        yield machine.decompress(left, _CHUNK)
        left = machine.unused_data if machine.eof else machine.unconsumed_tail
        ended = machine.eof
    while not ended and (more := machine.decompress(machine.unconsumed_tail, _CHUNK)):
        yield more
        ended = machine.eof
    if not ended and not machine.eof:
        raise EOFError("it ends too early")


def _unxzed(stream: BinaryIO) -> Iterator[bytes]:
    machine = lzma.LZMADecompressor(format=lzma.FORMAT_XZ, memlimit=_MAX_LZMA_BYTES)
    while not machine.eof:
        data = stream.read(_CHUNK) if machine.needs_input else b""
        if machine.needs_input and not data:
            raise EOFError("it ends too early")
        yield machine.decompress(data, _CHUNK)


def _pieces(opened: Any) -> Iterator[bytes]:
    while piece := opened.read(_CHUNK):
        yield piece


class _Bounded(io.RawIOBase):
    """Pieces as a stream, counted."""

    def __init__(self, pieces: Iterator[bytes], total: _Total) -> None:
        self._pieces = pieces
        self._total = total
        self._left = b""

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        while len(self._left) < size:
            piece = next(self._pieces, None)
            if piece is None:
                break
            self._total.add(len(piece), overhead=_FREE + self._total.bounds.entries * _OVERHEAD)
            self._left += piece
        taken, self._left = self._left[:size], self._left[size:]
        return taken


# zip


class _Careful:
    """A file whose central directory is not read when it is larger than its entries can be."""

    def __init__(self, stream: BinaryIO, most: int) -> None:
        self._stream = stream
        self._most = most

    def read(self, size: int = -1) -> bytes:
        if size > self._most:
            raise Refused("the directory of the archive is too large (max_entries)")
        return self._stream.read(size)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _zip(stream: BinaryIO, total: _Total, bounds: Bounds) -> Iterator[_Raw]:
    careful: Any = _Careful(stream, max(_FREE, bounds.entries * _ZIP_ENTRY))
    with zipfile.ZipFile(careful) as archive:
        infos = archive.infolist()
        if len(infos) > bounds.entries:
            raise Refused(f"the archive has more than {bounds.entries} entries (max_entries)")
        _refuse_overlaps(infos, archive.start_dir)
        total.declare(sum(info.file_size for info in infos))
        for info in infos:
            if info.flag_bits & _ENCRYPTED or info.compress_type not in _METHODS:
                raise Refused(f"{info.filename[:200]!r} is encrypted, or packed in a way that is not known")
            mode = info.external_attr >> 16
            kind = Kind.DIRECTORY if info.is_dir() else _zip_kind(mode)
            target = ""
            data: Iterator[bytes] = iter(())
            if kind is Kind.FILE:
                data = _counted(archive, info, total)
            if kind is Kind.SYMLINK:
                if info.file_size > _MAX_PATH:
                    raise Refused(f"{info.filename[:200]!r} is a link that leads out of the archive")
                target = archive.read(info).decode("utf-8", "surrogateescape")
            yield _Raw(info.orig_filename.rstrip("/"), kind, mode & 0o7777, data, target)


def _zip_kind(mode: int) -> Kind:
    if stat.S_IFMT(mode) in (0, stat.S_IFREG):
        return Kind.FILE
    return Kind.SYMLINK if stat.S_ISLNK(mode) else Kind.OTHER


def _refuse_overlaps(infos: list[zipfile.ZipInfo], directory: int) -> None:
    """Entries that share bytes make a little archive a large one (CVE-2024-0450)."""
    least = 30
    ends = sorted((info.header_offset, info.header_offset + least + info.compress_size) for info in infos)
    for (_, end), (start, _) in zip(ends, [*ends[1:], (directory, 0)], strict=True):
        if end > start:
            raise Refused("entries of the archive overlap")


def _counted(archive: zipfile.ZipFile, info: zipfile.ZipInfo, total: _Total) -> Iterator[bytes]:
    with archive.open(info) as opened:
        for piece in _pieces(opened):
            total.add(len(piece))
            yield piece
