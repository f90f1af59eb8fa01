"""docs/cli.md and the help snapshot say what the command line is. `VIGO_SNAPSHOTS=write` rewrites the snapshot."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from api.cli import reference
from api.cli.exits import MEANING

ROOT = Path(__file__).parents[4]
SNAPSHOT = ROOT / "tests" / "snapshots" / "cli-help.txt"
PAGE = ROOT / "docs" / "cli.md"


def _agent_page() -> str:
    """The part of the page that is `vigo-agent`'s, as it tells it itself."""
    lines = ["## vigo-agent", "", "On the managed host.", ""]
    for command in ([], ["enrol"], ["run"], ["once"], ["dry-run"], ["status"], ["traits"]):
        done = subprocess.run(
            [sys.executable, "-m", "agent", *command, "--help"],
            env={**os.environ, "COLUMNS": "100"}, cwd=ROOT, capture_output=True, text=True, timeout=30, check=True,
        )  # fmt: skip
        lines += [
            f"    {line}".rstrip()
            for line in (f"$ {' '.join(['vigo-agent', *command])} --help", *done.stdout.splitlines())
        ]
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _compare(path: Path, text: str) -> None:
    if os.environ.get("VIGO_SNAPSHOTS") == "write":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert path.read_text() == text, "changed on purpose? VIGO_SNAPSHOTS=write rewrites it (`just snapshots`)"


def test_the_help_of_every_command_is_as_in_the_snapshot() -> None:
    _compare(SNAPSHOT, reference.help_texts())


def test_the_page_about_the_command_line_is_its_snapshot() -> None:
    ours, agents = reference.page(), _agent_page()
    if os.environ.get("VIGO_SNAPSHOTS") == "write":
        PAGE.write_text(ours + agents)

    text = PAGE.read_text()

    assert text.startswith(ours), "`just snapshots` rewrites it"
    # argparse breaks lines differently from one Python to the next.
    assert text.removeprefix(ours).split() == agents.split(), "`just snapshots` rewrites it"


def test_every_exit_code_is_documented() -> None:
    assert all(f"| {code.value} | {text} |" in reference.page() for code, text in MEANING.items())


def test_every_command_says_what_it_does_and_every_option_what_it_is_for() -> None:
    dumb = [
        f"{command.path} {item.words}"
        for command in reference.commands()
        for item in command.parameters
        if not command.about or not item.about
    ]

    assert dumb == []


def test_every_read_has_json() -> None:
    reads = {"list", "show", "status", "verify", "trace", "validate", "doctor"}
    without = [
        command.path
        for command in reference.commands()
        if command.path.split()[-1] in reads and not any(item.words == "--json" for item in command.parameters)
    ]

    assert without == []


def test_no_option_takes_a_secret() -> None:
    words = [item.words for command in reference.commands() for item in command.parameters]

    assert [word for word in words if "password" in word or word.startswith("--token ") or "--value" in word] == []
