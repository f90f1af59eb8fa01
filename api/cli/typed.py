"""What a person types or pipes in and nobody else should see."""

from __future__ import annotations

import sys
from typing import Final

import typer

from api.cli.exits import Problem

MAX_SECRET_BYTES: Final = 64 * 1024


def secret(what: str, *, confirm: bool = False) -> str:
    """A secret text: asked for without an echo on a terminal, else all of standard input less one newline at its end.

    Raises:
        Problem: empty, too long, or not UTF-8.
    """
    if sys.stdin.isatty():
        value = str(typer.prompt(what, hide_input=True, confirmation_prompt=confirm, err=True))
    else:
        raw = sys.stdin.buffer.read(MAX_SECRET_BYTES + 1)
        if len(raw) > MAX_SECRET_BYTES:
            raise Problem(f"the {what} is longer than {MAX_SECRET_BYTES} bytes")
        try:
            value = raw.decode("utf-8").removesuffix("\n")
        except UnicodeDecodeError as error:
            raise Problem(f"the {what} is not UTF-8 text") from error
    if not value:
        raise Problem(f"no {what} was given", hint="type it when asked, or pipe it in")
    return value
