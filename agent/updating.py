"""Whether an agent becomes another one, and what became of it: the judgement, without files or clocks.

An installation is settled, or a version is on trial: started so often, and not yet seen by the server. Nothing else is
taken while one is. The floor is the greatest sequence that was ever tried: it is raised before anything is switched, so
a version that failed is not tried again, and no older one comes in its place.

What the launcher does (`agent.service_files.LAUNCHER`) is `start` and `give_up` here; it is a shell script, since it
must work when no version of the agent does.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from schema.protocol.artifacts import Manifest, Platform, numbers

MAX_STARTS: Final = 3
"""How often a version may be started before it has checked in."""
WINDOW_S: Final = 300
"""How long it may take to check in, each time it is started."""


class Progress(NamedTuple):
    """How an installation stands."""

    current: str
    """What is in force: a name below `versions`."""
    previous: str = ""
    floor: int = 0
    starts: int | None = None
    """Of what is on trial; None where nothing is."""
    returned: str = ""
    """What was taken back last."""

    @property
    def on_trial(self) -> bool:
        """Whether `current` has yet to check in."""
        return self.starts is not None


class Refusal(Exception):
    """An update is not taken; `code` is one word."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code: Final = code
        self.message: Final = message


class Unpackable(Exception):
    """An artifact could not be made a version; the message says why."""


def judge(manifest: Manifest, progress: Progress, *, version: str, platform: Platform, libc_version: str) -> None:
    """Whether to become what a manifest names, whose signature is verified.

    Args:
        version: of the agent that runs; `platform` and `libc_version`: of what it runs on.

    Raises:
        Refusal: not, or not now.
    """
    if not manifest.runs_on(platform, libc_version):
        raise Refusal("platform", f"it is for {described(manifest)}, and this is {described(platform)} {libc_version}")
    if manifest.sequence <= progress.floor:
        raise Refusal("rollback", f"its sequence {manifest.sequence} is not above {progress.floor}, tried before")
    if numbers(manifest.version) < numbers(version):
        raise Refusal("downgrade", f"{manifest.version} is older than {version}")
    if progress.on_trial:
        raise Refusal("trial", f"{progress.current} has not checked in yet")


def switch(progress: Progress, name: str, sequence: int) -> Progress:
    """A version is put in force, on trial."""
    return Progress(current=name, previous=progress.current, floor=max(progress.floor, sequence), starts=0)


def start(progress: Progress) -> Progress:
    """What is on trial is started once more, or given up."""
    if progress.starts is None:
        return progress
    return give_up(progress) if progress.starts >= MAX_STARTS else progress._replace(starts=progress.starts + 1)


def check_in(progress: Progress) -> Progress:
    """The server has greeted what runs: it stays."""
    return progress._replace(starts=None)


def give_up(progress: Progress) -> Progress:
    """What is on trial did not check in: what was there before is in force again."""
    if progress.starts is None or not progress.previous:
        return progress._replace(starts=None)
    return progress._replace(current=progress.previous, starts=None, returned=progress.current)


def described(what: Manifest | Platform) -> str:
    """Kind, architecture, libc and Python, in a few words."""
    return " ".join(filter(None, (what.kind, what.os, what.arch, what.libc, what.python and f"Python {what.python}")))
