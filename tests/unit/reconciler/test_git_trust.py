"""Random histories beside a model: what comes into force descends from what was, and all of it satisfies the policy.

Whatever is pushed: merges, foxtrots, amended, rewound, rewritten, deleted, signed, unsigned, by a stranger, by a key that
is revoked on the way, approved by another or by oneself. The model is naive: sets of ancestors, whole files compared.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler import signers
from reconciler.repository import lineages
from reconciler.repository import write as repositories
from reconciler.repository.lineages import Step
from reconciler.repository.repository import Repository
from reconciler.repository.signatures import Verifier
from reconciler.signers import Account, Signature, Trust
from schema.signers import Policy, Rule, Signer, SignerKind
from tests.effort import tries
from tests.factories import commits
from tests.factories.commits import Key, ed25519_key

PATHS = ("open", "secret/x", "two/y")
KEYS: Mapping[str, Key] = {"alice": ed25519_key(1), "bob": ed25519_key(2), "eve": ed25519_key(3)}
POLICY = Policy(
    required=True,
    rules=[Rule(paths=["**"], signers=["alice", "bob"]), Rule(paths=["secret/"], signers=["alice"])],
    two_person=["two/"],
)
ACCOUNTS = [Account(name, "", may_approve=True) for name in ("alice", "bob", "carol")]


@dataclass
class Model:
    """What a reader of the policy would expect, forty lines of it."""

    parents: dict[str, tuple[str, ...]] = field(default_factory=dict)
    files: dict[str, dict[str, str]] = field(default_factory=dict)
    signer: dict[str, str | None] = field(default_factory=dict)
    approved: dict[str, set[str]] = field(default_factory=dict)
    revoked: set[str] = field(default_factory=set)

    def past(self, commit: str) -> set[str]:
        found, waiting = set(), [commit]
        while waiting:
            one = waiting.pop()
            if one not in found:
                found.add(one)
                waiting += self.parents[one]
        return found

    def differ(self, old: str | None, new: str) -> set[str]:
        before = self.files[old] if old is not None else {}
        return {path for path in PATHS if before.get(path) != self.files[new].get(path)}

    def made(self, commit: str) -> set[str]:
        return set.intersection(*(self.differ(parent, commit) for parent in self.parents[commit] or (None,)))

    def trusts(self, base: str, tip: str) -> bool:
        old = self.past(base)
        way: list[tuple[str, str | None]] = []
        at: str | None = tip
        while at is not None and at not in old:
            through = [parent for parent in self.parents[at] if base in self.past(parent)] or list(self.parents[at])
            way.append((at, through[0] if through else None))
            at = way[-1][1]
        placed = {commit for commit, _ in way}
        above: set[str] = set()
        told: list[tuple[str, set[str], set[str], set[str]]] = []
        brought_by: dict[str, list[str]] = {commit: [] for commit, _ in way}
        seen = set(old)
        for commit, _ in reversed(way):
            brought_by[commit] = sorted(self.past(commit) - seen - placed)
            seen |= {commit, *brought_by[commit]}
        for commit, before in way:
            above = above | self.approved.get(commit, set())
            paths = self.differ(before, commit)
            own = paths
            if len(self.parents[commit]) > 1:
                of = {(p, self.files[each].get(p)) for each in brought_by[commit] for p in self.made(each)}
                own = {p for p in paths if (p, self.files[commit].get(p)) not in of}
            told.append((commit, paths, own, above))
            merger = {self.signer[commit] or ""} - self.revoked - {"", "eve"}
            for each in brought_by[commit]:
                stand = above | self.approved.get(each, set()) | merger
                told.append((each, self.made(each), self.made(each), stand))
        return all(self.good(*one) for one in told)

    def good(self, commit: str, paths: set[str], own: set[str], stand: set[str]) -> bool:
        by = self.signer[commit]
        if by not in {"alice", "bob"} - self.revoked or ("secret/x" in paths and by != "alice"):
            return False
        return "two/y" not in own or bool(stand - {by})


class World:
    """A repository, its model, and the judge; `look` is what the server does when the ref moves."""

    def __init__(self, repository: Repository) -> None:
        self.repository = repository
        self.model = Model()
        self.verifier = Verifier()
        self.time_s = 1_700_000_000
        self.refused = self.taken = self.diverged = 0
        first = self.put(dict.fromkeys(PATHS, "0"), (), "alice")
        self.tip: str | None = first
        self.deployed = first

    def put(self, files: dict[str, str], parents: tuple[str, ...], by: str | None, *, skew_s: int = 0) -> str:
        self.time_s += 60
        commit = commits.write(
            self.repository,
            files,
            *parents,
            by=KEYS[by] if by is not None else None,
            author=f"{by} <{by}@example.com>",
            time_s=self.time_s + skew_s,
            message=f"{self.time_s}\n",
        )
        self.model.parents[commit], self.model.files[commit] = parents, dict(files)
        self.model.signer[commit] = by
        return commit

    def trust(self) -> Trust:
        keys = [
            Signer(
                id=name,
                principal=name,
                kind=SignerKind.SSH,
                fingerprint=KEYS[name].fingerprint,
                key="",
                added_at=0,
                added_by="",
                revoked_at=1 if name in self.model.revoked else None,
            )
            for name in ("alice", "bob")
        ]
        return Trust(version=1, policy=POLICY, branch="main", signers=keys, accounts=ACCOUNTS)

    def judged(self, base: str, tip: str) -> bool:
        steps = lineages.between(self.repository, base, tip)
        complaints = signers.judge(
            self.trust(), steps, self.verify, received={}, approvals=self.model.approved, now=5
        ).complaints
        return not complaints

    def verify(self, step: Step) -> Signature:
        found = self.verifier.fingerprint(step.commit, step.raw, tree=step.tree, parents=step.parents)
        return Signature(found)

    def look(self, *, accepted: bool = False) -> None:
        if self.tip is None or self.tip == self.deployed:
            return
        descends = self.deployed in self.model.past(self.tip)
        assert self.repository.descends(self.tip, self.deployed) == descends
        if not descends and not accepted:
            self.diverged += 1
            return
        expected = self.model.trusts(self.deployed, self.tip)
        assert self.judged(self.deployed, self.tip) == expected
        if not expected:
            self.refused += 1
            return
        before, self.deployed = self.deployed, self.tip
        self.taken += 1
        for commit in self.model.past(self.tip) - self.model.past(before):
            assert self.model.signer[commit] in {"alice", "bob"} - self.model.revoked


def play(world: World, random: Random, length: int) -> None:
    """One history."""
    signer = lambda: random.choices(("alice", "bob", "eve", None), (8, 5, 1, 1))[0]  # noqa: E731
    for _ in range(length):
        known = list(world.model.parents)
        tip = world.tip or world.deployed
        action = random.choices(
            ("commit", "merge", "foxtrot", "amend", "rewind", "delete", "revoke", "approve", "accept"),
            (10, 6, 3, 2, 2, 1, 1, 5, 2),
        )[0]
        skew_s = random.choice((0, 0, 0, -500, 500))
        if action == "commit":
            world.tip = world.put(changed(world.model.files[tip], random), (tip,), signer(), skew_s=skew_s)
        elif action in {"merge", "foxtrot"}:
            side = random.choice(known)
            for _ in range(random.randint(1, 2)):
                side = world.put(changed(world.model.files[side], random), (side,), signer(), skew_s=skew_s)
            parents = (tip, side) if action == "merge" else (side, tip)
            files = {
                path: random.choice([world.model.files[one].get(path, "0") for one in (*parents, random.choice(known))])
                for path in PATHS
            }
            world.tip = world.put(files, parents, signer())
        elif action == "amend" and world.model.parents[tip]:
            world.tip = world.put(changed(world.model.files[tip], random), world.model.parents[tip], signer())
        elif action == "rewind":
            world.tip = random.choice(known)
        elif action == "delete":
            world.tip = None
        elif action == "revoke" and random.random() < 0.2:
            world.model.revoked.add(random.choice(("alice", "bob")))
        elif action == "approve":
            world.model.approved.setdefault(random.choice([tip, *known[-4:]]), set()).add(
                random.choice(("alice", "bob", "carol"))
            )
        world.look(accepted=action == "accept")


def changed(files: Mapping[str, str], random: Random) -> dict[str, str]:
    """One or two paths with other content; few contents, so that some come back."""
    new = dict(files)
    for path in random.sample(PATHS, random.choice((1, 1, 1, 2))):
        new[path] = str(random.randint(0, 3))
    return new


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    return repositories.init(tmp_path_factory.mktemp("trust") / "bare.git", bare=True)


@settings(max_examples=tries(20))
@given(seed=st.integers(0, 2**32), length=st.integers(1, 14))
def test_what_comes_into_force_is_what_the_model_trusts(repository: Repository, seed: int, length: int) -> None:
    play(World(repository), Random(seed), length)


def test_each_end_of_a_history_is_seen(repository: Repository) -> None:
    worlds = [World(repository) for _ in range(30)]
    for seed, world in enumerate(worlds):
        play(world, Random(seed), 14)
    assert min(sum(getattr(world, word) for world in worlds) for word in ("taken", "refused", "diverged")) >= 10


@pytest.mark.slow
def test_five_thousand_histories(tmp_path: Path) -> None:
    ends = [0, 0, 0]
    for batch in range(50):  # a repository each: loose objects of all would be a million files
        repository = repositories.init(tmp_path / f"{batch}.git", bare=True)
        for seed in range(batch * 100, batch * 100 + 100):
            world = World(repository)
            play(world, Random(seed), 20)
            ends = [ends[0] + world.taken, ends[1] + world.refused, ends[2] + world.diverged]
    assert min(ends) > 1_000, ends
