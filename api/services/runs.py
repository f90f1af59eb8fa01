"""Runs: reports stored once, each under the assignment it names; listed, and shown with their resources."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from operator import attrgetter
from typing import Final, NamedTuple

from api.services import envoys, lines, receipts
from api.services.work import Actor, Work
from api.storage import assignments as assignment_rows
from api.storage import envoys as envoy_rows
from api.storage import runs as rows
from schema.errors import Fault, Forbidden, Invalid, NotFound
from schema.ids import new_id
from schema.protocol.reports import Outcome, Report
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


class Prepared(NamedTuple):
    """A report with all that can be worked out of it without the database."""

    run: rows.Fresh
    """To be stored, unless it is not to be."""
    receipt: receipts.Checked | None


def prepare(actor: Actor, report: Report, key: str, *, now: int) -> Prepared:
    """A report, ready to be stored. Pure, and most of the work there is about it: done outside of the transaction.

    Args:
        actor: the envoy, as its connection says.
        key: hex of the envoy's Ed25519 key.
        now: when it came.

    Raises:
        BadReport
    """
    for number in (report.epoch, report.generation, report.started, report.finished, report.duration_us):
        if not -_BIGGEST < number < _BIGGEST:
            raise BadReport("a number in the report is out of range")
    resources = report.resources
    # Of fifty resources each of these lines would take five times as long in Python's own loop.
    outcomes = [*map(_OUTCOME, resources)]
    unchanged, changed, failed, skipped = map(outcomes.count, _OUTCOMES)
    run = rows.Fresh(
        id=new_id(),
        envoy_id=actor.id,
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
        total=len(resources),
        unchanged=unchanged,
        changed=changed,
        failed=failed,
        skipped=skipped,
        corrective=[*map(_CORRECTIVE, resources)].count(True),
        error=_clean(report.error),
        resources=rows.packed(lines.dumps(resources) or resources),
    )
    return Prepared(run, receipts.check(actor, report, key))


def record(work: Work, envoy_id: str, report: Report) -> Run | None:
    """Store one report of the actor; None when it is stored already. Durable when the unit of work is.

    Raises:
        ForeignReport: the assignment it names was not given to this envoy.
        BadReport
    """
    key = envoy_rows.keys_of_receipts(work.session, work.project_id, [envoy_id]).get(envoy_id, "")
    actor = work.actor if work.actor.id == envoy_id else replace(work.actor, id=envoy_id)
    (stored,) = record_all(work, [prepare(actor, report, key, now=work.now)])
    if isinstance(stored, Fault):
        raise stored
    return get(work, stored) if stored is not None else None


def record_all(work: Work, reports: Sequence[Prepared]) -> list[str | Fault | None]:
    """Store reports of many envoys of one project, in this order: for each the id of its run, None when it is stored
    already, or why it is not taken. One that is not holds up no other. Durable when the unit of work is.

    `ForeignReport`: the assignment that a report names was not given to its envoy.
    """
    session = work.session
    names = [(run.envoy_id, run.report_id) for run, _ in reports]
    numbers = [(run.envoy_id, run.epoch, run.generation) for run, _ in reports]
    known = rows.known(session, names)
    given = assignment_rows.digests(session, work.project_id, numbers)
    answers: list[str | Fault | None] = []
    fresh: list[Prepared] = []
    for one, name, number in zip(reports, names, numbers, strict=True):
        if name in known:
            answers.append(None)
        elif given.get(number) != one.run.assignment_sha256:
            answers.append(ForeignReport("the report names an assignment that was not given to this envoy"))
        else:
            known.add(name)
            fresh.append(one)
            answers.append(one.run.id)
    rows.add(session, work.project_id, [run for run, _ in fresh])
    receipts.keep(work, [receipt for _, receipt in fresh if receipt is not None])
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


def _clean(text: str) -> str:
    # PostgreSQL's text has no NUL.
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")
