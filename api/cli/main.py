"""`vigo`: the commands, assembled, and the one place where their failures become messages and exit codes."""

from __future__ import annotations

import os
import sys
from typing import Annotated, Final

import typer

from api.cli import (
    audit,
    config,
    doctor,
    envoys,
    explanations,
    fmt,
    import_,
    init,
    lsp,
    output,
    preview,
    runs,
    schema,
    secrets,
    serve,
    test,
    tokens,
    trace,
    users,
    validate,
)
from api.cli.demo import command as demo
from api.cli.exits import MEANING, Exit, Problem
from api.cli.local import InvalidConfig
from schema.diagnostics import Severity
from schema.errors import Fault

_EXITS: Final = "Exit codes: " + "; ".join(f"{code.value} {meaning}" for code, meaning in MEANING.items()) + "."
_INTERRUPTED: Final = 130

app = typer.Typer(
    name="vigo",
    help=f"Keep a fleet in the state that a git repository describes.\n\n{_EXITS}",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

_CONFIG: Final = "Configuration"
_FLEET: Final = "Fleet"
_ACCESS: Final = "Access"
_SERVICE: Final = "Server"

app.command("init", rich_help_panel=_CONFIG)(init.init)
app.command("validate", rich_help_panel=_CONFIG)(validate.validate)
app.command("test", rich_help_panel=_CONFIG)(test.run)
app.command("trace", rich_help_panel=_CONFIG)(trace.trace)
app.command("why", rich_help_panel=_CONFIG)(explanations.why)
app.command("diff", rich_help_panel=_CONFIG)(explanations.diff)
app.command("coverage", rich_help_panel=_CONFIG)(explanations.coverage)
app.command("preview", rich_help_panel=_CONFIG)(preview.preview)
app.command("fmt", rich_help_panel=_CONFIG)(fmt.fmt)
app.command("schema", rich_help_panel=_CONFIG)(schema.schema)
app.command("lsp", rich_help_panel=_CONFIG)(lsp.lsp)
app.add_typer(import_.app, name="import", rich_help_panel=_CONFIG)
app.add_typer(config.app, name="config", rich_help_panel=_CONFIG)
app.add_typer(secrets.app, name="secrets", rich_help_panel=_CONFIG)
app.add_typer(envoys.app, name="envoys", rich_help_panel=_FLEET)
app.add_typer(runs.app, name="runs", rich_help_panel=_FLEET)
app.add_typer(audit.app, name="audit", rich_help_panel=_ACCESS)
app.add_typer(users.app, name="users", rich_help_panel=_ACCESS)
app.add_typer(tokens.app, name="tokens", rich_help_panel=_ACCESS)
app.command("serve", rich_help_panel=_SERVICE)(serve.serve)
app.command("demo", rich_help_panel=_SERVICE)(demo.demo)
app.command("doctor", rich_help_panel=_SERVICE)(doctor.doctor)


def _version(*, value: bool) -> None:
    if value:
        from importlib.metadata import version

        typer.echo(f"vigo {version('vigo')}")
        raise typer.Exit


@app.callback()
def options(
    *,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Take the options that belong to no command."""


def main(arguments: list[str] | None = None) -> None:
    """Run one command line and end the process with its exit code."""
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: list[str]) -> int:
    """The exit code of one command line. Expected failures are printed; anything else is a bug and raises."""
    try:
        code = app(arguments, prog_name="vigo", standalone_mode=False)
        sys.stdout.flush()
    except InvalidConfig as invalid:
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
