"""`vigo lsp`: the language server that editors start."""

from __future__ import annotations

import gc
import sys
from typing import Annotated

import typer

from api.cli.exits import Problem


def lsp(
    *,
    stdio: Annotated[  # noqa: ARG001 - editors pass it; there is no other way
        bool, typer.Option("--stdio", help="Speak over standard input and output; there is no other way.")
    ] = False,
) -> None:
    """Serve an editor: diagnostics, completion, hover, definitions, references, rename, formatting.

    Speaks the Language Server Protocol; editors start it. Needs no server.
    """
    if sys.stdin.isatty():
        raise Problem("an editor starts this, and speaks to it", hint="docs/howto/editors.md has the settings")
    from api.lsp import server

    gc.enable()
    stdin, stdout = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr  # whatever prints must not speak between the messages
    code = server.run(stdin, stdout)
    if code:
        raise typer.Exit(code)
