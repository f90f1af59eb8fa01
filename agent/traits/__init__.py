"""What a host says it is: one file a trait, `collect(host) -> dict`, reading through the `Host` alone.

Fills the paths of `schema.traits.TRAITS` and no others. What describes the machine itself (its kernel, memory, load,
network) is that of the running machine even where a directory stands for the host; what lies in files is the host's.
A collector that fails or hangs costs its own trait, and is reported.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from types import ModuleType
from typing import Any, Final, NamedTuple

from agent.hosts import Host, HostFault
from agent.traits import (
    agent,
    hardware,
    kernel,
    load,
    memory,
    mounts,
    network,
    os,
    packages,
    services,
    uptime,
    users,
)
from schema import canonical
from schema.ids import sha256
from schema.traits import ANY, TRAITS

TIMEOUT_S: Final = 10.0
MAX_TEXT_CHARS: Final = 2_048
MAX_ITEMS: Final = 5_000
"""Keys of one map, items of one list: what is beyond is left out, and that is reported."""
MAX_TRAITS_BYTES: Final = 1_000_000
"""The server keeps 1 MiB."""

_MODULES: Final[tuple[ModuleType, ...]] = (
    agent,
    hardware,
    kernel,
    load,
    memory,
    mounts,
    network,
    os,
    packages,
    services,
    uptime,
    users,
)
COLLECTORS: Final[Mapping[str, Callable[[Host], dict[str, Any]]]] = {
    module.__name__.rpartition(".")[2]: module.collect for module in _MODULES
}
_KEPT_S: Final = {"agent": 3600.0, "hardware": 600.0, "kernel": 3600.0, "os": 60.0, "packages": 60.0, "services": 30.0}
"""How old a trait may be when a run asks; those not named are read anew for each. A run that changed something, and
each full collection, read all of them anew."""

_VOLATILE: Final = tuple(tuple(path.split(".")) for path, info in TRAITS.items() if info.volatile)


class Traits(NamedTuple):
    """What was collected."""

    values: dict[str, Any]
    errors: dict[str, str]
    """Trait → why it, or a part of it, is not there."""

    @property
    def sha256(self) -> str:
        """Digest of all values."""
        return sha256(canonical.dumps(self.values))

    @property
    def stable_sha256(self) -> str:
        """Digest of the values that change only when the host is changed."""
        values = self.values
        for path in _VOLATILE:
            values = _without(values, path)
        return sha256(canonical.dumps(values))


class Collector:
    """Collects the traits of one host, in parallel and within `timeout_s`. May be used from several threads."""

    def __init__(
        self,
        host: Host,
        *,
        collectors: Mapping[str, Callable[[Host], dict[str, Any]]] = COLLECTORS,
        timeout_s: float = TIMEOUT_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._host: Final = host
        self._collectors: Final = collectors
        self._timeout_s: Final = timeout_s
        self._clock: Final = clock
        self._lock: Final = Lock()
        self._known: Final[dict[str, tuple[float, dict[str, Any], str]]] = {}
        self._stuck: Final[dict[str, Thread]] = {}

    def collect(self) -> Traits:
        """All traits, read now; no larger together than `MAX_TRAITS_BYTES`."""
        with self._lock:
            values, errors = self._collected(self._collectors)
        while len(canonical.dumps(values)) > MAX_TRAITS_BYTES:
            largest = max(values, key=lambda name: len(canonical.dumps(values[name])))
            del values[largest]
            errors[largest] = f"all traits together are larger than {MAX_TRAITS_BYTES} bytes"
        return Traits(values, errors)

    def recent(self) -> Traits:
        """All traits, each as recent as a run needs it."""
        with self._lock:
            now = self._clock()
            due = [
                name
                for name in self._collectors
                if name not in self._known or now - self._known[name][0] >= _KEPT_S.get(name, 0.0)
            ]
            return self._collected(due)

    def forget(self) -> None:
        """The host was changed: nothing known is recent any more."""
        with self._lock:
            self._known.clear()

    def _collected(self, names: Iterable[str]) -> Traits:
        answers: SimpleQueue[tuple[str, dict[str, Any], str]] = SimpleQueue()
        waiting: dict[str, Thread] = {}
        for name in names:
            stuck = self._stuck.get(name)
            if stuck is not None and stuck.is_alive():
                self._known[name] = (self._clock(), {}, "its collector hangs")
                continue
            thread = Thread(target=self._one, args=(name, answers), name=f"trait {name}", daemon=True)
            waiting[name] = thread
            thread.start()
        deadline = self._clock() + self._timeout_s
        while waiting:
            try:
                name, values, error = answers.get(timeout=max(0.0, deadline - self._clock()))
            except Empty:
                break
            waiting.pop(name, None)
            self._known[name] = (self._clock(), values, error)
        for name, thread in waiting.items():
            self._stuck[name] = thread
            self._known[name] = (self._clock(), {}, f"its collector did not end within {self._timeout_s:g} s")
        return self._result()

    def _one(self, name: str, answers: SimpleQueue[tuple[str, dict[str, Any], str]]) -> None:
        try:
            values, cut = _bounded(self._collectors[name](self._host))
            answers.put((name, values, "more than is reported was left out" if cut else ""))
        except (OSError, HostFault, ValueError, LookupError) as error:
            answers.put((name, {}, str(error) or type(error).__name__))

    def _result(self) -> Traits:
        known = {name: self._known[name] for name in self._collectors}
        values = {name: value for name, (_, value, error) in known.items() if value or not error}
        return Traits(values, {name: error for name, (_, _, error) in known.items() if error})


def _bounded(value: Any) -> tuple[Any, bool]:
    """The value with long texts, lists and maps cut; and whether anything was."""
    if isinstance(value, str):
        text = value[:MAX_TEXT_CHARS].encode("utf-8", "replace").decode()
        return text, len(value) > MAX_TEXT_CHARS
    if isinstance(value, dict):
        items = [(_bounded(key), _bounded(item)) for key, item in sorted(value.items())[:MAX_ITEMS]]
        cut = len(value) > MAX_ITEMS or any(key[1] or item[1] for key, item in items)
        return {key[0]: item[0] for key, item in items}, cut
    if isinstance(value, list):
        listed = [_bounded(item) for item in value[:MAX_ITEMS]]
        return [item for item, _ in listed], len(value) > MAX_ITEMS or any(cut for _, cut in listed)
    return value, False


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
