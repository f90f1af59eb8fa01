"""The command: sets the stage, tells the story, and takes everything away again."""

from __future__ import annotations

import contextlib
import gc
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from api.cli.exits import Exit


def demo(
    *,
    exit_: Annotated[
        bool, typer.Option("--exit", help="End when the story is told; 0 only if every step held.")
    ] = False,
) -> None:
    """Watch a commit become a converged fleet of three hosts, on this machine.

    Starts a server and three agents on loopback, each agent confined to a directory; commits, damages, repairs, traces;
    then stays up with URLs and a token to try, until Ctrl-C. All of it is gone afterwards.
    """
    # Rich, git and YAML are needed from here on; nothing else that `vigo` does waits for them.
    from api.cli.demo.processes import Processes
    from api.cli.demo.screen import Screen
    from api.cli.demo.story import StepFailed, Story

    gc.enable()
    screen = Screen()
    stage = Path(tempfile.mkdtemp(prefix="vigo-demo-"))
    processes = Processes(stage / "logs")
    try:
        with _ended_by_signals():
            story = Story(stage, processes, screen)
            story.tell()
            if not exit_:
                story.stay()
    except StepFailed as failure:
        screen.failed(failure.step, failure.why)
        for name, lines in processes.tails().items():
            screen.tail(name, lines)
        raise typer.Exit(Exit.ERROR) from failure
    except KeyboardInterrupt:
        screen.say("ending everything")
        if exit_:
            raise
    finally:
        processes.end()
        shutil.rmtree(stage, ignore_errors=True)


@contextlib.contextmanager
def _ended_by_signals() -> Iterator[None]:
    """SIGTERM and SIGHUP end the demo as Ctrl-C does, so that it always takes away what it made."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
