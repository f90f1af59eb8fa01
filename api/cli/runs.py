"""`vigo runs`: what each convergence did."""

from __future__ import annotations

from typing import Annotated, Any

import typer
import typer.core

from api.cli import output
from api.cli.client import Client, connected, segment
from api.cli.options import Json


class _ListsUnlessTold(typer.core.TyperGroup):
    """`vigo runs` is `vigo runs list`, with its options."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        told = args and (not args[0].startswith("-") or args[0] in ctx.help_option_names)
        return super().parse_args(ctx, args if told else ["list", *args])


app = typer.Typer(
    cls=_ListsUnlessTold, help="What each convergence did on a host, resource by resource. Alone: the list."
)


@app.command("list")
@connected
def list_(
    client: Client,
    *,
    host: Annotated[str | None, typer.Option(metavar="HOST", help="Only runs of this host: hostname or id.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=200, help="How many.")] = 50,
    json_: Json = False,
) -> None:
    """List recent runs, newest first."""
    found = client.get("/api/v1/runs", hostname=host, limit=limit)
    if json_:
        output.emit_json(found)
        return
    output.table(
        ("run", "hostname", "started", "trigger", "status", "changed", "failed", "seconds", "commit"),
        [_row(run) for run in found["runs"]],
        empty="no runs yet",
    )


@app.command()
@connected
def show(
    client: Client,
    run: Annotated[str, typer.Argument(metavar="RUN", help="The run's id.")],
    *,
    every: Annotated[bool, typer.Option("--all", help="Show unchanged resources as well.")] = False,
    json_: Json = False,
) -> None:
    """Show one run with its resources: what changed, with diffs, and what failed."""
    found = client.get(f"/api/v1/runs/{segment(run)}")
    if json_:
        output.emit_json(found)
        return
    output.fields((key, value) for key, value in found.items() if key != "resources" and not isinstance(value, dict))
    output.line()
    resources = found["resources"]
    shown = [item for item in resources if every or item["outcome"] != "unchanged"]
    output.table(
        ("resource", "type", "outcome", "action", "ms", "written at", "why"),
        [
            (
                item["id"],
                item["type"],
                item["outcome"],
                item["action"],
                round(item["duration_us"] / 1_000, 1),
                f"{item['file']}:{item['line']}" if item.get("file") else "",
                item.get("error") or item.get("reason") or "",
            )
            for item in shown
        ],
        empty=f"{len(resources)} resources, all unchanged",
    )
    for item in shown:
        if item.get("diff"):
            output.line(f"\n{output.visible(item['id'])}", tone="bold")
            output.diff(item["diff"])


def _row(run: dict[str, Any]) -> tuple[object, ...]:
    return (
        run["id"],
        run.get("hostname"),
        output.when(run["started"]),
        run["trigger"],
        run["status"],
        run.get("changed", 0),
        run.get("failed", 0),
        round(run["duration_us"] / 1_000_000, 3),
        run["commit"][:12],
    )
