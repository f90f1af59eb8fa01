"""`vigo config publishes | versions | rollback | promote | signer`: what came into force, and going back to it."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote

import typer

from api.cli import output
from api.cli.client import Client, connected
from api.cli.exits import Exit
from api.cli.options import Json

Reason = Annotated[str, typer.Option(metavar="TEXT", help="Why; it stands in the commit and in the audit log.")]
Propose = Annotated[bool, typer.Option("--propose", help="Commit to a branch of its own, for review.")]


@connected
def publishes(
    client: Client,
    publish: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="Show this one, with its diff.", show_default=False)
    ] = None,
    *,
    limit: Annotated[int, typer.Option(min=1, max=100, help="How many.")] = 20,
    json_: Json = False,
) -> None:
    """List what came into force and what each commit changed, newest first; or show one with its diff."""
    if publish is not None:
        found = client.get(f"/api/v1/config/publishes/{quote(publish, safe='')}")
        if json_:
            output.emit_json(found)
            return
        output.fields(
            (
                ("id", found["id"]),
                ("when", found["timestamp"]),
                ("by", found["operator"]),
                ("commit", found.get("commit") or "none"),
                ("summary", found["summary"]),
            )
        )
        output.line(output.visible(found["diff_summary"], lines=True))
        return
    found = client.get("/api/v1/config/publishes", limit=limit)
    if json_:
        output.emit_json(found)
        return
    output.table(
        ("id", "when", "by", "commit", "changed", "removed", "summary"),
        [
            (
                each["id"],
                output.when(each["timestamp"]),
                each["operator"],
                (each.get("commit") or "")[:12],
                len(each["changed_files"]),
                len(each["removed_files"]),
                each["summary"],
            )
            for each in found["publishes"]
        ],
        empty="nothing was ever in force",
    )


@connected
def versions(
    client: Client,
    *,
    limit: Annotated[int, typer.Option(min=1, max=200, help="How many.")] = 50,
    json_: Json = False,
) -> None:
    """List the versions that were in force, newest first: what `rollback` takes."""
    found = client.get("/api/v1/config/versions", limit=limit)
    if json_:
        output.emit_json(found)
        return
    output.table(
        ("version", "since", "commit", "in force", "author", "summary"),
        [
            (
                each["sequence"],
                each["version"],
                each["commit"][:12],
                "yes" if each["in_force"] else "",
                each["author"],
                each["summary"],
            )
            for each in found["details"]
        ],
        empty="nothing was ever in force",
    )


@connected
def rollback(
    client: Client,
    version: Annotated[str, typer.Argument(metavar="VERSION", help="A sequence, a time as listed, or a commit.")],
    *,
    reason: Reason = "",
    propose: Propose = False,
    json_: Json = False,
) -> None:
    """Go back to a version: a signed commit restores its files, and hosts follow it.

    Ends 1 when that commit is not in force within 30 s.
    """
    path = f"/api/v1/config/rollback/{quote(version, safe='')}"
    show(client.post(path, {"reason": reason, "propose": propose}), json_=json_)


@connected
def promote(
    client: Client,
    ref: Annotated[str, typer.Argument(metavar="BRANCH", help="A branch of the repository, or a commit.")],
    *,
    reason: Reason = "",
    propose: Propose = False,
    json_: Json = False,
) -> None:
    """Bring what a branch changes into the tracked one, as one signed commit of yours.

    Where the tracked branch takes changes by review alone, that is a proposal too: merge the branch where it lives.
    Ends 1 when that commit is not in force within 30 s.
    """
    show(client.post("/api/v1/config/promote", {"ref": ref, "reason": reason, "propose": propose}), json_=json_)


@connected
def signer(client: Client, *, json_: Json = False) -> None:
    """Print the key by which the server signs its commits, as a line of git's allowed signers."""
    found = client.get("/api/v1/config/signer")
    if json_:
        output.emit_json(found)
    else:
        output.line(found["allowed_signers"])


def show(written: dict[str, Any], *, json_: bool) -> None:
    """Tell what became of a write. Ends 1 when it is not in force yet, since what follows may rely on it."""
    if json_:
        output.emit_json(written)
    else:
        output.line(_sentence(written))
    if written["status"] == "accepted":
        raise typer.Exit(Exit.ERROR)


def _sentence(written: dict[str, Any]) -> str:
    commit = (written.get("commit") or "")[:12]
    match written["status"]:
        case "in_force":
            return f"in force: version {written['version']}, commit {commit}"
        case "proposed":
            why = written.get("message") or ""
            said = f"proposed: commit {commit} on branch {written['branch']}: merge it, or see `vigo config promote`"
            return output.visible(f"{said}\nwhy: {why}" if why else said, lines=True)
        case "unchanged":
            return f"unchanged: commit {commit} has it already"
    return f"accepted: not in force yet; `vigo changes show {written['change_id']}` tells on"
