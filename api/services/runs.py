"""Runs: reports stored once, each under the assignment it names; listed, and shown with their resources."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Final

from api.services import envoys, lines, receipts
from api.services.work import Actor, Work
from api.storage import assignments as assignment_rows
from api.storage import envoys as envoy_rows
from api.storage import runs as rows
from api.storage.envoys import LastRun
from schema.errors import Fault, Forbidden, Invalid, NotFound
from schema.ids import new_id
from schema.protocol.reports import Outcome, Report, RunStatus
from schema.runs import MAX_PAGE, Run, RunDetail, Runs

_OUTCOMES: Final = (Outcome.UNCHANGED, Outcome.CHANGED, Outcome.FAILED, Outcome.SKIPPED)
_OUTCOME: Final = attrgetter("outcome")
_CORRECTIVE: Final = attrgetter("corrective")
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


@dataclass(frozen=True, slots=True)
class Prepared:
    """A report with all that can be worked out of it without the database."""

    actor: Actor
    """The envoy that sent it."""
    report: Report
    resources: bytes
    counts: tuple[int, int, int, int, int]
    """Of its resources: unchanged, changed, failed, skipped; and corrective among those changed."""
    receipt: receipts.Checked | None


def prepare(actor: Actor, report: Report, key: str) -> Prepared:
    """A report, ready to be stored. Pure, and most of the work there is about it: done outside of the transaction.

    Args:
        actor: the envoy, as its connection says.
        key: hex of the envoy's Ed25519 key.

    Raises:
        BadReport
    """
    for number in (report.epoch, report.generation, report.started, report.finished, report.duration_us):
        if not -_BIGGEST < number < _BIGGEST:
            raise BadReport("a number in the report is out of range")
    # Of fifty resources each of these lines would take five times as long in Python's own loop.
    outcomes = [*map(_OUTCOME, report.resources)]
    unchanged, changed, failed, skipped = map(outcomes.count, _OUTCOMES)
    corrective = [*map(_CORRECTIVE, report.resources)].count(True)
    return Prepared(
        actor=actor,
        report=report,
        resources=rows.packed(lines.dumps(report.resources) or report.resources),
        counts=(unchanged, changed, failed, skipped, corrective),
        receipt=receipts.check(actor, report, key),
    )


def record(work: Work, envoy_id: str, report: Report) -> Run | None:
    """Store one report of the actor; None when it is stored already. Durable when the unit of work is.

    Raises:
        ForeignReport: the assignment it names was not given to this envoy.
        BadReport
    """
    key = envoy_rows.keys_of_receipts(work.session, work.project_id, [envoy_id]).get(envoy_id, "")
    actor = work.actor if work.actor.id == envoy_id else replace(work.actor, id=envoy_id)
    (stored,) = record_all(work, [prepare(actor, report, key)])
    if isinstance(stored, Fault):
        raise stored
    return get(work, stored) if stored is not None else None


def record_all(work: Work, reports: Sequence[Prepared]) -> list[str | Fault | None]:
    """Store reports of many envoys of one project, in this order: for each the id of its run, None when it is stored
    already, or why it is not taken. One that is not holds up no other. Durable when the unit of work is.

    `ForeignReport`: the assignment that a report names was not given to its envoy.
    """
    session, now = work.session, work.now
    known = rows.known(session, [(one.actor.id, _clean(one.report.id)) for one in reports])
    numbers = [(one.actor.id, one.report.epoch, one.report.generation) for one in reports]
    given = assignment_rows.digests(session, work.project_id, numbers)
    answers: list[str | Fault | None] = []
    fresh: list[tuple[rows.Fresh, Prepared]] = []
    for one, number in zip(reports, numbers, strict=True):
        name = (one.actor.id, _clean(one.report.id))
        if name in known:
            answers.append(None)
        elif given.get(number) != one.report.assignment_sha256:
            answers.append(ForeignReport("the report names an assignment that was not given to this envoy"))
        else:
            known.add(name)
            run = _fresh(one, now)
            fresh.append((run, one))
            answers.append(run.id)
    rows.add(session, work.project_id, [run for run, _ in fresh])
    receipts.keep(work, [one.receipt for _, one in fresh if one.receipt is not None])
    envoy_rows.ran(session, work.project_id, [_last(run, one) for run, one in fresh if not run.dry_run], now=now)
    for run, _ in fresh:
        work.publish(
            "run.finished",
            id=run.id,
            envoy_id=run.envoy_id,
            status=run.status,
            commit=run.commit_id,
            catalog=run.catalog_sha256,
            failed=run.failed,
            dry_run=run.dry_run,
        )
    return answers


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


def _fresh(one: Prepared, now: int) -> rows.Fresh:
    report = one.report
    unchanged, changed, failed, skipped, corrective = one.counts
    return rows.Fresh(
        id=new_id(),
        envoy_id=one.actor.id,
        report_id=_clean(report.id),
        trigger=report.trigger.value,
        status=report.status.value,
        commit_id=report.commit,
        epoch=report.epoch,
        generation=report.generation,
        catalog_sha256=report.catalog_sha256,
        assignment_sha256=report.assignment_sha256,
        dry_run=report.dry_run,
        stale=report.stale,
        started_at=report.started,
        finished_at=report.finished,
        received_at=now,
        duration_us=report.duration_us,
        total=len(report.resources),
        unchanged=unchanged,
        changed=changed,
        failed=failed,
        skipped=skipped,
        corrective=corrective,
        error=_clean(report.error),
        resources=one.resources,
    )


def _last(run: rows.Fresh, one: Prepared) -> tuple[str, LastRun, str]:
    last = LastRun(
        run_id=run.id,
        started_at=run.started_at,
        status=one.report.status,
        catalog_sha256=run.catalog_sha256,
        stale=run.stale,
        unchanged=run.unchanged,
        changed=run.changed,
        failed=run.failed,
        corrective=run.corrective,
    )
    return run.envoy_id, last, run.error if one.report.status is RunStatus.REFUSED else ""


def _clean(text: str) -> str:
    # PostgreSQL's text has no NUL.
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")
