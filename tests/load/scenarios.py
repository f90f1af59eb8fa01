"""What a fleet does to a server, and what is seen of it: all connect, a commit reaches all, all come back."""

from __future__ import annotations

import http.client
import json
import ssl
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from tests.load.sites import LoadSite, cpu_s
from tests.load.swarm import Swarm, Told

ASK_EVERY_S: Final = 0.05
ASKED: Final = "/api/v1/config/status"
CONNECTS_PER_S: Final = 125
"""How fast agents begin: half of what two idle cores bear, generator and all, so that a busy machine bears it too."""
BROKEN, BROKEN_OVER_S = 50, 10.0
"""How many connections break in each process of agents, and in which time."""
PATIENCE_S: Final = 300.0
LOOK_S: Final = 1.0
"""How often the hosts are asked, who have written down when they were what the commit says: to ask takes of their time."""


def share(times: Sequence[float], part: float) -> float:
    """The time under which this part of them lies."""
    return sorted(times)[min(len(times) - 1, int(len(times) * part))] if times else 0.0


class Asking:
    """Somebody who asks the API all the time, and takes down how long each answer took; a context."""

    def __init__(self, url: str, ca: Path, token: str) -> None:
        at = urlsplit(url)
        self._where = (at.hostname or "localhost", at.port or 443)
        self._context = ssl.create_default_context(cafile=str(ca))
        self._headers = {"Authorization": f"Bearer {token}"}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.took: list[float] = []
        self.statuses: Counter[int] = Counter()
        """0: no answer at all."""

    def __enter__(self) -> Asking:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join(30)

    def _run(self) -> None:
        connection = http.client.HTTPSConnection(*self._where, context=self._context, timeout=20)
        while not self._ended.wait(ASK_EVERY_S):
            began = time.monotonic()
            try:
                connection.request("GET", ASKED, headers=self._headers)
                answer = connection.getresponse()
                answer.read()
                self.statuses[answer.status] += 1
            except (OSError, http.client.HTTPException):
                connection.close()
                self.statuses[0] += 1
            self.took.append(time.monotonic() - began)
        connection.close()


@dataclass(frozen=True)
class Returned:
    """How a fleet came back."""

    took_s: float
    """From the moment the server was ready again."""
    api_p99_s: float
    api_worst_s: float
    statuses: Counter[int]
    told: Told
    cpu_s: float = 0.0
    """Of the server, from its start."""

    @property
    def in_vain(self) -> int:
        """Attempts that did not end in a welcome."""
        return max(0, self.told.counts.get("connects", 0) - len(self.told.opened))

    @property
    def failures(self) -> int:
        """Answers of 500 and above, and requests without one."""
        return sum(count for status, count in self.statuses.items() if status >= 500 or status == 0)


@dataclass(frozen=True)
class Reached:
    """How a commit reached a fleet; seconds from the commit."""

    p50_s: float
    p99_s: float
    last_s: float
    told: Told
    times: Sequence[float] = field(repr=False, default=())


def asking(site: LoadSite) -> Asking:
    """Ask the API of a site as its administrator."""
    access = json.loads((site.data / "local-access.json").read_text())
    return Asking(access["server"], Path(access["ca"]), access["token"])


def connect(swarm: Swarm, *, over_s: float) -> Told:
    """All start, and are at rest: they hold what they are to be, and have reported on it."""
    swarm.say(f"start {over_s}")
    return swarm.until("all are at rest", lambda told: told.at_rest == swarm.count, patience_s=PATIENCE_S)


def reach(
    site: LoadSite, swarm: Swarm, text: str, *, count: int | None = None, patience_s: float = PATIENCE_S
) -> Reached:
    """Change a crate that all have; wait until so many (all) have applied it."""
    wanted = swarm.count if count is None else count
    swarm.say("forget")
    began = time.monotonic()
    commit = site.change(text)
    told = swarm.until(
        "the commit is applied",
        lambda told: len(told.applied.get(commit, ())) >= wanted,
        patience_s=patience_s,
        every_s=LOOK_S,
    )
    times = sorted(at - began for at in told.applied[commit])
    return Reached(share(times, 0.5), share(times, 0.99), times[-1], told, times)


def break_some(swarm: Swarm) -> Sequence[float]:
    """Connections break, one after the other; how long each agent was away."""
    swarm.say("forget")
    swarm.say(f"drop {BROKEN_OVER_S} {BROKEN}")
    time.sleep(BROKEN_OVER_S)
    return swarm.until("all are back", lambda told: told.open == swarm.count, patience_s=PATIENCE_S).away


def come_back(site: LoadSite, swarm: Swarm, *, patience_s: float = PATIENCE_S) -> Returned:
    """Restart the server, and wait until all are back."""
    swarm.say("forget")
    assert site.server is not None
    site.server.end()
    site.start()
    began = time.monotonic()
    with asking(site) as somebody:
        told = swarm.until("all are back", lambda told: told.open == swarm.count, patience_s=patience_s)
        took_s = time.monotonic() - began
    worst_s = max(somebody.took, default=0.0)
    return Returned(took_s, share(somebody.took, 0.99), worst_s, somebody.statuses, told, cpu_s=cpu_s(site.server.pid))
