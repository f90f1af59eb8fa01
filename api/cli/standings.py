"""`vigo status`: how far a commit has come, once or live.

On a terminal `--watch` draws over itself; elsewhere it prints a line whenever something has changed.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from api.cli import output
from api.cli.client import Client, connected, segment
from api.cli.exits import Exit
from api.cli.options import Json
from schema.standings import StandingClass

if TYPE_CHECKING:
    from rich.console import RenderableType

EVERY_S: Final = 1.0
_BAR: Final = 40
_NAMED: Final = 3
_WORDS: Final = {
    "applied": "have it",
    "wave": "in wave",
    "approval": "wait for an approval",
    "blocked": "blocked",
    "failed": "failed",
    "frozen": "frozen",
    "maintenance": "in maintenance",
    "quarantined": "in quarantine",
    "offline": "offline",
    "superseded": "went on to a newer commit",
    "unmatched": "not named by it",
}
_TONES: Final = {
    "applied": "green",
    "wave": "cyan",
    "approval": "yellow",
    "blocked": "red",
    "failed": "red",
    "frozen": "blue",
    "maintenance": "magenta",
    "quarantined": "magenta",
    "offline": "bright_black",
    "superseded": "bright_black",
    "unmatched": "bright_black",
}
_ON_THEIR_WAY: Final = ("wave", "approval", "frozen")


@connected
def status(
    client: Client,
    commit: Annotated[
        str, typer.Argument(metavar="[COMMIT]", help="A commit, sequence or RFC 3339 time; else what is in force.")
    ] = "current",
    *,
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Show it live, until all have it or nothing moves any more.")
    ] = False,
    hosts: Annotated[
        StandingClass | None, typer.Option(metavar="CLASS", help="List the hosts of this class: failed, frozen ...")
    ] = None,
    json_: Json = False,
) -> None:
    """Show how far a commit has come: every host in one class, with when the rest will be there.

    With --watch ends 1 when nothing moves any more and somebody does not have it.
    """
    path = f"/api/v1/standings/{segment(commit)}"
    if hosts is not None:
        _list(client, path, hosts.value, json_=json_)
    elif watch:
        told = _watched(lambda: client.get(path), json_=json_)
        if not told["complete"]:
            raise typer.Exit(Exit.ERROR)
    else:
        told = client.get(path)
        if json_:
            output.emit_json(told)
        else:
            for text in _lines(told):
                output.line(output.visible(text))


def _watched(ask: Callable[[], dict[str, Any]], *, json_: bool) -> dict[str, Any]:
    """The last of what was seen."""
    told = ask()
    if sys.stdout.isatty() and not json_:
        from rich.live import Live

        with Live(_drawn(told), refresh_per_second=4, transient=False) as live:
            while not is_over(told):
                time.sleep(EVERY_S)
                told = ask()
                live.update(_drawn(told))
        return told
    last: dict[str, int] | None = None
    while True:
        if told["counts"] != last:
            last = told["counts"]
            if json_:
                output.emit_json(told)
            else:
                output.line(_line(told))
            sys.stdout.flush()
        if is_over(told):
            return told
        time.sleep(EVERY_S)
        told = ask()


def is_over(told: dict[str, Any]) -> bool:
    """Whether nobody is on the way any more."""
    return bool(told["complete"]) or not any(told["counts"][name] for name in _ON_THEIR_WAY)


def _head(told: dict[str, Any]) -> str:
    state = "in force" if told["state"] == "in_force" else str(told["state"])
    word = "since" if told["state"] == "in_force" else "in force from"
    since = f" {word} {output.when(told['in_force_at'])}" if told.get("in_force_at") else ""
    if since and word != "since":
        since = "," + since
    return f"{told['commit'][:12]} (version {told['version']}), {state}{since}"


def _line(told: dict[str, Any]) -> str:
    counts = ", ".join(f"{count} {_brief(name)}" for name, count in told["counts"].items() if count)
    return f"{told['commit'][:12]}: {counts or 'no hosts'}{_eta(told, '; ')}"


def _brief(name: str) -> str:
    return "on their way" if name == "wave" else _WORDS.get(name, name)


def _lines(told: dict[str, Any]) -> list[str]:
    lines = [_head(told)]
    width = len(str(told["total"]))
    lines += [f"  {part['count']:>{width}}  {_part(part)}" for part in told["parts"]]
    if not told["parts"]:
        lines.append("  no hosts")
    return [*lines, *([text] if (text := _eta(told)) else [])]


def _part(part: dict[str, Any]) -> str:
    words = _WORDS.get(part["name"], part["name"])
    if part["name"] == "wave" and not part.get("wave"):
        words = "on their way"
    elif part.get("wave"):
        wave = part.get("wave_name") or part["wave"]
        words += f" {wave}" if part["name"] == "wave" else f" (wave {wave})"
    if part["name"] == "frozen" and part["hosts"] and part["hosts"][0].get("until"):
        words += f" until {output.when(part['hosts'][0]['until'])}"
    told = ", ".join(_host(host, part["name"]) for host in part["hosts"][:_NAMED] if part["name"] != "applied")
    if told and part["count"] > _NAMED:
        told += " ..."
    return f"{words}{': ' if told else ''}{told}{' - ' + part['cause'] if part.get('cause') else ''}"


def _host(host: dict[str, Any], name: str) -> str:
    if name == "failed":
        cause = ": ".join(text for text in (host.get("resource"), host.get("cause")) if text)
        return f"{host['hostname']} ({cause.splitlines()[0][:100]})" if cause else str(host["hostname"])
    if name == "offline" and host.get("since"):
        return f"{host['hostname']} (since {output.when(host['since'])})"
    return str(host["hostname"])


def _eta(told: dict[str, Any], before: str = "") -> str:
    eta = told["eta"]
    if told["complete"]:
        return ""
    if eta.get("at"):
        without = f", {eta['why']}" if eta["why"] else ""
        return f"{before}the rest by {output.when(eta['at'])}{without}"
    return f"{before}{eta['why']}" if eta["why"] else ""


def _drawn(told: dict[str, Any]) -> RenderableType:
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    table.add_column(justify="right")
    for _ in range(2):
        table.add_column()
    for part in told["parts"]:
        tone = _TONES.get(part["name"], "")
        table.add_row(
            Text(str(part["count"]), style=f"bold {tone}"),
            Text(_filled(part["count"], told["total"]), style=tone),
            Text(output.visible(_part(part))),
        )
    foot = _eta(told) or ("all have it" if told["complete"] else "")
    return Group(
        Text(output.visible(_head(told)), style="bold"), table, Text(output.visible(foot), style="bright_black")
    )


def _filled(count: int, total: int) -> str:
    cells = max(1, round(_BAR * count / total)) if count and total else 0
    return "█" * cells


def _list(client: Client, path: str, name: str, *, json_: bool) -> None:
    found: list[dict[str, Any]] = []
    after = ""
    while True:
        page = client.request("GET", f"{path}/hosts", query={"class": name, "after": after or None, "limit": 500})
        found += page["hosts"]
        after = page.get("next_after", "")
        if not after:
            break
    if json_:
        output.emit_json({"hosts": found})
        return
    output.table(
        ("hostname", "wave", "until", "since", "resource", "cause"),
        [
            (
                host["hostname"],
                host.get("wave", ""),
                output.when(host.get("until")),
                output.when(host.get("since")),
                host.get("resource", ""),
                host.get("cause", ""),
            )
            for host in found
        ],
        empty=f"no host is {name}",
    )
