"""`vigo signers`: whose signatures count for a commit, what they may change, and who has to agree."""

from __future__ import annotations

import json
import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from api.cli import output
from api.cli.client import Client, connected, segment
from api.cli.exits import Exit, Problem
from api.cli.options import Json, whole_commit

app = typer.Typer(no_args_is_help=True, help="Whose signatures count for a commit, and who has to agree.")

MAX_FILE_BYTES: Final = 512 * 1024

Reason = Annotated[str, typer.Option("--reason", help="Why; it stands in the audit log.")]
Commit = Annotated[str, typer.Argument(metavar="COMMIT", help="All 40 digits.", callback=whole_commit)]
Limit = Annotated[int, typer.Option("--limit", help="How many.", min=1, max=200)]


@app.command("list")
@connected
def list_(client: Client, *, json_: Json = False) -> None:
    """List whose keys count, and until when."""
    found = client.get("/api/v1/signers")
    if json_:
        output.emit_json(found)
        return
    output.table(
        ("principal", "account", "key", "from", "until", "state"),
        [
            (
                each["principal"],
                each["username"],
                each["fingerprint"],
                output.when(each.get("valid_after")),
                output.when(each.get("valid_before")),
                _state(each),
            )
            for each in found["signers"]
        ],
        empty="no signers",
    )


@app.command()
@connected
def add(
    client: Client,
    principal: Annotated[str, typer.Argument(metavar="PRINCIPAL", help="Whose key it is: alice@example.com.")],
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="The public key: of SSH, or armoured OpenPGP; - is stdin.")
    ],
    *,
    user: Annotated[str, typer.Option("--user", help="The account of the same person.")] = "",
    after: Annotated[str | None, typer.Option("--after", help="Count from then on: 2026-01-01T00:00:00Z.")] = None,
    before: Annotated[str | None, typer.Option("--before", help="Count until then.")] = None,
    reason: Reason = "",
) -> None:
    """Let a key count, or say something else of one that does."""
    body = {"principal": principal, "key": _read(file), "username": user, "reason": reason}
    times = {"valid_after": after, "valid_before": before}
    _changed(client.post("/api/v1/signers", body | {name: at for name, at in times.items() if at is not None}))


@app.command("import")
@connected
def import_(
    client: Client,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="As for `gpg.ssh.allowedSignersFile`; - is stdin.")],
    *,
    reason: Reason = "",
) -> None:
    """Let the keys of an OpenSSH file of allowed signers count: all of them, or none."""
    _changed(client.post("/api/v1/signers/import", {"text": _read(file), "reason": reason}))


@app.command()
@connected
def revoke(
    client: Client,
    key: Annotated[str, typer.Argument(metavar="FINGERPRINT", help="As `vigo signers list` shows it.")],
    *,
    reason: Reason,
) -> None:
    """Let a key count for nothing any more that is not in force yet. Nobody takes it back."""
    found = [each for each in client.get("/api/v1/signers")["signers"] if key in (each["fingerprint"], each["id"])]
    if not found:
        raise Problem(f"there is no key {key}", hint="`vigo signers list` shows them")
    client.put(f"/api/v1/signers/keys/{segment(found[0]['id'])}/revocation", {"reason": reason})
    output.line(f"{output.visible(found[0]['fingerprint'])} of {output.visible(found[0]['principal'])} is revoked")


@app.command()
@connected
def policy(
    client: Client,
    *,
    set_: Annotated[
        Path | None,
        typer.Option("--set", metavar="FILE", help="Put this in its place: JSON as --json shows; - is stdin."),
    ] = None,
    reason: Reason = "",
    json_: Json = False,
) -> None:
    """Show what commits need before they come into force, or put something else in its place."""
    if set_ is not None:
        try:
            given = json.loads(_read(set_))
        except ValueError as error:
            raise Problem(f"{set_} is not JSON: {error}", hint="`vigo signers policy --json` shows the form") from error
        # As --json shows it, with the version that it was taken from: refused where another came between.
        whole = given if isinstance(given, dict) and "policy" in given else {"policy": given}
        body = {"policy": whole["policy"], "reason": reason, "version": whole.get("version")}
        _changed(client.put("/api/v1/signers/policy", body))
        return
    found = client.get("/api/v1/signers/policy")
    if json_:
        output.emit_json(found)
        return
    asked = found["policy"]
    output.fields(
        (
            ("version", found["version"] or "0: nothing is asked"),
            ("signatures", _asked(asked)),
            ("two people", ", ".join(asked["two_person"]) or "nowhere"),
            ("exempt", ", ".join(each[:12] for each in asked["exempt"]) or "nothing"),
        )
    )
    if asked["rules"]:
        output.line()
        output.table(
            ("paths", "branches", "signers", "of them"),
            [
                (", ".join(rule["paths"]), ", ".join(rule["branches"]), ", ".join(rule["signers"]), rule["threshold"])
                for rule in asked["rules"]
            ],
        )


