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
    """Of the run, as this API names it."""
    report_id: str
    """What the host itself calls it, as `vigo-agent undo` does."""
    envoy_id: EnvoyId
    """Id of the host at this server; one that enrols anew gets another."""
    hostname: Hostname
    """The host's name, as its enrolment token gave it."""
    trigger: Trigger
    """Why it began."""
    status: RunStatus
    """What became of it."""
    commit: Commit
    """The commit that it was to apply."""
    epoch: int
    """Of its assignment: grows when the server was restored from a backup, so that agents take lower generations again.
    """
    generation: int
    """Of its assignment: counts up with each one that this host gets."""
    catalog_sha256: Sha256
    """Of what it was to make the host."""
    assignment_sha256: Sha256
    """Of the signed order that it followed."""
    dry_run: bool
    """Whether it only looked, and changed nothing."""
    stale: bool
    """It ran under an assignment that had expired."""
    started: Instant
    """By the host's clock."""
    finished: Instant
    """By the host's clock."""
    received_at: Instant
    """When its report was on the server's disk, by the server's clock."""
    duration_us: int
    """How long it took, in microseconds."""
    total: int
    """Resources looked at; the four below sum to it."""
    unchanged: int
    """Resources that were as desired."""
    changed: int
    """Resources that were made as desired."""
    failed: int
    """Resources that could not be made as desired."""
    skipped: int
    """Resources that were not looked at, as what they depend on had failed."""
    corrective: int
    """Of those changed, how many had been touched by somebody else."""
    error: str = ""
    """Why it was refused, or broke off; empty otherwise."""


class RunDetail(Run):
    """One run with its resources."""

    resources: list[ResourceReport]
    """In the order they were converged."""


class Runs(BaseModel):
    """Runs, newest first."""

    runs: list[Run]
    """The runs of this page."""
    next_before: int | None = None
    """Give it as `before` for the runs older than these; None when there are none."""
