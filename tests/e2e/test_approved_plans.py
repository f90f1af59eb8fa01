"""A pinned host applies a commit when people have approved its plan, and not before; no gateway talks it into another."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

from cryptography.hazmat.primitives.serialization import load_pem_private_key

from schema import canonical
from schema.protocol import signing
from schema.protocol.signing import Domain
from tests.e2e.site import Agent, Site, until
from tests.e2e.targets import stored_target
from tests.e2e.test_lying_gateway import tell_lies
from tests.e2e.test_rollouts import greets, is_at, motd, person, rollout
from tests.e2e.test_traits import at_server

Message = dict[str, Any]
ROLLOUT = "require_approval: true\nfailure_budget: 100%\n"


def approve(site: Site, commit: str, token: str) -> None:
    found = is_at(site, commit, "awaiting_approval")
    answer = site.ask("POST", f"/api/v1/rollouts/{found['id']}/approve?plan_root={found['plan_root']}", token=token)
    assert answer.status_code == 200, answer.text


def refusal(site: Site, agent: Agent) -> str:
    return until("the server knows of a refusal", lambda: str(site.envoy(agent.hostname)["stalled"]))


def test_a_pinned_host_follows_approved_plans_alone(site: Site) -> None:
    plain = site.agent("web02.example.com").joined()
    site.converged(plain)
    token = person(site, "approver")

    # A plan that nobody has approved: the server gives it to every host, and the pinned one does not take it.
    web = site.agent("web01.example.com")
    done = web.enrol(options=("--require-approval",))
    assert done.returncode == 0, done.stderr
    web.run()
    assert "unapproved" in refusal(site, web)
    assert web.read("/etc/site/motd") is None
    assert "pinned" in web.call("status").stdout
    traits = at_server(site, web)["traits"]
    assert isinstance(traits, dict)
    assert traits["host_self"]["require_approval"] is True

    # With one, it waits with all others for the approval, and has the commit right after it.
    first = site.commit({"rollout.vgo": ROLLOUT, **motd("first")}, "in need of approval")
    is_at(site, first, "awaiting_approval")
    time.sleep(0.5)
    assert web.read("/etc/site/motd") is None
    assert greets(plain, "hello")
    approve(site, first, token)
    until("both have it", lambda: greets(web, "first") and greets(plain, "first"))
    site.converged(web, first)

    # A restart of both: what is approved is on record, and what is in force needs no more.
    assert site.server is not None
    assert web.process is not None
    web.process.end()
    site.server.kill()
    site.server.wait()
    site.start()
    web.run()
    late = site.agent("web03.example.com")
    assert late.enrol(options=("--require-approval",)).returncode == 0
    late.run()
    until("a host that comes later has it", lambda: greets(late, "first"))
    second = site.commit(motd("second"), "another one")
    approve(site, second, token)
    until("it has the second", lambda: greets(web, "second"))
    site.converged(web, second)

    for other in (plain, late):
        assert other.process is not None
        other.process.end()
    lies = asyncio.run(_stories(site, web, second))
    assert greets(web, "second"), lies
    site.start()
    plain.run()
    site.converged(web, second)

    # Without an approval in the configuration the pin holds all the same; who lets go of it takes what there is.
    third = site.commit({"rollout.vgo": None, **motd("third")}, "nobody is asked any more")
    until("the other has it", lambda: greets(plain, "third"))
    assert "unapproved" in refusal(site, web)
    assert greets(web, "second")
    assert rollout(site, third)["everyone"] is True
    web.process.end()
    let_go = web.call("pin", "--off")
    assert let_go.returncode == 0, let_go.stderr
    web.run()
    until("it takes it", lambda: greets(web, "third"))


async def _stories(site: Site, web: Agent, commit: str) -> list[Message]:
    """Be a gateway that has even got well-signed assignments of a catalog that nobody approved."""
    target = stored_target(site, web.hostname)
    key = load_pem_private_key((site.data / "pki" / "signing.key").read_bytes(), None)
    held = json.loads(target["assignment"]["body"])
    found = rollout(site, commit)
    assert site.server is not None
    site.server.end()

    def signed(domain: Domain, body: Message) -> Message:
        return dict(json.loads(signing.sign(key, domain, canonical.dumps(body)).model_dump_json()))  # type: ignore[arg-type]

    catalog = json.loads(target["catalog"]["body"])
    catalog["vars"]["greeting"] = "evil"
    evil = signed(Domain.CATALOG, catalog)
    digest = signing.Signed.model_validate(evil).sha256
    evil_assignment = signed(Domain.ASSIGNMENT, held | {"generation": held["generation"] + 1, "catalog_sha256": digest})
    statement = {
        "format": 1,
        "project": held["project"],
        "commit": commit,
        "plan_root": found["plan_root"],
        "approvers": [],
        "count": 1,
        "approved": held["created"],
        "expires": held["expires"],
    }
    proof = {"file": "envoys/all.vgo", "pattern": "*", "bucket": ["0" * 64], "branches": []}
    lie = {"assignment": evil_assignment, "catalog": evil, "sealed_secrets": None}
    lies = {
        "no approval": lie,
        "a good one, with no proof of this catalog": lie
        | {"approved": {"statement": signed(Domain.APPROVAL, statement), "proof": proof}},
        "of another root": lie
        | {"approved": {"statement": signed(Domain.APPROVAL, statement | {"plan_root": "1" * 64}), "proof": proof}},
        "an assignment's signature": lie | {"approved": {"statement": evil_assignment, "proof": proof}},
    }
    refusals = await tell_lies(site, list(lies.values()))
    assert [each["code"] for each in refusals] == ["unapproved"] * len(lies), refusals
    return refusals
