"""The resources of a report as they come: masked, and bounded as a whole, so that a report always fits a frame."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from agent.masking import Mask
from agent.resources.types import Converged
from agent.sparing import Given
from agent.tools import difference
from schema.protocol.desired import CompiledResource
from schema.protocol.reports import (
    MAX_DIFF_CHARS,
    MAX_MESSAGE_CHARS,
    MAX_NAME_CHARS,
    MAX_RESOURCES,
    ObservedAttribute,
    Outcome,
    Report,
    ResourceReport,
)
from schema.protocol.targets import MAX_FRAME_BYTES

if TYPE_CHECKING:
    from agent.plan import Instance, Step

MAX_REPORT_BYTES: Final = MAX_FRAME_BYTES - 4096
"""Of a report without its receipt: the rest is for that, and for what is around both."""
MAX_TEXT_CHARS: Final = 1024 * 1024
"""Of all diffs, errors and reasons of one report."""
_LEFT_CHARS: Final = 120
"""Of each, once that is used up."""
_ROUNDED_US: Final = 50
_CUT: Final = " [...]"
_GIVEN: Final = Given()
"""Of reports of what was found unchanged: they are kept."""


class Reporting:
    """What a run has to say so far.

    Args:
        last: reports of resources that were found unchanged, by id, kept from run to run of one catalog.
    """

    def __init__(self, mask: Mask, last: dict[str, ResourceReport]) -> None:
        self._last: Final = last
        self.resources: Final[list[ResourceReport]] = []
        self.failed = False
        self.left_out = 0
        """Resources that a report has no room for."""
        self._mask: Final = mask
        self._room = MAX_TEXT_CHARS

    @property
    def full(self) -> bool:
        """Whether there is no room for another resource."""
        return len(self.resources) >= MAX_RESOURCES

    def unchanged(self, resource: CompiledResource, name: str, duration_us: int) -> None:
        """One more that was found as it should be.

        A run says this a thousand times when there is nothing to do, and making the reports would be a quarter of it:
        so the time is rounded, and the report of the last run taken when it says the same.
        """
        duration_us = -(-duration_us // _ROUNDED_US) * _ROUNDED_US
        report = self._last.get(name)
        if report is None or report.duration_us != duration_us:
            report = self._last[name] = ResourceReport(
                id=name,
                type=resource.type,
                outcome=Outcome.UNCHANGED,
                duration_us=duration_us,
                file=resource.file,
                line=resource.line,
            )
            _GIVEN.share(report)
        self.resources.append(report)

    def add(
        self,
        resource: CompiledResource,
        name: str,
        result: Converged,
        duration_us: int,
        *,
        corrective: bool = False,
        observed: Sequence[ObservedAttribute] = (),
    ) -> None:
        """One more resource."""
        self.failed = self.failed or result.outcome is Outcome.FAILED
        if self.full:
            self.left_out += 1
            self.failed = True
            return
        self.resources.append(
            ResourceReport(
                id=name,
                type=resource.type,
                outcome=result.outcome,
                changed=result.changed,
                action=result.action,
                corrective=corrective,
                duration_us=duration_us,
                diff=self._text(result.diff, MAX_DIFF_CHARS),
                error=self._text(result.error, MAX_MESSAGE_CHARS),
                reason=self._text(result.reason, MAX_MESSAGE_CHARS),
                file=resource.file,
                line=resource.line,
                observed=[self._masked(each) for each in observed],
            )
        )

    def _masked(self, one: ObservedAttribute) -> ObservedAttribute:
        """Without what is secret, and without what there is no room for."""
        name = self._mask(one.name)[:MAX_NAME_CHARS]
        found, desired = (None if text is None else self._mask(text) for text in (one.found, one.desired))
        if (found, desired) != (one.found, one.desired):
            return ObservedAttribute(name=name, hidden=True)
        size = len(found or "") + len(desired or "")
        if size > self._room:
            return ObservedAttribute(name=name, cut=True)
        self._room -= size
        return one.model_copy(update={"name": name})

    def _text(self, text: str, limit: int) -> str:
        if not text:
            return ""
        text = self._mask(text)
        if not text.isascii():
            text = text.encode("utf-8", "replace").decode("utf-8")
        limit = min(limit, max(self._room, _LEFT_CHARS)) - len(_CUT)
        if len(text) > limit:
            text = text[:limit] + _CUT
        self._room -= len(text)
        return text


def found(
    step: Step, instance: Instance, result: Converged, *, reached: str, mask: Mask
) -> Sequence[ObservedAttribute]:
    """What is told of an instance that somebody else has touched, or that is only watched: what was there before us.

    Args:
        reached: digest of the desired state that it was in last; empty where it never was.
    """
    watched = step.resource.mode == "audit" and result.outcome is Outcome.SKIPPED
    ours = reached == instance.digest and not (step.clocked or step.resource.on_notify_only)
    if not result.found or not (watched or ours):
        return ()
    if mask.has_short(step.secrets):
        return [ObservedAttribute(name=change.field[:MAX_NAME_CHARS], hidden=True) for change in result.found[:1]]
    return difference.observed(result.found, tainted=bool(step.secrets))


def fitting(report: Report) -> Report:
    """The report, without its texts where it would not fit a frame with them."""
    size = _size(report)
    if size <= MAX_REPORT_BYTES:
        return report
    bare = [
        each.model_copy(update={"diff": "", "reason": "", "error": each.error[:80], "observed": []})
        for each in report.resources
    ]
    note = f"diffs and reasons are left out: the report had {size} bytes; {report.error}"[:MAX_MESSAGE_CHARS]
    notable = [each for each in bare if each.outcome in (Outcome.CHANGED, Outcome.FAILED)]
    for few in (bare, notable, notable[: len(notable) // 16]):
        cut = report.model_copy(update={"resources": few, "error": note})
        if _size(cut) <= MAX_REPORT_BYTES:
            return cut
    return report.model_copy(update={"resources": [], "error": note})


def as_sent(report: Report) -> str:
    """The report as it is spooled and sent: without what is as it is by default, which is two fifths of it."""
    return report.model_dump_json(exclude_defaults=True)


def _size(report: Report) -> int:
    return len(as_sent(report).encode())


def notable(outcome: Outcome) -> bool:
    """Whether a person would want to know."""
    return outcome in (Outcome.CHANGED, Outcome.FAILED)


def gist(report: Report) -> tuple[object, ...]:
    """What of a report says whether a look at drift found all as it was: also where that is only watched."""
    watched = [(each.id, each.reason, each.diff) for each in report.resources if each.outcome is Outcome.SKIPPED]
    return report.assignment_sha256, report.status, report.error, report.stale, watched
