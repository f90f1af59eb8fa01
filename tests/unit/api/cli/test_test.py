"""`vigo test`: what passes, what fails and where, as people and as CI systems read it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

from api.cli import junit
from schema.config import Place
from schema.expectations import Failure, Verdict, Verdicts

Vigo = Callable[..., "tuple[int, str, str]"]

FILES = {
    "vigo.vgo": "language: 1\n",
    "common.vgo": "vars: {port: 80}\n",
    "hosts.vgo": 'envoys:\n  - match: "web*.example.com"\n  - match: "db*.example.com"\n',
    "tests/web.vgo": (
        "tests:\n"
        "  - name: the port is 443\n    match: '*.example.com'\n    expect:\n      vars: {port: 443}\n"
        "  - name: the port is set\n    hosts: web01.example.com\n    expect:\n      vars: {port: {at_least: 1}}\n"
    ),
}
FAILED = """tests/web.vgo:5:20: failed: the port is 443
   5 |       vars: {port: 443}
     |                    ^
     web*.example.com (hosts.vgo:2), db*.example.com (hosts.vgo:3): vars.port: expected 443, found 80
     = from: common.vgo:1:14 (common.vgo)

failed: 1 of 2 tests
"""


@pytest.fixture
def fleet(tmp_path: Path) -> Path:
    """A config repository with a test that fails and one that passes, in a directory of a git repository."""
    folder = tmp_path / "work" / "fleet"
    for name, content in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    subprocess.run(["git", "init", "-q", tmp_path / "work"], check=True, timeout=20)
    return folder


def test_a_failure_is_told_with_its_line_and_what_is_there_instead(vigo: Vigo, fleet: Path) -> None:
    assert vigo("test", str(fleet)) == (1, FAILED, "")


def test_all_that_pass_are_counted(vigo: Vigo, fleet: Path) -> None:
    (fleet / "common.vgo").write_text("vars: {port: 443}\n")

    assert vigo("test", str(fleet)) == (0, "passed: 2 tests\n", "")


def test_a_repository_without_tests_passes_and_is_told_where_they_would_stand(vigo: Vigo, fleet: Path) -> None:
    (fleet / "tests" / "web.vgo").unlink()

    assert vigo("test", str(fleet)) == (0, "", "no tests: they stand in tests/**/*.vgo\n")


def test_a_configuration_that_is_not_valid_ends_2_and_says_why(vigo: Vigo, fleet: Path) -> None:
    (fleet / "tests" / "bad.vgo").write_text("tests:\n  - {name: a, hosts: web01.example.com, expcet: {}}\n")

    code, out, err = vigo("test", str(fleet))

    assert code == 2
    assert "tests/bad.vgo:2:41: error[schema.unknown-key]: unknown key expcet" in out
    assert "the port is 443" not in out
    assert "the configuration is not valid" in err


def test_json_is_the_model(vigo: Vigo, fleet: Path) -> None:
    code, out, _ = vigo("test", str(fleet), "--json")
    found = json.loads(out)

    assert code == 1
    assert (found["passed"], [each["passed"] for each in found["tests"]]) == (False, [False, True])
    assert found["tests"][0]["failures"][0] == {
        "subject": "web*.example.com (hosts.vgo:2)",
        "about": "vars.port",
        "expected": "443",
        "found": "80",
        "place": {"file": "tests/web.vgo", "line": 5, "column": 20},
        "origin": {"file": "common.vgo", "line": 1, "column": 14},
        "source": "common.vgo",
        "hint": "",
    }
    assert vigo("test", str(fleet), "--format", "json")[1] == out


def test_github_gets_a_command_with_the_path_in_its_repository(vigo: Vigo, fleet: Path) -> None:
    code, out, _ = vigo("test", str(fleet), "--format", "github")

    assert code == 1
    assert out == (
        "::error file=fleet/tests/web.vgo,line=5,col=20,title=the port is 443::web*.example.com (hosts.vgo:2),"
        " db*.example.com (hosts.vgo:3): vars.port: expected 443, found 80%0Afrom: common.vgo:1:14 (common.vgo)\n"
    )


def test_junit_has_a_suite_for_each_file_and_a_case_for_each_test(vigo: Vigo, fleet: Path) -> None:
    code, out, _ = vigo("test", str(fleet), "--format", "junit")
    root = ElementTree.fromstring(out)

    assert code == 1
    assert (root.tag, root.attrib) == (
        "testsuites",
        {"name": "vigo test", "tests": "2", "failures": "1", "errors": "0", "skipped": "0"},
    )
    (suite,) = root
    assert (suite.get("name"), suite.get("tests"), suite.get("failures")) == ("fleet/tests/web.vgo", "2", "1")
    bad, good = suite
    assert (bad.get("classname"), bad.get("name"), bad.get("line")) == ("fleet.tests.web", "the port is 443", "2")
    (failure,) = bad
    assert str(failure.get("message")).startswith("fleet/tests/web.vgo:5:20: web*.example.com")
    assert str(failure.text).endswith("\n  from: common.vgo:1:14 (common.vgo)")
    assert list(good) == []


def test_nothing_in_a_test_breaks_the_xml() -> None:
    place = Place(file="tests/a&b.vgo", line=1, column=2)
    text = "]]> <&\"' \x00\x1b[2J\ud800\ufffe"
    failure = Failure(subject=text, about=text, expected=text, found=text, place=place, hint=text)
    verdict = Verdict(name=text, place=place, passed=False, subjects=1, failures=[failure], left_out=7)

    made = junit.report(Verdicts(passed=False, commit=None, tests=[verdict]))
    root = ElementTree.fromstring(made.encode())

    assert root[0][0].get("name") == "]]> <&\"' \\x00\\x1b[2J\\ud800\\ufffe"
    assert str(root[0][0][0].text).endswith("\n7 more failures are not listed")


def test_what_is_staged_or_committed_is_tested_and_not_the_files(vigo: Vigo, fleet: Path) -> None:
    def git(*arguments: str) -> None:
        subprocess.run(["git", "-C", fleet, *arguments], check=True, timeout=20, capture_output=True)

    (fleet / ".git").parent.mkdir(exist_ok=True)
    git("init", "-q", "-b", "main", ".")
    git("add", "-A")
    git("-c", "user.name=t", "-c", "user.email=t@example.com", "commit", "-q", "-m", "start")
    (fleet / "common.vgo").write_text("vars: {port: 443}\n")

    assert vigo("test", str(fleet))[0] == 0
    assert vigo("test", str(fleet), "--staged")[0] == 1
    git("add", "-A")
    assert vigo("test", str(fleet), "--staged")[0] == 0
    assert vigo("test", str(fleet), "--rev", "main")[0] == 1


def test_failures_that_are_not_listed_are_counted(vigo: Vigo, fleet: Path) -> None:
    hosts = ", ".join(f"web{number}.example.com" for number in range(120))
    (fleet / "tests" / "web.vgo").write_text(
        f"tests:\n  - name: many\n    hosts: [{hosts}]\n    expect: {{vars: {{port: 443}}}}\n"
    )

    _, out, _ = vigo("test", str(fleet))

    assert "web0.example.com, web1.example.com, web2.example.com and 97 more: vars.port" in out
    assert "many: 20 more failures are not shown\n" in out
