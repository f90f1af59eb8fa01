"""Runs over REST: what each convergence did."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from api.http.areas import Area
from api.services import envoys, runs
from api.services.work import Work
from schema.access import Permission
from schema.envoys import EnvoyKey
from schema.runs import MAX_PAGE, RunDetail, Runs

area = Area("runs")


@area("GET", "/api/v1/runs", Permission.FLEET_READ, raises=[envoys.EnvoyNotFound])
def list_runs(
    work: Work,
    hostname: EnvoyKey | None = None,
    limit: Annotated[int, Field(ge=1, le=MAX_PAGE)] = 50,
    before: int | None = None,
) -> Runs:
    """Runs, newest first, of all envoys or of one (`hostname` may be an id).

    For the next page give the answer's `next_before` as `before`.

    Args:
        limit: how many at most.
        before: `next_before` of the page before.
    """
    return runs.page(work, key=hostname, before=before, limit=limit)


@area("GET", "/api/v1/runs/{run_id}", Permission.FLEET_READ, raises=[runs.RunNotFound])
def get_run(work: Work, run_id: Annotated[str, Field(max_length=64)]) -> RunDetail:
    """One run with every resource: outcome, diff with secrets masked, error.

    Args:
        run_id: as its host named it.
    """
    return runs.get(work, run_id)
