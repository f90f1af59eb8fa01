"""Reports are read the quick way as they are the other way: the same values, the same rows, the same refusals."""

from __future__ import annotations

import json
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from api.services import lines
from api.storage import runs as rows
from schema.protocol.messages import AGENT_MESSAGE, ReportMessage
from schema.protocol.receipts import outcomes_digest
from schema.protocol.reports import MAX_MESSAGE_CHARS, Outcome, Report, ResourceReport, RunStatus, Trigger

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
RESOURCE = st.builds(
    ResourceReport,
    id=TEXT, type=TEXT, outcome=st.sampled_from(Outcome), changed=st.booleans(), action=TEXT, corrective=st.booleans(),
    duration_us=st.integers(-(2**70), 2**70), diff=TEXT, error=TEXT, reason=TEXT, file=TEXT, line=st.integers(0, 2**40),
)  # fmt: skip


def report(resources: list[ResourceReport]) -> Report:
    return Report(
        id="one", assignment_sha256="a" * 64, epoch=1, generation=2, commit="c" * 40, catalog_sha256="b" * 64,
        trigger=Trigger.APPLY, started=1_000_000, finished=2_000_000, status=RunStatus.CONVERGED, resources=resources,
    )  # fmt: skip


def frame(resources: list[ResourceReport]) -> bytes:
    return ReportMessage(report=report(resources)).model_dump_json().encode()


@given(st.lists(RESOURCE, max_size=4))
def test_a_report_is_the_same_either_way(resources: list[ResourceReport]) -> None:
    raw = frame(resources)
    quick, slow = lines.read(raw), AGENT_MESSAGE.validate_json(raw)
    assert isinstance(quick, ReportMessage)
    assert isinstance(slow, ReportMessage)
    names = ResourceReport.model_fields
    assert [[getattr(one, name) for name in names] for one in quick.report.resources] == [
        [getattr(one, name) for name in names] for one in slow.report.resources
    ]
    assert quick.report.model_dump(exclude={"resources"}) == slow.report.model_dump(exclude={"resources"})
    assert outcomes_digest(quick.report) == outcomes_digest(slow.report)
    stored = rows.packed(lines.dumps(quick.report.resources) or quick.report.resources)
    assert json.loads(zlib.decompress(stored)) == json.loads(zlib.decompress(rows.packed(slow.report.resources)))


@pytest.mark.parametrize(
    "changes",
    [
        {"outcome": "perhaps"}, {"type": "x" * 65}, {"id": "x" * (MAX_MESSAGE_CHARS + 1)}, {"line": "no"}, {"id": None},
    ],
)  # fmt: skip
def test_what_no_report_may_hold_is_refused_either_way(changes: dict[str, Any]) -> None:
    value = json.loads(frame([ResourceReport(id="a", type="file", outcome=Outcome.CHANGED)]))
    value["report"]["resources"][0] |= changes
    raw = json.dumps(value, separators=(",", ":")).encode()
    with pytest.raises(ValidationError):
        lines.read(raw)


def test_what_is_wrong_beside_the_resources_is_refused_too() -> None:
    value = json.loads(frame([]))
    for name, wrong in (("commit", "x"), ("status", "well"), ("started", "today"), ("id", "x" * 65), ("epoch", None)):
        raw = json.dumps(value | {"report": value["report"] | {name: wrong}}, separators=(",", ":")).encode()
        with pytest.raises(ValidationError):
            lines.read(raw)
    missing = {name: said for name, said in value["report"].items() if name != "commit"}
    with pytest.raises(ValidationError):
        lines.read(json.dumps(value | {"report": missing}, separators=(",", ":")).encode())
    for raw in (b"", b"{", b'{"type":"report",', b'{"type":"report","report":1}', b'{"type":"report","report":{}}\xff'):
        with pytest.raises(ValidationError):
            lines.read(raw)


def test_unknown_fields_are_passed_over_and_numbers_may_be_written_as_before() -> None:
    value = json.loads(frame([ResourceReport(id="a", type="file", outcome=Outcome.CHANGED)]))
    value["report"]["later"] = {"deep": [1]}
    value["report"]["resources"][0] |= {"later": 1, "line": 3.0, "changed": "true"}
    message = lines.read(json.dumps(value, separators=(",", ":")).encode())
    assert isinstance(message, ReportMessage)
    assert (message.report.resources[0].line, message.report.resources[0].changed) == (3, True)
