"""Revisions: what became of each commit, and which is in force.

An invalid commit never empties the fleet: it is recorded with its diagnostics, and the one in force stays.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from api.services import holds
from api.services.work import Actor, Work
from api.storage import revisions as rows
from api.storage import signers as signer_rows
from reconciler.graph import lapses
from schema.config import ConfigStatus
from schema.diagnostics import Diagnostic, Severity
from schema.errors import NotFound, Unavailable
from schema.revisions import ConfigVersion, Reloaded, Revision, RevisionState
from schema.signers import RefResult

if TYPE_CHECKING:
    from api.services.container import Services
    from reconciler.graph import Graph

REFUSED: Final = frozenset({RevisionState.FAILED, RevisionState.DIVERGED, RevisionState.UNTRUSTED})
MAX_DIAGNOSTICS: Final = 200
RELOAD_WAIT_S: Final = 30.0
_MAX_TEXT: Final = 4_000


class RevisionNotFound(NotFound):
    """There is no revision of this sequence."""

    code = "revisions.not_found"


class NoRepository(Unavailable):
    """This server follows no config repository."""

    code = "revisions.no_repository"


class JudgedByAnother(Unavailable):
    """The policy or the keys changed after a commit was judged by them: it is judged again."""

    code = "revisions.judged_by_another"


def record_in_force(
    work: Work,
    *,
    commit: str,
    plan_root: str,
    compiled_ms: float,
    author: str = "",
    summary: str = "",
    diagnostics: Sequence[Diagnostic] = (),
    trust_version: int | None = None,
) -> Revision:
    """Put a compiled commit into force. Called again for the commit in force, it changes nothing.

    Args:
        trust_version: of the policy and keys that it was judged by; None where nobody judged it.

    Raises:
        JudgedByAnother: they have changed since.
    """
    before = rows.in_force(work.session, work.project_id)
    newest = rows.newest(work.session, work.project_id)
    if before is not None and before.commit == commit and before == newest:
        return before
    if trust_version is not None and (before is None or before.commit != commit):
        _check_version(work, trust_version)
    rows.supersede(work.session, work.project_id)
    revision = Revision(
        sequence=rows.next_sequence(work.session, work.project_id),
        commit=commit,
        state=RevisionState.IN_FORCE,
        author=author[:_MAX_TEXT],
        summary=summary[:_MAX_TEXT],
        plan_root=plan_root,
        compiled_ms=compiled_ms,
        diagnostics=list(diagnostics)[:MAX_DIAGNOSTICS],
        seen_at=work.now,
        in_force_at=work.now,
    )
    rows.add(work.session, work.project_id, revision)
    work.audit(
        "config.publish",
        "revision",
        str(revision.sequence),
        payload={
            "commit": commit,
            "previous": before.commit if before else None,
            "plan_root": plan_root,
            "trust_version": trust_version,
            "author": author,
            "summary": summary[:200],
        },
    )
    signer_rows.judged(work.session, work.project_id, commit, RefResult.IN_FORCE)
    work.publish("revision.in_force", sequence=revision.sequence, commit=commit)
    return revision


def record_failure(
    work: Work,
    *,
    commit: str,
    diagnostics: Sequence[Diagnostic],
    state: RevisionState = RevisionState.FAILED,
    compiled_ms: float = 0.0,
    author: str = "",
    summary: str = "",
) -> Revision:
    """Record a commit that cannot come into force: `FAILED`, `UNTRUSTED`, or `DIVERGED` from the one that is. Called
    again for the commit judged last, with the same judgement, it changes nothing."""
    newest = rows.newest(work.session, work.project_id)
    kept = list(diagnostics)[:MAX_DIAGNOSTICS]
    if newest is not None and (newest.commit, newest.state, newest.diagnostics) == (commit, state, kept):
        return newest
    revision = Revision(
        sequence=rows.next_sequence(work.session, work.project_id),
        commit=commit,
        state=state,
        author=author[:_MAX_TEXT],
        summary=summary[:_MAX_TEXT],
        compiled_ms=compiled_ms,
        diagnostics=kept,
        seen_at=work.now,
    )
    rows.add(work.session, work.project_id, revision)
    work.audit(
        "config.refuse",
        "revision",
        str(revision.sequence),
        outcome="failed",
        payload={"commit": commit, "state": state, "first": str(kept[0])[:1_000] if kept else "", "count": len(kept)},
    )
    signer_rows.judged(work.session, work.project_id, commit, RefResult(state.value))
    work.publish("revision.failed", sequence=revision.sequence, commit=commit)
    return revision


def in_force(work: Work) -> Revision | None:
    """The revision in force."""
    return rows.in_force(work.session, work.project_id)


def newest(work: Work) -> Revision | None:
    """The revision judged last."""
    return rows.newest(work.session, work.project_id)


def get(work: Work, sequence: int) -> Revision:
    """The revision of this sequence.

    Raises:
        RevisionNotFound
    """
    revision = rows.find(work.session, work.project_id, sequence)
    if revision is None:
        raise RevisionNotFound(f"there is no revision {sequence}")
    return revision


def page(work: Work, *, before: int | None = None, limit: int = 50) -> list[Revision]:
    """Revisions, newest first; with `before`, those of a lower sequence."""
    return rows.page(work.session, work.project_id, before=before, limit=limit)


def status(work: Work, graph: Graph | None = None, *, unreadable: str = "") -> ConfigStatus:
    """Health of the config: what is in force, and why a newer commit is not.

    Args:
        graph: in force; of its waivers, those that have expired by now are among the diagnostics.
        unreadable: why the repository cannot be read; see `sources.unreadable`.
    """
    current, last = rows.in_force(work.session, work.project_id), rows.newest(work.session, work.project_id)
    held = holds.listed(work)
    failed = last if last is not None and last.state in REFUSED else None
    return ConfigStatus(
        healthy=current is not None and failed is None and not unreadable,
        version=current.sequence if current else 0,
        last_error=(_error(failed) if last else "no commit has been compiled yet") or unreadable,
        last_reload_at=last.seen_at if last else "",
        commit=current.commit if current else None,
        failed_commit=failed.commit if failed else None,
        unreadable=unreadable or None,
        diagnostics=[
            *(failed.diagnostics if failed else ()),
            *(lapses(graph.documents, work.now)[:MAX_DIAGNOSTICS] if graph is not None else ()),
        ],
        signatures=_signatures(work),
        holds=held.holds or None,
        break_glass=held.break_glass or None,
    )


def _signatures(work: Work) -> str:
    policy = signer_rows.policy(work.session, work.project_id).policy
    return "required" if policy.required else "by rules" if policy.asks else "not required"


def version(work: Work) -> ConfigVersion:
    """Which revision is in force."""
    current = rows.in_force(work.session, work.project_id)
    return ConfigVersion(version=current.sequence if current else 0, commit=current.commit if current else None)


async def reload(services: Services, actor: Actor, *, request_id: str = "", wait_s: float = RELOAD_WAIT_S) -> Reloaded:
    """Have the repository read again now. When that takes longer than `wait_s` the answer is `accepted`; it goes on.

    Raises:
        NoRepository: there is none to read.
    """
    if services.reload is None:
        raise NoRepository("this server follows no config repository; set VIGO_REPO")
    before = await services.write(actor, _asked, request_id=request_id)
    running = asyncio.ensure_future(services.reload())
    services.keep(running)
    done, _ = await asyncio.wait({running}, timeout=wait_s)
    if done:
        running.result()
    after = await services.read(actor, status, request_id=request_id)
    if not done:
        word = "accepted"
    elif not after.healthy:
        word = "failed"
    else:
        word = "in_force" if after.version != before else "unchanged"
    return Reloaded(
        status=word, version=after.version, commit=after.commit, healthy=after.healthy, last_error=after.last_error
    )


def _check_version(work: Work, version: int) -> None:
    if signer_rows.version(work.session, work.project_id) != version:
        raise JudgedByAnother("the policy or the keys changed meanwhile; the commit is judged again")


def _asked(work: Work) -> int:
    current = rows.in_force(work.session, work.project_id)
    work.audit("config.reload", "revision", str(current.sequence) if current else "")
    return current.sequence if current else 0


def _error(failed: Revision | None) -> str:
    if failed is None:
        return ""
    if failed.state is RevisionState.UNTRUSTED:
        more = f" (and {len(failed.diagnostics) - 1} more reasons)" if len(failed.diagnostics) > 1 else ""
        return (failed.diagnostics[0].message if failed.diagnostics else f"{failed.commit[:12]} is not trusted") + more
    if failed.state is RevisionState.DIVERGED:
        return f"commit {failed.commit[:12]} does not descend from the one in force"
    errors = [str(d) for d in failed.diagnostics if d.severity is Severity.ERROR]
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return (errors[0] if errors else f"commit {failed.commit[:12]} does not compile") + more
