"""Binding: every wrong place is named, and nothing odd gets past."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field
from starlette.datastructures import QueryParams
from starlette.responses import Response

from api.http.areas import Call
from api.http.binding import Binding
from api.http.errors import BadInput
from api.services.work import Work


class Note(BaseModel):
    model_config = ConfigDict(extra="forbid")

    text: str
    number: int = 0
    weight: float = 1.0


def take(
    work: Work,
    note_id: str,
    body: Note,
    *,
    kind: Annotated[str | None, Field(alias="type", max_length=5)] = None,
    tags: list[str] = [],  # noqa: B006 - a declaration
    limit: Annotated[int, Field(ge=1)] = 20,
    full: bool = False,
    order: Literal["up", "down"] = "up",
) -> Note:
    """Take a note."""
    return body


BINDING = Binding.of(take, "/notes/{note_id}")


def bound(query: str = "", body: bytes = b'{"text": "x"}', note_id: str = "n1") -> dict[str, Any]:
    return BINDING.arguments({"note_id": note_id}, QueryParams(query), body)


def places(query: str = "", body: bytes = b'{"text": "x"}', note_id: str = "n1") -> list[str]:
    with pytest.raises(BadInput) as caught:
        bound(query, body, note_id)
    return [error["place"] for error in caught.value.details["errors"]]


def test_input_becomes_arguments() -> None:
    assert bound("type=a&tags=x&tags=y&limit=5&full=true&order=down&unknown=1", b'{"text": "x", "number": 3}') == {
        "note_id": "n1",
        "kind": "a",
        "tags": ["x", "y"],
        "limit": 5,
        "full": True,
        "order": "down",
        "body": Note(text="x", number=3),
    }
    assert bound() == {
        "note_id": "n1", "kind": None, "tags": [], "limit": 20, "full": False, "order": "up", "body": Note(text="x"),
    }  # fmt: skip


def test_all_wrong_places_are_named_at_once() -> None:
    assert places("limit=0&full=perhaps&type=toolong", b'{"number": "many", "extra": 1}') == [
        "query.type", "query.limit", "query.full", "body.text", "body.number", "body.extra",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("query", "place"),
    [
        ("limit=1&limit=2", "query.limit"), ("limit=", "query.limit"), ("limit=1e3", "query.limit"),
        (f"limit={10**30}", "query.limit"), (f"limit={2**63}", "query.limit"), ("type=a%00", "query.type"),
        ("limit=" + "9" * 5000, "query.limit"), ("order=sideways", "query.order"),
    ],
)  # fmt: skip
def test_a_bad_parameter_is_refused(query: str, place: str) -> None:
    assert places(query) == [place]


def test_a_path_with_nul_is_refused() -> None:
    assert places(note_id="a\0b") == ["path.note_id"]


@pytest.mark.parametrize(
    "body",
    [
        b"", b"  ", b"null", b"[]", b"{", b'{"text": "x"} {}', b'{"text": "x", "text": "y"}',
        b'{"text": "x", "number": NaN}', b'{"text": "x", "weight": Infinity}', b'{"text": "x", "weight": 1e9999}',
        b'{"text": "x", "number": ' + b"9" * 100_000 + b"}", b'{"text": "\\ud800"}', b'{"text": "\\u0000"}',
        b'{"text": "\xff"}', b"\xef\xbb\xbf{}", b"[" * 100_000, b'{"text": ' + b'{"a":' * 5_000 + b"1" + b"}" * 5_001,
        '{"text": "x"}'.encode("utf-16"), b'{"a\\u0000b": 1, "text": "x"}',
    ],
)  # fmt: skip
def test_a_bad_body_is_refused(body: bytes) -> None:
    assert places(body=body)[0].startswith("body")


def test_an_escaped_backslash_before_u0000_is_only_text() -> None:
    assert bound(body=b'{"text": "\\\\u0000"}')["body"].text == "\\u0000"


@given(body=st.binary(max_size=200))
def test_no_body_is_more_than_bad_input(body: bytes) -> None:
    with suppress(BadInput):
        bound(body=body)


@given(query=st.text(max_size=100))
def test_no_query_is_more_than_bad_input(query: str) -> None:
    with suppress(BadInput):
        bound(query)


def test_what_was_sent_is_not_repeated() -> None:
    with pytest.raises(BadInput) as caught:
        bound(body=b'{"text": ["VIGOCANARY"], "VIGO2": 1}')
    assert "VIGOCANARY" not in str(caught.value.message) + str(caught.value.details)


def test_an_optional_body_may_be_missing() -> None:
    def patch(work: Work, body: Note | None = None) -> None:
        """Patch."""

    assert Binding.of(patch, "/notes").arguments({}, QueryParams(""), b"") == {}


def test_a_function_that_does_not_fit_its_path_is_told_at_once() -> None:
    def odd(work: Work, note_id: str) -> None:
        """Odd."""

    async def wrong(work: Work) -> None:
        """Wrong."""

    def also_wrong(call: Call) -> Response:
        """Wrong, too."""
        return Response()

    for run, path in ((wrong, "/notes"), (also_wrong, "/notes"), (odd, "/notes/{other}")):
        with pytest.raises(TypeError):
            Binding.of(run, path)
