"""Where values begin and end."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from reconciler.authoring import Position, Text, outline
from reconciler.documents import marks

SOURCE = """\
name: nginx   # a comment
roles: [a, 'b c']
vars:
  text: |
    one
    two
  x: {y: "z"}

end: 1
"""


def test_each_value_has_its_whole_place() -> None:
    text = Text(SOURCE)
    known = outline.of(SOURCE)
    assert known.whole
    written = {node.path: text.within(node.value) for node in known.nodes.values() if node.path}
    assert written[("name",)] == "nginx"
    assert written[("roles",)] == "[a, 'b c']"
    assert written[("roles", 1)] == "'b c'"
    assert written[("vars", "x")] == '{y: "z"}'
    assert written[("vars",)].endswith('x: {y: "z"}')
    assert text.within(known.nodes[("vars", "text")].key or known.nodes[()].value) == "text"


def test_what_is_at_a_position() -> None:
    known = outline.of(SOURCE)
    found = known.at(Position(2, 13))
    assert found is not None
    assert (found[0].path, found[1]) == (("roles", 1), False)
    found = known.at(Position(7, 4))
    assert found is not None
    assert (found[0].path, found[1]) == (("vars", "x"), True)
    assert known.at(Position(1, 20)) is None


def test_what_stands_below_an_alias_is_where_its_anchor_is() -> None:
    known = outline.of("a: &a {b: [1, 2]}\nc: *a\nd: {e: *a}\n")
    assert known.node(("d", "e", "b", 1)) == known.nodes[("a", "b", 1)]
    assert known.node(("c", "x")) is None


def test_a_broken_file_is_known_up_to_its_mistake() -> None:
    known = outline.of("a: 1\nb: [2,\nc: 3\n")
    assert not known.whole
    assert known.nodes[("b", 0)].text == "2"


def test_lines_that_end_as_on_windows() -> None:
    source = "a: x\r\nb:\r\n  - c: y\r\n"
    assert Text(source).within(outline.of(source).nodes[("b", 0, "c")].value) == "y"


def test_an_empty_text_has_an_outline() -> None:
    assert not outline.of("").nodes
    assert outline.of("# x\n").at(Position(1, 1)) is None


@given(st.text(alphabet="ab: -[]{}\n'\"|>&*#", max_size=60))
def test_no_text_stops_it_and_it_begins_where_marks_do(source: str) -> None:
    known = outline.of(source)
    found = marks.read(source.encode())
    for node in known.nodes.values():
        if not any(isinstance(part, str) and part.startswith("\0") for part in node.path):
            mark = found.value(node.path)
            assert (node.value.line, node.value.column) == (mark.line, mark.column)
        assert node.value.start <= node.value.end
