"""The command line, described from itself: docs/cli.md and the snapshot of every `--help`.

python -m api.cli.reference          prints docs/cli.md
python -m api.cli.reference --help-texts
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

import typer

from api.cli.exits import MEANING
from api.cli.main import application

_WIDTH = 100


class Parameter(NamedTuple):
    """One argument or option."""

    words: str
    """`--limit INTEGER`, `HOST`."""
    about: str
    """What it is for, with its default and its environment variable."""


class Described(NamedTuple):
    """One command, read from the assembled application."""

    path: str
    """`vigo envoys list`"""
    about: str
    usage: str
    parameters: list[Parameter]
    text: str
    """Its help, plain and 100 wide."""


def commands() -> list[Described]:
    """Every command that does something, in the order of the help."""
    return list(_below(typer.main.get_command(application()), "vigo", None))


def page() -> str:
    """The text of docs/cli.md."""
    lines = ["<!-- Written by `just snapshots` from the code; edit it there. -->", "# The command line", ""]
    lines += ["Every command prints its own help with `--help`; `vigo --install-completion` sets up the shell.", ""]
    lines += [
        "| exit code | means |",
        "| --- | --- |",
        *(f"| {code.value} | {text} |" for code, text in MEANING.items()),
        "",
    ]
    lines += [
        "Commands over a server find it by their options, else by `VIGO_SERVER`, `VIGO_TOKEN` and `VIGO_CA`, else by",
        "`~/.config/vigo/cli.toml` (`server`, `token` or `token_file`, `ca`; mode 0600), else, on the server's own",
        "host, by the file that the server keeps in its data directory. A token or secret is never an argument. Every",
        "read takes `--json`.",
        "",
    ]
    for command in commands():
        lines += [f"## {command.path}", "", command.about, "", f"    {command.usage}", ""]
        if command.parameters:
            lines += ["| | |", "| --- | --- |"]
            lines += [f"| `{_cell(item.words)}` | {_cell(item.about)} |" for item in command.parameters]
            lines.append("")
    return "\n".join(lines)


def help_texts() -> str:
    """The help of every command, one after the other."""
    return "".join(f"$ {command.path} --help\n{command.text.rstrip()}\n\n" for command in commands())


def _below(command: Any, path: str, parent: Any) -> Iterator[Described]:
    context = command.context_class(command, info_name=path.split(" ")[-1], parent=parent, terminal_width=_WIDTH)
    if hasattr(command, "commands"):
        for name, child in command.commands.items():
            yield from _below(child, f"{path} {name}", context)
        return
    parameters = [found for item in command.get_params(context) if (found := _parameter(item, context)) is not None]
    pieces = " ".join(command.collect_usage_pieces(context))
    yield Described(
        path, inspect.cleandoc(command.help or ""), f"{path} {pieces}", parameters, _plain(command, context)
    )


def _parameter(item: Any, context: Any) -> Parameter | None:
    record = item.get_help_record(context)
    if record is None or "--help" in item.opts:
        return None
    return Parameter(*(" ".join(text.split()) for text in record))


def _plain(command: Any, context: Any) -> str:
    formatter = context.make_formatter()
    command.format_usage(context, formatter)
    command.format_help_text(context, formatter)
    command.format_options(context, formatter)
    return str(formatter.getvalue())


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


if __name__ == "__main__":
    sys.stdout.write(help_texts() if "--help-texts" in sys.argv[1:] else page())
