"""`vigo validate --format sarif|github`: what CI systems read."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from api.cli import annotations
from api.cli.init import starter
from reconciler.documents.codes import CODES
from schema.diagnostics import Diagnostic, Severity

Vigo = Callable[..., "tuple[int, str, str]"]


@pytest.fixture
def fleet(tmp_path: Path) -> Path:
    """A config repository with one mistake, in a directory of a git repository."""
    folder = tmp_path / "work" / "my fleet"
    for name, content in starter().items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    (folder / "roles.vgo").write_text("roles:\n  webserver:\n    configcrates: [ngnix]\n    vars: {http_port: 80}\n")
    subprocess.run(["git", "init", "-q", tmp_path / "work"], check=True, timeout=20)
    return folder


def test_sarif_has_the_shape_that_2_1_0_prescribes(vigo: Vigo, fleet: Path) -> None:
    code, out, err = vigo("validate", str(fleet), "--format", "sarif")
    log = json.loads(out)

    assert (code, err) == (2, "")
    assert set(log) == {"$schema", "version", "runs"}
    assert (log["version"], len(log["runs"])) == ("2.1.0", 1)
    run = log["runs"][0]
    assert set(run) == {"tool", "columnKind", "invocations", "results"}
    assert set(run["tool"]) == {"driver"}
    driver = run["tool"]["driver"]
    assert set(driver) == {"name", "semanticVersion", "rules"}
    assert (driver["name"], run["columnKind"]) == ("vigo", "unicodeCodePoints")
    assert run["invocations"] == [{"executionSuccessful": True}]
    assert [rule["id"] for rule in driver["rules"]] == list(CODES)
    for rule in driver["rules"]:
        assert set(rule) == {"id", "shortDescription", "defaultConfiguration"}
        assert rule["shortDescription"] == {"text": CODES[rule["id"]]}
        assert rule["defaultConfiguration"]["level"] in {"error", "warning", "note"}
    assert run["results"]
    for result in run["results"]:
        assert set(result) == {"ruleId", "ruleIndex", "level", "message", "locations"}
        assert driver["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] in {"none", "note", "warning", "error"}
        assert set(result["message"]) == {"text"}
    assert run["results"][0]["locations"] == [
        {
            "physicalLocation": {
                "artifactLocation": {"uri": "my%20fleet/roles.vgo", "uriBaseId": "%SRCROOT%"},
                "region": {"startLine": 3, "startColumn": 20},
            }
        }
    ]


def test_sarif_of_a_valid_repository_has_no_results(vigo: Vigo, fleet: Path) -> None:
    (fleet / "roles.vgo").write_bytes(starter()["roles.vgo"])

    code, out, _ = vigo("validate", str(fleet), "--format", "sarif")

    assert (code, json.loads(out)["runs"][0]["results"]) == (0, [])


def test_github_gets_one_command_for_each_diagnostic(vigo: Vigo, fleet: Path) -> None:
    code, out, err = vigo("validate", str(fleet), "--format", "github")

    assert (code, err) == (2, "")
    assert re.match(r"::error file=my fleet/roles\.vgo,line=3,col=20,title=crate\.unknown::.*ngnix", out)
    assert all(line.startswith(("::error ", "::warning ", "::notice ")) for line in out.splitlines())


def test_nothing_in_a_diagnostic_ends_a_github_command_or_starts_another() -> None:
    item = Diagnostic(
        code="yaml.syntax", severity=Severity.WARNING, file="a,b:c%.vgo", line=2, column=3,
        message="100% of\r\n::error::x", hint="one, two: \x1b[2J",
    )  # fmt: skip

    assert annotations.github(item) == (
        "::warning file=a%2Cb%3Ac%25.vgo,line=2,col=3,title=yaml.syntax::100%25 of\\r%0A::error::x%0Ahint: one, two: \\x1b[2J"
    )


@pytest.mark.parametrize(("severity", "word"), [("error", "error"), ("warning", "warning"), ("note", "notice")])
def test_every_severity_has_its_word_and_its_level(severity: str, word: str) -> None:
    item = Diagnostic(code="yaml.syntax", severity=Severity(severity), file="a.vgo", message="x")

    assert annotations.github(item, below="in/") == f"::{word} file=in/a.vgo,line=1,col=1,title=yaml.syntax::x"
    assert annotations.sarif([item])["runs"][0]["results"][0]["level"] == severity
