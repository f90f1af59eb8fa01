"""The commands that look at what the agent made of its host, and take it back: owned, undo, release."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING, Any, Final

from agent.journal import Journal
from agent.logs import plain
from agent.reverting import UNDONE, UNTIL
from agent.undo import Record, Undo
from schema.errors import NotFound
from schema.protocol.reports import Outcome, Report, RunStatus, Trigger
from schema.time import to_rfc3339

if TYPE_CHECKING:
    from agent.runs import Runs
    from agent.state import State

OK: Final = 0
ERROR: Final = 1
_BEFORE: Final = {
    "absent": "nothing",
    "unknown": "something that was not kept",
    "kernel": "what the kernel had",
    "attribute": "what the attribute was",
    "state": "as it was",
}


class UnknownRun(NotFound):
    """No record of such a run: it changed nothing, or was too long ago."""

    code = "agent.run-unknown"


def owned(options: argparse.Namespace, state: State) -> int:
    """Print what this agent manages, and what was there before it came. Changes nothing, locks nothing."""
    journal = Journal(state.path, look=True)
    rows: list[dict[str, Any]] = [
        {
            "id": name,
            "type": entry.type,
            "path": entry.path,
            "on_removal": entry.on_removal,
            "before": journal.origins.get(entry.path, {}).get("kind", "") if entry.path else "",
            "held": journal.holds[name].why if name in journal.holds else "",
        }
        for name, entry in sorted(journal.entries.items())
    ]
    known = {row["id"] for row in rows}
    rows += [
        {"id": name, "type": "", "path": "", "on_removal": "", "before": "", "held": hold.why}
        for name, hold in sorted(journal.holds.items())
        if name not in known
    ]
    if options.json:
        print(json.dumps(rows, indent=2))
        return OK
    for row in rows:
        before = _before(row["before"])
        details = [row["path"], f"on_removal {row['on_removal']}" if row["on_removal"] not in ("", "keep") else ""]
        details += [f"before: {before}" if before else "", f"held: {row['held']}" if row["held"] else ""]
        print(plain("  ".join(filter(None, [row["id"], *details]))))
    print(f"{len(rows)} resources", file=sys.stderr)
    return OK


def look(options: argparse.Namespace, state: State) -> int:
    """List the runs that can be undone, or say what undoing one would put back."""
    records = Undo(state.path)
    if options.run is None:
        return _list(records.runs(), as_json=options.json)
    for each in reversed(_named(records, options.run).replaced):
        print(plain(f"  {each.path}  would be again: {_before(each.origin['kind'])}  ({each.resource})"))
    return OK


def undo(options: argparse.Namespace, state: State, runs: Runs) -> int:
    """Put back what a run replaced, and converge."""
    record = _named(Undo(state.path), options.run)
    done = runs.undo(record.run, force=options.force)
    report = runs.run(Trigger.REVERT)
    runs.reread(change.resource for change in record.changed)
    if report is not None:
        runs.keep(report)
    failed = [each for each in done if each.error]
    if options.json:
        print(json.dumps({"run": record.run, "paths": [each._asdict() for each in done]}, indent=2))
    else:
        for each in done:
            print(plain(f"  {each.path}  {each.error or 'as it was before'}"))
        for change in record.changed:
            if change.resource not in {each.resource for each in record.replaced}:
                print(plain(f"  {change.resource}  no path is kept for it alone ({change.type}); it is held as it is"))
        print(f"{len(record.changed)} resources are held; each {UNTIL.removeprefix('it ')}")
    fine = report is None or report.status is not RunStatus.FAILED or _only_held(report)
    if report is not None and not fine:
        print(plain(f"vigo-agent: the run that followed has failed: {_whose_fault(report)}"), file=sys.stderr)
    return OK if fine and not failed else ERROR


def release(options: argparse.Namespace, runs: Runs) -> int:
    """Let what was undone be applied again."""
    released = runs.release(options.resource)
    for name in released:
        print(plain(name))
    print(f"{len(released)} resources are applied again with the next run", file=sys.stderr)
    lacking = set(options.resource) - set(released)
    for name in sorted(lacking):
        print(plain(f"vigo-agent: {name} is not held"), file=sys.stderr)
    return ERROR if lacking else OK


def _only_held(report: Report) -> bool:
    """Whether nothing failed but what is held: that is what was asked for."""
    failed = [each.error for each in report.resources if each.outcome is Outcome.FAILED]
    return not report.error and all(error.startswith(UNDONE) for error in failed)


def _whose_fault(report: Report) -> str:
    failed = [each for each in report.resources if each.outcome is Outcome.FAILED and not each.error.startswith(UNDONE)]
    said = [f"{each.id} ({each.error})" for each in failed[:3]]
    more = [f"{len(failed) - len(said)} more"] if len(failed) > len(said) else []
    return "; ".join([*filter(None, [report.error]), *said, *more])


def _named(records: Undo, name: str) -> Record:
    found = [record for record in records.runs() if record.run == name or record.run.endswith(name)]
    if len(found) != 1:
        which = "no run" if not found else f"{len(found)} runs"
        raise UnknownRun(f"{which} {name} that changed something is recorded; `vigo-agent undo` lists them")
    return found[0]


def _list(records: list[Record], *, as_json: bool) -> int:
    if as_json:
        rows = [
            {
                "run": record.run,
                "commit": record.commit,
                "at": to_rfc3339(record.at),
                "resources": [change.resource for change in record.changed],
                "paths": [each.path for each in record.replaced],
            }
            for record in records
        ]
        print(json.dumps(rows, indent=2))
        return OK
    for record in records:
        names = [change.resource for change in record.changed]
        shown = ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
        print(plain(f"{record.run}  {to_rfc3339(record.at)}  commit {record.commit[:12]}  {shown}"))
    if not records:
        print("no run that changed something is recorded", file=sys.stderr)
    return OK


def _before(kind: str) -> str:
    return _BEFORE.get(kind, f"a {kind}" if kind else "")
