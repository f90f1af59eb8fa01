"""Hostile cases, group F: the agent on its host. What each is about, and every test that shows it: docs/hostile-input.md."""

from __future__ import annotations

import ast
import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from agent.hosts.host import MANAGED
from agent.resources import TYPES
from agent.resources.types import ResourceFailed
from schema.expressions import NoHost, Renderer
from tests.cases.measure import MIB, cost
from tests.strategies import machines, programs

ROOT = Path(__file__).parents[2]

# F1

_BY_A_SHELL = frozenset({"os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput"})


def test_f1_no_program_is_started_through_a_shell() -> None:
    """Arguments are lists. Where a shell runs, its script is a constant of ours, or read from its standard input."""
    wrong = []
    for path in sorted((ROOT / "agent").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.keyword) and node.arg == "shell":
                wrong.append(f"{path}:{node.lineno}: shell=")
            if isinstance(node, ast.Attribute) and ast.unparse(node) in _BY_A_SHELL:
                wrong.append(f"{path}:{node.lineno}: {ast.unparse(node)}")
            if isinstance(node, ast.List) and node.elts and ast.unparse(node.elts[0]) in ("'/bin/sh'", "'sh'"):
                script = ast.unparse(node.elts[2])
                if re.fullmatch(r"_[A-Z_]+", script) is None and script != _WITH_UMASK:
                    wrong.append(f"{path}:{node.lineno}: {script}")
    assert wrong == []


_WITH_UMASK = "_READ_AND_RUN if umask is None else f'umask {int(umask, 8):04o}; {_READ_AND_RUN}'"


# F2

OPTION = "--vigo-canary"


def _instead(value: Any) -> Any:
    if isinstance(value, str):
        return OPTION
    if isinstance(value, list) and value and isinstance(value[0], str):
        return [OPTION, *value]
    return {OPTION: next(iter(value.values())), **value} if isinstance(value, dict) and value else None


def taken_for_options(name: str, field: str) -> list[list[str]]:
    """Programs that were given the text where they read options, by the type with that text in that field."""
    kind, contrast = TYPES[name], import_module(f"tests.strategies.{name}").CONTRASTS[field]
    wrong = []
    for spec in (contrast.one, contrast.other):
        key = next((each for each in (field, field.rstrip("_")) if each in spec), None)
        value = _instead(spec[key]) if key is not None else None
        if value is None:
            continue
        host = machines.machine(contrast.paths, programs.ALL)
        host.memo[MANAGED] = frozenset
        try:
            ready = kind.prepare(kind.spec.model_validate({**spec, key: value}), machines.sources({"files/b": "b"}))
            kind.converge(host, ready, dry_run=False)
        except (ValidationError, ResourceFailed):
            continue
        finally:
            wrong += [list(run) for run in host.runs if _as_option(list(run))]
    return wrong


def _as_option(run: list[str]) -> bool:
    words = run[1 : run.index("--")] if "--" in run else run[1:]
    return any(word.startswith(OPTION) for word in words)


OF_AN_OPTION = {("mount", "fstype", "-t")}
"""Who reads the word behind this option reads it as its argument, whatever it begins with (getopt(3))."""


@pytest.mark.parametrize("name", sorted(TYPES))
def test_f2_no_text_of_a_spec_is_read_as_an_option(name: str) -> None:
    wrong = []
    for field in import_module(f"tests.strategies.{name}").CONTRASTS:
        for run in taken_for_options(name, field):
            at = next(number for number, word in enumerate(run) if word.startswith(OPTION))
            if (name, field, run[at - 1]) not in OF_AN_OPTION:
                wrong.append((field, run))
    assert wrong == []


# F3

SAID = [
    "{{ 7 * 7 }}",
    "{% for x in [1] %}x{% endfor %}",
    "!!python/object/apply:os.system ['x']",
    "!unsafe x",
    "{# x #}",
]


@pytest.mark.parametrize("text", SAID)
def test_f3_what_a_host_says_is_never_rendered(text: str) -> None:
    scope = {"traits": {"os": {"name": text}}, "vars": {}, "host": {}, "item": text}
    renderer = Renderer(NoHost())
    assert renderer.render("is {{ traits.os.name }} and {{ item | upper }}", scope) == f"is {text} and {text.upper()}"
    assert renderer.evaluate("traits.os.name", scope) == text


# F9


def test_f9_a_program_that_talks_without_end_costs_little_memory() -> None:
    found = cost("tests.cases.acts:talked", "1", timeout_s=60)
    assert found.outcome == [True, True]
    assert found.grown_bytes < 32 * MIB
