"""The child that renders: bounded, alone, replaced when it is ended, and no harm to the other jobs."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reconciler.previews import JUDGE
from reconciler.rendering import Limits, Pool
from reconciler.rendering.pool import TOO_LONG

PROBES = "tests.factories.probes"


@pytest.fixture
def pool() -> Iterator[Pool]:
    made = Pool(f"{PROBES}:act", Limits(cpu_s=1, wall_s=20.0))
    yield made
    made.close()


def side(content: str, **scope: Any) -> dict[str, Any]:
    return {
        "when": [],
        "foreach": None,
        "spec": {"path": "/m", "content": content},
        "identity": "path",
        "files": {},
        "scope": {"vars": {}, "host": {}, "traits": {}} | scope,
    }


def test_jobs_are_answered_in_order(pool: Pool) -> None:
    jobs = [{"echo": number} for number in range(200)]
    assert pool.run(jobs, deadline_s=20) == list(range(200))
    assert pool.run([], deadline_s=1) == []


@pytest.mark.parametrize(
    ("job", "why"),
    [
        ({"spin": True}, "rendering it takes more than it may"),
        ({"allocate": 1 << 40}, "it takes too much memory"),
        ({"exit": True}, "rendering it takes more than it may"),
        ({"answer": 2 << 20}, "what it gives is too long"),
        ({"raise": True}, "it cannot be rendered: ZeroDivisionError"),
    ],
)
def test_a_job_that_takes_more_than_it_may_is_refused_alone(pool: Pool, job: dict[str, Any], why: str) -> None:
    answers = pool.run([{"echo": 1}, job, {"echo": 2}, {"echo": 3}], deadline_s=20)
    assert answers == [1, {"refused": why}, 2, 3]
    assert pool.run([{"echo": 4}], deadline_s=20) == [4]


def test_a_silent_child_is_ended() -> None:
    pool = Pool(f"{PROBES}:act", Limits(wall_s=2.0))
    assert pool.run([{"echo": 0}], deadline_s=20) == [0]
    refused = {"refused": "rendering it takes more than it may"}
    assert pool.run([{"sleep": 60}, {"echo": 1}], deadline_s=20) == [refused, 1]
    pool.close()


def test_a_child_that_somebody_ended_meanwhile_costs_no_job(pool: Pool) -> None:
    number = pool.run([{"look": True}], deadline_s=20)[0]["process"]
    os.kill(number, signal.SIGKILL)
    until = time.monotonic() + 60
    while Path(f"/proc/{number}/stat").read_text().split(") ")[1][0] != "Z" and time.monotonic() < until:
        time.sleep(0.01)
    assert pool.run([{"echo": 1}, {"echo": 2}], deadline_s=20) == [1, 2]


def test_what_the_deadline_cuts_off_is_said() -> None:
    pool = Pool(f"{PROBES}:act")
    begun = time.monotonic()
    answers = pool.run([{"sleep": 0.2}] * 500, deadline_s=1.0)
    assert time.monotonic() - begun < 60  # not the hundred seconds that they would take
    assert answers[-1] == {"refused": TOO_LONG}
    pool.close()


def test_the_child_has_no_environment_files_network_or_children(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIGO_SECRET", "hunter2")
    found = pool.run([{"look": True}], deadline_s=20)[0]
    assert "VIGO_SECRET" not in found["environment"]
    assert found["descriptors"] <= 5
    assert (found["open"], found["socket"], found["fork"]) == ("OSError", "OSError", "BlockingIOError")
    if os.geteuid() == 0:
        assert found["uid"] == 65_534


HOSTILE = [
    "{% for a in range(100000) %}{% for b in range(100000) %}x{% endfor %}{% endfor %}",
    "{{ range(10**9) }}",
    "{{ 'a' * 10**9 }}",
    "{{ ('a' * 1000000) ~ ('b' * 1000000) * 1000 }}",
    "{% set x = 'aaaaaaaaaa' %}" + "{% set x = x ~ x ~ x ~ x ~ x ~ x ~ x ~ x ~ x ~ x %}" * 12 + "{{ x }}",
    "{{ '%1000000000d' | format(1) }}",
    "{{ ''.__class__.__mro__ }}",
    "{{ vars.__init__.__globals__ }}",
    "{{ [[[[]]]] | map('attr', '__class__') | list }}",
    "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}",
]


def test_hostile_templates_fail_and_those_beside_them_do_not() -> None:
    pool = Pool(JUDGE)
    jobs = []
    for text in HOSTILE:
        jobs += [{"base": side("a"), "other": side(text)}, {"base": side("a"), "other": side("b")}]
    begun = time.monotonic()
    answers = pool.run(jobs, deadline_s=60)
    assert time.monotonic() - begun < 60
    assert [answer.get("action", "fails") for answer in answers[0::2]] == ["fails"] * len(HOSTILE)
    assert [answer["attributes"][0]["other"] for answer in answers[1::2]] == ["b"] * len(HOSTILE)
    pool.close()
