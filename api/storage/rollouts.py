"""Rollouts: tables and repository. The plan is one compressed document; how far it is, another beside it.

Two hands write to one row, each to its own columns: the loop how far it is, people what they ask for.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from typing import Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy import CheckConstraint, Index
from sqlmodel import Field, Session, col, select

from api.storage.assignments import AssignmentRow, TargetRow
from api.storage.envoys import EnvoyRow
from api.storage.rows import MAX_PAGE, ProjectRow, big, blob, micros, text
from api.storage.runs import RunRow
from api.storage.runs import find as find_run
from schema.progress import Approval, Asked, FailedResource, Progress, Rollout
from schema.protocol.reports import Outcome, RunStatus
from schema.rollouts import RolloutPlan, RolloutState

KEEP_PLANS: Final = 50
"""Rollouts of which the whole plan is kept; of older ones it is known how they went."""
_LEVEL: Final = 6
_STATES: Final = ", ".join(f"'{state}'" for state in RolloutState)


class RolloutRow(ProjectRow, table=True):
    """One rollout."""

    __tablename__ = "rollouts"
    __table_args__ = (
        CheckConstraint(f"state IN ({_STATES})", name="state"),
        Index(None, "project_id", "commit_id"),
    )

    project_id: str = Field(foreign_key="projects.id", max_length=36, primary_key=True)
    id: int = big(primary_key=True)
    commit_id: str = Field(max_length=64)
    plan_root: str = Field(max_length=64)
    author: str = text(nullable=False)
    everyone: bool = Field()
    state: str = Field(max_length=24)
    version: int = big(nullable=False)
    """Of `progress`: an older one does not take its place."""
    progress: str = text(nullable=False)
    plan: bytes | None = blob(nullable=True, default=None)
    """zlib of its JSON."""
    began_at: int = micros()
    ended_at: int | None = micros(nullable=True, default=None)
    paused: bool = Field()
    cancelled: bool = Field()
    retries: int = Field()
    promoted: str = text(nullable=False)
    """JSON of the waves."""
    statement: str | None = text(nullable=True, default=None)
    """JSON of the signed approval of its plan."""


class ApprovalRow(ProjectRow, table=True):
    """That a person has approved a wave or a plan."""

    __tablename__ = "rollout_approvals"

    project_id: str = Field(foreign_key="projects.id", max_length=36, primary_key=True)
    rollout_id: int = big(primary_key=True)
    wave: int = Field(primary_key=True)
    user_id: str = Field(max_length=64, primary_key=True)
    name: str = text(nullable=False)
    plan_root: str = Field(max_length=64)
    at: int = micros()


class Target(NamedTuple):
    """What a live envoy was given last, and when it was heard."""

    envoy_id: str
    hostname: str
    commit: str
    """Of its newest assignment; empty, as its environment, where it has none."""
    environment: str
    last_seen_at: int | None
    cadence_us: int | None


class Given(NamedTuple):
    """What is known of one host that was given a commit."""

    hostname: str
    epoch: int
    generation: int
    healthy: bool


def add(session: Session, project_id: str, rollout: Rollout) -> None:
    """Store a rollout that begins; the plans of old ones are let go."""
    session.add(
        RolloutRow(
            project_id=project_id,
            id=rollout.id,
            commit_id=rollout.commit,
            plan_root=rollout.plan_root,
            author=rollout.author,
            everyone=rollout.everyone,
            state=rollout.state.value,
            version=0,
            progress=rollout.progress.model_dump_json(),
            plan=None,
            began_at=rollout.began_at,
            paused=False,
            cancelled=False,
            retries=0,
            promoted="[]",
        )
    )
    session.flush()
    table = RolloutRow.__table__  # type: ignore[attr-defined]
    old = (table.c.project_id == project_id) & (table.c.id <= rollout.id - KEEP_PLANS) & table.c.plan.is_not(None)
    session.connection().execute(table.update().where(old).values(plan=None))


def next_id(session: Session, project_id: str) -> int:
    """The id of the rollout to be added; the first is 1."""
    table = RolloutRow.__table__  # type: ignore[attr-defined]
    last = session.connection().execute(sa.select(sa.func.max(table.c.id)).where(table.c.project_id == project_id))
    return (last.scalar() or 0) + 1


def put_progress(
    session: Session, project_id: str, rollout_id: int, *, version: int, progress: Progress, plan: RolloutPlan | None
) -> bool:
    """Store how far a rollout is, and with the first version that has one the plan. False: a newer one is there."""
    table = RolloutRow.__table__  # type: ignore[attr-defined]
    one = (table.c.project_id == project_id) & (table.c.id == rollout_id)
    values = {
        "version": version,
        "state": progress.state.value,
        "progress": progress.model_dump_json(),
        "ended_at": progress.ended_at,
    }
    changed = session.connection().execute(table.update().where(one & (table.c.version < version)).values(**values))
    if changed.rowcount and plan is not None:
        packed = zlib.compress(plan.model_dump_json().encode(), _LEVEL)
        session.connection().execute(
            table.update().where(one & table.c.plan.is_(None) & table.c.everyone.is_(False)).values(plan=packed)
        )
    return bool(changed.rowcount)


def end(session: Session, project_id: str, rollout_id: int, progress: Progress) -> None:
    """Store how a rollout ended that another one came after; what the loop may still tell of it is newer."""
    table = RolloutRow.__table__  # type: ignore[attr-defined]
    session.connection().execute(
        table.update()
        .where(table.c.project_id == project_id, table.c.id == rollout_id)
        .values(state=progress.state.value, progress=progress.model_dump_json(), ended_at=progress.ended_at)
    )


def put_waves(session: Session, project_id: str, rollout_id: int, progress: Progress, *, version: int) -> None:
    """Store how far the waves are, where nothing else has been stored since a version."""
    table = RolloutRow.__table__  # type: ignore[attr-defined]
    one = (table.c.project_id == project_id) & (table.c.id == rollout_id) & (table.c.version == version)
    session.connection().execute(table.update().where(one).values(progress=progress.model_dump_json()))


def clear_plan(session: Session, project_id: str, rollout_id: int) -> None:
    """Drop the plan of a rollout: another one is to be made."""
    table = RolloutRow.__table__  # type: ignore[attr-defined]
    session.connection().execute(
        table.update().where(table.c.project_id == project_id, table.c.id == rollout_id).values(plan=None)
    )


def put_asked(session: Session, project_id: str, rollout_id: int, asked: Asked) -> None:
    """Store what people ask of a rollout, but for approvals."""
    table = RolloutRow.__table__  # type: ignore[attr-defined]
    session.connection().execute(
        table.update()
        .where(table.c.project_id == project_id, table.c.id == rollout_id)
        .values(
            paused=asked.paused,
            cancelled=asked.cancelled,
            retries=asked.retries,
            promoted=json.dumps(sorted(asked.promoted)),
        )
    )


def approve(session: Session, project_id: str, rollout_id: int, approval: Approval) -> None:
    """Store an approval; one by the same person for the same wave is stored already."""
    key = (project_id, rollout_id, approval.wave, approval.user_id)
    if session.get(ApprovalRow, key) is None:
        session.add(ApprovalRow(project_id=project_id, rollout_id=rollout_id, **approval.model_dump()))
        session.flush()


def approvals(session: Session, project_id: str, rollout_id: int) -> list[Approval]:
    """Who has approved what of a rollout, in order of time."""
    query = (
        select(ApprovalRow)
        .where(ApprovalRow.project_id == project_id, ApprovalRow.rollout_id == rollout_id)
        .order_by(col(ApprovalRow.at), col(ApprovalRow.wave), col(ApprovalRow.user_id))
        .limit(MAX_PAGE)
    )
    return [Approval.model_validate(row, from_attributes=True) for row in session.exec(query)]


def put_statement(session: Session, project_id: str, rollout_id: int, statement: str) -> None:
    """Store the signed approval of a rollout's plan; one that is there stays."""
    table = RolloutRow.__table__  # type: ignore[attr-defined]
    one = (table.c.project_id == project_id) & (table.c.id == rollout_id) & table.c.statement.is_(None)
    session.connection().execute(table.update().where(one).values(statement=statement))


