"""`vigo import`: hosts and Ansible inventories, as proposed files of a config repository."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from api.cli import local, output, validate
from api.cli.client import Client, connected, segment
from api.cli.exits import Exit, Problem

if TYPE_CHECKING:
    from reconciler.importing import Proposal
    from reconciler.importing.fitting import Fitted
    from reconciler.repository.trees import Tree

MAX_TRAITS_BYTES: Final = 4 << 20
NO_ENVOY: Final = "there is no such envoy"
HINT: Final = "`vigo envoys list` has those that are enrolled; of another host give --traits FILE"
MAX_SHOWN: Final = 200
"""Files that people see listed; `--json` has them all."""

app = typer.Typer(help="Propose configuration from what there is already.", no_args_is_help=True)

Into = Annotated[Path, typer.Option("--into", metavar="DIR", help="The config repository; may be new.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Write nothing; say what would be written.")]
Force = Annotated[bool, typer.Option("--force", help="Overwrite what stands in the way.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, with every file's text.")]


@app.command("host")
@connected
def host(
    client: Client,
    hostname: Annotated[
        str,
        typer.Argument(metavar="[HOSTNAME]", help="An envoy of the server; or the name to use.", show_default=False),
    ] = "",
    *,
    traits: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Traits as `vigo-agent traits --json` prints them; - is standard input."),
    ] = None,
    root: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The host's root directory, to look into: / on the host itself.")
    ] = None,
    file: Annotated[
        list[str] | None,
        typer.Option("--file", metavar="PATH", help="Import this file or directory, of the host's --root."),
    ] = None,
    packages: Annotated[str, typer.Option(metavar="WHICH", help="manual, all or none.")] = "manual",
    into: Into = Path(),
    dry_run: DryRun = False,
    force: Force = False,
    json_: Json = False,
) -> None:
    """Propose a match block and crates that keep one host as it is.

    What the host is comes from the traits that the server saw last, or with --traits from a file; files, the names of
    groups and which packages came as dependencies are read on the host itself. Private keys, password hashes and files
    that look secret are never taken. Ends 3 when a file is there already and says something else.
    """
    from reconciler.importing import gathering, hosts

    if packages not in list(hosts.Packages):
        raise typer.BadParameter(f"--packages is one of {', '.join(hosts.Packages)}")
    if file and root is None:
        # A remote host's traits with this machine's files would be a mixture that nobody meant.
        raise Problem("whose files?", hint="--root says where the host's disk is: / on the host itself")
    name, said, source = _traits(client, hostname, traits)
    observed = gathering.host(root, file or []) if root is not None else hosts.NOTHING
    proposal = hosts.propose(name, said, observed, packages=hosts.Packages(packages), source=source)
    if root is not None and root.resolve() == Path("/"):
        _tell_other_host(proposal, said)
    _propose(proposal, into, dry_run=dry_run, force=force, json_=json_)


@app.command("ansible")
def ansible(
    inventory: Annotated[
        Path, typer.Argument(metavar="INVENTORY", help="An inventory: a file or directory, or `--list` JSON.")
    ],
    *,
    playbook_dir: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where playbooks stand: their group_vars and host_vars count too."),
    ] = None,
    into: Into = Path(),
    dry_run: DryRun = False,
    force: Force = False,
    json_: Json = False,
) -> None:
    """Propose roles and match blocks that give every host the vars that Ansible gives it.

    Reads INI, YAML and the JSON of inventory scripts with group_vars and host_vars beside it. No script or plugin is
    run, no vault opened: what is sealed, or looks like a secret, becomes a reference to a secret of Vigo. Ends 3 when a
    file is there already and says something else.
    """
    from reconciler.importing import gathering
    from reconciler.importing.ansible import layout, sources
    from reconciler.importing.proposals import Notes

    source, beside = gathering.inventory(inventory)
    playbooks = gathering.vars_beside(playbook_dir) if playbook_dir is not None else None
    name = inventory.resolve().name
    found = sources.inventory(source, name, beside=beside, playbooks=playbooks, notes=Notes())
    _propose(layout.propose(found, name), into, dry_run=dry_run, force=force, json_=json_)


def _traits(client: Client, hostname: str, path: Path | None) -> tuple[str, dict[str, Any], str]:
    """Name, traits, and where they are from."""
    if path is None:
        if not hostname:
            raise Problem("which host?", hint="name an envoy of the server, or give --traits FILE")
        try:
            found = client.get(f"/api/v1/envoys/{segment(hostname)}/traits")
        except Problem as problem:
            if problem.message != NO_ENVOY or problem.hint:
                raise
            raise Problem(f"the server has no envoy {hostname}", hint=HINT) from problem
        return str(found["hostname"]), dict(found["traits"]), f"traits of {found['collected_at'][:10]}"
    try:
        if str(path) == "-":
            raw = sys.stdin.buffer.read(MAX_TRAITS_BYTES + 1)
        else:
            with path.open("rb") as file:
                raw = file.read(MAX_TRAITS_BYTES + 1)
        if len(raw) > MAX_TRAITS_BYTES:
            raise Problem(f"{path}: more than {MAX_TRAITS_BYTES} bytes")
        data = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise Problem(f"{path} is not JSON: {error}", hint="`vigo-agent traits --json` prints it") from error
    except OSError as error:
        raise Problem(f"{path}: {error.strerror}") from error
    held = data.get("traits", data) if isinstance(data, dict) else None
    if not isinstance(held, dict):
        raise Problem(f"{path} holds no traits", hint="`vigo-agent traits --json` prints them")
    return hostname, held, "traits"


def _tell_other_host(proposal: Proposal, traits: dict[str, Any]) -> None:
    """Note that the files are of another machine than the traits, as far as the names say."""
    network = traits.get("network")
    theirs = network.get("hostname") if isinstance(network, dict) else None
    ours = os.uname().nodename.partition(".")[0]
    if isinstance(theirs, str) and theirs.lower() != ours.lower():
        proposal.notes.add("--root /", f"files are of this machine, {ours}; the traits are of {theirs}")


def _propose(proposal: Proposal, into: Path, *, dry_run: bool, force: bool, json_: bool) -> None:
    from reconciler.importing import fitting

    root, below = _repository(into)
    fitted = fitting.fit(proposal, below)
    blocked = (bool(fitted.conflicts) or not fitted.valid) and not force
    writes = not dry_run and not blocked
    if writes:
        _write(root, fitted)
    if json_:
        output.emit_json(_as_json(proposal, fitted, written=writes))
    else:
        _show(proposal, fitted, below, written=writes)
    if not force and fitted.conflicts:
        files = f"{len(fitted.conflicts)} files would be overwritten: " if len(fitted.conflicts) > 1 else ""
        named = ", ".join(fitted.conflicts[:5])
        raise Problem(f"{files}{named}", hint="--force overwrites; --into another DIR does not", exit=Exit.CONFLICT)
    if not force and not fitted.valid:
        raise Problem("the repository would not be valid with this in it: nothing was written", exit=Exit.INVALID)


def _repository(into: Path) -> tuple[Path, Tree | None]:
    """Where files go, and the tree that is there; None for a directory that is new or empty."""
    from reconciler import repository

    if not into.exists():
        return into, None
    if not into.is_dir():
        raise Problem(f"{into} is no directory")
    if all(entry.name == ".git" for entry in into.iterdir()) and not (into.resolve().parent / local.ROOT_FILE).exists():
        return into, None
    root = local.root_of(into)
    return root, repository.directory(root)


def _write(root: Path, fitted: Fitted) -> None:
    try:
        top = root.resolve()
        for path in fitted.files:  # all of them before any is written
            parent = (root / path).parent
            if not parent.resolve().is_relative_to(top):
                raise Problem(f"{parent} is a link that leads out of the repository", exit=Exit.CONFLICT)
        for path, content in fitted.files.items():
            place = root / path
            place.parent.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=place.parent, prefix=f".{place.name[:80]}.")
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(content)
                Path(temporary).chmod(0o644)
                Path(temporary).replace(place)
            finally:
                Path(temporary).unlink(missing_ok=True)
    except OSError as error:
        raise Problem(f"{error.filename or root} cannot be written: {error.strerror}") from error


def _as_json(proposal: Proposal, fitted: Fitted, *, written: bool) -> dict[str, Any]:
    files: list[dict[str, str | None]] = []
    for path, content in fitted.files.items():
        try:
            files.append({"path": path, "text": content.decode()})
        except UnicodeDecodeError:
            files.append({"path": path, "text": None})
    return {
        "written": written,
        "valid": fitted.valid,
        "files": files,
        "conflicts": fitted.conflicts,
        "notes": [note._asdict() for note in proposal.notes.listed()],
        "left_out": proposal.notes.left_out,
        "diagnostics": [item.model_dump(mode="json") for item in fitted.diagnostics],
    }


def _show(proposal: Proposal, fitted: Fitted, below: Tree | None, *, written: bool) -> None:
    there = below.entries() if below is not None else {}
    rows = [
        ("changed" if path in there else "new", path, f"{len(content)} bytes")
        for path, content in list(fitted.files.items())[:MAX_SHOWN]
    ]
    output.table(("", "file", "size"), rows, empty="nothing new: the repository says all of it already")
    if len(fitted.files) > MAX_SHOWN:
        output.line(f"and {len(fitted.files) - MAX_SHOWN} more files")
    notes = proposal.notes.listed()
    if notes:
        output.line()
        for note in notes:
            output.line(f"{output.visible(note.about)}: {output.visible(note.message)}")
        if proposal.notes.left_out:
            output.line(f"and {proposal.notes.left_out} more notes")
    if fitted.diagnostics:
        output.line()
        validate.show(fitted.tree, fitted.diagnostics)
    counted = f"{len(fitted.files)} files"
    output.line()
    output.note(f"{counted} written" if written else f"nothing was written; it would be {counted}")
