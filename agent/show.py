"""What the commands print for people: compact, one line a thing, every foreign text escaped."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from agent.logs import plain
from schema.protocol.reports import Outcome, Report, ResourceReport
from schema.time import to_rfc3339

if TYPE_CHECKING:
    from agent.last_run import LastRun
    from agent.standing import AgentStatus, Processes

MAX_DIFF_LINES: Final = 40


def run(report: Report, hostname: str) -> str:
    """A run: what changed, failed or was skipped, then the sum."""
    stale = "  (stale: the assignment has expired)" if report.stale else ""
    lines = [f"{hostname}  generation {report.generation}  commit {report.commit[:12]}{stale}"]
    for each in report.resources:
        if each.outcome is not Outcome.UNCHANGED:
            lines += _resource(each)
    if report.error:
        lines.append(f"  error    {plain(report.error)}")
    counts = Counter(str(each.outcome) for each in report.resources)
    if report.dry_run:
        counts["would change"] = counts.pop("changed", 0)
    said = ", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items()) if count)
    return "\n".join([*lines, f"{report.status} in {report.duration_us / 1000:.0f} ms: {said or 'no resources'}"])


def _resource(each: ResourceReport) -> list[str]:
    place = f"{each.file}:{each.line}" if each.file else ""
    detail = plain(each.error or each.reason)
    head = f"  {each.outcome:<8} {plain(each.id)}  {each.action if each.changed else ''}  {place}".rstrip()
    lines = [head, *([f"             {detail}"] if detail else [])]
    diff = each.diff.splitlines()
    lines += [f"             {plain(line)}" for line in diff[:MAX_DIFF_LINES]]
    return [*lines, f"             ({len(diff) - MAX_DIFF_LINES} more lines)"] if len(diff) > MAX_DIFF_LINES else lines


def traits(values: Mapping[str, Any], prefix: str = "") -> str:
    """What a host is, a line a value: its dotted path, and the value as JSON."""
    lines = []
    for name, value in sorted(values.items()):
        if isinstance(value, Mapping) and value:
            lines.append(traits(value, f"{prefix}{name}."))
        else:
            lines.append(f"{plain(prefix + name)} = {plain(json.dumps(value, ensure_ascii=False))}")
    return "\n".join(lines)


def status(found: AgentStatus) -> str:
    """How an agent stands, a line each."""
    rows = [
        ("host", f"{found.hostname}  ({found.envoy_id})"),
        ("root", "" if found.root == "/" else found.root),
        ("server", found.server),
        ("agent", f"runs, pid {found.pid}" if found.pid else "does not run"),
        *(_processes(found.processes) if found.processes else ()),
        ("link", _link(found)),
        ("in force", _in_force(found)),
        ("pinned", "to approved plans; anything else is refused" if found.pinned else ""),
        ("last run", _last_run(found.last_run)),
        ("", "it waits to be confirmed: put back if the server is not reached soon" if found.unconfirmed else ""),
        ("reports", _reports(found)),
        ("certificate", f"expires {to_rfc3339(found.certificate_expires)}"),
    ]
    return "\n".join(f"{name:<12}{plain(text)}" for name, text in rows if text)


def _processes(processes: Processes) -> list[tuple[str, str]]:
    """Of what it is made, and what this host keeps it from giving up."""
    if processes.together:
        return [("", f"one process: {processes.together}")]
    made = f"two processes: executor {processes.executor}, link as {processes.link_user}"
    return [("", made), *(("", note) for note in processes.notes)]


def _link(found: AgentStatus) -> str:
    if found.link is None:
        return "never connected"
    skew = f", clocks differ by {found.link.skew_s:.0f} s" if abs(found.link.skew_s) > 5 else ""
    if found.link.connected:
        return f"connected since {to_rfc3339(found.link.since)}{skew}"
    if found.pid is None:
        return f"not connected: {found.link.reason}"
    return f"not connected since {to_rfc3339(found.link.since)}: {found.link.reason}{skew}"


def _in_force(found: AgentStatus) -> str:
    held = found.assignment
    if held is None:
        return "nothing yet"
    expiry = "stale since" if found.stale else "expires"
    where = f"epoch {held.epoch} generation {held.generation}, commit {held.commit[:12]}"
    return f"{where}, {expiry} {to_rfc3339(held.expires)}"


def _last_run(last: LastRun | None) -> str:
    if last is None:
        return "none yet"
    report = last.report
    counted = f"{last.changed} changed, {last.failed} failed"
    said = f"{report.status} ({report.trigger}), {counted}, {to_rfc3339(report.finished)}"
    return f"{said}: {report.error}" if report.error else said


def _reports(found: AgentStatus) -> str:
    lost = f", {found.dropped_reports} dropped since enrolment" if found.dropped_reports else ""
    return (
        f"{found.spooled_reports} waiting, {found.spooled_bytes} bytes{lost}" if found.spooled_reports or lost else ""
    )
