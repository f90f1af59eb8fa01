"""What a host says it is: one file a trait, `collect(host) -> dict`, reading through the `Host` alone.

Fills the paths of `schema.traits.TRAITS` and no others. What describes the machine itself (its kernel, memory, load,
network) is that of the running machine even where a directory stands for the host; what lies in files is the host's.
A collector that fails, hangs or costs too much costs its own trait, and is reported. Its module is loaded when it is
run for the first time.
"""

from __future__ import annotations

import logging
import math
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import cached_property, partial
from importlib import import_module
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from time import monotonic, thread_time
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from agent.hosts import Host, HostFault
from agent.traits import budget
from agent.traits.bounds import MAX_ITEMS, MAX_TEXT_CHARS, MAX_TRAITS_BYTES, bounded
from agent.traits.budget import MAX_AGES_S, Cost, Pauses, fresh_s, section
from agent.traits.sources import KEPT, Partly
from schema import canonical
from schema.ids import sha256
from schema.protocol.reports import MAX_MESSAGE_CHARS
from schema.traits import ANY, SECTIONS, TRAITS

if TYPE_CHECKING:
    from agent.boundary import Collected

__all__ = ["COLLECTORS", "MAX_ITEMS", "MAX_TEXT_CHARS", "MAX_TRAITS_BYTES", "TIMEOUT_S", "Collector", "Traits"]

TIMEOUT_S: Final = 10.0
LANES: Final = 8
"""Collectors that run at once, while each of them ends soon."""
PATIENCE_S: Final = 0.25
"""After this long without an answer as many again are begun: who hangs holds up nobody."""
EVERYTHING: Final = "*"

Collect = Callable[[Host], dict[str, Any]]
_log: Final = logging.getLogger("vigo.traits")


def _by_convention(name: str, host: Host) -> dict[str, Any]:
    found: dict[str, Any] = import_module(f"agent.traits.{name}").collect(host)
    return found


COLLECTORS: Final[Mapping[str, Collect]] = {name: partial(_by_convention, name) for name in SECTIONS}

_VOLATILE: Final = tuple(tuple(path.split(".")) for path, info in TRAITS.items() if info.volatile)


class Traits:
    """What was collected."""

    def __init__(self, values: Mapping[str, Any], errors: Mapping[str, str]) -> None:
        self.values: Final = dict(values)
        self.errors: Final = dict(errors)
        """Trait → why it, or a part of it, is not there."""

    @cached_property
    def digests(self) -> dict[str, str]:
        """Trait → digest of its canonical JSON."""
        return {name: sha256(text) for name, text in self._canonical.items()}

    @property
    def sha256(self) -> str:
        """Digest of all values: of their canonical JSON."""
        return sha256(canonical.dumps(self.values))

    @property
    def stable_sha256(self) -> str:
        """Digest of the values that change only when the host is changed, and of which could not be told."""
        values = self.values
        for path in _VOLATILE:
            if path[0] in values:
                values = _without(values, path)
        return sha256(canonical.dumps([values, sorted(self.errors)]))

    def fitting(self) -> Traits:
        """These, without the largest where all together are more than `MAX_TRAITS_BYTES`."""
        values, errors = dict(self.values), dict(self.errors)
        sizes = {name: len(text) + len(name) + 4 for name, text in self._canonical.items()}
        while sum(sizes.values()) > MAX_TRAITS_BYTES:
            largest = max(sizes, key=lambda name: sizes[name])
            del values[largest], sizes[largest]
            errors[largest] = f"all traits together are larger than {MAX_TRAITS_BYTES} bytes"
        return self if len(values) == len(self.values) else Traits(values, errors)

    def told(self, now: int) -> Collected:
        """These, as they cross the boundary; collected now (microseconds)."""
        from agent.boundary import Collected  # a run by hand tells nobody
        from schema.protocol.messages import Traits as Message

        message = Message(
            sha256=self.sha256,
            collected_at=now,
            traits=self.values,
            errors={name: error[:MAX_MESSAGE_CHARS] for name, error in self.errors.items()},
        )
        return Collected(
            sha256=message.sha256,
            stable_sha256=self.stable_sha256,
            message=message.model_dump_json(),
            collected_at=now,
            digests=self.digests,
            errors=message.errors,
        )

    @cached_property
    def _canonical(self) -> dict[str, bytes]:
        return {name: canonical.dumps(value) for name, value in self.values.items()}


class Known(NamedTuple):
    """What was read of one trait."""

    at: float
    """Monotonic seconds; minus infinity: before the host was changed."""
    values: dict[str, Any]
    error: str
    cost: Cost


