"""Simple files: each means what libyaml's events make of it, and whatever is not sure to is left to them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reconciler.documents import simple
from reconciler.documents.compose import compose, compose_events
from tests.bench.generate import files_of

ROOT: Final = Path(__file__).resolve().parents[4]
SIMPLE: Final = (
    "a: 1\n",
    "a: 1\n\n# more\nb: x # said\nc:\nd: ~\ne: True\nf: 'it is: #so'\ng: \"a\"\n",
    "a: 0644\nb: 0o17\nc: 0x1F\nd: -5\ne: +5\nf: 10.0.0.1\ng: 1_000\nh: 12:30\ni: -a\nj: http://x/#y\nk: a  b\nl: =\n",
    "a:\n- x\n- y: 1\n  z: 2\nb:\n  - c:\n    - d\n    e:\n      f: g\n  - h\n",
    "a: [x, y]\nb: []\nc: {d: 1, e: [f, {g: h}], i: {}}\nj:\n  - [k, 'l']\n  - {m: n}\no: [ p , q ]\nr: {s: t u}\n",
    "a: |\n  one\n\n    two\n\nb: |-\n   three\n# four\nc:\n  - d: |\n      five: [six\n    e: 1\n",
    "vars:\n  list+: [a]\n  b.c/d-e: 1\nwhen: traits.os.family == 'debian'\nif: x - y ? z & *w\n",
)
NOT_SIMPLE: Final = (
    "",
    "# nothing\n",
    "a: 1",
    "a\n",
    "- a\n",
    "{a: 1}\n",
    "a: 1\na: 2\n",
    "a: {b: 1, b: 2}\n",
    "a: {b: 1, c: [{d: 1, d: 1}]}\n",
    "a: &x 1\n",
    "a: *x\n",
    "a: !!str 1\n",
    "<<: {a: 1}\n",
    "1: a\n",
    "true: a\n",
    "a: {null: 1}\n",
    '"a": 1\n',
    "? a\n: b\n",
    "---\na: 1\n",
    "a: 1\n---\nb: 1\n",
    "a: 1\n...\n",
    "%YAML 1.2\n---\na: 1\n",
    "a: one\n  two\n",
    'a: "one\n  two"\n',
    'a: "\\n"\n',
    "a: 'it''s'\n",
    "a: >\n  b\n",
    "a: |+\n  b\n",
    "a: |2\n  b\n",
    "a: |\nb: 1\n",
    "a: |\n\n  b\n",
    "a: |\n  b\n   \n",
    "a: |\n    b\n  c\n",
    "a: [b,\n  c]\n",
    "a: [b, ]\n",
    "a: [b c: d]\n",
    "a: {b}\n",
    "a: {b: }\n",
    "a: [b] c\n",
    "a: 'b' c\n",
    "a: b: c\n",
    "a: b:\n",
    "a:b\n",
    "a: - b\n",
    "a: @b\n",
    "a: 1.5\n",
    "a: .inf\n",
    "a: 99999999999999999\n",
    "a: b\n  c: d\n",
    " a: b\nc: d\n",
    "a:\n  b: 1\n c: 1\n",
    "a:\n  - b\n - c\n",
    "a:\n- b\nc: 1\n  - d\n",
    "- - a\n",
    "a:\n  -\n  - b\n",
    "a:\n  -  b: 1\n",
    "a:\tb\n",
    "a: b\t\n",
    "a: ü\n",
    "a: b\r\n",
    "a: \0\n",
    "a: \x7f\n",
    "a: " + "x" * 2_000 + "\n",
    "".join(f"{' ' * depth}a:\n" for depth in range(40)),
    "a: " + "[" * 40 + "]" * 40 + "\n",
    "a: 1\n" + "# x\n" * (1 << 16),
)
PIECES: Final = (
    *" \n:-#[]{},|>'\"ab10.~&*!?%@`\\/=+_()<$^;\t\réU",
    *(
        "\n  ",
        "\n- ",
        "  ",
        ": ",
        "- ",
        " #",
        "null",
        "true",
        "<<",
        "|-",
        "|+",
        "0x1",
        "1.5",
        "1e5",
        "---",
        "...",
        "? ",
    ),
)
LINES: Final = (
    *("", "  ", "    ", "# c", "  # c", "      # c", "- a", "  - a", "k: v", "  k: v", "    k:", "  k: |", "    text"),
    *("- k: [a, b]", "  {", "''", '"a": b', "k: {a: b, c: [d]}", "- k: |", "k:", "- - a", "  k: 'v' # c"),
)


@pytest.mark.parametrize("text", SIMPLE)
def test_a_simple_file_means_what_libyaml_makes_of_it(text: str) -> None:
    found = simple.read(text.encode())
    assert found is not None
    whole = compose_events(text.encode())
    assert whole.complaints == []
    assert repr(found) == repr((whole.data, whole.item_lines))


@pytest.mark.parametrize("text", NOT_SIMPLE)
def test_what_may_mean_something_else_is_left_to_libyaml(text: str) -> None:
    assert simple.read(text.encode()) is None
    assert repr(compose(text.encode())) == repr(compose_events(text.encode()))


@given(st.randoms(use_true_random=False))
@example(random.Random(1))
def test_a_file_that_was_edited_somewhere_means_the_same_to_both(chance: random.Random) -> None:
    text = _edited(chance.choice(SEEDS), chance)
    if chance.random() < 0.5:
        lines = text.split("\n")
        at = chance.randrange(len(lines))
        text = "\n".join(lines[at : at + chance.randrange(1, 9)]) + "\n"
    source = text.encode()
    assert repr(compose(source)) == repr(compose_events(source))


def test_most_of_what_people_write_is_simple() -> None:
    generated = [text for path, text in files_of(files=120, hosts=50).files.items() if path.endswith(".vgo")]
    assert [text for text in generated if simple.read(text) is None] == []
    written = [path.read_bytes() for path in (ROOT / "examples/repo").rglob("*.vgo")]
    assert sum(simple.read(text) is not None for text in written) * 2 > len(written)


def test_what_is_remembered_of_lines_has_a_bound() -> None:
    for number in range(3):
        text = "".join(f"k{number}x{each}: v{each}\n" for each in range(simple.MAX_LINES_KEPT))
        assert simple.read(text.encode()) is not None
    kept = (simple._known, simple._before, simple._heads)
    assert all(len(each) <= simple.MAX_LINES_KEPT for each in kept)
    assert all(len(line) <= simple.MAX_LINE + 200 for each in kept for line in each)


def _seeds() -> Iterator[str]:
    yield from SIMPLE
    for path in sorted((ROOT / "examples/repo").rglob("*.vgo")):
        yield path.read_text()


SEEDS: Final = tuple(_seeds())


def _edited(text: str, chance: random.Random) -> str:
    for _ in range(chance.choice((1, 1, 2, 3))):
        at, what = chance.randrange(len(text) + 1), chance.random()
        if what < 0.4:
            text = text[:at] + chance.choice(PIECES) + text[at + chance.randrange(2) :]
        elif what < 0.5:
            text = text[:at] + text[at + chance.choice((1, 1, 2, 8)) :]
        else:
            lines = text.split("\n")
            place = chance.randrange(len(lines))
            if what < 0.6:
                lines.insert(place, chance.choice(lines))
            elif what < 0.7:
                lines[place] = " " * chance.choice((1, 2, 4)) + lines[place]
            elif what < 0.8:
                lines[place] = lines[place][chance.choice((1, 2)) :]
            elif what < 0.9:
                lines.insert(place, chance.choice(LINES))
            else:
                del lines[place]
            text = "\n".join(lines)
    return text
