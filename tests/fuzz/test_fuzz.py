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


def guided(folder: Path, *targets: str, seconds: int, code: str = "") -> subprocess.CompletedProcess[bytes]:
    start = ["-c", f"{code}; from tests.fuzz import run; run.main()"] if code else ["-m", "tests.fuzz.run"]
    return subprocess.run(
        [sys.executable, *start, str(folder), str(seconds), *targets],
        cwd=ROOT,
        capture_output=True,
        timeout=(seconds + 60) * len(targets),
        check=False,
    )


@needs_atheris
def test_runs_that_coverage_guides_find_nothing(tmp_path: Path) -> None:
    done = guided(tmp_path, *TARGETS, seconds=SECONDS)
    assert done.stdout.decode() == "".join(f"{target}: passed\n" for target in TARGETS), done.stderr[-4_000:]
    assert done.stderr.count(b"stat::number_of_executed_units") == len(TARGETS)
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == []


@needs_atheris
def test_such_a_run_can_fail(tmp_path: Path) -> None:
    """An oracle that is wrong on purpose is found out, and the input is kept."""
    wrong = "from tests.fuzz import oracles; oracles.TARGETS['composer'] = lambda data: exec('assert 114 not in data')"  # an r
    done = guided(tmp_path, "composer", seconds=20, code=wrong)
    assert done.returncode == 1
    assert done.stdout.endswith(b"composer: failed\n")
    kept = [path.read_bytes() for path in tmp_path.glob("composer-crash-*")]
    assert len(kept) == 1
    assert b"r" in kept[0]
