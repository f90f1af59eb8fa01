"""`vigo sources` and `vigo refs`: what the server follows, and what waits beside it."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from api.cli import output
from api.cli.client import Client, connected
from api.cli.exits import Exit
from api.cli.options import Json


@connected
def sources(client: Client, *, json_: Json = False) -> None:
    """Show which repository the server follows, and how reading it goes.

    Ends 1 when it cannot be read; what is in force stays.
    """
    found = client.get("/api/v1/sources")
    if json_:
        output.emit_json(found)
    else:
        polling, error = found["polling"], found["error"]
        pairs: list[tuple[str, object]] = [
            ("state", found["state"]),
            ("repository", output.visible(found["location"]) or "none"),
            ("tracked", output.visible(found["track"])),
            ("commit", found["commit"] or "nothing yet"),
            ("preview refs", f"{found['refs']} ({output.visible(', '.join(found['preview'])) or 'no patterns'})"),
            ("last read", output.when(found["last_read_at"]) if found["last_read_at"] else "never"),
        ]
        if polling is not None:
            pairs += [
                ("polled", f"every {polling['interval_s']:g} s"),
                ("next", output.when(polling["next_at"]) if polling["next_at"] else "not known yet"),
            ]
        pairs += [(f"hooks of {hook['provider']}", _hook(hook)) for hook in found["hooks"]]
        output.fields(pairs)
        if error is not None:
            output.line(f"\ncannot be read since {output.when(error['since'])}:", tone="failed")
            output.line(output.visible(f"{error['message']} ({error['code']})"))
    if found["error"] is not None:
        raise typer.Exit(Exit.ERROR)


@connected
def refs(
    client: Client,
    name: Annotated[
        str | None, typer.Argument(metavar="[REF]", help="One ref, with what is wrong with it or whom it would change.")
    ] = None,
    *,
    limit: Annotated[int, typer.Option(min=1, max=200, help="How many.")] = 100,
    json_: Json = False,
) -> None:
    """List the refs that the server looks at beside the tracked one: whether each is valid, and whom it would change.

    With a REF, ends 2 when its head is not valid, 1 when there is no such ref.
    """
    found = client.get("/api/v1/sources/refs", name=name, limit=limit)
    if json_:
        output.emit_json(found)
    elif name is None:
        output.table(
            ("ref", "state", "commit", "author", "committed", "would change"),
            [_row(each) for each in found["refs"]],
            empty="no ref fits a pattern of `vigo serve --preview`; `vigo sources` shows the patterns",
        )
        unlisted = found["count"] - len(found["refs"]) + found["left_out"]
        if unlisted:
            output.note(f"{unlisted} more refs are not listed")
    for each in found["refs"] if name is not None and not json_ else ():
        _show(each)
    if name is not None and not found["refs"]:
        output.failure(f"the server looks at no ref {output.visible(name)}", "`vigo refs` lists them")
        raise typer.Exit(Exit.ERROR)
    if name is not None and found["refs"][0]["state"] == "invalid":
        raise typer.Exit(Exit.INVALID)


def _hook(hook: dict[str, Any]) -> str:
    return f"{hook['accepted']} taken, {hook['refused']} refused; last {output.when(hook['last_at'])}: {hook['last']}"


def _row(each: dict[str, Any]) -> tuple[object, ...]:
    return (
        each["name"],
        each["state"],
        each["commit"][:12],
        each["author"],
        output.when(each["committed_at"]) if each["committed_at"] else "",
        _change(each),
    )


def _change(each: dict[str, Any]) -> str:
    outlook = each["outlook"]
    if each["errors"]:
        return f"{each['errors']} error{'s' if each['errors'] > 1 else ''}"
    if outlook is None:
        return output.visible(each["message"])
    return f"{outlook['changed']} of {outlook['hosts']}"


def _show(each: dict[str, Any]) -> None:
    output.fields(
        (
            ("ref", output.visible(each["ref"])),
            ("state", each["state"]),
            ("commit", each["commit"]),
            ("author", output.visible(each["author"])),
            ("summary", output.visible(each["summary"])),
            ("committed", output.when(each["committed_at"]) if each["committed_at"] else ""),
            ("seen", output.when(each["moved_at"])),
        )
    )
    if each["message"]:
        output.line(output.visible(each["message"]))
    for item in each["diagnostics"]:
        output.complaint(item)
    if each["errors"] > len(each["diagnostics"]):
        output.note(f"{each['errors'] - len(each['diagnostics'])} more are not shown")
    outlook = each["outlook"]
    if outlook is None:
        if each["state"] == "valid" and not each["message"]:
            output.line("whom it would change is not worked out yet")
        return
    output.line()
    output.line(output.visible(outlook["summary"]))
    output.table(
        ("change", "certainty", "hosts", "among them"),
        [
            (touched["title"], touched["certainty"], touched["count"], ", ".join(touched["hosts"]))
            for touched in outlook["classes"]
        ],
        empty="no host would change",
    )
