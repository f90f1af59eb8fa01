"""Frames: read by N and N-1, bounded in every field, told apart by their type."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from schema.protocol import messages, reports
from schema.protocol.messages import AGENT_MESSAGE, MAX_NEED, SERVER_MESSAGE
from schema.protocol.reports import MAX_DIFF_CHARS, MAX_MESSAGE_CHARS, MAX_RESOURCES, Outcome, Report
from tests.effort import tries

DIGEST = "0" * 64
COMMIT = "a" * 40
TIME = "2026-11-22T00:00:00Z"
SIGNED = {"body": "{}", "key_id": DIGEST, "signature": "x"}
REPORT = {
    "id": "01890a5d-ac96-774b-bcce-b302099a8057",
    "assignment_sha256": DIGEST,
    "epoch": 1,
    "generation": 2,
    "commit": COMMIT,
    "catalog_sha256": DIGEST,
    "trigger": "apply",
    "started": TIME,
    "finished": TIME,
    "status": "converged",
    "resources": [{"id": "motd/motd", "type": "file", "outcome": "changed", "changed": True, "diff": "+x"}],
}
FROM_AGENT: dict[str, dict[str, Any]] = {
    "hello": {"protocols": [1], "agent_version": "0.1.0", "capabilities": ["x"], "traits_sha256": DIGEST},
    "need": {"sha256": [DIGEST]},
    "report": {"report": REPORT},
    "traits": {"sha256": DIGEST, "collected_at": TIME, "traits": {"os": {"family": "debian"}}},
    "refused": {"assignment_sha256": DIGEST, "code": "rollback", "message": "older"},
}
FROM_SERVER: dict[str, dict[str, Any]] = {
    "welcome": {"protocol": 1, "time": TIME, "target": {"assignment": SIGNED, "catalog": SIGNED}},
    "apply": {"target": {"assignment": SIGNED, "sealed_secrets": {"sealed": {"a": "b"}}}},
    "objects": {"objects": [{"sha256": DIGEST, "data": "eA=="}, {"sha256": DIGEST}], "unknown": [DIGEST]},
    "ack": {"report_id": "x", "traits_sha256": None},
    "error": {"code": "protocol", "message": "no", "fatal": True},
}
SIDES: list[tuple[Any, str, dict[str, Any]]] = [
    *((AGENT_MESSAGE, kind, body) for kind, body in FROM_AGENT.items()),
    *((SERVER_MESSAGE, kind, body) for kind, body in FROM_SERVER.items()),
]
IDS = [kind for _, kind, _ in SIDES]


@pytest.mark.parametrize(("side", "kind", "body"), SIDES, ids=IDS)
def test_a_frame_comes_back_from_its_text(side: Any, kind: str, body: dict[str, Any]) -> None:
    message = side.validate_json(json.dumps({"type": kind, **body}))
    assert message.type == kind
    again = side.validate_json(message.model_dump_json())
    assert again == message
    assert len(message.model_dump_json()) < messages.MAX_FRAME_BYTES


@pytest.mark.parametrize(("side", "kind", "body"), SIDES, ids=IDS)
def test_a_field_that_the_receiver_does_not_know_is_ignored_at_any_depth(
    side: Any, kind: str, body: dict[str, Any]
) -> None:
    plain = side.validate_python({"type": kind, **body})
    assert side.validate_python({"type": kind, **_with_news(body)}) == plain


def _with_news(value: Any) -> Any:
    if isinstance(value, dict) and "os" not in value and "family" not in value and "a" not in value:
        return {"from_the_future": [1, {"x": 2}], **{key: _with_news(item) for key, item in value.items()}}
    if isinstance(value, list):
        return [_with_news(item) for item in value]
    return value


@pytest.mark.parametrize(("side", "kind", "body"), SIDES, ids=IDS)
def test_a_frame_that_lacks_a_field_it_needs_is_refused(side: Any, kind: str, body: dict[str, Any]) -> None:
    model = type(side.validate_python({"type": kind, **body}))
    for name, info in model.model_fields.items():
        if info.is_required():
            with pytest.raises(ValidationError):
                side.validate_python({"type": kind, **{key: item for key, item in body.items() if key != name}})


@pytest.mark.parametrize(
    "text",
    ["", "null", "[]", "{}", '{"type":null}', '{"type":"nope"}', '{"type":["hello"]}', '{"type":"hello"', "\x00"],
)
def test_what_is_no_frame_is_refused(text: str) -> None:
    for side in (AGENT_MESSAGE, SERVER_MESSAGE):
        with pytest.raises(ValidationError):
            side.validate_json(text)


def test_neither_side_takes_the_frames_of_the_other() -> None:
    for kind, body in FROM_AGENT.items():
        with pytest.raises(ValidationError):
            SERVER_MESSAGE.validate_python({"type": kind, **body})
    for kind, body in FROM_SERVER.items():
        with pytest.raises(ValidationError):
            AGENT_MESSAGE.validate_python({"type": kind, **body})


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("hello", {"protocols": [1] * 17}),
        ("hello", {"capabilities": ["x"] * 65}),
        ("hello", {"agent_version": "x" * 65}),
        ("hello", {"traits_sha256": "x"}),
        ("hello", {"applied": {"epoch": 1, "generation": 1, "commit": "HEAD", "assignment_sha256": DIGEST, "catalog_sha256": DIGEST}}),
        ("need", {"sha256": [DIGEST] * (MAX_NEED + 1)}),
        ("need", {"sha256": ["../../etc/passwd"]}),
        ("refused", {"code": "x" * 65}),
        ("refused", {"message": "x" * (MAX_MESSAGE_CHARS + 1)}),
        ("report", {"report": {**REPORT, "resources": [{"id": "x", "type": "file", "outcome": "burnt"}]}}),
        ("report", {"report": {**REPORT, "resources": [{"id": "x", "type": "file", "outcome": "failed", "diff": "x" * (MAX_DIFF_CHARS + 65)}]}}),
        ("report", {"report": {**REPORT, "resources": [{"id": "x" * (MAX_MESSAGE_CHARS + 1), "type": "file", "outcome": "failed"}]}}),
        ("report", {"report": {**REPORT, "status": "fine"}}),
        ("report", {"report": {**REPORT, "trigger": "boredom"}}),
        ("report", {"report": {**REPORT, "started": "yesterday"}}),
        ("report", {"report": {**REPORT, "id": "x" * 65}}),
        ("report", {"report": {**REPORT, "commit": "main"}}),
        ("traits", {"traits": []}),
    ],
)  # fmt: skip
def test_a_field_beyond_its_bound_is_refused(kind: str, change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        AGENT_MESSAGE.validate_python({"type": kind, **FROM_AGENT[kind], **change})


def test_a_report_has_a_bounded_number_of_resources() -> None:
    one = REPORT["resources"][0]  # type: ignore[index]
    with pytest.raises(ValidationError):
        Report.model_validate({**REPORT, "resources": [one] * (MAX_RESOURCES + 1)})


def test_messages_are_values() -> None:
    message = AGENT_MESSAGE.validate_python({"type": "need", **FROM_AGENT["need"]})
    with pytest.raises(ValidationError, match="frozen"):
        message.sha256 = []  # type: ignore[union-attr, misc]


def test_outcomes_are_the_four_that_the_style_names() -> None:
    assert [str(outcome) for outcome in Outcome] == ["unchanged", "changed", "failed", "skipped"]
    assert {model for model in vars(reports).values() if isinstance(model, type) and issubclass(model, BaseModel)}


@settings(max_examples=tries(100))
@given(
    st.text(max_size=60) | st.recursive(st.none() | st.integers() | st.text(), st.lists, max_leaves=5).map(json.dumps)
)
def test_any_text_is_a_frame_or_is_refused(text: str) -> None:
    for side in (AGENT_MESSAGE, SERVER_MESSAGE):
        with pytest.raises(ValidationError):
            side.validate_json(text.encode("utf-8", "surrogatepass"))
