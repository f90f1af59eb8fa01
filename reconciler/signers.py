"""Whether commits are signed and approved as the policy asks. Pure: facts about commits in, complaints out.

Every commit between what is in force and a tip has to satisfy the policy by itself, in any order and however often it
is asked: what was refused is not mended by what comes on top of it, except by an approval, which covers all below it.

A *person* is an account where a key is linked to one (or its principal is an account's name or address), else a
principal. Two of those are one person only if somebody said so; that is why an approval, which an account gives, stands
beside a signature only where the signature leads to an account as well.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from reconciler.repository.lineages import Step
from reconciler.repository.signatures.commits import SignatureRefused, author_of
from schema.diagnostics import Diagnostic
from schema.patterns import Pattern, compile_pattern
from schema.signers import SERVER, Policy, Rule, Signer
from schema.time import Instant

MAX_DIAGNOSTICS: Final = 50
_MAX_PATHS_SAID: Final = 3
_ACTOR: Final = b"Vigo-Actor: "
_SIGN_ANEW: Final = "sign it anew with a key that counts: `git commit --amend -S`, or `git rebase -S` for more than one"
"""As `api.services.changes` ends its messages."""


@dataclass(frozen=True, slots=True)
class Signature:
    """One that verifies: by which key."""

    fingerprint: str


Verify = Callable[[Step], Signature]
"""The key that signed a commit. Raises `SignatureRefused`."""


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who may approve."""

    username: str
    email: str
    may_approve: bool
    id: str = ""


@dataclass(frozen=True)
class Trust:
    """All that a commit is judged by, at one moment."""

    version: int
    policy: Policy
    branch: str
    """The ref that is followed, without `refs/heads/`."""
    signers: Sequence[Signer] = ()
    accounts: Sequence[Account] = ()
    server_keys: Collection[str] = ()
    """Fingerprints of this server's own keys: they vouch for who the author of a commit is."""
    let_through: Collection[str] = ()
    """Commits, and addresses of people, that break-glass lets through without a second person."""
    rules: Sequence[Rule] = field(init=False)

    def __post_init__(self) -> None:
        held = [rule for rule in self.policy.rules if any(glob(each).fullmatch(self.branch) for each in rule.branches)]
        object.__setattr__(self, "rules", held)

    @functools.cached_property
    def by_fingerprint(self) -> Mapping[str, Signer]:
        """The keys."""
        return {signer.fingerprint: signer for signer in self.signers}

    @functools.cached_property
    def _accounts(self) -> Mapping[str, str]:
        """Account by its name and by its address; an address of two leads to none."""
        named = {account.username: account.username for account in self.accounts}
        addresses = [account.email for account in self.accounts if account.email]
        return {
            account.email: account.username for account in self.accounts if addresses.count(account.email) == 1
        } | named

    @functools.cached_property
    def _principals(self) -> Mapping[str, frozenset[str]]:
        """What an account is called in rules: its name, and the principals of its keys."""
        found: dict[str, set[str]] = {account.username: {account.username} for account in self.accounts}
        for signer in self.signers:
            account = self.account_of(signer)
            if account and signer.revoked_at is None:
                found.setdefault(account, {account}).add(signer.principal)
        return {account: frozenset(names) for account, names in found.items()}

    def account(self, name: str) -> str:
        """The account of a name or address; empty where there is none."""
        return self._accounts.get(name, "")

    def account_of(self, signer: Signer) -> str:
        """The account of the person behind a key; empty where that is not known."""
        return signer.username or self.account(signer.principal)

    def names_of(self, account: str) -> frozenset[str]:
        """What rules may call an account."""
        return self._principals.get(account, frozenset({account}))

    def rule(self, path: str) -> Rule | None:
        """The rule that decides about a path: the last that matches."""
        return next((rule for rule in reversed(self.rules) if matches(path, rule.paths)), None)

    def asks_of(self, step: Step) -> bool:
        """Whether a commit has to be signed at all."""
        return self.policy.required or any(
            matches(path, self.policy.two_person) or self.rule(path) is not None for path in step.paths
        )


@dataclass(frozen=True, slots=True)
class Person:
    """Who stands behind a commit."""

    key: str
    """The same for the same person."""
    names: frozenset[str]
    """What rules may call them."""
    account: str
    """Empty where none is known."""
    shown: str


class Verdict(NamedTuple):
    """What was made of some commits."""

    complaints: list[Diagnostic]
    """What is missing for them to come into force, in their order; empty when nothing is."""
    let_through: list[str]
    """Those of them that lacked a second person and were let through."""


