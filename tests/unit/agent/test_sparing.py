"""What an agent goes without is not loaded, and is there for whoever asks."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from pydantic import BaseModel

from agent import sparing

ROOT = Path(__file__).parents[3]


def told(script: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_the_halves_load_no_metadata_and_a_link_no_cryptography_or_resources() -> None:
    script = """
import sys
from agent import sparing
sparing.begin()
import agent.halves, agent.crossing, agent.link, agent.tls
unwanted = ("zipfile", "cryptography", "agent.resources", "agent.converge", "agent.state", "schema.resources", "minijinja")
print(*[name for name in unwanted if name in sys.modules])
"""
    assert told(script) == []


def test_a_supervisor_loads_no_network() -> None:
    script = """
import sys
from agent import sparing
sparing.begin()
from agent import supervisor
supervisor._load()
print(*[name for name in ("asyncio", "ssl", "websockets", "cryptography", "agent.state") if name in sys.modules])
"""
    assert told(script) == []


def test_a_supervisor_has_built_what_both_halves_read_and_write() -> None:
    script = """
import sys
from agent import sparing
sparing.begin()
from agent import supervisor
supervisor._load()
from agent import boundary
from schema.protocol import messages
from schema.protocol.desired import Catalog
built = (boundary.Verdict, boundary.Spooled, messages.Target, messages.Welcome, messages.Report, Catalog)
print(*(model.__name__ for model in built if not model.__pydantic_complete__))
print(messages.SERVER_MESSAGE.pydantic_complete, messages.AGENT_MESSAGE.pydantic_complete)
"""
    assert told(script) == ["True", "True"]


def test_what_was_given_stays_known_and_is_held_once() -> None:
    class Thing(BaseModel, frozen=True):
        a: int = 0
        b: int = 0

    given = sparing.Given()
    things = [Thing(a=1), Thing(b=1), Thing(a=2), Thing()]
    for thing in things:
        given.share(thing)
    assert [thing.model_fields_set for thing in things] == [{"a"}, {"b"}, {"a"}, set()]
    assert things[0].model_fields_set is things[2].model_fields_set


def test_who_asks_for_metadata_gets_it() -> None:
    script = """
from agent import sparing
sparing.begin()
sparing.begin()
import importlib.metadata
from importlib.metadata import entry_points
print(entry_points(group="pydantic"))
from importlib.metadata import version
print(version("pydantic").split(".")[0])
import importlib.metadata as again
print(len(list(again.distributions())) > 3, len(again.entry_points()) > 0)
"""
    assert told(script) == ["()", "2", "True", "True"]


def test_a_process_ends_at_once_with_its_code_and_all_that_it_said() -> None:
    script = """
import atexit
from agent import sparing
atexit.register(lambda: print("late"))
print("said", end="")
sparing.end(3)
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (3, b"said", b"")


def test_a_process_whose_output_nobody_reads_fails() -> None:
    script = "from agent import sparing; print('x'); sparing.end(0)"
    reading, writing = os.pipe()
    os.close(reading)
    argv = [sys.executable, "-c", script]
    try:
        done = subprocess.run(
            argv,
            cwd=ROOT,
            stdout=writing,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
            env={**os.environ, "PYTHONUNBUFFERED": ""},
        )
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (1, b"")
