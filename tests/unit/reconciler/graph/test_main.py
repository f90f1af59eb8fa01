"""`python -m reconciler plan`, with no server."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reconciler.__main__ import main
from reconciler.repository import write

FILES = {
    "vigo.vgo": b"language: 1\n",
    "configcrates/web.vgo": b"name: web\nresources:\n  - {type: directory, path: /srv/web}\n",
    "web.vgo": b'envoys:\n  - match: "web*.example.com"\n    configcrates: web\n',
}


@pytest.fixture
def work(tmp_path: Path) -> Path:
    repository = write.init(tmp_path / "work")
    author = write.Author("Jane Doe", "jane@example.com")
    write.commit(repository, "main", FILES, author, "first")
    write.commit(
        repository, "broken", {**FILES, "web.vgo": b"envoys:\n  - match: x\n    configcrates: wbe\n"}, author, "second"
    )
    for path, data in FILES.items():
        place = tmp_path / "work" / path
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(data)
    return tmp_path / "work"


def test_a_tree_that_compiles_is_told_with_its_digests(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", str(work)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("web.vgo#web*.example.com  ")
    assert lines[0].endswith("  web")
    assert lines[1] == "1 profiles, 1 crates, 1 resources"
    assert lines[3].startswith("plan ")


def test_a_directory_and_its_commit_have_one_plan(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", str(work), "--json"]) == 0
    files = json.loads(capsys.readouterr().out)
    assert main(["plan", str(work), "--rev", "main", "--json"]) == 0
    commit = json.loads(capsys.readouterr().out)
    assert files["plan_root"] == commit["plan_root"]
    assert files["commit"] is None
    assert len(commit["commit"]) == 40
    assert commit["profiles"] == files["profiles"]
    assert [profile["match"] for profile in commit["profiles"]] == ["web*.example.com"]
    assert commit["crates"][0]["name"] == "web"


def test_a_tree_that_does_not_compile_ends_2_and_says_why(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", str(work), "--rev", "broken"]) == 2
    assert capsys.readouterr().out == (
        "web.vgo:3:19: error[crate.unknown]: there is no configcrate wbe (hint: did you mean web?)\n"
    )
    assert main(["plan", str(work), "--rev", "broken", "--json"]) == 2
    answer = json.loads(capsys.readouterr().out)
    assert answer["valid"] is False
    assert [each["code"] for each in answer["diagnostics"]] == ["crate.unknown"]


def test_what_cannot_be_read_ends_1(tmp_path: Path, work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", str(tmp_path / "nowhere")]) == 1
    assert main(["plan", str(work), "--rev", "no-such-branch"]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("error: ") == 2
