"""Places, as clients count them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lsprotocol import types
from pygls.workspace import PositionCodec

from api.lsp.converting import Places, path_of, root_above, uri_of
from reconciler.authoring import Position, Span, Text

UTF8, UTF16, UTF32 = types.PositionEncodingKind.Utf8, types.PositionEncodingKind.Utf16, types.PositionEncodingKind.Utf32


@pytest.mark.parametrize(("encoding", "unit"), [(UTF8, 7), (UTF16, 4), (UTF32, 3)])
def test_columns_are_counted_in_the_clients_units(encoding: types.PositionEncodingKind, unit: int) -> None:
    places, text = Places(PositionCodec(encoding)), Text("a\n😀üb: x\r\n")
    assert places.position(text, types.Position(1, unit)) == Position(2, 4)
    assert places.range(text, Span(2, 4, 2, 5)) == types.Range(types.Position(1, unit), types.Position(1, unit + 1))


@given(st.text(alphabet="ab😀ü\r\n\x0b", max_size=40), st.sampled_from([UTF8, UTF16, UTF32]))
def test_there_and_back_a_position_is_itself(source: str, encoding: types.PositionEncodingKind) -> None:
    places, text = Places(PositionCodec(encoding)), Text(source)
    for number, line in enumerate(text.lines, start=1):
        for column in range(1, len(line) + 2):
            there = places.range(text, Span(number, column, number, column)).start
            assert places.position(text, there) == Position(number, column)


def test_what_is_beyond_a_line_or_the_text_is_its_end() -> None:
    places, text = Places(PositionCodec()), Text("ab\r\ncd")
    assert places.position(text, types.Position(0, 99)) == Position(1, 3)
    assert places.position(text, types.Position(9, 0)) == Position(2, 3)
    assert places.range(text, Span(7, 1, 9, 9)).start.line == 1


def test_files_and_uris() -> None:
    path = Path("/srv/a b/ü#%.vgo")
    assert path_of(uri_of(path)) == path
    assert path_of("untitled:Untitled-1") is None
    assert path_of("file:///srv/x/../y/z.vgo") == Path("/srv/y/z.vgo")


def test_the_root_is_the_nearest_above(tmp_path: Path) -> None:
    (tmp_path / "vigo.vgo").write_text("language: 1\n")
    inner = tmp_path / "sub" / "repo"
    (inner / "a").mkdir(parents=True)
    assert root_above(inner / "a" / "new.vgo") == tmp_path
    (inner / "vigo.vgo").write_text("language: 1\n")
    assert root_above(inner / "a" / "new.vgo") == inner
    assert root_above(Path("/nowhere/x.vgo")) is None