def statement(session: Session, project_id: str, commit: str, plan_root: str) -> str | None:
    """The signed approval of a plan, as it was stored last."""
    query = (
        select(RolloutRow.statement)
        .where(
            RolloutRow.project_id == project_id,
            RolloutRow.commit_id == commit,
            RolloutRow.plan_root == plan_root,
            col(RolloutRow.statement).is_not(None),
        )
        .order_by(col(RolloutRow.id).desc())
        .limit(1)
    )
    return session.exec(query).first()


def find(session: Session, project_id: str, rollout_id: int, *, whole: bool = True) -> Rollout | None:
    """One rollout; with its plan where it is kept, if `whole`."""
    row = session.get(RolloutRow, (project_id, rollout_id), populate_existing=True)
    return None if row is None else _model(session, row, whole=whole)


def newest(session: Session, project_id: str, *, whole: bool = True) -> Rollout | None:
    """The rollout that began last."""
    last = next_id(session, project_id) - 1
    return find(session, project_id, last, whole=whole) if last else None


def last_done(session: Session, project_id: str) -> tuple[int, str] | None:
    """Id and commit of the last rollout that is through."""
    query = (
        select(RolloutRow.id, RolloutRow.commit_id)
        .where(RolloutRow.project_id == project_id, RolloutRow.state == RolloutState.DONE.value)
        .order_by(col(RolloutRow.id).desc())
        .limit(1)
    )
    found = session.exec(query).first()
    return None if found is None else (found[0], found[1])


def commits_since(session: Session, project_id: str, after: int) -> list[str]:
    """The commits of rollouts after this one, newest first; as many as a page holds."""
    query = (
        select(RolloutRow.commit_id)
        .where(RolloutRow.project_id == project_id, RolloutRow.id > after)
        .order_by(col(RolloutRow.id).desc())
        .limit(MAX_PAGE)
    )
    return list(session.exec(query))


