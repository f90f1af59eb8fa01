"""A crate that an answer was to be about, and that the config does not have: told beside an answer that is empty."""

from __future__ import annotations

from collections.abc import Iterable

from api.cli import output
from api.cli.client import Client
from api.cli.exits import Problem


def note_unless_known(name: str, known: Iterable[str]) -> None:
    """Say that there is no such configcrate among those of a repository here, with the nearest."""
    from reconciler.documents.complaints import nearest

    crates = set(known)
    if name not in crates:
        _note(f"there is no configcrate {name}", nearest(name, crates))


def note_unless_served(client: Client, name: str, as_of: str | None) -> None:
    """The same of a server. An empty answer does not say why it is; where the crate is applied is refused of none."""
    try:
        client.get("/api/v1/config/trace", configcrate=name, asOf=as_of)
    except Problem as problem:
        if problem.message.startswith("there is no configcrate"):
            _note(problem.message, problem.hint)


def _note(message: str, hint: str) -> None:
    output.note(f"{message}; {hint}" if hint else message)
