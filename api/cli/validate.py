"""`vigo validate`: every mistake of a config repository, with file, line, column, source and hint."""

from __future__ import annotations

import time
import unicodedata
from collections import Counter
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from api.cli import hosts_said, local, output
from api.cli.exits import Exit
from api.cli.options import AsJson, Within
from schema.diagnostics import Diagnostic, Severity

if TYPE_CHECKING:
    from reconciler.graph import Graph
    from reconciler.repository.trees import Tree

LONGEST_LINE: Final = 160
NAMED: Final = 10
"""Secrets that are named; others are counted."""
MOST_BLOCKS: Final = 500
"""Of larger repositories nothing is noted: match blocks are made late, and to ask all of them would make them."""


class Format(StrEnum):
    """How diagnostics are printed."""

    TEXT = "text"
    JSON = "json"
    SARIF = "sarif"
    GITHUB = "github"


def validate(
    path: Within = Path(),
    *,
    rev: Annotated[
        str | None, typer.Option(metavar="REV", help="Judge a commit, branch or tag, not the files as they stand.")
    ] = None,
    staged: Annotated[bool, typer.Option("--staged", help="Judge what `git commit` would commit.")] = False,
    date: Annotated[
        str | None,
        typer.Option(metavar="DAY", help="The day on which waivers are judged, as 2026-12-31; by default today (UTC)."),
    ] = None,
    hosts: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Host names, one a line, for invariants; without it only hosts that match blocks name are counted.",
        ),
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Take warnings for errors.")] = False,
    form: Annotated[Format, typer.Option("--format", help="How to print; sarif and github are for CI.")] = Format.TEXT,
    json_: AsJson = False,
) -> None:
    """Check a config repository; needs no server.

    Ends 0 when it is valid, 2 when it is not.
    """
    from reconciler import graph

    now = _instant(date)
    tree = local.open_tree(path, rev=rev, staged=staged)
    compilation = local.compile_(tree, path)
    diagnostics = compilation.diagnostics
    if compilation.documents is not None:
        diagnostics = sorted([*diagnostics, *graph.lapses(compilation.documents, now)], key=_place)
    if compilation.graph is not None:
        diagnostics = sorted([*diagnostics, *_broken(compilation.graph, hosts)], key=_place)
    wrong = {Severity.ERROR, Severity.WARNING} if strict else {Severity.ERROR}
    valid = compilation.graph is not None and not any(item.severity in wrong for item in diagnostics)
    if json_ or form is Format.JSON:
        output.emit_json(
            {
                "valid": valid,
                "commit": tree.commit,
                "diagnostics": [item.model_dump(mode="json") for item in diagnostics],
            }
        )
    elif form is not Format.TEXT:
        _annotate(diagnostics, form, local.below(path) if rev is None and not staged else "")
    else:
        show(tree, diagnostics)
        _sum_up(tree, diagnostics, valid=valid)
        if compilation.graph is not None and len(compilation.graph.profiles) <= MOST_BLOCKS:
            _note_secrets(compilation.graph)
    if not valid:
        raise typer.Exit(Exit.INVALID)


def show(tree: Tree, diagnostics: Sequence[Diagnostic]) -> None:
    """Print diagnostics with their source lines."""
    for item in diagnostics:
        place = typer.style(output.visible(f"{item.file}:{item.line}:{item.column}:"), bold=True)
        kind = typer.style(f"{item.severity}[{item.code}]:", fg="red" if item.severity is Severity.ERROR else "yellow")
        typer.echo(f"{place} {kind} {output.visible(item.message)}")
        excerpt(tree, item.file, item.line, item.column)
        if item.hint:
            typer.echo(f"{typer.style('     = hint:', fg='cyan')} {output.visible(item.hint)}")
        typer.echo()


def _broken(graph: Graph, hosts: Path | None) -> list[Diagnostic]:
    """What the hosts are to be that an invariant forbids."""
    from reconciler.documents import Kind

    if not graph.documents.of(Kind.INVARIANTS):
        return []
    from reconciler.rollout import invariants

    return invariants.of_names(graph, hosts_said.names(hosts) if hosts is not None else None)


def _instant(day: str | None) -> int:
    """The moment at which waivers are judged: now, or the beginning of a day (UTC)."""
    from schema.time import from_rfc3339

    if day is None:
        return time.time_ns() // 1_000
    try:
        return from_rfc3339(f"{day}T00:00:00Z")
    except ValueError as error:
        raise typer.BadParameter(f"{day} is no day, as 2026-12-31", param_hint="--date") from error


def _place(item: Diagnostic) -> tuple[str, int, int, str]:
    return item.file, item.line, item.column, item.code


def _note_secrets(graph: Graph) -> None:
    """Say which secrets are named: that they exist, only a server can tell."""
    names = sorted({name for profile in graph.profiles.values() for name in profile.secrets})
    if names:
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        plural = "s" if len(names) > 1 else ""
        output.note(f"note: {len(names)} secret{plural} must be on the server: {', '.join(names[:NAMED])}{more}")


def _annotate(diagnostics: Sequence[Diagnostic], form: Format, below: str) -> None:
    from api.cli import annotations

    if form is Format.SARIF:
        output.emit_json(annotations.sarif(diagnostics, below=below))
        return
    for item in diagnostics:
        typer.echo(annotations.github(item, below=below))


def excerpt(tree: Tree, file: str, number: int, column: int) -> None:
    """Print a line of a file with a caret under a column; nothing where the file has no such line."""
    from reconciler.documents.compose import rows

    entry = tree.entries().get(file)
    lines = rows(tree.read(entry.oid).decode("utf-8", "replace")) if entry else []
    if not 0 < number <= len(lines):
        return
    pointed(lines[number - 1], number, column)


def pointed(source: str, number: int, column: int) -> None:
    """Print a line by its number, with a caret under a column."""
    fits = len(source) <= LONGEST_LINE or column <= LONGEST_LINE // 2
    start = 0 if fits else column - LONGEST_LINE // 2
    shown = source[start : start + LONGEST_LINE]
    before = output.visible(source[start : column - 1], lines=True)
    pad = "".join("\t" if char == "\t" else " " * _width(char) for char in before)
    typer.echo(f"{number:>4} | {output.visible(shown, lines=True)}")
    typer.echo(f"     | {pad}{typer.style('^', fg='red', bold=True)}")


def _width(char: str) -> int:
    return 0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1


def _sum_up(tree: Tree, diagnostics: Sequence[Diagnostic], *, valid: bool) -> None:
    counts = Counter(item.severity for item in diagnostics)
    files = sum(1 for path in tree.entries() if path.endswith(".vgo"))
    found = ", ".join(f"{counts[kind]} {kind}{'' if counts[kind] == 1 else 's'}" for kind in Severity if counts[kind])
    word = typer.style("valid", fg="green") if valid else typer.style("not valid", fg="red")
    typer.echo(f"{word}: {files} files{f', {found}' if found else ''}")
