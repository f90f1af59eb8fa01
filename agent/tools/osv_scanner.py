"""OSV-Scanner's JSON: packages of lock files and systems, with the advisories that name them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from agent.tools import scans
from agent.tools.scans import Finding, Scan

_MALICIOUS = "MAL-"
"""A package that is itself the attack: it has no score."""
_BEST_KNOWN = ("CVE-", _MALICIOUS)


def claims(document: dict[str, Any]) -> bool:
    """Whether a JSON document is of this kind."""
    results = document.get("results")
    return isinstance(results, list) and all("packages" in scans.mapping(each) for each in results)


def read(document: dict[str, Any]) -> Scan:
    """The result. Advisories that the scanner groups are one finding, called by the CVE where there is one."""
    packages = [
        scans.mapping(package)
        for result in scans.listing(document.get("results"))
        for package in scans.listing(scans.mapping(result).get("packages"))
    ]
    return scans.scan("osv-scanner", [finding for package in packages for finding in _findings(package)])


def _findings(package: Any) -> Iterator[Finding]:
    about = scans.mapping(package.get("package"))
    advisories = {
        scans.text(each.get("id")): each for each in map(scans.mapping, scans.listing(package.get("vulnerabilities")))
    }
    groups = [scans.mapping(each) for each in scans.listing(package.get("groups"))]
    for group in groups or [{"ids": [name]} for name in advisories]:
        ids = [scans.text(each) for each in scans.listing(group.get("ids"))]
        aliases = [scans.text(each) for each in scans.listing(group.get("aliases"))]
        known = [advisories[each] for each in ids if each in advisories]
        aliases += [scans.text(alias) for each in known for alias in scans.listing(each.get("aliases"))]
        names = sorted({*ids, *aliases} - {""}, key=lambda name: (not name.startswith(_BEST_KNOWN), name))
        if not names:
            continue
        words = [scans.severity(scans.mapping(each.get("database_specific")).get("severity")) for each in known]
        words += ["critical" for name in names if name.startswith(_MALICIOUS)]
        worst = min([*words, scans.severity_of_score(group.get("max_severity"))], key=scans.SEVERITIES.index)
        yield Finding(
            names[0],
            worst,
            scans.text(about.get("name")),
            scans.text(about.get("version")),
            _fixed(known, scans.text(about.get("name"))),
            next((scans.text(each.get("summary"))[:200] for each in known if each.get("summary")), ""),
        )


def _fixed(advisories: list[Any], name: str) -> str:
    """The version that an advisory calls fixed; the last one that it names."""
    events = [
        scans.text(scans.mapping(event).get("fixed"))
        for advisory in advisories
        for affected in map(scans.mapping, scans.listing(advisory.get("affected")))
        if scans.mapping(affected.get("package")).get("name") == name
        for span in map(scans.mapping, scans.listing(affected.get("ranges")))
        for event in scans.listing(span.get("events"))
    ]
    return next((each for each in reversed(events) if each), "")
