"""Archives that mean ill are refused, at the member that does, before anything leads elsewhere or grows beyond bounds."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import struct
import tarfile
import zipfile
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.hosts import Kind
from agent.tools import archives
from agent.tools.archives import MANIFEST, Asked, Bounds, Refused
from tests.effort import tries
from tests.factories.archives import hard_link, symlink, tar, zipped

BOUNDS = Bounds(8 * 1024 * 1024, 200, 100)
PLAIN = Asked(0, links=False, setuid=False)
WITHIN = Asked(0, links=True, setuid=False)


def listed(data: bytes, asked: Asked = PLAIN, bounds: Bounds = BOUNDS) -> list[tuple[Any, ...]]:
    """(path, kind, mode, content or target) of every member."""
    found = []
    for member in archives.members(io.BytesIO(data), len(data), bounds, asked):
        found.append((member.path, member.kind, member.mode, b"".join(member.data) or member.target or member.copy_of))
    return found


GOOD = {"./": None, "./a": b"a", "d/b": {"data": b"b" * 3000, "mode": 0o6711}, "d/": None}
EXPECTED = [
    ("a", Kind.FILE, 0o644, b"a"),
    ("d/b", Kind.FILE, 0o755, b"b" * 3000),
    ("d", Kind.DIRECTORY, 0o755, ""),
]


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])
def test_a_tar_file_is_read_however_it_is_packed(mode: str, form: int) -> None:
    assert listed(tar(GOOD, mode, format=form)) == EXPECTED
    setuid = listed(tar(GOOD, mode, format=form), PLAIN._replace(setuid=True))
    assert setuid[1][2] == 0o6755


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_long_names_and_names_that_are_no_text_are_read(form: int) -> None:
    name = "/".join(["d" * 200, "e" * 200, "\udcff"])
    assert listed(tar({name: b""}, format=form))[0][0] == name


@pytest.mark.parametrize("packed", [True, False])
def test_a_zip_file_is_read(packed: bool) -> None:
    made = zipped({"a": b"a", "d/": b"", "d/b": b"b" * 3000}, modes={"d/b": 0o104711, "a": 0}, packed=packed)
    assert listed(made) == [EXPECTED[0], EXPECTED[2], EXPECTED[1]]


def test_two_gzip_members_and_padding_are_one_stream() -> None:
    whole = tar({"a": b"a" * 5000})
    assert listed(gzip.compress(whole[:2000]) + gzip.compress(whole[2000:]) + bytes(100))[0][3] == b"a" * 5000


def test_leading_directories_are_cut_off() -> None:
    data = tar({"top": None, "top/a": b"a", "readme": b"r", "top/d/b": b"b"})
    assert [(path, content) for path, _, _, content in listed(data, PLAIN._replace(strip=1))] == [
        ("a", b"a"),
        ("d/b", b"b"),
    ]


BAD_NAMES = ["../x", "a/../../x", "/etc/passwd", "a/../b", "a\\..\\x", "a\nb", "a\x1b[2J", "x" * 300, "a/" * 70 + "b"]


@pytest.mark.parametrize("name", [*BAD_NAMES, MANIFEST])
def test_a_name_that_leads_elsewhere_is_refused(name: str) -> None:
    with pytest.raises(Refused):
        listed(tar({"good": b"", name: b"x"}))
    if "\\" not in name:
        with pytest.raises(Refused):
            listed(zipped({"good": b"", name: b"x"}))


@pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, tarfile.GNUTYPE_SPARSE, b"Z"])
def test_what_is_no_file_is_refused(kind: bytes) -> None:
    with pytest.raises(Refused):
        listed(tar({"x": {"type": kind}}), WITHIN)


def test_links_are_refused_unless_they_stay_within() -> None:
    data = tar({"d/a": b"a", "d/l": symlink("../d/a"), "h": hard_link("d/a"), "top": symlink("d")})
    with pytest.raises(Refused, match="links: within"):
        listed(data)
    assert [(path, kind, what) for path, kind, _, what in listed(data, WITHIN)] == [
        ("d/a", Kind.FILE, b"a"),
        ("d/l", Kind.SYMLINK, "../d/a"),
        ("h", Kind.FILE, "d/a"),
        ("top", Kind.SYMLINK, "d"),
    ]


HOSTILE = {
    "up": {"l": symlink("../x")},
    "absolute": {"l": symlink("/etc")},
    "up through another": {"p/q/x": symlink("../.."), "y": symlink("p/q/x/..")},
    "up later": {"d/l": symlink("a/../../..")},
    "too far up": {"a/b/l": symlink("../../../x")},
    "nothing": {"l": symlink("")},
    "file through a link": {"l": symlink("d"), "l/x": b"x"},
    "directory through a link": {"l": symlink("d"), "l/x": None},
    "link over a file": {"a": b"", "a/b": b"x"},
    "link twice": [("l", symlink("a")), ("l", b"x")],
    "file twice": [("a", b""), ("./a", b"x")],
    "file over a directory": [("d/a", b""), ("d", b"x")],
    "hard link to what is outside": {"h": hard_link("../../etc/shadow")},
    "hard link to nothing": {"h": hard_link("a")},
    "hard link to a link": {"l": symlink("a"), "h": hard_link("l")},
    "hard link to itself": {"h": hard_link("h")},
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_a_tar_file_that_would_lead_elsewhere_is_refused(name: str) -> None:
    with pytest.raises(Refused):
        listed(tar(HOSTILE[name]), WITHIN)


def test_a_zip_file_that_would_lead_elsewhere_is_refused() -> None:
    link = 0o120777
    for target in (b"../x", b"/etc", b"a/../..", b"x" * 5000):
        with pytest.raises(Refused):
            listed(zipped({"l": target}, modes={"l": link}), WITHIN)
    with pytest.raises(Refused, match="links: within"):
        listed(zipped({"l": b"a"}, modes={"l": link}))
    assert listed(zipped({"l": b"a"}, modes={"l": link}), WITHIN)[0][3] == "a"
    for mode in (0o020666, 0o060666, 0o010666, 0o140666):
        with pytest.raises(Refused, match="neither file"):
            listed(zipped({"x": b""}, modes={"x": mode}))


def test_what_grows_too_much_is_refused() -> None:
    bomb = tar({"zeros": bytes(4 * 1024 * 1024)})
    for packed in (gzip.compress(bomb), bz2.compress(bomb), lzma.compress(bomb), zipped({"z": bytes(4 << 20)})):
        with pytest.raises(Refused, match="max_ratio"):
            listed(packed)
    roomy = BOUNDS._replace(ratio=100_000)
    assert len(listed(gzip.compress(bomb), bounds=roomy)[0][3]) == 4 * 1024 * 1024
    for packed in (gzip.compress(bomb), zipped({"z": bytes(4 << 20)})):
        with pytest.raises(Refused, match="max_mib"):
            listed(packed, bounds=roomy._replace(bytes=1024 * 1024))
    declared = tar({"big": b""})
    header = tarfile.TarInfo("big")
    header.size = 10**12
    with pytest.raises(Refused, match="max_mib"):
        listed(header.tobuf() + declared[512:])


def test_too_many_entries_are_refused() -> None:
    many = {f"d{number}": b"" for number in range(201)}
    for data in (tar(many), zipped(many), tar({"/".join(f"{row}{at}" for at in range(60)): b"" for row in range(4)})):
        with pytest.raises(Refused, match="max_entries"):
            listed(data)
    with pytest.raises(Refused, match="too large"):
        listed(zipped({f"{'x' * 200}{number}": b"" for number in range(9000)}), bounds=BOUNDS._replace(entries=10))


def test_a_header_that_would_be_held_in_memory_is_refused() -> None:
    for kind in (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK):
        header = tarfile.TarInfo("x")
        header.type, header.size = kind, 100_000
        with pytest.raises(Refused):
            listed(header.tobuf() + bytes(100_352) + bytes(1024))


def test_headers_without_end_are_refused() -> None:
    header = tarfile.TarInfo("x")
    header.type, header.size = tarfile.GNUTYPE_LONGNAME, 1
    with pytest.raises(Refused):
        listed((header.tobuf() + b"a" + bytes(511)) * 5000)


def test_a_sparse_file_is_refused() -> None:
    headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": str(10**12)}
    with pytest.raises(Refused):
        listed(tar({"x": {"data": b"0\n" + bytes(510), "pax_headers": headers}}, format=tarfile.PAX_FORMAT))


def test_entries_of_a_zip_file_that_share_bytes_are_refused() -> None:
    whole = bytearray(zipped({"a": bytes(3000), "b": bytes(3000)}))
    second = whole.rindex(b"PK\1\2")
    struct.pack_into("<L", whole, second + 42, 0)
    with pytest.raises(Refused, match=r"overlap|broken"):
        listed(bytes(whole))


def test_an_encrypted_zip_file_is_refused() -> None:
    whole = bytearray(zipped({"a": b"x"}))
    whole[whole.rindex(b"PK\1\2") + 8] |= 1
    with pytest.raises(Refused, match="encrypted"):
        listed(bytes(whole))


def test_a_zip_file_within_a_zip_file_is_a_file() -> None:
    inner = zipped({"../x": b""})
    assert listed(zipped({"inner.zip": inner}, packed=False))[0][3] == inner


WHOLE = [tar(GOOD), tar(GOOD, "w:gz"), tar(GOOD, "w:xz"), tar(GOOD, "w:bz2"), zipped({"a": b"a", "d/b": b"b" * 99})]


@settings(max_examples=tries(50))
@given(data=st.data())
def test_whatever_is_done_to_an_archive_it_is_read_within_bounds_or_refused(data: st.DataObject) -> None:
    whole = bytearray(data.draw(st.sampled_from(WHOLE)))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(whole) - 1))
        whole[at] = data.draw(st.integers(0, 255))
    if data.draw(st.booleans()):
        del whole[data.draw(st.integers(0, len(whole))) :]
    try:
        for path, kind, _, _ in listed(bytes(whole), WITHIN):
            assert kind is not Kind.OTHER
            assert not path.startswith("/")
            assert ".." not in path.split("/")
    except Refused:
        pass


def test_nothing_and_rubbish_are_no_archives() -> None:
    for data in (b"", b"#!/bin/sh\n", b"\x1f\x8b", b"PK\3\4", b"\xfd7zXZ\0", b"BZh9", zipfile.__file__.encode() * 100):
        with pytest.raises(Refused):
            listed(data)
