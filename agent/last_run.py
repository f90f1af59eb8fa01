"""What the last run did, in short: left in the state directory for whoever asks."""

from __future__ import annotations

from typing import Final, Self

from pydantic import BaseModel, ConfigDict

from schema.protocol.reports import Outcome, Report

SHOWN: Final = 100


class LastRun(BaseModel):
    """What the last run did, in short."""

    model_config = ConfigDict(defer_build=True)

    report: Report
    """Without diffs, and with at most `SHOWN` resources: those that changed or failed."""
    changed: int
    failed: int

    @classmethod
    def of(cls, report: Report) -> Self:
        """In short, this report."""
        notable = [each for each in report.resources if each.outcome in (Outcome.CHANGED, Outcome.FAILED)]
        shown = [each.model_copy(update={"diff": ""}) for each in notable[:SHOWN]]
        failed = sum(each.outcome is Outcome.FAILED for each in notable)
        return cls(report=report.model_copy(update={"resources": shown}), changed=len(notable) - failed, failed=failed)