class Collector:
    """Collects the traits of one host, in parallel and within `timeout_s`. May be used from several threads.

    Args:
        own: trait → what the agent itself knows of it, put over what its collector says.
    """

    def __init__(
        self,
        host: Host,
        *,
        collectors: Mapping[str, Collect] = COLLECTORS,
        own: Mapping[str, Callable[[], dict[str, Any]]] | None = None,
        timeout_s: float = TIMEOUT_S,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._host: Final = host
        self._collectors: Final = collectors
        self._own: Final = own or {}
        self._timeout_s: Final = timeout_s
        self._clock: Final = clock
        self._lock: Final = Lock()
        self._known: Final[dict[str, Known]] = {}
        self._stuck: Final[dict[str, Thread]] = {}
        self._pauses: Final = Pauses()

    def collect(self, names: Collection[str] | None = None) -> Traits:
        """All traits, or these; each as recent as its class asks for; together no larger than `MAX_TRAITS_BYTES`."""
        kept = self._host.memo.get(KEPT)
        self._host.memo.clear()  # accounts may have come and gone
        if kept is not None:
            self._host.memo[KEPT] = kept
        asked = self._collectors.keys() if names is None else [name for name in self._collectors if name in names]
        self._read([name for name in asked if self._due(name, MAX_AGES_S[section(name).cls])])
        return self._result(asked).fitting()

    def recent(self, names: Collection[str]) -> Traits:
        """These traits (`*`: all of them), each as recent as a run needs it."""
        asked = [name for name in self._collectors if name in names or EVERYTHING in names]
        self._read([name for name in asked if self._due(name, fresh_s(name))])
        return self._result(asked)

    def forget(self) -> None:
        """The host was changed: nothing known is recent any more."""
        with self._lock:
            for name, known in self._known.items():
                self._known[name] = known._replace(at=-math.inf)

    def known(self) -> Mapping[str, Known]:
        """What was read, when, and what that cost."""
        with self._lock:
            return dict(self._known)

    def _due(self, name: str, max_age_s: float) -> bool:
        with self._lock:
            now, known = self._clock(), self._known.get(name)
            if known is not None and self._pauses.holds(name, now):
                return False
            return known is None or now - known.at >= max_age_s

    def _read(self, names: Iterable[str]) -> None:
        """Read these, as many at once as end soon; who does not end in time is given up."""
        answers: SimpleQueue[tuple[str, Known]] = SimpleQueue()
        waiting = deque(name for name in names if not self._hangs(name))
        running: dict[str, Thread] = {}
        lanes, deadline = LANES, monotonic() + self._timeout_s
        while waiting or running:
            while waiting and len(running) < lanes:
                name = waiting.popleft()
                thread = Thread(target=self._one, args=(name, answers), name=f"trait {name}", daemon=True)
                try:
                    thread.start()
                except RuntimeError as error:  # the system has no more
                    self._note(name, Known(self._clock(), {}, str(error), Cost()))
                else:
                    running[name] = thread
            if not running:
                continue
            try:
                name, known = answers.get(timeout=max(0.0, min(PATIENCE_S, deadline - monotonic())))
            except Empty:
                if monotonic() >= deadline:
                    break
                lanes += LANES
                continue
            running.pop(name, None)
            self._note(name, known)
        for name in (*running, *waiting):
            self._given_up(name, running.get(name))

    def _hangs(self, name: str) -> bool:
        with self._lock:
            stuck = self._stuck.get(name)
            if stuck is None or not stuck.is_alive():
                self._stuck.pop(name, None)
                return False
            self._known[name] = Known(self._clock(), {}, "its collector hangs", Cost())
            return True

    def _given_up(self, name: str, thread: Thread | None) -> None:
        with self._lock:
            if thread is not None:
                self._stuck[name] = thread
            pause = budget.shown(self._pauses.pause(name, self._clock()))
            error = f"its collector did not end within {self._timeout_s:g} s: begun again in {pause}"
            self._known[name] = Known(self._clock(), {}, error, Cost(self._timeout_s))

    def _note(self, name: str, known: Known) -> None:
        with self._lock:
            costly = self._pauses.judge(name, known.cost, self._clock())
            self._known[name] = known._replace(error="; ".join(filter(None, (known.error, costly))))

    def _one(self, name: str, answers: SimpleQueue[tuple[str, Known]]) -> None:
        at, begun, processor = self._clock(), monotonic(), thread_time()
        values, error = self._asked(name)
        cost = Cost(monotonic() - begun, thread_time() - processor)
        answers.put((name, Known(at, values, error, cost)))

    def _asked(self, name: str) -> tuple[dict[str, Any], str]:
        error = ""
        try:
            try:
                found = self._collectors[name](self._host)
            except Partly as partly:
                found, error = partly.values, partly.why
            if name in self._own:
                found = {**found, **self._own[name]()}
            values, cut = bounded(found)
        except KeyError as failure:
            return {}, f"what it is read from lacks {failure}"
        except (OSError, HostFault, ValueError, LookupError) as failure:
            return {}, str(failure) or type(failure).__name__
        except Exception as failure:  # noqa: BLE001 - whatever a host holds, it costs one trait
            _log.exception("the trait %s came upon something that nobody foresaw", name)
            return {}, f"internal: {type(failure).__name__}: {failure}"
        return values, "; ".join(filter(None, (error, "more than is reported was left out" if cut else "")))

    def _result(self, names: Iterable[str]) -> Traits:
        with self._lock:
            known = {name: self._known[name] for name in names}
        values = {name: each.values for name, each in known.items() if each.values or not each.error}
        return Traits(values, {name: each.error for name, each in known.items() if each.error})


def _without(values: dict[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    """The values without what stands at a path; `*` is any key."""
    head, *rest = path
    kept = dict(values)
    for key in list(values) if head == ANY else [head]:
        if key not in kept:
            continue
        if not rest:
            del kept[key]
        elif isinstance(kept[key], dict):
            kept[key] = _without(kept[key], tuple(rest))
    return kept
