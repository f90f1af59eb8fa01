"""Trivy's JSON, schema 2: vulnerabilities, misconfigurations and secrets of one target."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from agent.tools import scans
from agent.tools.scans import Finding, Scan


def claims(document: dict[str, Any]) -> bool:
    """Whether a JSON document is of this kind."""
    return document.get("SchemaVersion") == 2 and "ArtifactName" in document


def read(document: dict[str, Any]) -> Scan:
    """The result; no `Results` is no finding."""
    findings = [
        finding for result in scans.listing(document.get("Results")) for finding in _findings(scans.mapping(result))
    ]
    trivy = scans.mapping(document.get("Trivy"))
    return scans.scan(
        "trivy",
        findings,
        version=scans.text(trivy.get("Version")),
        at=scans.text(document.get("CreatedAt")),
        target=scans.text(document.get("ArtifactName")),
    )


def _findings(result: Any) -> Iterator[Finding]:
    for each in map(scans.mapping, scans.listing(result.get("Vulnerabilities"))):
        yield Finding(
            scans.text(each.get("VulnerabilityID")),
            scans.severity(each.get("Severity")),
            scans.text(each.get("PkgName")),
            scans.text(each.get("InstalledVersion")),
            scans.text(each.get("FixedVersion")),
            scans.text(each.get("Title"))[:200],
        )
    for each in map(scans.mapping, scans.listing(result.get("Misconfigurations"))):
        if each.get("Status", "FAIL") == "FAIL":
            title = scans.text(each.get("Title"))[:200]
            yield Finding(scans.text(each.get("ID")), scans.severity(each.get("Severity")), title=title)
    for each in map(scans.mapping, scans.listing(result.get("Secrets"))):
        # Where it is, never what it is: `Match` holds a part of it.
        where = f"{scans.text(each.get('Title'))}: {scans.text(result.get('Target'))}"[:200]
        yield Finding(scans.text(each.get("RuleID")), scans.severity(each.get("Severity")), title=where)
