"""`vigo rollout plan`: in which waves a branch would reach the hosts, before anybody merges it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from api.cli import hosts_said, local, output
from api.cli.client import Client, connected
from api.cli.exits import Exit, Problem
from api.cli.options import Json, Repo

if TYPE_CHECKING:
    from reconciler.graph import Graph

NAMED: Final = 8
"""Hosts of a wave, a class or a violation that are named; others are counted."""
_BASE: Final = "0" * 40
"""What stands for the base, which may be files in a directory."""


@connected
def plan(
    client: Client,
    *,
    ref: Annotated[
        str | None,
        typer.Option(
            "--ref", metavar="REV", help="A branch, tag or commit; with --repo, none: the files as they stand."
        ),
    ] = None,
    base: Annotated[
        str | None,
        typer.Option(metavar="REV", help="With --repo: what hosts have now, for all of them; else its HEAD."),
    ] = None,
    repo: Repo = None,
    hosts: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="With --repo: host names, one a line; else those that match blocks name."),
    ] = None,
    traits: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="With --repo: what hosts are, as JSON by name or as the inventory has it."),
    ] = None,
    json_: Json = False,
) -> None:
    """Show in which waves a revision would reach the hosts: canaries, classes of changes, and invariants it breaks.

    Ends 1 when an invariant does not hold: nothing would be rolled out.
    """
    if repo is None and (hosts is not None or traits is not None or base is not None):
        raise typer.BadParameter("--hosts, --traits and --base go with --repo")
    if repo is None and ref is None:
        raise typer.BadParameter("name a --ref, or a --repo whose files as they stand are meant")
    found: dict[str, Any] = (
        client.get("/api/v1/rollouts/plan", ref=ref) if repo is None else _planned(repo, ref, base, hosts, traits)
    )
    if json_:
        output.emit_json(found)
    else:
        show(found)
    if found["violations"]:
        raise typer.Exit(Exit.ERROR)


def show(plan: Mapping[str, Any]) -> None:
    """Print a plan: its waves, who is a canary for what, and what it breaks."""
    _say(f"{_hosts(plan['count'])} to change, {plan['unchanged']} to stay as they are", tone="bold")
    if plan["unmatched"]:
        _say(f"{_hosts(plan['unmatched'])} to keep what they have: no match block applies to them any more")
    if plan["require_approval"]:
        _say(f"nothing begins before {_people(plan['approvals'])} approved the plan {plan['plan_root'][:12]}")
    if plan["waves"]:
        output.line()
        output.table(
            ("wave", "hosts", "may fail", "at once", "then", "before it", "who"), [_row(wave) for wave in plan["waves"]]
        )
    if plan["classes"]:
        output.line()
        output.table(
            ("hosts", "systems", "changes", "canaries"),
            [
                (
                    each["count"],
                    ", ".join(f"{system or '?'}: {number}" for system, number in each["systems"].items()),
                    each["title"],
                    _some(each["canaries"]) or "-",
                )
                for each in plan["classes"]
            ],
        )
        if plan["classes_left_out"]:
            _say(f"and {plan['classes_left_out']} classes more")
    for each in plan["violations"]:
        show_violation(each)
    if plan["violations_left_out"]:
        _say(f"and {plan['violations_left_out']} more that would not hold")


def _row(wave: Mapping[str, Any]) -> tuple[object, ...]:
    before = [f"approval by {_people(wave['approvals'])}"] if wave["approvals"] else []
    before += [f"{_days(each['days'])} {each['hours']} {each['zone']}" for each in wave["windows"]]
    then = [_seconds(wave["pause_s"])] if wave["pause_s"] else []
    then += [each["url"] or shlex.join(each["command"]) for each in wave["health"]]
    return (
        wave["name"],
        wave["count"],
        wave["max_failures"],
        wave["max_in_flight"] or "all",
        ", ".join(then) or "-",
        ", ".join(before) or "-",
        _some(wave["hosts"], wave["left_out"]),
    )


def _days(days: Sequence[str]) -> str:
    """Days in a row as the first and the last, as in the document."""
    week = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    places = sorted(week.index(day) for day in days)
    if len(places) > 2 and places == list(range(places[0], places[-1] + 1)):
        return f"{week[places[0]]}-{week[places[-1]]}" if len(places) < len(week) else "every day"
    return "+".join(days)


def show_violation(each: Mapping[str, Any]) -> None:
    when = f"during the wave {each['wave']}" if each["wave"] is not None else "when all is done"
    who = f"{each['group']}: " if each["group"] else ""
    output.line()
    _say(f"{each['file']}:{each['line']}: {each['invariant']} would not hold {when}", tone="red")
    _say(f"  {each['message']}")
    _say(f"  {who}{each['count']} of {each['of']} hosts, not {each['bound']}")
    for word, key in (("have the new revision then", "new"), ("still have the old one then", "old")):
        if each[key]:
            more = f" and {each[f'{key}_left_out']} more" if each[f"{key}_left_out"] else ""
            _say(f"  {word}: {', '.join(each[key])}{more}")


def _say(text: str, *, tone: str | None = None) -> None:
    output.line(output.visible(text), tone=tone)


def _some(names: Sequence[str], left_out: int = 0) -> str:
    more = max(0, len(names) - NAMED) + left_out
    return ", ".join(names[:NAMED]) + (f" and {more} more" if more else "")


def _hosts(number: int) -> str:
    return "1 host" if number == 1 else f"{number} hosts"


def _people(number: int) -> str:
    return "one person" if number == 1 else f"{number} people"


def _seconds(seconds: int) -> str:
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "m")):
        if seconds % size == 0:
            return f"pause {seconds // size}{unit}"
    return f"pause {seconds}s"


def _planned(repo: Path, ref: str | None, base: str | None, hosts: Path | None, traits: Path | None) -> dict[str, Any]:
    """The plan with no server: from two trees of a repository, and what files say of hosts."""
    from reconciler import graph
    from reconciler.rollout import facts, planning
    from schema.rollouts import PlanPreview

    seen = hosts_said.traits(traits) if traits is not None else {}
    cache = graph.Cache()
    one = replace(local.graph_at(repo, base or "HEAD", cache), commit=_BASE)
    other = replace(local.graph_at(repo, ref, cache), commit=None)
    names = hosts_said.names(hosts) if hosts is not None else sorted(seen) or _named(one, other)
    said = [
        planning.HostFacts(name, os=facts.system_of(seen.get(name, {})), base=_BASE, traits=seen.get(name, {}))
        for name in names
    ]
    made = PlanPreview.of(planning.plan(other, said, {_BASE: one}, classes=True))
    found: dict[str, Any] = made.model_dump(mode="json")
    return found | {"base": None}


def _named(one: Graph, other: Graph) -> list[str]:
    """Hosts that match blocks name exactly, in either revision."""
    from reconciler.graph.patterns import PatternKind

    names = {
        pattern.folded
        for graph in (one, other)
        for pattern in graph.matcher.patterns
        if pattern.kind is PatternKind.EXACT
    }
    if not names:
        raise Problem("no match block names a host: say which there are", hint="--hosts FILE has one a line")
    output.note(f"note: of {len(names)} hosts that match blocks name; --hosts FILE says which there are")
    return sorted(names)
