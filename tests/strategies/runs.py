"""Runs over a machine of memory, with everything that a test does not care about filled in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from agent import converge
from agent.desired import Desired
from agent.fights import Fights
from agent.hosts import Host
from agent.journal import Journal
from agent.undo import Undo
from schema.protocol.reports import Report, ResourceReport, Trigger
from tests.strategies import machines, programs
from tests.strategies.catalogs import Ticking

TRAITS: Mapping[str, Any] = {"os": {"family": "debian", "distro": "debian"}, "hardware": {"arch": "x86_64"}}


class Fleet:
    """One host, its journal, and runs over it."""

    def __init__(
        self,
        host: Host | None = None,
        journal: Journal | None = None,
        undo: Undo | None = None,
        ids: Callable[[], str] = lambda: "run-1",
    ) -> None:
        self.host: Any = host or machines.machine({}, programs.ALL)
        self.journal = journal or Journal(None)
        self.undo = undo or Undo(None)
        self.traits: dict[str, Any] = dict(TRAITS)
        self.clock = Ticking()
        self.fights = Fights(self.clock.monotonic)
        self._ids = ids

    def run(
        self,
        desired: Desired,
        *,
        dry_run: bool = False,
        trigger: Trigger = Trigger.INTERVAL,
        touched: Iterable[str] | None = None,
        ours: converge.Ours | None = None,
    ) -> Report:
        return converge.run(
            desired,
            self.host,
            traits=self.traits,
            journal=self.journal,
            trigger=trigger,
            ids=self._ids,
            clock=self.clock,
            dry_run=dry_run,
            undo=self.undo,
            fights=self.fights,
            touched=None if touched is None else frozenset(touched),
            ours=ours,
        )


def outcomes(report: Report) -> dict[str, str]:
    """Id → outcome, in order."""
    return {one.id: one.outcome.value for one in report.resources}


def only(report: Report) -> ResourceReport:
    """The one resource of a report."""
    (one,) = report.resources
    return one


def by_id(report: Report, name: str) -> ResourceReport:
    """One resource of a report."""
    (found,) = [one for one in report.resources if one.id == name]
    return found
