"""Docs that lie fail here."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests import docs

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path for path in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")) if "node_modules" not in path.parts
)


def test_every_page_written_from_the_code_is_up_to_date() -> None:
    stale = [
        str(path.relative_to(ROOT))
        for path, text in docs.pages().items()
        if not path.exists() or path.read_text() != text
    ]
    assert stale == [], "run `just docs`"


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", re.sub(r"```.*?```", "", page.read_text(), flags=re.S))
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_the_readme_has_its_two_commands() -> None:
    prefix = "PIP_BREAK_SYSTEM_PACKAGES=1 python3 -m pip install -q uv && python3 -m uv run just"
    assert re.findall(rf"^ +{re.escape(prefix)} (\w+)$", (ROOT / "README.md").read_text(), flags=re.M) == [
        "demo",
        "test",
    ]


def test_every_recipe_that_a_page_names_exists() -> None:
    recipes = set(re.findall(r"^([a-z]+)[^:=\n]*:(?!=)", (ROOT / "Justfile").read_text(), flags=re.M))
    named = {name for page in PAGES for name in re.findall(r"`just ([a-z]+)", page.read_text())}
    assert named - recipes == set()


def test_every_command_that_a_page_names_exists() -> None:
    """`vigo NOUN VERB` in backquotes or an indented block, in any page, is a command that answers --help."""
    named = {
        tuple(match.split()[:2])
        for page in PAGES
        for match in re.findall(
            r"(?:^    |`)vigo ([a-z]+(?:-[a-z]+)*(?: [a-z]+(?:-[a-z]+)*)?)", page.read_text(), flags=re.M
        )
    }
    code = (
        "from api.cli.main import application; import typer; c = typer.main.get_command(application())\n"
        "print('\\n'.join(f'{n} {v}' for n, g in c.commands.items() for v in (*getattr(g, 'commands', ()), '')))"
    )
    listed = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    commands = {tuple(line.split()) for line in listed.stdout.splitlines()}
    nouns = {words[0] for words in commands}
    unknown = {
        words
        for words in named
        if words[0] not in nouns or (len({w for w in commands if w[0] == words[0]}) > 1 and words not in commands)
    }
    assert unknown == set()
