"""A repository with a mistake of nearly every kind: one run tells all of them, each at its place, in every format."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

import pytest
from jsonschema import Draft4Validator

from reconciler.documents import codes
from tests.factories import mistakes
from tests.factories.mistakes import Mistake

Vigo = Callable[..., "tuple[int, str, str]"]

SARIF = Path(__file__).parents[3] / "vendor" / "sarif" / "sarif-2.1.0-rtm.5.json"
OF_WHOLE_TREES = {"tree.no-root", "tree.too-large", "catalog.too-large", "plan.too-large", "invariant.violated"}
NO_EXCERPT = {"file.refused", "file.ignored", "file.too-large", "yaml.encoding", "yaml.bom"}
"""What is wrong there is not in a line that could be shown, or is no character."""
WITHOUT_HINT = {
    "schema.missing-key", "resource.missing-key", "resource.invalid", "idempotency.unguarded", "crate.cycle",
    "role.cycle", "file.refused", "file.ignored", "file.too-large", "yaml.alias", "yaml.alias-limit", "yaml.depth",
    "yaml.directive", "yaml.duplicate-key", "yaml.empty", "expression.invalid", "expression.syntax",
    "workflow.duplicate-step", "waiver.no-host", "rollout.no-host", "invariant.no-host", "rollout.duplicate",
    "invariant.duplicate", "rollout.share",
}  # fmt: skip
"""Codes whose message alone says what to do."""


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Mistake]]:
    """The repository, in a directory of a git repository."""
    work = tmp_path_factory.mktemp("work")
    subprocess.run(["git", "init", "-q", work], check=True, timeout=20)
    return work / "fleet", mistakes.write(work / "fleet")


def test_there_are_more_than_fifty_of_different_kinds_in_many_files(seeded: tuple[Path, list[Mistake]]) -> None:
    _, found = seeded
    by_file = {file: sum(each.file == file for each in found) for file in {each.file for each in found}}

    assert len(found) > 75
    assert len(by_file) > 35
    assert max(by_file.values()) > 10
    assert {each.code for each in found} == set(codes.CODES) - OF_WHOLE_TREES


def test_one_run_tells_every_mistake_at_its_place_and_no_other(vigo: Vigo, seeded: tuple[Path, list[Mistake]]) -> None:
    folder, expected = seeded

    code, out, err = vigo("validate", str(folder), "--json")
    told = json.loads(out)["diagnostics"]

    assert (code, err) == (2, "")
    assert [(each["file"], each["line"], each["column"], each["code"]) for each in told] == expected
    for each in told:
        assert each["severity"] == codes.severity(each["code"])
        assert each["message"]
    assert {each["code"] for each in told if not each["hint"]} <= WITHOUT_HINT | {
        # With a hint where there is something near.
        "crate.unknown", "role.unknown", "test.no-host", "test.never-fails", "workflow.unknown-step", "waiver.no-control",
        "expression.unknown-name", "yaml.tag", "yaml.encoding", "environment.unknown", "schema.wrong-type",
        "match.pattern", "yaml.key", "usercrate.shared", "idempotency.never-notified",
    }  # fmt: skip


def test_people_see_the_line_with_a_caret_under_the_place(vigo: Vigo, seeded: tuple[Path, list[Mistake]]) -> None:
    folder, expected = seeded

    code, out, _ = vigo("validate", str(folder))
    blocks = out.split("\n\n")

    assert code == 2
    assert len(blocks) == len(expected) + 1
    for block, mistake in zip(blocks, expected, strict=False):
        rows = block.split("\n")
        file, line, column, _ = mistake
        assert re.match(rf"{re.escape(file)}:{line}:{column}: (error|warning)\[{mistake.code}\]: ", rows[0])
        if mistake.code in NO_EXCERPT:
            continue
        source = (folder / file).read_text().split("\n")[line - 1]
        assert rows[1].startswith(f"{line:>4} | ")
        assert rows[1][7:] == source or len(source) > 160
        assert rows[2][:7] == "     | "
        assert rows[2].endswith("^")
        if len(source) <= 160:
            assert len(rows[2]) - 7 == column
        assert all(row.startswith("     = hint: ") for row in rows[3:])
    assert re.fullmatch(r"not valid: \d+ files, \d+ errors, \d+ warnings\n", blocks[-1])


def test_the_sarif_log_is_valid_and_has_each_at_its_place(vigo: Vigo, seeded: tuple[Path, list[Mistake]]) -> None:
    folder, expected = seeded

    code, out, _ = vigo("validate", str(folder), "--format", "sarif")
    log = json.loads(out)
    (run,) = log["runs"]

    assert code == 2
    assert [error.message for error in Draft4Validator(json.loads(SARIF.read_text())).iter_errors(log)] == []
    told = []
    for result in run["results"]:
        (location,) = result["locations"]
        place = location["physicalLocation"]
        uri = unquote(place["artifactLocation"]["uri"])
        told.append((uri, place["region"]["startLine"], place["region"]["startColumn"], result["ruleId"]))
        rule = run["tool"]["driver"]["rules"][result["ruleIndex"]]
        assert (rule["id"], rule["defaultConfiguration"]["level"]) == (result["ruleId"], result["level"])
        assert re.fullmatch("[A-Za-z0-9._/-]+", place["artifactLocation"]["uri"])
    assert told == [(f"fleet/{file}", line, column, rule) for file, line, column, rule in expected]


def test_a_log_that_is_not_sarif_is_refused_by_that_schema() -> None:
    validator = Draft4Validator(json.loads(SARIF.read_text()))

    assert not validator.is_valid({"version": "2.1.0", "runs": [{"tool": {"driver": {}}}]})
    assert not validator.is_valid({"version": "2.0.0", "runs": []})


def test_github_gets_one_command_for_each(vigo: Vigo, seeded: tuple[Path, list[Mistake]]) -> None:
    folder, expected = seeded

    code, out, _ = vigo("validate", str(folder), "--format", "github")
    told = re.findall(r"^::(?:error|warning) file=([^,]*),line=(\d+),col=(\d+),title=([a-z.-]+)::.+$", out, flags=re.M)

    assert code == 2
    assert len(out.splitlines()) == len(expected)
    assert told == [(f"fleet/{file}", str(line), str(column), code) for file, line, column, code in expected]


def test_what_is_staged_is_told_the_same(vigo: Vigo, seeded: tuple[Path, list[Mistake]], tmp_path: Path) -> None:
    expected = mistakes.write(tmp_path / "fleet")
    for arguments in (["init", "-q", "."], ["add", "-A"]):
        subprocess.run(["git", *arguments], cwd=tmp_path / "fleet", check=True, timeout=20, env=_environment())

    _, out, _ = vigo("validate", str(tmp_path / "fleet"), "--staged", "--json")

    told = json.loads(out)["diagnostics"]
    assert [(each["file"], each["line"], each["column"], each["code"]) for each in told] == expected


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
