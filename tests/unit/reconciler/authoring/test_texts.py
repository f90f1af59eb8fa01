"""Lines, columns and edits."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from reconciler.authoring import Edit, Position, Span, Text

SOURCES = st.text(alphabet="ab\r\n😀ü ", max_size=60)


def test_a_line_ends_at_cr_lf_lf_or_cr_and_nowhere_else() -> None:
    assert Text("a\r\nb\nc\rd\x0be\x85f").lines == ["a", "b", "c", "d\x0be\x85f"]
    assert Text("").lines == [""]
    assert (Text("a\r\nb\n").newline, Text("a").newline) == ("\r\n", "\n")


@given(SOURCES)
def test_offsets_and_positions_are_each_others_reverse(source: str) -> None:
    text = Text(source)
    for offset in range(len(source) + 1):
        position = text.position(offset)
        if not (offset and source[offset - 1 : offset + 1] == "\r\n"):  # within a line's end there is no position
            assert text.offset(position) == offset


def test_a_position_beyond_the_text_is_its_end() -> None:
    text = Text("ab\ncd")
    assert (text.offset(Position(1, 99)), text.offset(Position(9, 1)), text.offset(Position(0, 0))) == (2, 5, 0)


def test_edits_are_applied_together() -> None:
    edits = [Edit(Span(2, 1, 2, 2), "X"), Edit(Span(1, 1, 1, 1), "> "), Edit(Span(2, 3, 3, 1), "")]
    assert Text("ab\ncde\nf").edited(edits) == "> ab\nXdf"


def test_a_word_is_what_begins_at_a_place() -> None:
    text = Text("a: [nginx, 'two words', \"q\"] # x-y.z")
    assert text.within(text.word(Position(1, 5))) == "nginx"
    assert text.within(text.word(Position(1, 12))) == "'two words'"
    assert text.within(text.word(Position(1, 1))) == "a"
    assert text.within(text.word(Position(1, 32))) == "x-y.z"
    assert text.within(text.word(Position(1, 99))) == ""
    assert text.within(text.word(Position(7, 1))) == ""
