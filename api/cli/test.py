"""`vigo test`: the tests of a config repository, and of each expectation that is not met what is there instead."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from api.cli import local, output, validate
from api.cli.exits import Exit
from api.cli.options import AsJson, Within

if TYPE_CHECKING:
    from reconciler.repository.trees import Tree
    from schema.config import Place
    from schema.expectations import Failure, Verdict, Verdicts

NAMED: Final = 3
"""Hosts or match blocks that are named where one thing is wrong with several."""


class Format(StrEnum):
    """How results are printed."""

    TEXT = "text"
    JSON = "json"
    JUNIT = "junit"
    GITHUB = "github"


def run(
    path: Within = Path(),
    *,
    rev: Annotated[
        str | None, typer.Option(metavar="REV", help="Test a commit, branch or tag, not the files as they stand.")
    ] = None,
    staged: Annotated[bool, typer.Option("--staged", help="Test what `git commit` would commit.")] = False,
    form: Annotated[Format, typer.Option("--format", help="How to print; junit and github are for CI.")] = Format.TEXT,
    json_: AsJson = False,
) -> None:
    """Run the tests of a config repository (tests/); needs no server.

    Ends 1 when a test fails, 2 when the configuration is not valid.
    """
    tree = local.open_tree(path, rev=rev, staged=staged)
    graph = local.compiled(tree)
    from reconciler import expectations

    found = expectations.run(graph)
    below = local.below(path) if rev is None and not staged else ""
    if json_ or form is Format.JSON:
        output.emit_json(found.model_dump(mode="json", exclude_none=True))
    elif form is Format.JUNIT:
        from api.cli import junit

        typer.echo(junit.report(found, below=below))
    elif form is Format.GITHUB:
        _annotate(found, below)
    else:
        _show(tree, found)
    if not found.passed:
        raise typer.Exit(Exit.ERROR)


def told(failure: Failure, subjects: Sequence[str]) -> str:
    """One failure in a line."""
    whose = ", ".join(subjects[:NAMED]) + (f" and {len(subjects) - NAMED} more" if len(subjects) > NAMED else "")
    return f"{whose}: {failure.about}: expected {failure.expected}, found {failure.found}"


def grouped(failures: Iterable[Failure]) -> list[tuple[Failure, list[str]]]:
    """Failures that say the same of several hosts or blocks, once, with all of these."""
    found: dict[str, tuple[Failure, list[str]]] = {}
    for failure in failures:
        found.setdefault(repr(failure.model_dump(exclude={"subject"})), (failure, []))[1].append(failure.subject)
    return list(found.values())


def origin(failure: Failure) -> str:
    """Where what was found is written; empty where that is nowhere."""
    place = failure.origin
    return f"{place.file}:{place.line}:{place.column} ({failure.source})" if place is not None else ""


def _show(tree: Tree, found: Verdicts) -> None:
    for verdict in found.tests:
        for failure, subjects in grouped(verdict.failures):
            _one(tree, verdict, failure, subjects)
        if verdict.left_out:
            output.line(f"{output.visible(verdict.name)}: {verdict.left_out} more failures are not shown\n")
    failed = sum(not verdict.passed for verdict in found.tests)
    count = len(found.tests)
    noun = "test" if count == 1 else "tests"
    if not count:
        output.note("no tests: they stand in tests/**/*.vgo")
    elif failed:
        typer.echo(f"{typer.style('failed', fg='red')}: {failed} of {count} {noun}")
    else:
        typer.echo(f"{typer.style('passed', fg='green')}: {count} {noun}")


def _one(tree: Tree, verdict: Verdict, failure: Failure, subjects: Sequence[str]) -> None:
    place = typer.style(output.visible(_written(failure.place)), bold=True)
    typer.echo(f"{place} {typer.style('failed:', fg='red')} {output.visible(verdict.name)}")
    validate.excerpt(tree, failure.place.file, failure.place.line, failure.place.column)
    typer.echo(f"     {output.visible(told(failure, subjects))}")
    if where := origin(failure):
        typer.echo(f"{typer.style('     = from:', fg='cyan')} {output.visible(where)}")
    if failure.hint:
        typer.echo(f"{typer.style('     = hint:', fg='cyan')} {output.visible(failure.hint)}")
    typer.echo()


def _annotate(found: Verdicts, below: str) -> None:
    from api.cli import annotations

    for verdict in found.tests:
        for failure, subjects in grouped(verdict.failures):
            message = told(failure, subjects) + (f"\nfrom: {origin(failure)}" if failure.origin is not None else "")
            place = failure.place
            typer.echo(
                annotations.command(
                    "error",
                    f"{below}{place.file}",
                    place.line,
                    place.column,
                    verdict.name,
                    f"{message}\nhint: {failure.hint}" if failure.hint else message,
                )
            )


def _written(place: Place) -> str:
    return f"{place.file}:{place.line}:{place.column}:"
