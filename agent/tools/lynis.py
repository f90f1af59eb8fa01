"""Lynis's report.dat: `key=value` lines, repeated ones with `[]`."""

from __future__ import annotations

from agent.tools import scans
from agent.tools.scans import Finding, Scan


def claims(text: str) -> bool:
    """Whether a text is of this kind."""
    return "lynis_version=" in text[:8_192] or "report_version_major=" in text[:8_192]


def read(text: str) -> Scan:
    """The result. Warnings count as medium, suggestions as low, and a package with a known weakness as high.

    Raises:
        scans.Unreadable: the run was cut short, so that what is not there was perhaps not looked at.
    """
    found: list[Finding] = []
    values: dict[str, str] = {}
    for line in text.splitlines():
        key, equals, value = line.partition("=")
        if not equals or line.startswith("#"):
            continue
        if key == "warning[]":
            found.append(_advice(value, "medium"))
        elif key == "suggestion[]":
            found.append(_advice(value, "low"))
        elif key == "vulnerable_package[]":
            name = value.partition("|")[0].strip()
            found.append(Finding("vulnerable-package", "high", name, title="has a known weakness"))
        else:
            values.setdefault(key, value.strip())
    if values.get("finish") != "true":
        raise scans.Unreadable("the run of Lynis did not come to its end")
    index = values.get("hardening_index", "")
    return scans.scan(
        "lynis",
        found,
        version=values.get("lynis_version", ""),
        at=values.get("report_datetime_end", ""),
        target=values.get("hostname", ""),
        score=float(index) if index.isdigit() else None,
    )


def _advice(value: str, severity: str) -> Finding:
    """`TEST-ID|text|details|solution|`; the text itself may hold the bar, details and solution are the last two."""
    name, _, rest = value.partition("|")
    parts = rest.rstrip("|").split("|")
    title = "|".join(parts[:-2]) if len(parts) > 2 else parts[0]
    return Finding(name.strip(), severity, title=title.strip()[:200])
