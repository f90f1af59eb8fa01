"""What commands print: tables, JSON, faults; safe to show in a terminal, stable when piped.

Text from hosts, git and users passes through `visible` before it reaches a terminal, so that no escape sequence, line
break or reordering mark in it can act there. On a terminal tables are drawn; in a pipe they are plain aligned columns.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Sequence
from typing import Any, Final

import typer

_TONES: Final = {
    "ok": "green",
    "pass": "green",
    "converged": "green",
    "compliant": "green",
    "online": "green",
    "success": "green",
    "unchanged": "bright_black",
    "skipped": "bright_black",
    "skip": "bright_black",
    "offline": "bright_black",
    "no data": "bright_black",
    "changed": "yellow",
    "warn": "yellow",
    "warning": "yellow",
    "degraded": "yellow",
    "note": "cyan",
    "fail": "red",
    "failed": "red",
    "failure": "red",
    "error": "red",
    "denied": "red",
    "refused": "red",
    "revoked": "red",
}


# Control, format, separator and surrogate characters. Written out, since finding them takes 0.2 s; a test compares.
_RANGES: Final = (
    r"\x00-\x1f\x7f-\x9f\xad\u0600-\u0605\u061c\u06dd\u070f\u0890-\u0891\u08e2\u180e\u200b-\u200f\u2028-\u202e"
    r"\u2060-\u2064\u2066-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f"
    r"\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0001\U000e0020-\U000e007f"
)
_UNSAFE: Final = re.compile(f"[{_RANGES}]")
_UNSAFE_IN_LINES: Final = re.compile(f"(?![\n\t])[{_RANGES}]")


def visible(text: object, *, lines: bool = False) -> str:
    """`text` with every character that could act in a terminal written out, as `\\x1b`.

    Args:
        lines: keep line feeds and tabs, for text that is shown as a block.
    """
    return (_UNSAFE_IN_LINES if lines else _UNSAFE).sub(_escape, str(text))


def line(text: str = "", *, tone: str | None = None) -> None:
    """Print one line of our own words; data in it has passed `visible`. `tone`: a status word, a colour, or bold."""
    style = {"bold": True} if tone == "bold" else {"fg": _TONES.get(tone, tone)} if tone else {}
    typer.echo(typer.style(text, **style))


def tinted(word: str) -> str:
    """A status word in its colour; standard output drops the colour when it is not a terminal."""
    tone = _TONES.get(word)
    return typer.style(visible(word), fg=tone) if tone else visible(word)


def emit_json(value: Any) -> None:
    """Print a value as JSON, indented; unsafe characters of its strings are written as `\\uXXXX`."""
    text = json.dumps(value, ensure_ascii=False, indent=2)
    typer.echo(_UNSAFE_IN_LINES.sub(_json_escape, text))


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, empty: str = "none") -> None:
    """Print rows under column titles; `empty` instead when there are none."""
    shown = [[_cell(cell) for cell in row] for row in rows]
    if not shown:
        typer.echo(empty, err=True)
    elif sys.stdout.isatty():
        _drawn(columns, shown)
    else:
        _plain(columns, shown)


def fields(pairs: Iterable[tuple[str, object]]) -> None:
    """Print names and values, one pair a line, values aligned."""
    shown = [(name, _cell(value)) for name, value in pairs]
    width = max((len(name) for name, _ in shown), default=0)
    for name, value in shown:
        typer.echo(f"{typer.style(name.ljust(width), fg='bright_black')}  {tinted(value)}")


def when(moment: str | None) -> str:
    """A time of the API as a person reads it, to the second: `2026-03-13 14:30:00Z`; empty for None."""
    return re.sub(r"\.\d+", "", moment).replace("T", " ") if moment else ""


def complaint(item: dict[str, Any]) -> None:
    """Print a diagnostic of the API: its place, where it has one, and its hint."""
    place = f"{item['file']}:{item['line']}:{item['column']}: " if item["file"] else ""
    line(visible(f"{place}{item['severity']}[{item['code']}]: {item['message']}"))
    if item.get("hint"):
        line(visible(f"     = hint: {item['hint']}"))


def failure(message: str, hint: str = "") -> None:
    """Print what went wrong, and what to do about it, to standard error."""
    typer.echo(f"{typer.style('error:', fg='red', bold=True)} {visible(message, lines=True)}", err=True)
    if hint:
        typer.echo(f"{typer.style('hint:', fg='cyan')} {visible(hint, lines=True)}", err=True)


def note(message: str) -> None:
    """Print something beside the answer to standard error, so that a pipe gets the answer alone."""
    typer.echo(visible(message), err=True)


def diff(text: str) -> None:
    """Print a unified diff, coloured on a terminal."""
    for row in text.splitlines():
        tone = {"+": "green", "-": "red", "@": "cyan"}.get(row[:1])
        typer.echo(typer.style(visible(row, lines=True), fg=tone))


def warning(message: str) -> None:
    """Print something to know, to standard error."""
    typer.echo(f"{typer.style('warning:', fg='yellow')} {visible(message)}", err=True)


def _cell(value: object) -> str:
    if value is None or isinstance(value, bool):
        return "yes" if value else "no" if value is False else ""
    return visible(value)


def _escape(found: re.Match[str]) -> str:
    return found.group().encode("unicode_escape", "surrogatepass").decode("ascii")


def _json_escape(found: re.Match[str]) -> str:
    return json.dumps(found.group())[1:-1]


def _plain(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    widths = [max(len(title), *(len(row[i]) for row in rows)) for i, title in enumerate(columns)]
    for row in ([title.upper() for title in columns], *rows):
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _drawn(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False)
    for title in columns:
        drawn.add_column(title, overflow="fold")
    for row in rows:
        drawn.add_row(*(Text(cell, style=_TONES.get(cell, "")) for cell in row))
    Console().print(drawn)
