"""Lines: the resources of a report, read by the thousand a second.

A line has the fields of `ResourceReport`, from which it is made, and its checks; it is read in a fifth of the time, and
the collector does not look at it. What cannot be read so is read by Pydantic, whose word is the last one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec

from schema.protocol.messages import AGENT_MESSAGE, AgentMessage, ReportMessage
from schema.protocol.reports import MAX_RESOURCES, Report, ResourceReport

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

REPORT: Final = b'{"type":"report",'
"""How a report begins, as agents write it."""
_HEAD: Final = tuple(name for name in Report.model_fields if name != "resources")


def _field(name: str, info: FieldInfo) -> tuple[str, Any] | tuple[str, Any, Any]:
    longest = [most for each in info.metadata if (most := getattr(each, "max_length", None)) is not None]
    kind: Any = Annotated[info.annotation, msgspec.Meta(max_length=min(longest))] if longest else info.annotation
    return (name, kind) if info.is_required() else (name, kind, info.default)


Line: Final[Any] = msgspec.defstruct(
    "Line",
    [_field(name, info) for name, info in ResourceReport.model_fields.items()],
    frozen=True,
    gc=False,
    omit_defaults=True,
)
_Whole: Final[Any] = msgspec.defstruct(
    "Whole",
    [
        *((name, msgspec.Raw, msgspec.Raw()) for name in _HEAD),
        (
            "resources",
            Annotated[list[Line], msgspec.Meta(max_length=MAX_RESOURCES)],
            msgspec.field(default_factory=list),
        ),
    ],
)
_Frame: Final[Any] = msgspec.defstruct("Frame", [("report", _Whole)])
_DECODER: Final[Any] = msgspec.json.Decoder(_Frame)
_ENCODER: Final = msgspec.json.Encoder()


def read(raw: bytes) -> AgentMessage:
    """A message of an agent. The resources of a report are lines: they have the fields of what they stand for.

    Raises:
        ValidationError: it is none.
    """
    if raw.startswith(REPORT):
        try:
            whole = _DECODER.decode(raw).report
        except (msgspec.DecodeError, UnicodeDecodeError):
            return AGENT_MESSAGE.validate_json(raw)
        told = [(name, bytes(value)) for name in _HEAD if (value := getattr(whole, name))]
        report = Report.model_validate_json(
            b"{" + b",".join(b'"%s":%s' % (name.encode(), value) for name, value in told) + b"}"
        )
        report.__dict__["resources"] = whole.resources
        return ReportMessage(report=report)
    return AGENT_MESSAGE.validate_json(raw)


def dumps(lines: list[Any]) -> bytes | None:
    """The JSON of lines, without what is as it is by default; None where they are none."""
    return _ENCODER.encode(lines) if lines and isinstance(lines[0], Line) else None
