"""One tree, one meaning: whatever the order of files, the process and the seed of its hashes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler import graph, repository
from reconciler.graph import Compilation
from tests.factories.trees import MemoryTree

ROOT = Path(__file__).parents[4]
EXAMPLES = ROOT / "examples" / "repo"
CASES = Path(__file__).parent / "cases"
FILES = {path.relative_to(EXAMPLES).as_posix(): path.read_bytes() for path in EXAMPLES.rglob("*") if path.is_file()}


def told(found: Compilation) -> object:
    whole = found.graph
    return [str(each) for each in found.diagnostics], whole and (
        whole.plan_root,
        [(profile.id, profile.catalog_body) for profile in whole.profiles.values()],
        sorted(whole.bodies),
        sorted(whole.blobs),
    )


EXPECTED = told(graph.compile_tree(MemoryTree(FILES)))


@settings(max_examples=10)
@given(st.permutations(sorted(FILES)))
def test_the_order_of_files_does_not_matter(order: list[str]) -> None:
    shuffled = MemoryTree({path: FILES[path] for path in order}, in_order=False)
    assert list(shuffled.entries()) == order
    assert told(graph.compile_tree(shuffled)) == EXPECTED


@pytest.mark.parametrize("seed", ["0", "1", "4711"])
def test_the_seed_of_hashes_does_not_matter(seed: str) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "reconciler", "plan", "--json", str(EXAMPLES)],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": seed},
        capture_output=True,
        check=True,
        timeout=60,
    )
    answer = json.loads(run.stdout)
    whole = graph.compile_tree(repository.directory(EXAMPLES)).graph
    assert whole is not None
    assert answer["plan_root"] == whole.plan_root
    assert [profile["catalog_sha256"] for profile in answer["profiles"]] == [
        profile.catalog_sha256 for profile in whole.profiles.values()
    ]


TELL = """
import hashlib, sys
from reconciler import graph
from tests.factories.trees import MemoryTree
from tests.unit.reconciler.graph.test_cases import CASES, read
digest = hashlib.sha256()
files = {}
for case in sorted(CASES.glob("*.txt")):
    if case.stem != "file.too-large":
        files |= {f"{case.stem}/{path}" if path.endswith(".vgo") and "/" not in path else path: data for path, data in read(case)[0].items()}
        small = {"vigo.vgo": b"language: 1\\n", **read(case)[0]}
        order = sorted(small, reverse=sys.argv[1] == "backwards")
        found = graph.compile_tree(MemoryTree({path: small[path] for path in order}, in_order=False))
        digest.update("".join(f"{each}\\n" for each in found.diagnostics).encode())
found = graph.compile_tree(MemoryTree({**files, "vigo.vgo": b"language: 1\\n"}))
assert len(found.diagnostics) > 100
digest.update("".join(f"{each}\\n" for each in found.diagnostics).encode())
print(digest.hexdigest())
"""


def test_mistakes_are_told_alike_whatever_the_process_the_seed_and_the_order() -> None:
    told_by = {
        subprocess.run(
            [sys.executable, "-c", TELL, order],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
            timeout=60,
            text=True,
        ).stdout
        for seed, order in (("0", "forwards"), ("4711", "backwards"))
    }
    assert len(told_by) == 1


def test_the_example_repository_has_nothing_wrong_with_it() -> None:
    found = graph.compile_tree(MemoryTree(FILES))
    assert found.diagnostics == []
    assert found.graph is not None
    assert len(found.graph.profiles) >= 10
