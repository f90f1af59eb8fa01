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


@settings(max_examples=10, deadline=None)
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


def test_the_example_repository_has_nothing_wrong_with_it() -> None:
    found = graph.compile_tree(MemoryTree(FILES))
    assert found.diagnostics == []
    assert found.graph is not None
    assert len(found.graph.profiles) >= 10
