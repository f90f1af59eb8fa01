"""Watching: a commit whenever a ref comes to name another one.

The kernel's events only say when to look; what a ref names is always read anew, and a slow poll looks when no event
came. An event that is missed, doubled or reordered costs latency and nothing else. A remote is fetched at intervals,
and when somebody pokes.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple

import pygit2
from watchfiles._rust_notify import RustNotify

from reconciler.repository import revisions
from reconciler.repository.faults import RefGone
from schema.errors import Fault

STEP_MS: Final = 10
"""How often the watcher's thread looks for events: a commit is noticed in 17 ms (median), for 0.3 % of one core; 25
here: 38 ms, 0.2 %."""
DEBOUNCE_MS: Final = 40
POLL_S: Final = 5.0

_MAX_SYMBOLIC: Final = 5

REMOTE_POLL_S: Final = 60.0
BACK_OFF_S: Final = 2.0
BACK_OFF_CAP_S: Final = 300.0

GAP_S: Final = 1.0
"""Between the beginnings of two fetches of a remote, however often somebody pokes."""


class Round(NamedTuple):
    """One fetch of a remote."""

    fault: Fault | None
    """Why it failed."""
    commit: str | None
    """What the ref names in the copy, after it went well."""
    wait_s: float
    """Until the next, unless somebody pokes."""


OnFault = Callable[[Fault | None], None]
"""Told what keeps the ref from being read, and None once it can be read again. Watching goes on."""


class Poke:
    """Wakes whoever waits for a remote. Safe from any thread."""

    def __init__(self) -> None:
        self._lock: Final = threading.Lock()
        self._waiting: Final[dict[asyncio.Event, asyncio.AbstractEventLoop]] = {}

    def __call__(self) -> None:
        """Look now."""
        with self._lock:
            for event, loop in self._waiting.items():
                loop.call_soon_threadsafe(event.set)

    @contextmanager
    def waiting(self) -> Iterator[asyncio.Event]:
        """An event of the running loop that is set by each poke."""
        event = asyncio.Event()
        with self._lock:
            self._waiting[event] = asyncio.get_running_loop()
        try:
            yield event
        finally:
            with self._lock:
                del self._waiting[event]


async def remote(
    fetch: Callable[[], None],
    look: Callable[[], str | None],
    poke: Poke,
    *,
    poll_s: float,
    on_fault: OnFault | None,
    random: Callable[[], float],
    on_round: Callable[[Round], None] | None = None,
    known: bool = False,
) -> AsyncIterator[str]:
    """The commit that a ref names after each fetch, where it names another than before.

    A ref that was there, here or before where it is `known`, and disappears is a fault that is told once.

    Args:
        fetch: brings the copy up to date; blocks, in a thread of its own.
        look: what the ref names in the copy.
        poll_s: between two fetches, ± 20 %.
        random: U(0, 1).
        on_round: told of each fetch, before its commit is given.
    """
    loop = asyncio.get_running_loop()
    faults = 0
    gone = False
    last: str | None = None

    def attempt() -> str | None:
        fetch()
        return look()

    with ThreadPoolExecutor(1, thread_name_prefix="vigo-fetch") as executor, poke.waiting() as poked:
        while True:
            poked.clear()
            begun = loop.time()
            try:
                commit = await loop.run_in_executor(executor, attempt)
            except Fault as fault:
                faults += 1
                if on_fault is not None:
                    on_fault(fault)
                wait_s = min(BACK_OFF_CAP_S, BACK_OFF_S * 2.0 ** min(faults, 30)) * random()
                if on_round is not None:
                    on_round(Round(fault, None, wait_s))
            else:
                before, gone = gone, commit is None and (known or last is not None)
                if on_fault is not None and gone and (faults or not before):
                    on_fault(_gone())
                elif on_fault is not None and not gone and (faults or before):
                    on_fault(None)
                faults = 0
                wait_s = poll_s * (0.8 + 0.4 * random())
                if on_round is not None:
                    on_round(Round(None, commit, wait_s))
                if commit is not None and commit != last:
                    last = commit
                    yield commit
            with suppress(TimeoutError):
                await asyncio.wait_for(poked.wait(), wait_s)
                await asyncio.sleep(GAP_S - (loop.time() - begun))


async def local(
    git: pygit2.Repository,
    ref: str,
    *,
    poll_s: float,
    on_fault: OnFault | None,
    check: Callable[[], None],
    known: bool = False,
) -> AsyncIterator[str]:
    """The commit that a full ref names, at once where there is one, and again whenever it names another.

    A ref that disappears yields nothing, and is a fault that is told once if it was there, here or before where it is
    `known`; when it comes back, it yields if it names another commit than before.

    Args:
        check: called before each look; what it raises is a fault of that look.
    """
    loop = asyncio.get_running_loop()
    stop = threading.Event()

    def report(fault: Fault | None) -> None:
        if on_fault is not None:
            loop.call_soon_threadsafe(on_fault, fault)

    watch = _Watch(git, ref, poll_s, stop, report, check, known=known)
    # A thread of its own: it waits for as long as the server runs, and the loop's shared pool has six on two cores.
    with ThreadPoolExecutor(1, thread_name_prefix="vigo-watch") as executor:
        try:
            commit: str | None = None
            while True:
                commit = await loop.run_in_executor(executor, watch.next, commit)
                if commit is None:
                    return
                yield commit
        finally:
            stop.set()


def _gone() -> RefGone:
    return RefGone("the ref is gone: it was deleted, or renamed")


class _Watch:
    """Blocks in a thread until the ref moves."""

    def __init__(
        self,
        git: pygit2.Repository,
        ref: str,
        poll_s: float,
        stop: threading.Event,
        report: OnFault,
        check: Callable[[], None],
        *,
        known: bool,
    ) -> None:
        self._git: Final = git
        self._check: Final = check
        self._ref: Final = ref
        self._poll_s: Final = poll_s
        self._stop: Final = stop
        self._report: Final = report
        self._faulted = False
        self._known = known
        self._gone = False
        self._notify: RustNotify | None = None
        self._places: frozenset[tuple[str, int]] = frozenset()

    def next(self, last: str | None) -> str | None:
        """The commit the ref names once that is not `last`; None when stopped."""
        try:
            while not self._stop.is_set():
                # Armed before looking: what moves after this line is in the watcher's queue.
                self._arm()
                commit = self._look()
                if commit is not None and commit != last:
                    return commit
                self._wait()
        except BaseException:
            self._disarm()
            raise
        self._disarm()
        return None

    def _look(self) -> str | None:
        try:
            self._check()
            commit = revisions.find_ref(self._git, self._ref)
        except Fault as fault:
            self._faulted = True
            self._report(fault)
            return None
        before, self._gone = self._gone, commit is None and self._known
        self._known = self._known or commit is not None
        if self._gone and (self._faulted or not before):
            self._report(_gone())
        elif not self._gone and (self._faulted or before):
            self._report(None)
        self._faulted = False
        return commit

    def _wait(self) -> None:
        if self._notify is None:
            self._stop.wait(self._poll_s)
            return
        self._notify.watch(DEBOUNCE_MS, STEP_MS, int(self._poll_s * 1000), self._stop)

    def _arm(self) -> None:
        places = self._needed()
        if self._notify is not None and places == self._places:
            return
        self._disarm()
        try:
            self._notify = RustNotify(
                sorted(path for path, _ in places),
                debug=False,
                force_polling=False,
                poll_delay_ms=0,
                recursive=False,
                ignore_permission_denied=True,
            )
            self._places = places
        except (OSError, RuntimeError):  # gone again already, or no inotify instances left: the poll still looks
            self._notify = None

    def _disarm(self) -> None:
        if self._notify is not None:
            self._notify.close()
            self._notify = None

    def _needed(self) -> frozenset[tuple[str, int]]:
        """Directories in which a file decides what the ref names, each with its inode.

        Git renames files into place and removes directories that become empty, so a watched directory may be another
        one of the same name a moment later: then the watch is dead, and the inode tells.
        """
        own = Path(self._git.path)
        pointer = own / "commondir"
        common = (own / pointer.read_text().strip()).resolve() if pointer.is_file() else own
        places = {own, common}
        for name in self._chain():
            directory = common
            for part in name.split("/")[:-1]:
                directory = directory / part
                if not directory.is_dir():
                    break
                places.add(directory)
        return frozenset((str(place), place.stat().st_ino) for place in places if place.is_dir())

    def _chain(self) -> list[str]:
        """The ref, and those it leads through."""
        names = [self._ref]
        for _ in range(_MAX_SYMBOLIC):
            try:
                target = self._git.lookup_reference(names[-1]).target
            except (KeyError, ValueError, OSError, pygit2.GitError):
                break
            if not isinstance(target, str):
                break
            names.append(target)
        return names