@app.command()
@connected
def check(client: Client, commit: Commit, *, json_: Json = False) -> None:
    """Show what a commit would still need on top of the one in force.

    Ends 2 when it needs something.
    """
    found = client.get(f"/api/v1/signers/commits/{segment(commit)}")
    if json_:
        output.emit_json(found)
    elif found["trusted"]:
        output.line(f"{commit[:12]} needs nothing; {found['commits']} commits were looked at")
    else:
        for item in found["diagnostics"]:
            output.complaint(item)
    if not found["trusted"]:
        raise typer.Exit(Exit.INVALID)


@app.command()
@connected
def approve(client: Client, commit: Commit, *, reason: Reason = "") -> None:
    """Stand behind a commit of somebody else, and so behind all that it brings; says what it still lacks."""
    client.post("/api/v1/signers/approvals", {"commit": commit, "reason": reason})
    output.line(f"you stand behind {commit[:12]}; it is judged again")
    for item in client.get(f"/api/v1/signers/commits/{segment(commit)}")["diagnostics"]:
        output.complaint(item)


@app.command()
@connected
def approvals(client: Client, *, limit: Limit = 50, json_: Json = False) -> None:
    """List who stands behind which commit, newest first."""
    found = client.get("/api/v1/signers/approvals", limit=limit)
    if json_:
        output.emit_json(found)
        return
    output.table(
        ("commit", "by", "at", "reason"),
        [
            (each["commit"][:12], each["username"], output.when(each["approved_at"]), each["reason"])
            for each in found["approvals"]
        ],
        empty="no approvals",
    )


@app.command()
@connected
def proposals(client: Client, *, limit: Limit = 50, json_: Json = False) -> None:
    """List what waits for a second person, and what became of others."""
    found = client.get("/api/v1/signers/proposals", limit=limit)
    if json_:
        output.emit_json(found)
        return
    output.table(
        ("id", "state", "what", "by", "at", "reason"),
        [
            (
                each["id"],
                each["state"],
                each["summary"],
                each["proposed_by"],
                output.when(each["proposed_at"]),
                each["reason"],
            )
            for each in found["proposals"]
        ],
        empty="no proposals",
    )


@app.command()
@connected
def confirm(client: Client, proposal: Annotated[str, typer.Argument(metavar="ID", help="Of the proposal.")]) -> None:
    """Put what somebody else proposed into effect."""
    _changed(client.put(f"/api/v1/signers/proposals/{segment(proposal)}/confirmation", {}))


@app.command()
@connected
def withdraw(client: Client, proposal: Annotated[str, typer.Argument(metavar="ID", help="Of the proposal.")]) -> None:
    """Let a proposal go."""
    client.delete(f"/api/v1/signers/proposals/{segment(proposal)}")
    output.line("it waits no longer")


@app.command()
@connected
def log(client: Client, *, limit: Limit = 50, json_: Json = False) -> None:
    """List where the tracked ref was seen, and what became of that; newest first."""
    found = client.get("/api/v1/signers/log", limit=limit)
    if json_:
        output.emit_json(found)
        return
    output.table(
        ("seen", "ref", "from", "to", "result"),
        [
            (
                output.when(each["seen_at"]),
                each["ref"],
                (each.get("old") or "")[:12],
                (each.get("new") or "gone")[:12],
                each["result"].replace("_", " "),
            )
            for each in found["moves"]
        ],
        empty="the ref was not seen yet",
    )


def _changed(found: Any) -> None:
    if found["status"] == "proposed":
        output.line(f"proposed: another person confirms it with `vigo signers confirm {found['proposal']['id']}`")
    else:
        output.line(f"{found['status']}: version {found['version']}")


def _state(signer: dict[str, Any]) -> str:
    """Whether a key counts now, by the clock of this machine."""
    now = datetime.now(UTC)
    if signer.get("revoked_at"):
        return "revoked"
    if (before := signer.get("valid_before")) and datetime.fromisoformat(before) <= now:
        return "expired"
    if (after := signer.get("valid_after")) and datetime.fromisoformat(after) > now:
        return "not yet"
    return "ok"


def _asked(policy: dict[str, Any]) -> str:
    if policy["required"]:
        return "required of every commit"
    return "where a rule says so" if policy["rules"] or policy["two_person"] else "not required"


def _read(file: Path) -> str:
    try:
        raw = sys.stdin.buffer.read(MAX_FILE_BYTES + 1) if str(file) == "-" else file.read_bytes()
    except OSError as error:
        raise Problem(f"{file} cannot be read: {error.strerror}") from error
    if len(raw) > MAX_FILE_BYTES:
        raise Problem(f"{file} has more than {MAX_FILE_BYTES} bytes")
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise Problem(f"{file} is not text", hint="`gpg --export --armor` writes a key as text") from error
    if re.search(r"-----BEGIN [A-Z ]*PRIVATE KEY", text):
        raise Problem(
            f"{file} is a private key: nothing was sent",
            hint="name its public half: FILE.pub, or what `gpg --export --armor` prints",
        )
    return text
