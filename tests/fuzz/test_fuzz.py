"""Targets are fuzzed: a few seconds each here, minutes each in `just soak`; what was ever found is tried each time."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.effort import SOAK, tries
from tests.fuzz.oracles import TARGETS
from tests.fuzz.seeds import LONGEST, found, seeds

ROOT = Path(__file__).parents[2]
SECONDS = tries(1, 300)
EXAMPLES = tries(20, 5_000)
PIECES = [
    b"{{ ", b" }}", b"{% if ", b"{% endif %}", b"\n", b"\r", b"\t", b"  ", b"- ", b": ", b"*a", b"&a ", b"!!str ", b"[", b"]", b"{", b"}",
    b"'", b'"', b"|", b"\xff", b"\x00", b"\xc2\x85", b"\xf0\x9f\x98\x80", b"vars.", b"traits.os", b" is defined", b"|default(1)", b"<<: ",
    b"9" * 30, b"\0\0", b"---\n", b"# ", b"\\", b"%", b"+: [1]", b"name: a\n", b"when: false\n",
]  # fmt: skip


@pytest.mark.parametrize("target", TARGETS)
def test_what_was_found_once_is_not_found_again(target: str) -> None:
    for path in found(target):
        TARGETS[target](path.read_bytes())


@pytest.mark.parametrize("target", TARGETS)
def test_every_target_has_seeds_and_they_pass(target: str) -> None:
    known = seeds(target)
    assert len(known) >= 5
    for data in known[:: 1 if SOAK else 1 + len(known) // 40]:
        TARGETS[target](data)


edits = st.lists(st.tuples(st.integers(0, LONGEST), st.integers(0, 20), st.sampled_from(PIECES)), max_size=6)


@pytest.mark.parametrize("target", TARGETS)
def test_seeds_with_pieces_put_in_and_taken_out_pass(target: str) -> None:
    @settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck), database=None)
    @given(st.sampled_from(seeds(target)), edits)
    @example(b"", [])
    def run(data: bytes, changes: list[tuple[int, int, bytes]]) -> None:
        for where, out, piece in changes:
            at = where % (len(data) + 1)
            data = data[:at] + piece + data[at + out :]
        TARGETS[target](data)

    run()


needs_atheris = pytest.mark.skipif(
    find_spec("atheris") is None, reason="atheris has no wheel for this Python and machine"
)


WRONG = "composer, wrong on purpose"
PROGRAM = f"""
from tests.fuzz import oracles, run, seeds
oracles.TARGETS[{WRONG!r}] = lambda data: exec('assert 114 not in data')  # an r
seeds._SOURCES[{WRONG!r}] = seeds._SOURCES["composer"]
run.main()
"""


@needs_atheris
def test_runs_that_coverage_guides_find_nothing_but_what_is_wrong_on_purpose(tmp_path: Path) -> None:
    """One oracle that is wrong is found out, and the input is kept, so that a run in which none is can be believed."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path), str(SECONDS), *TARGETS, WRONG],
        cwd=ROOT,
        capture_output=True,
        timeout=(SECONDS + 60) * (len(TARGETS) + 1),
        check=False,
    )
    told = "".join(f"{target}: passed\n" for target in TARGETS)
    assert done.stdout.decode().startswith(told), done.stderr[-4_000:]
    assert done.stdout.decode().endswith(f"{WRONG}: failed\n"), done.stderr[-4_000:]
    assert done.returncode == 1
    assert done.stderr.count(b"stat::number_of_executed_units") >= len(TARGETS)  # a target that fails may tell none
    [kept] = [path for path in tmp_path.iterdir() if path.is_file()]
    assert kept.name.startswith(f"{WRONG}-crash-")
    assert b"r" in kept.read_bytes()
