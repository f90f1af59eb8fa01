"""Options that many commands take, declared once: where an answer comes from, and in which form."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print the API's JSON.")]
AsJson = Annotated[bool, typer.Option("--json", help="The same as --format json.")]
Within = Annotated[
    Path, typer.Argument(metavar="[PATH]", help="The config repository, or a directory in it.", show_default=False)
]
Repo = Annotated[Path | None, typer.Option(metavar="DIR", help="Read this config repository; no server is asked.")]
Rev = Annotated[str | None, typer.Option(metavar="REV", help="With --repo: a commit, branch or tag.")]
AsOf = Annotated[
    str | None,
    typer.Option(metavar="REV", help="Ask the server as of a commit, branch, tag, sequence or RFC 3339 time."),
]


def whole_commit(commit: str) -> str:
    """A commit that is meant for good, so it is written in full.

    Raises:
        typer.BadParameter
    """
    if re.fullmatch(r"[0-9a-f]{40}(?:[0-9a-f]{24})?", commit) is None:
        raise typer.BadParameter("a commit is written in full here, all 40 digits: `git rev-parse REF` prints them")
    return commit


def one_source(repo: Path | None, rev: str | None, as_of: str | None) -> None:
    """Refuse options of a repository here where the server is asked, and the other way round.

    Raises:
        typer.BadParameter
    """
    if repo is None and rev is not None:
        raise typer.BadParameter("--rev goes with --repo; --as-of asks the server for a revision")
    if repo is not None and as_of is not None:
        raise typer.BadParameter("--as-of asks the server; with --repo write --rev")
