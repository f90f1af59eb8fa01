"""Runs: what each convergence did on a host, as the API tells of it."""

from __future__ import annotations

from typing import Final

from pydantic import BaseModel

from schema.ids import Commit, EnvoyId, Hostname, Sha256
from schema.protocol.reports import ResourceReport, RunStatus, Trigger
from schema.time import Instant

MAX_PAGE: Final = 200


class Run(BaseModel):
    """One run on one host, without its resources."""

    id: str
    report_id: str
    """What the host itself calls it, as `vigo-agent undo` does."""
    envoy_id: EnvoyId
    hostname: Hostname
    trigger: Trigger
    status: RunStatus
    commit: Commit
    epoch: int
    generation: int
    catalog_sha256: Sha256
    assignment_sha256: Sha256
    dry_run: bool
    stale: bool
    """It ran under an assignment that had expired."""
    started: Instant
    finished: Instant
    received_at: Instant
    duration_us: int
    total: int
    """Resources looked at; the four below sum to it."""
    unchanged: int
    changed: int
    failed: int
    skipped: int
    corrective: int
    """Of those changed, how many had been touched by somebody else."""
    error: str = ""


class RunDetail(Run):
    """One run with its resources."""

    resources: list[ResourceReport]


class Runs(BaseModel):
    """Runs, newest first."""

    runs: list[Run]
    next_before: int | None = None
    """Give it as `before` for the runs older than these; None when there are none."""
