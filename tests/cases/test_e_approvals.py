"""Hostile cases, group E: approvals. Each of them, and every test that shows it: docs/hostile-input.md."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest

from agent.acceptance import Acceptance, Refusal, RefusalCode, Trust
from reconciler import repository
from reconciler.graph import Graph, compile_tree
from reconciler.repository import write
from schema.protocol.messages import Target
from schema.protocol.plans import Approved, NotProven, check
from schema.protocol.signing import Domain, sign
from schema.time import DAY, to_rfc3339
from tests.factories.targets import NOW, Signer, raw

AUTHOR = write.Author("Jane Doe", "jane@example.com")
HOSTS = "".join(f"  - {{match: web{n}.example.com, environment: test, configcrates: [motd]}}\n" for n in range(120))
TREE = {
    "vigo.vgo": "language: 1\n",
    "environments.vgo": "environments:\n  test: {vars: {word: one}}\n",
    "hosts.vgo": "envoys:\n" + HOSTS,
    "configcrates/motd.vgo": """
name: motd
vars: {word: nothing}
resources:
  - {name: motd, type: file, path: /etc/motd, content: "hi {{ vars.word }}"}
""",
}


@cache
def signer() -> Signer:
    return Signer()


def compiled(place: Path, *edits: dict[str, str]) -> list[tuple[str, Graph]]:
    """Commit and graph of the tree, and of each edit of it, one after the other."""
    made = write.init(place / "repo")
    found = []
    for files in (TREE, *edits):
        encoded = {name: text.encode() for name, text in files.items()}
        commit = write.commit(made, write.DEFAULT_BRANCH, encoded, AUTHOR, "a change")
        result = compile_tree(repository.open(place / "repo").tree(commit))
        assert result.graph is not None, result.diagnostics
        found.append((commit, result.graph))
    return found


def approved(commit: str, graph: Graph, host: str, **more: Any) -> Approved:
    profile = graph.match(host)
    assert profile is not None
    proof = graph.proof(profile.id, profile.catalog_sha256)
    assert proof is not None
    statement = {
        "format": 1,
        "project": signer().project,
        "commit": commit,
        "plan_root": graph.plan_root,
        "approvers": [{"id": "1", "name": "ann"}],
        "count": 1,
        "approved": to_rfc3339(NOW),
        "expires": to_rfc3339(NOW + 30 * DAY),
        **more,
    }
    return Approved(statement=signer().sign(Domain.APPROVAL, statement), proof=proof)


def offered(commit: str, graph: Graph, host: str, approval: Approved | None, root: str = "") -> Target:
    """What the server signs for a host under a commit, with an approval of somebody's choice."""
    profile = graph.match(host)
    assert profile is not None
    catalog = sign(signer().key, Domain.CATALOG, profile.catalog_body)
    named = {"commit": commit, "plan_root": root or graph.plan_root}
    return Target(assignment=signer().assignment(catalog, **named), catalog=catalog, approved=approval)


def judge(target: Target, now: int = NOW) -> RefusalCode | None:
    """By which code a pinned host refuses it; None when it does not."""
    who = Trust(signer().project, signer().envoy_id, signer().key.public_key(), signer().sealing)
    try:
        Acceptance(who, pinned=True).judge(raw(target), now)
    except Refusal as refusal:
        return refusal.code
    return None


EDITS = {
    "a parameter": {"environments.vgo": TREE["environments.vgo"].replace("one", "evil")},
    "a crate": {"configcrates/motd.vgo": TREE["configcrates/motd.vgo"].replace("hi", "evil")},
    "another host's block": {
        "hosts.vgo": TREE["hosts.vgo"] + "  - {match: db1.example.com, environment: test, configcrates: [motd]}\n"
    },
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS.keys())
def test_e13_an_approval_is_void_for_a_commit_that_came_after_it(tmp_path: Path, edit: dict[str, str]) -> None:
    (before, old), (after, new) = compiled(tmp_path, edit)
    host = "web7.example.com"
    good = approved(before, old, host)
    assert judge(offered(before, old, host, good)) is None
    own = approved(after, new, host)
    assert judge(offered(after, new, host, own)) is None
    for approval in (None, good, good.model_copy(update={"proof": own.proof})):
        assert judge(offered(after, new, host, approval)) is RefusalCode.UNAPPROVED
    # Nor under the root that was approved, or as the commit that was.
    stolen = good.model_copy(update={"proof": own.proof})
    assert judge(offered(after, new, host, stolen, old.plan_root)) is RefusalCode.UNAPPROVED
    assert judge(offered(before, new, host, stolen)) is RefusalCode.UNAPPROVED
    if old.match(host).catalog_sha256 != new.match(host).catalog_sha256:  # type: ignore[union-attr]
        assert judge(offered(before, new, host, stolen, old.plan_root)) is RefusalCode.UNAPPROVED
        assert judge(offered(before, new, host, good, old.plan_root)) is RefusalCode.UNAPPROVED


def test_e13_an_approval_is_void_when_its_time_is_over_and_for_another_project(tmp_path: Path) -> None:
    ((commit, graph),) = compiled(tmp_path)
    host = "web1.example.com"
    late = approved(commit, graph, host, expires=to_rfc3339(NOW))
    assert judge(offered(commit, graph, host, late)) is RefusalCode.UNAPPROVED
    other = approved(commit, graph, host, project="another")
    assert judge(offered(commit, graph, host, other)) is RefusalCode.UNAPPROVED


def test_e13_every_profile_of_a_commit_proves_and_under_no_other(tmp_path: Path) -> None:
    (_, old), (_, new) = compiled(tmp_path, EDITS["a crate"])
    for profile in old.profiles.values():
        proof = old.proof(profile.id, profile.catalog_sha256)
        assert proof is not None
        assert len(proof.branches) == 1
        check(proof, old.plan_root, profile.catalog_sha256)
        with pytest.raises(NotProven):
            check(proof, new.plan_root, profile.catalog_sha256)
        assert new.proof(profile.id, profile.catalog_sha256) is None
    assert old.proof("hosts.vgo#nobody", "0" * 64) is None
