"""fstab's fields, as getmntent(3) reads and writes them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agent.tools import fstab
from agent.tools.fstab import Entry
from tests.strategies import machines

FIELDS = st.text(st.characters(min_codepoint=9, max_codepoint=255, exclude_categories=("Cs",)), max_size=20)


@given(FIELDS)
def test_what_is_written_is_read_again(text: str) -> None:
    written = fstab.escaped(text)
    assert fstab.unescaped(written) == text
    assert not set(written) & set(" \t\n#")


def test_what_is_no_escape_stays() -> None:
    assert fstab.unescaped("a\\b\\09\\") == "a\\b\\09\\"


def test_a_line_with_few_fields_has_the_rest_by_default() -> None:
    host = machines.machine({"/etc/fstab": "/dev/a /b ext4\n#/dev/c /d ext4\nbroken\n/dev/e /f xfs ro x 2\n"})
    table = fstab.read(host)
    assert table.find(lambda _: True) == [
        (0, Entry("/dev/a", "/b", "ext4", ("defaults",), 0, 0)),
        (3, Entry("/dev/e", "/f", "xfs", ("ro",), 0, 2)),
    ]


def test_only_line_breaks_part_lines() -> None:
    odd = "/dev/a /b\x85\x0c\u2028c ext4\n# \x0b\n"
    host = machines.machine({"/etc/fstab": odd})
    table = fstab.read(host)
    fstab.put(host, table, lambda entry: entry.path == "/new", Entry("/dev/n", "/new", "xfs", ("ro",)))
    assert host.read("/etc/fstab").decode() == f"{odd}/dev/n\t/new\txfs\tro\t0\t0\n"
