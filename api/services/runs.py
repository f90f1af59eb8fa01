"""Runs: reports stored once, each under the assignment it names; listed, and shown with their resources."""

from __future__ import annotations

from typing import Final

from api.services import envoys, receipts
from api.services.work import Work
from api.storage import assignments as assignment_rows
from api.storage import envoys as envoy_rows
from api.storage import runs as rows
from api.storage.envoys import LastRun
from schema.errors import Forbidden, Invalid, NotFound
from schema.ids import new_id
from schema.protocol.reports import Outcome, Report, RunStatus
from schema.runs import MAX_PAGE, Run, RunDetail, Runs

_BIGGEST: Final = 2**53
"""What every reader of the JSON can hold."""


class RunNotFound(NotFound):
    """There is no such run, or it is no longer kept."""

    code = "runs.not_found"


class ForeignReport(Forbidden):
    """The report names an assignment that its sender was never given."""

    code = "runs.foreign_report"


class BadReport(Invalid):
    """A number in the report is no number that can be."""

    code = "runs.bad_report"


def record(work: Work, envoy_id: str, report: Report) -> Run | None:
    """Store a report; None when it is stored already. Durable when the unit of work is.

    Raises:
        ForeignReport: the assignment it names was not given to this envoy.
        BadReport
    """
    for number in (report.epoch, report.generation, report.started, report.finished, report.duration_us):
        if not -_BIGGEST < number < _BIGGEST:
            raise BadReport("a number in the report is out of range")
    if rows.is_known(work.session, envoy_id, report.id):
        return None
    given = assignment_rows.sha256_of(
        work.session, work.project_id, envoy_id, epoch=report.epoch, generation=report.generation
    )
    if given is None or given != report.assignment_sha256:
        raise ForeignReport("the report names an assignment that was not given to this envoy")
    run = _run(work, envoy_id, report)
    rows.add(
        work.session,
        work.project_id,
        run,
        sequence=rows.next_sequence(work.session),
        resources=report.resources,
    )
    receipts.keep(work, envoy_id, report)
    if not report.dry_run:
        envoy_rows.ran(
            work.session,
            work.project_id,
            envoy_id,
            LastRun(
                run_id=run.id,
                started_at=run.started,
                status=run.status,
                catalog_sha256=run.catalog_sha256,
                stale=run.stale,
                unchanged=run.unchanged,
                changed=run.changed,
                failed=run.failed,
                corrective=run.corrective,
            ),
            refusal=run.error if run.status is RunStatus.REFUSED else "",
            now=work.now,
        )
    work.publish("run.finished", id=run.id, envoy_id=envoy_id, status=run.status.value, commit=run.commit)
    return run


def page(work: Work, *, key: str | None = None, before: int | None = None, limit: int = 50) -> Runs:
    """Runs, newest first; of one envoy (id or hostname) if `key` says so.

    Args:
        before: what `next_before` of a page said.

    Raises:
        envoys.EnvoyNotFound
    """
    limit = max(1, min(limit, MAX_PAGE))
    envoy_id = envoys.known(work, key).id if key is not None else None
    found = rows.page(work.session, work.project_id, envoy_id=envoy_id, before=before, limit=limit + 1)
    more = len(found) > limit
    return Runs(runs=[run for _, run in found[:limit]], next_before=found[limit - 1][0] if more else None)


def get(work: Work, run_id: str) -> RunDetail:
    """One run with its resources.

    Raises:
        RunNotFound
    """
    found = rows.find(work.session, work.project_id, run_id)
    if found is None:
        raise RunNotFound("there is no such run")
    return found


def _run(work: Work, envoy_id: str, report: Report) -> Run:
    outcomes = [resource.outcome for resource in report.resources]
    return Run(
        id=new_id(),
        report_id=_clean(report.id),
        envoy_id=envoy_id,
        hostname=work.actor.name,
        trigger=report.trigger,
        status=report.status,
        commit=report.commit,
        epoch=report.epoch,
        generation=report.generation,
        catalog_sha256=report.catalog_sha256,
        assignment_sha256=report.assignment_sha256,
        dry_run=report.dry_run,
        stale=report.stale,
        started=report.started,
        finished=report.finished,
        received_at=work.now,
        duration_us=report.duration_us,
        total=len(outcomes),
        unchanged=outcomes.count(Outcome.UNCHANGED),
        changed=outcomes.count(Outcome.CHANGED),
        failed=outcomes.count(Outcome.FAILED),
        skipped=outcomes.count(Outcome.SKIPPED),
        corrective=sum(resource.corrective for resource in report.resources),
        error=_clean(report.error),
    )


def _clean(text: str) -> str:
    # PostgreSQL's text has no NUL.
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")
