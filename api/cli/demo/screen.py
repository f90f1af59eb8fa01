"""How the demo tells its story: headings, a spinner and colours on a terminal; plain lines in a pipe."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from api.cli.output import visible

_DIFF: Final = {"+": "green", "-": "red", "@": "cyan"}
_INDENT: Final = 3


class Screen:
    """One story, told step by step."""

    def __init__(self, console: Console | None = None) -> None:
        self.console: Final = console or Console(highlight=False, soft_wrap=True)
        self._number = 0

    def title(self, text: str, below: str) -> None:
        """Open the story."""
        self.console.print(Text(text, style="bold"))
        self.console.print(Text(below, style="dim"))

    @contextmanager
    def step(self, title: str, doing: str) -> Iterator[None]:
        """Number and name a step; say what is being waited for while it runs."""
        self._number += 1
        self.console.print()
        self.console.print(Text.assemble((f"{self._number:>2} ", "bold cyan"), (title, "bold")))
        if not self.console.is_terminal:
            yield
            return
        with self.console.status(Text(doing, style="dim"), spinner="dots"):
            yield

    def done(self, text: str) -> None:
        """A fact that was checked."""
        self._indented(Text("✓", style="green"), Text(visible(text)))

    def say(self, text: str) -> None:
        """Something worth knowing."""
        self._indented(Text(), Text(visible(text), style="dim"))

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """A small table."""
        drawn = Table(box=box.SIMPLE_HEAD if self.console.is_terminal else None, pad_edge=False, header_style="dim")
        for title in columns:
            drawn.add_column(title, overflow="fold")
        for row in rows:
            drawn.add_row(*(Text(visible(cell)) for cell in row))
        self.console.print(Padding(drawn, (0, 0, 0, _INDENT), expand=False))

    def diff(self, text: str) -> None:
        """A unified diff."""
        for row in text.splitlines():
            self.console.print(Text(" " * _INDENT + visible(row, lines=True), style=_DIFF.get(row[:1], "")))

    def end(self, text: str) -> None:
        """Close a story that held."""
        self.console.print()
        self.console.print(Text.assemble((" ✓ ", "bold green"), (visible(text), "bold")))

    def closing(self, facts: Sequence[tuple[str, str]]) -> None:
        """What to try next: names and values."""
        self.console.print()
        width = max(len(name) for name, _ in facts)
        for name, value in facts:
            self.console.print(Text.assemble(" " * _INDENT, (name.ljust(width + 2), "dim"), visible(value)))

    def failed(self, step: str, why: str) -> None:
        """The end of a story that did not hold."""
        self.console.print()
        self.console.print(Text.assemble((" ✗ ", "bold red"), (step, "bold red"), f": {visible(why, lines=True)}"))

    def tail(self, name: str, lines: Sequence[str]) -> None:
        """The end of a log."""
        self.console.print(Text(f"\n   end of {name}.log", style="bold"))
        for line in lines:
            self.console.print(Text(f"   {visible(line)}", style="dim"))

    def _indented(self, mark: Text, text: Text) -> None:
        if not self.console.is_terminal:
            self.console.print(Text.assemble(" " * _INDENT, mark, " " if mark else "", text))
            return
        grid = Table.grid(padding=(0, 1, 0, 0))
        grid.add_column(width=1)
        grid.add_column(overflow="fold")
        grid.add_row(mark, text)
        self.console.print(Padding(grid, (0, 0, 0, _INDENT), expand=False))


class Stopwatch:
    """Time since it was made."""

    def __init__(self) -> None:
        self._start: Final = time.perf_counter()

    @property
    def ms(self) -> float:
        """Milliseconds so far."""
        return (time.perf_counter() - self._start) * 1_000

    def __str__(self) -> str:
        ms = self.ms
        return f"{ms:.0f} ms" if ms < 10_000 else f"{ms / 1_000:.1f} s"
