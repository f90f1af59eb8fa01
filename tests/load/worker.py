"""A process of agents: told what to do in lines on standard input, answers each in a line of JSON.

start [SPREAD_S]     all agents begin, spread over so many seconds
check [SPREAD_S]     all agents make a full check and report
drop [SPREAD_S [N]]  the connections of all, or of so many, are cut
forget               the tally begins anew
tally                what happened since
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import math
import random
import resource
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import uvloop
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from reconciler import collecting
from tests.load.agents import Agent, Reporting, Tally
from tests.load.hosts import Executor, Identity

CONNECTIONS: Final = 20_000


def main(argv: Sequence[str]) -> int:
    """Run the agents that a plan names: see `Swarm`."""
    plan = json.loads(Path(argv[0]).read_text())
    raise_limit(CONNECTIONS)
    with contextlib.suppress(KeyboardInterrupt):
        uvloop.run(Worker(plan).run())
    return 0


def raise_limit(files: int) -> int:
    """Let this process have so many files open, or as many as it may; how many that is."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = files if hard == resource.RLIM_INFINITY else min(files, hard)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return max(soft, wanted)


class Worker:
    """The agents of one process."""

    def __init__(self, plan: dict[str, Any]) -> None:
        self._tally, reporting = Tally(), Reporting()
        signing = Ed25519PublicKey.from_public_bytes(bytes.fromhex(plan["signing_key"]))
        chance = random.Random(plan["seed"])
        jitter: Callable[[], float] = chance.random if plan["jitter"] else (lambda: 1.0)
        identities = [Identity(*each) for each in json.loads(Path(plan["identities"]).read_text())]
        self._agents = [
            Agent(
                identity,
                executor=Executor(identity, signing, failing=kind == "failing"),
                ca=plan["ca"],
                where=(plan["host"], plan["port"]),
                address=plan["addresses"][number % len(plan["addresses"])] if plan["addresses"] else "",
                random=jitter,
                tally=self._tally,
                reporting=reporting,
                kind=kind,
            )
            for number, identity in enumerate(identities[plan["first"] : plan["behind"]])
            for kind in [plan["kinds"].get(identity.hostname, "")]
        ]

    async def run(self) -> None:
        """Obey until standard input ends."""
        gc.freeze()
        # Each host has a heap of its own, of which the collector looks through little; here it would look through all.
        collecting.seldom()
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(_passing_over)
        reader = asyncio.StreamReader()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        self._say({"agents": len(self._agents)})
        while line := (await reader.readline()).decode().split():
            word, arguments = line[0], [float(each) for each in line[1:]]
            if word == "tally":
                self._say(self._told())
                continue
            if word == "forget":
                self._tally.counts.clear()
                self._tally.applied.clear()
                self._tally.opened.clear()
                self._tally.away.clear()
                self._tally.closed.clear()
            else:
                self._spread(word, *arguments)
            self._say({"done": word})

    def _spread(self, word: str, over_s: float = 0.0, many: float = math.inf) -> None:
        loop = asyncio.get_running_loop()
        agents = self._agents[: int(min(many, len(self._agents)))]
        for number, agent in enumerate(agents):
            act = {"start": agent.start, "check": agent.check, "drop": agent.drop}[word]
            loop.call_later(over_s * number / len(agents), act)

    def _told(self) -> dict[str, Any]:
        used = resource.getrusage(resource.RUSAGE_SELF)
        return {
            "open": sum(agent.open for agent in self._agents),
            "at_rest": sum(agent.at_rest for agent in self._agents),
            "counts": dict(self._tally.counts),
            "closed": dict(self._tally.closed.most_common(20)),
            "applied": {commit: list(times) for commit, times in self._tally.applied.items()},
            "opened": list(self._tally.opened),
            "away": list(self._tally.away),
            "cpu_s": used.ru_utime + used.ru_stime,
            "now": time.monotonic(),
        }

    def _say(self, told: dict[str, Any]) -> None:
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()


def _passing_over(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """uvloop tells of handshakes that ended after somebody had stopped waiting for them; the tally counts those."""
    if not isinstance(context.get("exception"), OSError):
        loop.default_exception_handler(context)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