def judge(
    trust: Trust,
    steps: Sequence[Step],
    verify: Verify,
    *,
    received: Mapping[str, Instant],
    approvals: Mapping[str, Collection[str]],
    now: Instant,
) -> Verdict:
    """Whether these commits may come into force.

    Args:
        steps: as `lineages.between` gives them.
        received: when the server first saw a commit; now, where it did not before.
        approvals: commit → accounts that approved it.
    """
    court = _Court(trust, verify, received, now)
    may = {account.username for account in trust.accounts if account.may_approve}
    above: set[str] = set()
    judged: list[list[Diagnostic]] = []
    for step in reversed(steps):
        above |= may & set(approvals.get(step.commit, ()))
        found: list[Diagnostic] = []
        merged_by = court.person(step) if step.brought else None
        for each in reversed(step.brought):
            own = above | (may & set(approvals.get(each.commit, ())))
            found += court.complaints(each, own, merged_by if isinstance(merged_by, Person) else None)
        judged.append(found + court.complaints(step, frozenset(above), None))
    complaints = [each for found in reversed(judged) for each in found]
    if len(complaints) > MAX_DIAGNOSTICS:
        more = len(complaints) - MAX_DIAGNOSTICS
        complaints[MAX_DIAGNOSTICS:] = [_said("signers.more", steps[-1].commit, (), f"and {more} more reasons")]
    return Verdict(complaints, sorted(court.let_through))


def makers(trust: Trust, steps: Sequence[Step], verify: Verify) -> tuple[frozenset[str], frozenset[str]]:
    """Whose these commits are: accounts by their signatures, whether or not those count, and addresses of authors as
    typed."""
    accounts: set[str] = set()
    addresses: set[str] = set()
    for each in [each for step in steps for each in (step, *step.brought)]:
        addresses.add(author_of(each.raw))
        try:
            fingerprint = verify(each).fingerprint
        except SignatureRefused:
            continue
        signer = trust.by_fingerprint.get(fingerprint)
        if signer is not None:
            accounts.add(trust.account_of(signer))
        elif fingerprint in trust.server_keys:
            accounts.add(_by_server(trust, each.raw).account)
    return frozenset(accounts - {""}), frozenset(addresses - {""})


class _Court:
    """Judges one commit at a time."""

    def __init__(self, trust: Trust, verify: Verify, received: Mapping[str, Instant], now: Instant) -> None:
        self._trust: Final = trust
        self._verify: Final = verify
        self._received: Final = received
        self._now: Final = now
        self._people: Final[dict[str, Person | Diagnostic]] = {}
        self.let_through: Final[set[str]] = set()

    def person(self, step: Step) -> Person | Diagnostic:
        """Who signed a commit, or why that does not count."""
        if step.commit not in self._people:
            self._people[step.commit] = self._identified(step)
        return self._people[step.commit]

    def complaints(self, step: Step, approved_by: Collection[str], merged_by: Person | None) -> list[Diagnostic]:
        """What a commit lacks."""
        trust = self._trust
        if step.commit in trust.policy.exempt or not trust.asks_of(step):
            return []
        signer = self.person(step)
        if isinstance(signer, Diagnostic):
            return [signer]
        behind = [signer, *(_by_account(trust, name) for name in sorted(approved_by))]
        if merged_by is not None:
            behind.append(merged_by)
        return [*self._unruled(step, signer, behind), *self._alone(step, signer, behind)]

    def _unruled(self, step: Step, signer: Person, behind: Sequence[Person]) -> list[Diagnostic]:
        """Paths whose rule is not satisfied, a complaint for each rule."""
        found = []
        for rule, paths in self._ruled(step.paths):
            allowed = frozenset(rule.signers)
            if not signer.names & allowed:
                found.append(
                    _said(
                        "signers.not-allowed",
                        step.commit,
                        paths,
                        f"is signed by {signer.shown}, who may not change {_listed(paths)}",
                        f"it takes a signature of {_named(rule.signers)}",
                    )
                )
                continue
            people = _distinct(person for person in behind if person.names & allowed)
            if len(people) < rule.threshold and not self._lets_through(step.commit, signer):
                found.append(
                    _said(
                        "signers.threshold",
                        step.commit,
                        paths,
                        f"changes {_listed(paths)}, for which {rule.threshold} of {_named(rule.signers)} have to stand;"
                        f" {_named([person.shown for person in people])} does",
                        f"`vigo signers approve {step.commit}`, by another of them",
                    )
                )
        return found

    def _ruled(self, paths: Iterable[str]) -> list[tuple[Rule, list[str]]]:
        found: dict[int, tuple[Rule, list[str]]] = {}
        for path in paths:
            rule = self._trust.rule(path)
            if rule is not None:
                found.setdefault(id(rule), (rule, []))[1].append(path)
        return list(found.values())

    def _alone(self, step: Step, signer: Person, behind: Sequence[Person]) -> list[Diagnostic]:
        """Whether a second person is missing."""
        trust = self._trust
        paths = [path for path in step.own if matches(path, trust.policy.two_person)]
        if not paths:
            return []
        author = trust.account(author_of(step.raw))
        # Beside a principal of no account another principal may stand, but no account: it may be the very person's.
        if any(
            person.key != signer.key
            and (signer.account or not person.account)
            and (signer.account == author or not author or person.account != author)
            for person in behind[1:]
        ) or self._lets_through(step.commit, signer):
            return []
        hint = f"`vigo signers approve {step.commit}`, by somebody else"
        if not signer.account and len(behind) > 1:
            said = f"`vigo signers add {signer.shown} FILE --user NAME`"
            hint = f"say whose key it is ({said}): it may be the approver's own"
        return [
            _said(
                "signers.second-person",
                step.commit,
                paths,
                f"changes {_listed(paths)} and nobody but {signer.shown} stands for it",
                hint,
            )
        ]

    def _lets_through(self, commit: str, signer: Person) -> bool:
        trust = self._trust
        lets = any(
            each == commit or each in signer.names or (signer.account and trust.account(each) == signer.account)
            for each in trust.let_through
        )
        if lets:
            self.let_through.add(commit)
        return lets

    def _identified(self, step: Step) -> Person | Diagnostic:
        trust = self._trust
        try:
            fingerprint = self._verify(step).fingerprint
        except SignatureRefused as refused:
            return _said("signers.signature", step.commit, step.paths, refused.message, _SIGN_ANEW)
        if fingerprint in trust.server_keys:
            return _by_server(trust, step.raw)
        signer = trust.by_fingerprint.get(fingerprint)
        if signer is None:
            return _said(
                "signers.unknown",
                step.commit,
                step.paths,
                f"is signed with {fingerprint}, which belongs to nobody here",
                "`vigo signers add` takes a key up",
            )
        why = self._lapsed(signer, step.commit)
        if why:
            return _said(
                "signers.lapsed", step.commit, step.paths, f"is signed by {signer.principal}, {why}", _SIGN_ANEW
            )
        account = trust.account_of(signer)
        names = frozenset({signer.principal}) | (trust.names_of(account) if account else frozenset())
        return Person(f"account:{account}" if account else signer.principal, names, account, signer.principal)

    def _lapsed(self, signer: Signer, commit: str) -> str:
        """Why a key does not count for a commit; empty when it does."""
        seen = self._received.get(commit, self._now)
        if signer.revoked_at is not None:
            # Whenever it was signed or seen: who has a stolen key may have pushed before anybody knew.
            return f"whose key {signer.fingerprint} is revoked"
        if signer.valid_after is not None and seen < signer.valid_after:
            return f"whose key {signer.fingerprint} was not valid yet when the commit came"
        if signer.valid_before is not None and seen >= signer.valid_before:
            return f"whose key {signer.fingerprint} had expired when the commit came"
        return ""