def authors_since(session: Session, project_id: str, after: int) -> list[str]:
    """The authors of the commits of rollouts after this one, newest first; of as many as a page holds."""
    query = (
        select(RolloutRow.author)
        .where(RolloutRow.project_id == project_id, RolloutRow.id > after)
        .order_by(col(RolloutRow.id).desc())
        .limit(MAX_PAGE)
    )
    return list(session.exec(query))


def page(session: Session, project_id: str, *, before: int | None = None, limit: int = 50) -> list[Rollout]:
    """Rollouts without their plans, newest first; with `before`, those of a lower id."""
    query = select(RolloutRow).where(RolloutRow.project_id == project_id)
    if before is not None:
        query = query.where(RolloutRow.id < before)
    rows = session.exec(query.order_by(col(RolloutRow.id).desc()).limit(min(limit, MAX_PAGE)))
    return [_model(session, row, whole=False) for row in rows]


def targets(session: Session, project_id: str) -> Iterator[Target]:
    """What every live envoy was given last."""
    envoys, given = EnvoyRow.__table__, TargetRow.__table__  # type: ignore[attr-defined]
    query = (
        sa.select(
            envoys.c.id,
            envoys.c.hostname,
            given.c.commit_id,
            given.c.environment,
            envoys.c.last_seen_at,
            envoys.c.cadence_us,
        )
        .select_from(envoys.outerjoin(given, given.c.envoy_id == envoys.c.id))
        .where(envoys.c.project_id == project_id, envoys.c.revoked_at.is_(None))
    )
    for envoy_id, hostname, commit, environment, last_seen_at, cadence in session.connection().execute(query):
        yield Target(envoy_id, hostname, commit or "", environment or "", last_seen_at, cadence)


def given(session: Session, project_id: str, commit: str, since: int) -> Iterator[Given]:
    """How the last real run went of each live envoy, under an assignment of this commit that was made since then."""
    envoys, made, runs = EnvoyRow.__table__, AssignmentRow.__table__, RunRow.__table__  # type: ignore[attr-defined]
    latest = (
        sa.select(runs.c.envoy_id, sa.func.max(runs.c.sequence).label("sequence"))
        .where(
            runs.c.project_id == project_id,
            runs.c.commit_id == commit,
            runs.c.dry_run.is_(False),
            runs.c.stale.is_(False),
            runs.c.received_at >= since,
        )
        .group_by(runs.c.envoy_id)
        .subquery()
    )
    query = (
        sa.select(envoys.c.hostname, runs.c.epoch, runs.c.generation, runs.c.status)
        .select_from(latest)
        .join(runs, runs.c.sequence == latest.c.sequence)
        .join(envoys, envoys.c.id == runs.c.envoy_id)
        .join(
            made,
            (made.c.envoy_id == runs.c.envoy_id)
            & (made.c.epoch == runs.c.epoch)
            & (made.c.generation == runs.c.generation),
        )
        .where(envoys.c.revoked_at.is_(None), made.c.commit_id == commit, made.c.created_at >= since)
    )
    for hostname, epoch, generation, status in session.connection().execute(query):
        yield Given(hostname, epoch, generation, status == RunStatus.CONVERGED.value)


def failed_resources(session: Session, project_id: str, hostname: str, commit: str) -> list[FailedResource]:
    """What failed in the last real run of a host under a commit."""
    envoys, runs = EnvoyRow.__table__, RunRow.__table__  # type: ignore[attr-defined]
    query = (
        sa.select(runs.c.id)
        .join(envoys, envoys.c.id == runs.c.envoy_id)
        .where(
            runs.c.project_id == project_id,
            envoys.c.hostname == hostname,
            envoys.c.revoked_at.is_(None),
            runs.c.commit_id == commit,
            runs.c.dry_run.is_(False),
        )
        .order_by(runs.c.sequence.desc())
        .limit(1)
    )
    run_id = session.connection().execute(query).scalar()
    detail = find_run(session, project_id, run_id) if run_id is not None else None
    if detail is None:
        return []
    return [
        FailedResource(id=each.id, message=each.error[:500])
        for each in detail.resources
        if each.outcome is Outcome.FAILED
    ]


def _model(session: Session, row: RolloutRow, *, whole: bool) -> Rollout:
    approved = approvals(session, row.project_id, row.id)
    counts: dict[int, int] = {}
    for each in approved:
        if each.plan_root == row.plan_root:
            counts[each.wave] = counts.get(each.wave, 0) + 1
    progress = Progress.model_validate_json(row.progress)
    plan = None
    if whole and row.plan is not None:
        plan = RolloutPlan.model_validate_json(zlib.decompress(row.plan))
    return Rollout(
        id=row.id,
        commit=row.commit_id,
        plan_root=row.plan_root,
        state=progress.state,
        why=progress.why,
        version=row.version,
        everyone=row.everyone,
        author=row.author,
        began_at=row.began_at,
        ended_at=row.ended_at,
        asked=Asked(
            paused=row.paused,
            cancelled=row.cancelled,
            retries=row.retries,
            promoted=frozenset(json.loads(row.promoted)),
            approvals=counts,
        ),
        approvals=tuple(approved),
        progress=progress,
        plan=plan,
    )
