"""`vigo`: the commands, assembled, and the one place where their failures become messages and exit codes."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import Annotated, Final, NamedTuple

import typer

from api.cli import output
from api.cli.exits import MEANING, Exit, Problem
from api.cli.local import InvalidConfig
from schema.errors import Fault

_EXITS: Final = "Exit codes: " + "; ".join(f"{code.value} {meaning}" for code, meaning in MEANING.items()) + "."
_INTERRUPTED: Final = 130

_CONFIG: Final = "Configuration"
_FLEET: Final = "Fleet"
_ACCESS: Final = "Access"
_SERVICE: Final = "Server"


class _Command(NamedTuple):
    """Where a command is, so that only the one that is named needs to be imported: all of them take 60 ms."""

    module: str
    """Below api.cli."""
    name: str
    """Of the function, or of the `Typer` of a group."""
    panel: str
    """Where the help lists it."""


_COMMANDS: Final = {
    "init": _Command("init", "init", _CONFIG),
    "validate": _Command("validate", "validate", _CONFIG),
    "test": _Command("test", "run", _CONFIG),
    "trace": _Command("trace", "trace", _CONFIG),
    "why": _Command("explanations", "why", _CONFIG),
    "diff": _Command("explanations", "diff", _CONFIG),
    "coverage": _Command("explanations", "coverage", _CONFIG),
    "preview": _Command("preview", "preview", _CONFIG),
    "bisect": _Command("bisects", "bisect", _CONFIG),
    "fmt": _Command("fmt", "fmt", _CONFIG),
    "schema": _Command("schema", "schema", _CONFIG),
    "lsp": _Command("lsp", "lsp", _CONFIG),
    "import": _Command("import_", "app", _CONFIG),
    "config": _Command("config", "app", _CONFIG),
    "sources": _Command("sources", "sources", _CONFIG),
    "refs": _Command("sources", "refs", _CONFIG),
    "changes": _Command("changes", "app", _CONFIG),
    "secrets": _Command("secrets", "app", _CONFIG),
    "waivers": _Command("waivers", "app", _CONFIG),
    "status": _Command("standings", "status", _FLEET),
    "signers": _Command("signers", "app", _CONFIG),
    "rollout": _Command("rollouts", "app", _FLEET),
    "holds": _Command("holds", "list_", _FLEET),
    "break-glass": _Command("holds", "glass", _FLEET),
    "envoys": _Command("envoys", "app", _FLEET),
    "runs": _Command("runs", "app", _FLEET),
    "drift": _Command("drifts", "app", _FLEET),
    "receipts": _Command("receipts", "receipts", _FLEET),
    "audit": _Command("audit", "app", _ACCESS),
    "users": _Command("users", "app", _ACCESS),
    "tokens": _Command("tokens", "app", _ACCESS),
    "serve": _Command("serve", "serve", _SERVICE),
    "agent": _Command("agent", "app", _SERVICE),
    "demo": _Command("demo.command", "demo", _SERVICE),
    "doctor": _Command("doctor", "doctor", _SERVICE),
}
"""By the word that names them, in the order of the help."""


def _version(*, value: bool) -> None:
    if value:
        from importlib.metadata import version

        typer.echo(f"vigo {version('vigo')}")
        raise typer.Exit


def options(
    *,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Take the options that belong to no command."""


def application(word: str | None = None) -> typer.Typer:
    """`vigo` with the command that `word` names, and with every command where it names none."""
    app = typer.Typer(
        name="vigo",
        help=f"Keep a fleet in the state that a git repository describes.\n\n{_EXITS}",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(options)
    for name, command in _COMMANDS.items():
        if word == name or word not in _COMMANDS:
            found = getattr(import_module(f"api.cli.{command.module}"), command.name)
            if isinstance(found, typer.Typer):
                app.add_typer(found, name=name, rich_help_panel=command.panel)
            else:
                app.command(name, rich_help_panel=command.panel)(found)
    return app


def main(arguments: list[str] | None = None) -> None:
    """Run one command line and end the process with its exit code."""
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: list[str]) -> int:
    """The exit code of one command line. Expected failures are printed; anything else is a bug and raises."""
    try:
        code = application(arguments[0] if arguments else None)(arguments, prog_name="vigo", standalone_mode=False)
        sys.stdout.flush()
    except InvalidConfig as invalid:
        from api.cli import validate
        from schema.diagnostics import Severity

        validate.show(invalid.tree, [item for item in invalid.diagnostics if item.severity is Severity.ERROR])
        output.failure(invalid.message, invalid.hint)
        return invalid.exit
    except Problem as problem:
        output.failure(problem.message, problem.hint)
        return problem.exit
    except Fault as fault:
        told = Problem.of(fault)
        output.failure(told.message, told.hint)
        return told.exit
    except typer.TyperException as error:
        return _misused(error)
    except (typer.Abort, KeyboardInterrupt):
        return _INTERRUPTED
    except BrokenPipeError:
        # The reader has gone (`vigo audit list | head`): keep the interpreter from flushing into the closed pipe.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.OK
    return code if isinstance(code, int) else Exit.OK


def _misused(error: typer.TyperException) -> int:
    context = getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError":
        typer.echo(error.format_message(), err=True)
        return Exit.ERROR
    where = context.command_path if context is not None else "vigo"
    output.failure(error.format_message(), f"`{where} --help` tells how")
    return Exit.ERROR
