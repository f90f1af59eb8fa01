"""Grype's JSON: packages that match a known vulnerability."""

from __future__ import annotations

from typing import Any

from agent.tools import scans
from agent.tools.scans import Finding, Scan


def claims(document: dict[str, Any]) -> bool:
    """Whether a JSON document is of this kind."""
    return isinstance(document.get("matches"), list) and "descriptor" in document


def read(document: dict[str, Any]) -> Scan:
    """The result."""
    descriptor = scans.mapping(document.get("descriptor"))
    source = scans.mapping(document.get("source"))
    target = source.get("target")
    return scans.scan(
        "grype",
        [_finding(scans.mapping(match)) for match in scans.listing(document.get("matches"))],
        version=scans.text(descriptor.get("version")),
        at=scans.text(descriptor.get("timestamp")),
        target=scans.text(target) or scans.text(scans.mapping(target).get("userInput")),
    )


def _finding(match: Any) -> Finding:
    vulnerability, artifact = scans.mapping(match.get("vulnerability")), scans.mapping(match.get("artifact"))
    fixed = scans.listing(scans.mapping(vulnerability.get("fix")).get("versions"))
    return Finding(
        scans.text(vulnerability.get("id")),
        scans.severity(vulnerability.get("severity")),
        scans.text(artifact.get("name")),
        scans.text(artifact.get("version")),
        ", ".join(scans.text(each) for each in fixed),
        scans.text(vulnerability.get("description"))[:200],
    )
