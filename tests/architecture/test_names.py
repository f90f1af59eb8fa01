"""Words and forms that STYLE rules out, and names that must be ours alone."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("schema", "reconciler", "agent", "api")
LONGEST_FILE = 500
EMPTY_WORDS = re.compile(r"(Manager|Helper|Utils?|Handler|Processor|Impl)$")
EMPTY_STEMS = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "handlers", "shared"}

# What the sans-I/O cores must be given, never take.
TAKEN = {"time", "random", "uuid", "threading", "asyncio", "secrets", "datetime", "socket", "os"}
CORES = (
    "agent/core.py",
    "agent/acceptance.py",
    "reconciler/convergence.py",
    *("reconciler/loop/" + name for name in ("core.py",)),
)


def sources() -> Iterator[Path]:
    for package in PACKAGES:
        yield from (path for path in (ROOT / package).rglob("*.py") if "node_modules" not in path.parts)


@pytest.mark.parametrize("name", PACKAGES)
def test_a_top_level_name_is_installed_by_this_project_alone(name: str) -> None:
    assert set(packages_distributions().get(name, ["vigo"])) == {"vigo"}


def test_no_module_has_an_empty_name() -> None:
    assert [str(path) for path in sources() if path.stem in EMPTY_STEMS] == []


def test_no_class_has_an_empty_name() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
        for path in sources()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef) and EMPTY_WORDS.search(node.name)
    ]
    assert found == []


def test_no_file_has_outgrown_one_read() -> None:
    long = {str(path.relative_to(ROOT)): n for path in sources() if (n := path.read_text().count("\n")) > LONGEST_FILE}
    assert long == {}


def test_every_module_says_what_it_is() -> None:
    dumb = [
        str(path.relative_to(ROOT))
        for path in sources()
        if path.read_text().strip() and not ast.get_docstring(ast.parse(path.read_text()))
    ]
    assert dumb == []


def test_no_program_is_started_through_a_shell_by_chance() -> None:
    shells = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in sources()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and (
            (node.func.value.id == "subprocess" and any(word.arg == "shell" for word in node.keywords))
            or (node.func.value.id, node.func.attr) in {("os", "system"), ("os", "popen"), ("subprocess", "getoutput")}
            or node.func.attr == "create_subprocess_shell"
        )
    ]
    assert shells == []


@pytest.mark.parametrize("core", CORES)
def test_a_core_takes_no_time_chance_or_io_by_itself(core: str) -> None:
    imported = set()
    for node in ast.walk(ast.parse((ROOT / core).read_text())):
        if isinstance(node, ast.Import):
            imported |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            imported.add(node.module.split(".")[0])
    assert imported & TAKEN == set()
