"""No text, however broken, and no place in it stops an answer."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.authoring import (
    Position,
    Snapshot,
    Text,
    completions,
    definitions,
    fixes,
    hovers,
    layout,
    occurrences,
    renames,
    symbols,
)
from reconciler.authoring.snapshots import snapshot_of
from reconciler.documents.formatting import NotFormattable
from tests.effort import tries
from tests.factories.trees import tree
from tests.factories.typed import SITE

PATHS = sorted(SITE)
PIECES = ["{{ ", " }}", "{% for x in ", "'", '"', "[", "]", "{", "}", "\n", "  ", "- ", ": ", "#", "|", "\t", "\r", "😀", "&a ", "*a", "vars.", "\ufeff", "\0"]  # fmt: skip


@pytest.fixture(scope="module")
def snapshot() -> Snapshot:
    return snapshot_of(tree(SITE))


def asked(snapshot: Snapshot, path: str, source: str, line: int, column: int) -> None:
    text, position = Text(source), Position(line, column)
    at = (snapshot, path, text, position)
    for each in completions.at(*at).items:
        assert each.span.line == line
    hovers.at(*at)
    definitions.at(*at)
    occurrences.references(*at)
    renames.renamable(*at)
    kind = snapshot.kind(path)
    if kind is not None:
        symbols.of(kind, text)
        with contextlib.suppress(NotFormattable):
            layout.edits(kind, text)
    fixes.of(snapshot.diagnostics, text, text.whole)


@settings(max_examples=tries(50))
@given(data=st.data())
def test_no_edit_stops_an_answer(snapshot: Snapshot, data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(PATHS))
    source = SITE[path]
    for _ in range(data.draw(st.integers(0, 3))):
        at = data.draw(st.integers(0, len(source)))
        gone = data.draw(st.integers(0, 12))
        source = source[:at] + data.draw(st.sampled_from([*PIECES, ""])) + source[at + gone :]
    text = Text(source)
    line = data.draw(st.integers(1, len(text.lines)))
    column = data.draw(st.integers(1, len(text.line(line)) + 1))
    asked(snapshot, path, source, line, column)


@pytest.mark.parametrize(
    "source", ["", "\n", "\r\n\r\n", "a: {{", "- " * 300 + "a", "[" * 500, "{" * 500, "a: " * 200, "'" * 99]
)
def test_odd_texts(snapshot: Snapshot, source: str) -> None:
    for path in ("production/web.vgo", "configcrates/web/nginx.vgo", "templates/nginx.conf.j2"):
        asked(snapshot, path, source, 1, 1)
        asked(snapshot, path, source, *Text(source).whole.end)


def test_a_tag_before_the_first_key_is_answered(snapshot: Snapshot) -> None:
    path = "configcrates/web/nginx.vgo"
    source = "{{ " + SITE[path]
    for line, text in enumerate(source.splitlines()[:8], start=1):
        for column in range(1, len(text) + 2):
            asked(snapshot, path, source, line, column)


def test_a_mebibyte_is_answered(snapshot: Snapshot) -> None:
    source = "resources:\n" + "  - {type: package, package: p, when: vars.company}\n" * 20_500
    text = Text(source)
    where = text.position(len(source) - 6)
    at = (snapshot, "configcrates/web/nginx.vgo", text, where)
    assert [each.label for each in completions.at(*at).items] == ["company"]
    assert hovers.at(*at) is not None
