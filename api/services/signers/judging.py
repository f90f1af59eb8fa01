"""Judging: the facts that a commit is judged by, gathered from the database and the repository."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from api.services import break_glass, holds, revisions
from api.services.makers import Makers
from api.services.signers import approvals
from api.services.signers.faults import CommitUnknown
from api.services.work import Actor, Work
from api.storage import signers as rows
from api.storage import users as user_rows
from reconciler import signers
from reconciler.repository import lineages
from reconciler.repository.lineages import Step
from reconciler.repository.signatures import Verifier
from reconciler.signers import Account, Signature, Trust
from schema.access import Permission, allows
from schema.diagnostics import Diagnostic
from schema.signers import Judgement, SignerKind
from schema.time import Instant

if TYPE_CHECKING:
    from api.services.container import Services
    from reconciler.repository import Repository

JUDGE: Final = Actor.system("loop")
Ask = Callable[[str], Awaitable[Judgement]]
"""Judges a commit on top of the one in force, in the thread where commits are judged."""

_COMMIT: Final = re.compile(r"[0-9a-f]{40}")
_AT_ONCE: Final = 500


class Judge:
    """Judges commits of one repository; used from one thread, which is not the event loop's."""

    def __init__(self, services: Services, track: str) -> None:
        self._services: Final = services
        self._branch: Final = track.removeprefix("refs/heads/")
        self._verifier: Final = Verifier()

    def judge(self, repository: Repository, commit: str, base: str | None) -> Judgement:
        """What the policy says of a commit on top of another; `base` of None is nothing in force.

        Raises:
            Fault: git or the database cannot be read.
        """
        trust = self._services.read_now(JUDGE, self._trust)
        if not trust.policy.asks:
            return Judgement(commit=commit, base=base, version=trust.version, trusted=True, commits=0, diagnostics=[])
        self._verifier.trust_gpg(signer.key.encode() for signer in trust.signers if signer.kind is SignerKind.GPG)
        steps = lineages.between(repository, base, commit)
        every = [each for step in steps for each in (step, *step.brought)]
        seen, approved = self._services.read_now(JUDGE, lambda work: _facts(work, [each.commit for each in every]))
        verdict = signers.judge(
            trust,
            steps,
            self._verify,
            received=_received(every, seen),
            approvals=approved,
            now=self._services.clock.now(),
        )
        return Judgement(
            commit=commit,
            base=base,
            version=trust.version,
            trusted=not verdict.complaints,
            commits=len(every),
            diagnostics=verdict.complaints,
            let_through=verdict.let_through,
        )

    def makers(self, repository: Repository, commit: str, base: str | None) -> Makers:
        """Whose the commits from `base` up to this one are; without a base, whose this one is.

        Raises:
            Fault: git or the database cannot be read.
        """
        trust = self._services.read_now(JUDGE, self._trust)
        self._verifier.trust_gpg(signer.key.encode() for signer in trust.signers if signer.kind is SignerKind.GPG)
        return Makers(*signers.makers(trust, lineages.between(repository, base, commit), self._verify))

    def complaints(self, step: Step) -> list[Diagnostic]:
        """What the policy would say of one commit that is in no repository yet; nothing when it would let it through.

        Raises:
            Fault: the database cannot be read.
        """
        trust = self._services.read_now(JUDGE, self._trust)
        if not trust.policy.asks:
            return []
        now = self._services.clock.now()
        return list(signers.judge(trust, [step], self._verify, received={}, approvals={}, now=now).complaints)

    def base(self) -> str | None:
        """The commit in force."""
        current = self._services.read_now(JUDGE, revisions.in_force)
        return current.commit if current is not None else None

    def tell_use(self, judgement: Judgement) -> None:
        """Put on record what break-glass let through; once for each commit."""
        if judgement.let_through:
            self._services.write_now(JUDGE, lambda work: break_glass.use_for_second_person(work, judgement.let_through))

    def accepted(self) -> str | None:
        """The commit that somebody took on top of the one in force."""
        return self._services.read_now(JUDGE, approvals.accepted)

    def _verify(self, step: Step) -> Signature:
        return Signature(self._verifier.fingerprint(step.commit, step.raw, tree=step.tree, parents=step.parents))

    def _trust(self, work: Work) -> Trust:
        committer = self._services.committer
        through = [glass for glass in holds.glasses_on(work) if glass.match is None]
        return Trust(
            version=rows.version(work.session, work.project_id),
            policy=rows.policy(work.session, work.project_id).policy,
            branch=self._branch,
            signers=rows.signers(work.session, work.project_id),
            accounts=[
                Account(
                    user.username,
                    user.email,
                    not user.disabled and allows(user.role, Permission.CONFIG_PUBLISH),
                    user.id,
                )
                for user in user_rows.page(work.session, work.project_id)
            ],
            server_keys=frozenset({committer.key.fingerprint}) if committer is not None else frozenset(),
            let_through=frozenset(name for glass in through for name in (glass.commit, glass.author) if name),
        )


async def judgement(services: Services, commit: str) -> Judgement:
    """What the policy says of a commit on top of the one in force: before it is on the tracked branch, or after.

    Raises:
        CommitUnknown, NoRepository; Fault: git cannot give it.
    """
    if not _COMMIT.fullmatch(commit):
        raise CommitUnknown("a commit is 40 digits of hex")
    ask: Ask | None = services.own.get("judge")
    if ask is None:
        raise revisions.NoRepository("this server follows no config repository; set VIGO_REPO")
    return await ask(commit)


def _facts(work: Work, commits: Sequence[str]) -> tuple[dict[str, Instant], dict[str, set[str]]]:
    """When some commits were first seen at the tip, and who approved them."""
    seen: dict[str, Instant] = {}
    approved: dict[str, set[str]] = {}
    for start in range(0, len(commits), _AT_ONCE):
        some = commits[start : start + _AT_ONCE]
        seen |= rows.first_seen(work.session, work.project_id, some)
        for approval in rows.approvals(work.session, work.project_id, commits=some):
            approved.setdefault(approval.commit, set()).add(approval.username)
    return seen, approved


def _received(steps: Sequence[Step], seen: Mapping[str, Instant]) -> dict[str, Instant]:
    """When this server had each commit first: with the first tip that it is an ancestor of."""
    parents = {step.commit: step.parents for step in steps}
    received: dict[str, Instant] = {}
    for tip in sorted(seen, key=lambda commit: seen[commit]):
        waiting = [tip]
        while waiting:
            commit = waiting.pop()
            if commit in parents and commit not in received:
                received[commit] = seen[tip]
                waiting += parents[commit]
    return received
