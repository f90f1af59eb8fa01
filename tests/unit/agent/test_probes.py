"""The command of a health check: run for a signed order of this host's, within limits, and once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from agent.acceptance import Acceptance, Trust
from agent.hosts import RealHost
from agent.hosts.memory import MemoryHost
from agent.probes import NOT_SHOWN, Begun, Probes
from agent.state import State
from schema.protocol.messages import MAX_OUTPUT_CHARS, Probe, Probed
from schema.protocol.probes import digest_of
from schema.protocol.signing import Domain, Signed
from schema.secrets import MASK
from schema.time import DAY, MINUTE, SECOND, to_rfc3339
from tests.factories.accepting import admitted
from tests.factories.targets import NOW, Signer

OTHER = "0198f000-0000-7000-8000-000000000002"


class FixedClock:
    def __init__(self) -> None:
        self.wall = NOW

    def now(self) -> int:
        return self.wall

    def monotonic(self) -> float:
        return self.wall / 1e6


class Bench:
    """An agent's probes over this machine, or over a host in memory."""

    def __init__(self, path: Path, *, pinned: bool = False, secrets: dict[str, str] | None = None) -> None:
        self.signer, self.clock = Signer(), FixedClock()
        self.state = State.open(path)
        trust = Trust(self.signer.project, self.signer.envoy_id, self.signer.key.public_key(), self.signer.sealing)
        self.target = self.signer.target(secrets=secrets)
        unpinned = Acceptance(trust)
        admitted(unpinned, self.target)
        assert unpinned.held is not None
        self.acceptance = Acceptance(trust, unpinned.floor, pinned=pinned)
        self.acceptance.resume(unpinned.held.target)
        self.begin()

    def begin(self, host: Any = None) -> None:
        self.probes = Probes(self.state, host or RealHost(Path("/")), self.acceptance, self.clock)

    def order(self, *command: str, id_: str = "1", domain: Domain = Domain.PROBE, **more: Any) -> Signed:
        assert self.target.catalog is not None
        value = {
            "format": 1,
            "project": self.signer.project,
            "envoy_id": self.signer.envoy_id,
            "id": id_,
            "commit": "c" * 40,
            "catalog_sha256": self.target.catalog.sha256,
            "command": list(command),
            "returns": [0],
            "timeout_s": 10,
            "created": to_rfc3339(NOW),
            "expires": to_rfc3339(NOW + MINUTE),
            **more,
        }
        return self.signer.sign(domain, value)

    def ask(self, order: Signed, *, id_: str = "1", approval: Signed | None = None) -> Probed:
        asked = Probe(id=id_, order=order, approval=approval).model_dump_json().encode()
        return Probed.model_validate_json(self.probes.answer(asked))

    def says(self, *command: str, **more: Any) -> tuple[str, int | None, str]:
        said = self.ask(self.order(*command, **more))
        return said.outcome, said.code, said.output


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "state")


def test_the_exit_code_tells_and_the_last_lines_are_shown(bench: Bench) -> None:
    assert bench.says("true") == ("passed", 0, "")
    assert bench.says("sh", "-c", "seq 100; exit 3", created=to_rfc3339(NOW + 1)) == ("passed", 0, ""), (
        "one id, one run"
    )
    bench.state.file("probe.json").unlink()
    failed = bench.says("sh", "-c", "seq 100; exit 3")
    assert failed == ("failed", 3, "\n".join(str(number) for number in range(91, 101)))
    bench.state.file("probe.json").unlink()
    assert bench.says("sh", "-c", "exit 3", returns=[0, 3])[:2] == ("passed", 3)
    bench.state.file("probe.json").unlink()
    outcome, _, output = bench.says("sh", "-c", "head -c 100000 /dev/zero | tr '\\0' x; exit 1")
    assert (outcome, len(output)) == ("failed", MAX_OUTPUT_CHARS)


def test_it_runs_where_nothing_of_the_agent_is_to_be_seen(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIGO_TOKEN", "secret")
    outcome, _, output = bench.says("sh", "-c", "pwd; env | cut -d= -f1 | sort; exit 1")
    assert outcome == "failed"
    assert set(output.splitlines()) == {"/", "HOME", "LANG", "LC_ALL", "PATH", "PWD"}


def test_what_takes_too_long_is_ended_with_all_that_it_began(bench: Bench, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    assert bench.says("sh", "-c", f"(sleep 2; touch {mark}) & echo begun; sleep 60", timeout_s=1)[0] == "timed_out"
    assert not mark.exists()


def test_what_cannot_be_run_has_failed(bench: Bench, tmp_path: Path) -> None:
    outcome, code, output = bench.says("no-such-program-here")
    assert (outcome, code) == ("failed", None)
    assert "no-such-program-here" in output
    bench.state.file("probe.json").unlink()
    bench.begin(RealHost(tmp_path))
    assert bench.says("true") == ("failed", None, f"true is not run: the host is confined to {tmp_path}")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"domain": Domain.ASSIGNMENT}, "signature"),
        ({"envoy_id": OTHER}, "foreign"),
        ({"project": "other"}, "foreign"),
        ({"expires": to_rfc3339(NOW)}, "expired"),
        ({"catalog_sha256": "0" * 64}, "mixed"),
        ({"id_": "2"}, "mixed"),
        ({"timeout_s": 301}, "format"),
        ({"command": []}, "format"),
        ({"command": ["./x"]}, "format"),
        ({"surprise": 1}, "format"),
        ({"command": ["rm", "-rf", "/"]}, "guardrail"),
        ({"command": ["sh", "-c", "true && systemctl stop vigo-agent"]}, "guardrail"),
    ],
)
def test_anything_else_is_refused_and_not_run(bench: Bench, change: dict[str, Any], code: str) -> None:
    host = MemoryHost()
    bench.begin(host)
    outcome, _, output = bench.says(*change.pop("command", ["true"]), **change)
    assert (outcome, output.partition(":")[0]) == ("refused", code)
    assert host.runs == []
    assert not bench.state.file("probe.json").exists()


