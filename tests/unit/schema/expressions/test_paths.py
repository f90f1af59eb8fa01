"""Outputs of names and dots alone are read the quick way: the tree is the one that the parser makes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schema.expressions.errors import ExpressionError
from schema.expressions.grammar import RESERVED
from schema.expressions.statements import parse_template
from schema.expressions.tokens import MAX_TOKENS, pieces

WORDS = st.one_of(
    st.sampled_from([*sorted(RESERVED), "vars", "host", "ü", "x1", "_", "android", "iffy", "None_", "1", "set"]),
    st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,6}", fullmatch=True),
)
PATHS = st.one_of(
    st.lists(WORDS, min_size=1, max_size=20).map(".".join),
    # What ends the tag by itself leaves the blank, or the tab, to the text behind it.
    st.text(alphabet="ab.1_ -|}'", min_size=1, max_size=8).filter(lambda text: "}}" not in text),
)


@given(PATHS, st.sampled_from(["", "a\n", "{# c #}", "{% set x = 1 %}\n"]), st.sampled_from(["", "-", "+"]))
def test_the_quick_way_gives_the_tree_of_the_parser(path: str, before: str, sign: str) -> None:
    # A tab is no blank to the quick way, and one character, too.
    quick, slow = (f"{before}{{{{{sign} {path}{end}}}}}\nb" for end in (" ", "\t"))

    assert _tree(quick) == _tree(slow)


@pytest.mark.parametrize("path", ["vars.a.b", "item", "host.hostname"])
def test_paths_are_read_the_quick_way(path: str) -> None:
    assert [piece.kind for piece in pieces(f"a {{{{ {path} }}}}{{{{{path}}}}}")] == ["data", "path", "path"]


@pytest.mark.parametrize("word", sorted(RESERVED))
def test_words_of_the_language_are_no_paths(word: str) -> None:
    assert [piece.kind for piece in pieces(f"{{{{ {word} }}}}")] == ["output"]


@pytest.mark.parametrize("tag", ["{{ a.b }}", "{{ a.b\t}}"])
def test_the_words_of_paths_are_counted(tag: str) -> None:
    fits = tag * (MAX_TOKENS // 4)

    assert len(parse_template(fits).body) == MAX_TOKENS // 4
    with pytest.raises(ExpressionError, match="words in tags"):
        parse_template(fits + tag)


def _tree(text: str) -> tuple[str, int]:
    try:
        return repr(parse_template(text).body), 0  # named tuples of two kinds may be equal
    except ExpressionError as error:
        return error.message, error.at if error.at is not None else 0
