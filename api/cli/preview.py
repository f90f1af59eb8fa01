"""`vigo preview`: what a branch would change, host by host, before anybody merges it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final
from urllib.parse import urlencode

import typer

from api.cli import local, output
from api.cli.client import Client, connected
from api.cli.exits import Problem
from api.cli.options import AsJson, Repo

if TYPE_CHECKING:
    from reconciler.graph import Cache, Graph
    from reconciler.repository.trees import Tree

RENDERING_S: Final = 60.0
MAX_HOSTS: Final = 200_000
MAX_FILE_BYTES: Final = 512 * 1024 * 1024
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

    seen = _traits(traits) if traits is not None else {}
    names = _hosts(hosts) if hosts is not None else sorted(seen) if seen else None
    try:
        overrides = previews.assumed(trait)
    except previews.BadTrait as error:
        raise Problem(str(error), hint=error.hint) from error
    cache = graph.Cache()
    one = _graph(repo, base or "HEAD", cache)
    other = _graph(repo, rev, cache)
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


def _graph(repo: Path, rev: str | None, cache: Cache) -> Graph:
    from reconciler import graph

    tree = _tree(repo, rev)
    compilation = graph.compile_tree(tree, cache)
    if compilation.graph is None:
        raise local.InvalidConfig(tree, compilation.diagnostics)
    return compilation.graph


def _tree(repo: Path, rev: str | None) -> Tree:
    """The tree of a revision; `origin/main`, as a checkout of CI has it, is a remote's branch."""
    from reconciler.repository.faults import RevisionNotFound

    try:
        return local.open_tree(repo, rev=rev)
    except RevisionNotFound as not_found:
        if rev is None or "/" not in rev or rev.startswith("refs/"):
            raise
        try:
            return local.open_tree(repo, rev=f"refs/remotes/{rev}")
        except RevisionNotFound:
            raise not_found from None


def _hosts(path: Path) -> list[str]:
    lines = (line.partition("#")[0].strip().lower().rstrip(".") for line in _text(path).splitlines())
    names = list(dict.fromkeys(filter(None, lines)))
    if len(names) > MAX_HOSTS:
        raise Problem(f"{path} names {len(names)} hosts; at most {MAX_HOSTS} are looked at")
    return names


def _traits(path: Path) -> dict[str, Mapping[str, Any]]:
    """Traits by host name: a map of them, or what `GET /api/v1/inventory` answers."""
    try:
        found = json.loads(_text(path))
    except ValueError as error:
        raise Problem(f"{path} is not JSON: {error}") from error
    if isinstance(found, dict) and isinstance(found.get("envoys"), list):
        found = {each.get("hostname"): each.get("traits") for each in found["envoys"] if isinstance(each, dict)}
    if not isinstance(found, dict) or not all(isinstance(each, dict) for each in found.values()):
        raise Problem(f"{path} does not say traits by host name", hint='{"web01.example.com": {"os": {...}}}')
    return {str(name).lower(): each for name, each in found.items()}


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise Problem(f"{path} has more than {MAX_FILE_BYTES} bytes")
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Problem(f"{path} cannot be read: {error}") from error