def test_another_servers_order_is_refused(bench: Bench) -> None:
    order = Signer().sign(Domain.PROBE, {})
    assert bench.ask(order).output.startswith("signature")
    assert Probed.model_validate_json(bench.probes.answer(b"{}")).outcome == "refused"


def test_an_order_is_carried_out_once_also_after_a_restart(bench: Bench, tmp_path: Path) -> None:
    count = tmp_path / "count"
    order = bench.order("sh", "-c", f"echo x >> {count}")
    assert bench.ask(order).outcome == "passed"
    bench.clock.wall += DAY  # what came of it is told also when it has expired
    assert bench.ask(order).outcome == "passed"
    bench.begin()
    assert bench.ask(order).outcome == "passed"
    assert count.read_text() == "x\n"


def test_b2_an_order_that_comes_fifty_times_at_once_is_carried_out_once(bench: Bench, tmp_path: Path) -> None:
    order = bench.order("sh", "-c", f"echo x >> {tmp_path / 'count'}")
    with ThreadPoolExecutor(50) as pool:
        said = list(pool.map(lambda _: bench.ask(order).outcome, range(50)))
    assert set(said) == {"passed"}
    assert (tmp_path / "count").read_text() == "x\n"


def test_an_older_order_is_refused_after_a_newer_one(bench: Bench) -> None:
    first, second = bench.order("true", id_="1"), bench.order("true", id_="2", created=to_rfc3339(NOW + SECOND))
    assert bench.ask(second, id_="2").outcome == "passed"
    bench.begin()
    assert bench.ask(first, id_="1").output.startswith("rollback")


def test_one_that_was_under_way_when_the_agent_ended_is_not_begun_again(bench: Bench, tmp_path: Path) -> None:
    order = bench.order("touch", str(tmp_path / "mark"))
    bench.state.write_model("probe.json", Begun(id="1", created=NOW))
    assert bench.ask(order).outcome == "interrupted"
    assert not (tmp_path / "mark").exists()


def test_it_is_not_run_where_that_cannot_be_written_down(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(bench.state, "write_model", full)
    host = MemoryHost()
    bench.begin(host)
    assert bench.says("true") == ("failed", None, "it cannot be written down: No space left on device")
    assert host.runs == []


@pytest.mark.parametrize(("secret", "shown"), [("correct horse", f"it is {MASK}"), ("ab", NOT_SHOWN)])
def test_no_secret_of_the_host_is_told(tmp_path: Path, secret: str, shown: str) -> None:
    bench = Bench(tmp_path / "state", secrets={"db": secret})
    assert bench.says("sh", "-c", f"echo it is {secret}; exit 1")[2] == shown


Approve = Callable[..., Signed]


@pytest.fixture
def pinned(tmp_path: Path) -> tuple[Bench, Approve]:
    bench = Bench(tmp_path / "state", pinned=True)

    def approve(commands: list[str], **more: Any) -> Signed:
        statement = {
            "format": 1,
            "project": bench.signer.project,
            "commit": "c" * 40,
            "plan_root": "0" * 64,
            "approvers": [{"id": "1", "name": "ann"}],
            "count": 1,
            "approved": to_rfc3339(NOW),
            "expires": to_rfc3339(NOW + DAY),
            **({"commands": commands} if commands else {}),
            **more,
        }
        return bench.signer.sign(Domain.APPROVAL, statement)

    return bench, approve


def test_a_pinned_host_runs_what_people_have_approved_and_nothing_else(pinned: tuple[Bench, Approve]) -> None:
    bench, approve = pinned
    order, approved = bench.order("true"), digest_of(["true"], [0], 10)
    for approval, why in (
        (None, "no approval came with it"),
        (approve([]), "does not run this command"),
        (approve([digest_of(["true"], [0], 11)]), "does not run this command"),
        (approve([approved], commit="d" * 40), "another plan"),
        (approve([approved], project="other"), "project other"),
        (approve([approved], expires=to_rfc3339(NOW)), "expired"),
        (Signer().sign(Domain.APPROVAL, {}), "approval"),
    ):
        said = bench.ask(order, approval=approval)
        assert said.outcome == "refused"
        assert said.output.startswith("unapproved: ")
        assert why in said.output
    assert bench.ask(order, approval=approve([approved])).outcome == "passed"