def _by_server(trust: Trust, raw: bytes) -> Person:
    """The server commits for whoever asked it to, and its last line says who that was; for itself where it was no
    account. What comes before that line may be anybody's words."""
    line = raw.rstrip(b"\n").rpartition(b"\n")[2]
    actor = line.removeprefix(_ACTOR).decode("utf-8", "replace").strip() if line.startswith(_ACTOR) else ""
    account = next((account.username for account in trust.accounts if actor and account.id == actor), "")
    if not account:
        return Person(SERVER, frozenset({SERVER}), "", SERVER)
    return Person(f"account:{account}", trust.names_of(account) | {SERVER}, account, f"{account} (by {SERVER})")


def _by_account(trust: Trust, account: str) -> Person:
    return Person(f"account:{account}", trust.names_of(account), account, account)


def _distinct(people: Iterable[Person]) -> list[Person]:
    return list({person.key: person for person in people}.values())


def matches(path: str, patterns: Iterable[str]) -> bool:
    """Whether one of these patterns matches a path."""
    return any(glob(pattern).fullmatch(path) for pattern in patterns)


@functools.lru_cache(maxsize=4_096)
def glob(pattern: str) -> Pattern:
    """`*` and `?` within a name, `**` for any directories; one that ends with `/` is all below it."""
    parts = pattern.removesuffix("/").split("/") + (["**"] if pattern.endswith("/") else [])
    out = ""
    for index, part in enumerate(parts):
        last = index == len(parts) - 1
        if part == "**":
            out += ".+" if last else "(?:[^/]+/)*"
        else:
            name = re.sub(r"\*+", "*", part)
            out += "".join("[^/]*" if char == "*" else "[^/]" if char == "?" else re.escape(char) for char in name)
            out += "" if last else "/"
    return compile_pattern(out)


def _said(code: str, commit: str, paths: Sequence[str], message: str, hint: str = "") -> Diagnostic:
    text = message if message.startswith(("is ", "changes ", "and ")) else f"is not trusted: {message}"
    return Diagnostic(code=code, file=paths[0] if paths else "", message=f"{commit[:12]} {text}", hint=hint)


def _listed(paths: Sequence[str]) -> str:
    more = len(paths) - _MAX_PATHS_SAID
    return ", ".join(paths[:_MAX_PATHS_SAID]) + (f" and {more} more" if more > 0 else "")


def _named(names: Sequence[str]) -> str:
    more = len(names) - 5
    return ", ".join(names[:5]) + (f" and {more} more" if more > 0 else "") or "nobody"
