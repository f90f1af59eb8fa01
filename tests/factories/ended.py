"""Runs that ended somehow, as the storage takes them: for tests of what is made of a host's last run."""

from __future__ import annotations

from typing import Any

from api.storage import runs as rows
from schema.ids import new_id
from schema.protocol.reports import RunStatus, Trigger


def ended(envoy_id: str, status: RunStatus = RunStatus.CONVERGED, **changes: Any) -> rows.Fresh:
    """A run of this host without resources, with other fields if so said."""
    fresh = rows.Fresh(
        id=new_id(), report_id=new_id(), envoy_id=envoy_id, trigger=Trigger.APPLY.value, status=status.value,
        commit_id="a" * 40, epoch=0, generation=1, catalog_sha256="c" * 64, assignment_sha256="d" * 64, dry_run=False,
        stale=False, started_at=2_000_000, finished_at=3_000_000, received_at=3_000_001, duration_us=1_000_000, total=0,
        unchanged=0, changed=0, failed=0, skipped=0, corrective=0, error="", resources=rows.packed([]),
    )  # fmt: skip
    return fresh._replace(**changes)
