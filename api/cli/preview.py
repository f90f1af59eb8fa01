"""`vigo preview`: what a branch would change, host by host, before anybody merges it."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import urlencode

import typer

from api.cli import hosts_said, local, output
from api.cli.client import Client, connected
from api.cli.exits import Problem
from api.cli.options import AsJson, Repo

RENDERING_S: Final = 60.0
AS_THEY_STAND: Final = "files as they stand"


class Format(StrEnum):
    """How a preview is printed."""

    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"


class FailOn(StrEnum):
    """What makes the command end 1."""

    NONE = "none"
    CHANGE = "change"
    REMOVAL = "removal"


@connected
def preview(
    client: Client,
    rev: Annotated[
        str | None,
        typer.Argument(metavar="[REV]", help="A branch, tag or commit; with --repo, none: the files as they stand."),
    ] = None,
    *,
    base: Annotated[
        str | None, typer.Option(metavar="REV", help="Compare with this; else with what is in force, or --repo's HEAD.")
    ] = None,
    repo: Repo = None,
    hosts: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="With --repo: host names, one a line; else match blocks stand for hosts."),
    ] = None,
    traits: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="With --repo: what hosts are, as JSON by name or as the inventory has it."),
    ] = None,
    trait: Annotated[
        list[str] | None,
        typer.Option(metavar="PATH=VALUE", help="What if hosts had this trait: os.version=13. May be given again."),
    ] = None,
    configcrate: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only what concerns this configcrate.")
    ] = None,
    form: Annotated[
        Format, typer.Option("--format", help="How to print; markdown is for a pull request.")
    ] = Format.TEXT,
    json_: AsJson = False,
    fail_on: Annotated[
        FailOn, typer.Option("--fail-on", help="End 1 when something changes, or when something is removed.")
    ] = FailOn.NONE,
) -> None:
    """Show what a revision would change, in classes of hosts for which the same changes.

    Ends 0 however much changes, unless --fail-on says otherwise; 2 when a revision is not valid.
    """
    if repo is None and (hosts is not None or traits is not None):
        raise typer.BadParameter("--hosts and --traits go with --repo")
    if repo is None:
        found = _asked(client, rev, base, trait or (), configcrate)
    else:
        found = _compared(repo, rev, base, hosts, traits, trait or (), configcrate)
    if json_ or form is Format.JSON:
        output.emit_json(found)
    elif form is Format.MARKDOWN:
        from api.cli import preview_markdown

        typer.echo(preview_markdown.written(found))
    else:
        from api.cli import preview_text

        preview_text.show(found)
    if fail_on is FailOn.CHANGE and found["changed"]:
        raise Problem(f"{found['summary']} (--fail-on change)")
    if fail_on is FailOn.REMOVAL and found["removing"]:
        raise Problem(f"something is removed on {found['removing']} {found['subject']} (--fail-on removal)")


def _asked(
    client: Client, rev: str | None, base: str | None, trait: Sequence[str], configcrate: str | None
) -> dict[str, Any]:
    if rev is None and not trait:
        raise typer.BadParameter("name a REV, or a --trait to assume; with --repo neither is needed")
    given = {"rev": rev, "base": base, "configcrate": configcrate}
    query = [(name, value) for name, value in given.items() if value is not None]
    answer: dict[str, Any] = client.get(f"/api/v1/preview?{urlencode([*query, *(('trait', each) for each in trait)])}")
    return answer


def _compared(
    repo: Path,
    rev: str | None,
    base: str | None,
    hosts: Path | None,
    traits: Path | None,
    trait: Sequence[str],
    configcrate: str | None,
) -> dict[str, Any]:
    """The same with no server: from two trees of a repository, and what files say of hosts."""
    from reconciler import graph, previews
    from reconciler.documents.complaints import nearest
    from reconciler.rendering import Pool

    seen = hosts_said.traits(traits) if traits is not None else {}
    names = hosts_said.names(hosts) if hosts is not None else sorted(seen) if seen else None
    try:
        overrides = previews.assumed(trait)
    except previews.BadTrait as error:
        raise Problem(str(error), hint=error.hint) from error
    cache = graph.Cache()
    one = local.graph_at(repo, base or "HEAD", cache)
    other = local.graph_at(repo, rev, cache)
    if configcrate is not None and configcrate not in {*one.crates, *other.crates}:
        near = nearest(configcrate, {*one.crates, *other.crates})
        raise Problem(f"there is no configcrate {configcrate} in either revision", hint=near)
    subjects = previews.of_blocks(one, other) if names is None else previews.of_hosts(one, other, names)
    comparison = previews.compare(
        one,
        other,
        subjects,
        subject="blocks" if names is None else "hosts",
        overrides=overrides,
        configcrate=configcrate,
    )
    pool = Pool(previews.JUDGE)
    try:
        told = comparison.answer(
            seen,
            lambda jobs: pool.run(jobs, deadline_s=RENDERING_S),
            base_rev=base or "HEAD",
            other_rev=rev or AS_THEY_STAND,
        )
    finally:
        pool.close()
    found: dict[str, Any] = told.model_dump(mode="json")
    return found
