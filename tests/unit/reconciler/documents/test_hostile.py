"""Hostile files: refused with few words (hostile cases H1, H2, H4; time and memory: tests/cases)."""

from __future__ import annotations

import time

import pytest

from reconciler.documents import marks
from reconciler.documents.compose import MAX_BYTES, compose
from reconciler.documents.kinds import Kind
from reconciler.documents.loading import parse

LAUGHS = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]\n" for level in range(1, 10)
)
FULL = MAX_BYTES - 100

CASES = {
    "billion laughs": (LAUGHS.encode(), {"yaml.alias-limit"}),
    "merge bomb": (("a: &a {x: 1}\nb:\n" + "  <<: *a\n" * 5_000).encode(), {"yaml.merge-key"}),
    "many anchors": (b"a:\n" + b"".join(b"- &a%d x\n" % number for number in range(80_000)), {"yaml.alias-limit"}),
    "a million anchors": (
        b"a:\n" + b"".join(b"- &a%d x\n" % number for number in range(1_000_000)),
        {"file.too-large"},
    ),
    "one anchor many times": (b"a:\n" + b"- &a x\n" * 140_000, {"yaml.alias-limit"}),
    "many aliases": (b"a: &a x\nb:\n" + b"- *a\n" * 100_000, {"yaml.alias-limit"}),
    "one long text many times": (b"a: &a " + b"x" * 500_000 + b"\nb:\n" + b"- *a\n" * 5_000, {"yaml.alias-limit"}),
    "deep lists": (b"[" * FULL, {"yaml.depth"}),
    "deep maps": (b"{a: " * (FULL // 4), {"yaml.depth"}),
    "deep dashes": (b"- " * (FULL // 2), {"yaml.depth"}),
    "deep questions": (b"? " * (FULL // 2), {"yaml.depth"}),
    "deep through aliases": (
        ("a0: &a0 " + "[" * 40 + "]" * 40 + "\na1: &a1 " + "[" * 40 + "*a0" + "]" * 40 + "\n").encode(),
        {"yaml.depth"},
    ),
    "recursive alias": (b"a: &a [*a]\n", {"yaml.alias"}),
    "a million digits": (b"a: " + b"9" * 1_000_000 + b"\n", {"yaml.number"}),
    "a million zeros": (b"a: 1" + b"0" * 1_000_000 + b"\n", {"yaml.number"}),
    "endless float": (b"a: 1." + b"0" * 1_000_000 + b"1e9999\n", {"yaml.number"}),
    "not a number": (b"a: .nan\nb: .inf\nc: -.INF\nd: 1e9999\n", {"yaml.number"}),
    "python object": (b"a: !!python/object/apply:os.system ['true']\n", {"yaml.tag"}),
    "hidden tag": (b"%TAG !e! tag:yaml.org,2002:python/\n---\na: !e!name:os.system x\n", {"yaml.tag"}),
    "many tags": (b"a:\n" + b"- !x y\n" * 100_000, {"yaml.tag"}),
    "many duplicates": (b"a: 1\n" * 200_000, {"yaml.duplicate-key"}),
    "lone surrogate": (b'a: "\\ud800"\n', {"yaml.syntax"}),
    "raw surrogate": (b"a: \xed\xa0\x80\n", {"yaml.encoding"}),
    "utf-16": ("a: 1\n".encode("utf-16"), {"yaml.encoding"}),
    "utf-32": ("a: 1\n".encode("utf-32-le"), {"yaml.encoding"}),
    "bom": (b"\xef\xbb\xbfa: 1\n", {"yaml.bom"}),
    "nul": (b"a: \x00\n", {"yaml.encoding"}),
    "escape": (b"a: \x1b[2J\n", {"yaml.encoding"}),
    "next line": ("a: b\u0085c: d\n".encode(), {"yaml.encoding"}),
    "line separator": ("a: b\u2028c: d\n".encode(), {"yaml.encoding"}),
    "too large": (b"a: " + b"x" * MAX_BYTES, {"file.too-large"}),
    "tabs in brackets": (b"a: [\n" + b"\t\n" * 400_000 + b"]\n", {"yaml.tab"}),
    "carriage returns": (b"a:" + b"\r" * 900_000 + b" \x92", {"yaml.encoding"}),
    "unclosed quote": (b'a: "' + b"x\n" * (FULL // 2), {"yaml.syntax"}),
    "unclosed flow": (b"a: [" + b"x\n" * 20_000, {"yaml.syntax"}),
}


@pytest.mark.parametrize("name", CASES)
def test_it_is_refused_in_few_words(name: str) -> None:
    source, codes = CASES[name]
    composed = compose(source)
    assert {complaint.code for complaint in composed.complaints} == codes
    assert len(composed.complaints) <= 100
    assert all(len(complaint.message) < 200 for complaint in composed.complaints)


def test_the_largest_file_of_many_small_values_is_read() -> None:
    source = b"configcrates:\n" + b"".join(b"- c%06d\n" % number for number in range(100_000))
    assert len(source) < MAX_BYTES
    start = time.process_time()
    parsed = parse(source, Kind.INHERITED)
    assert parsed.whole
    assert time.process_time() - start < 5


def test_the_places_of_a_bomb_are_bounded() -> None:
    found = marks.read(LAUGHS.encode())
    assert len(found) < 20_000
    assert found.value(("a9",))[:2] == (10, 5)


def test_finding_where_aliased_values_stand_is_bounded_too() -> None:
    source = b"vars: {a: &a [" + b"x, " * 200 + b"x]}\nconfigcrate: 1\nroles:\n" + b"- *a\n" * 45
    start = time.process_time()
    parsed = parse(source, Kind.INHERITED)
    assert [complaint.code for complaint in parsed.complaints][:2] == ["schema.unknown-key", "schema.wrong-type"]
    assert time.process_time() - start < 1
