"""OpenSCAP's results: XCCDF 1.1 and 1.2 `TestResult`, alone or within ARF; both are read element by element."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from agent.tools import scans
from agent.tools.scans import Finding, Scan

MARKS: Final = (b"TestResult", b"asset-report-collection")
_FAILED: Final = frozenset({"fail", "error"})
_PREFIX: Final = "xccdf_org.ssgproject.content_rule_"


def claims(data: bytes) -> bool:
    """Whether a document is of this kind."""
    return data.lstrip()[:1] == b"<" and any(mark in data for mark in MARKS)


def read(data: bytes) -> Scan:
    """The result: rules that failed, by the severity that the content gives them; waived ones are left out.

    Raises:
        scans.Unreadable: no XML that is read, or without a result.
    """
    reading = _Reading()
    scans.elements(data, reading.begin, reading.end)
    if not reading.seen:
        raise scans.Unreadable("no TestResult in it")
    score = 100 * reading.score / reading.maximum if reading.score is not None and reading.maximum else reading.score
    return scans.scan(
        "openscap",
        reading.findings,
        version=reading.version,
        at=reading.at,
        target=reading.target,
        score=round(score, 2) if score is not None else None,
    )


class _Reading:
    """What was come upon so far. The titles of rules come before their results, in the benchmark."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self.seen = False
        self.version = self.at = self.target = ""
        self.score: float | None = None
        self.maximum = 100.0
        self._titles: dict[str, str] = {}
        self._path: list[str] = []
        self._rule: Mapping[str, str] = {}
        self._result = ""
        self._waived = False
        self._group = ""

    def begin(self, name: str, attributes: Mapping[str, str]) -> None:
        """An element begins."""
        self._path.append(name)
        if name == "Rule":
            self._group = attributes.get("id", "")
        elif name == "TestResult":
            self.seen = True
            self.at = attributes.get("end-time", "") or attributes.get("start-time", "")
            self.version = attributes.get("test-system", "").rpartition(":")[2]
        elif name == "rule-result":
            self._rule, self._result, self._waived = dict(attributes), "", False
        elif name == "override":
            self._waived = True
        elif name == "score" and self.score is None:
            self.maximum = _number(attributes.get("maximum", "100")) or 100.0

    def end(self, name: str, text: str) -> None:
        """An element ends, with this text directly in it."""
        self._path.pop()
        parent = self._path[-1] if self._path else ""
        if name == "title" and parent == "Rule" and len(self._titles) < scans.MAX_FINDINGS:
            self._titles[self._group] = text[:200]
        elif name == "result" and parent == "rule-result":
            self._result = text
        elif name == "target" and parent == "TestResult":
            self.target = text
        elif name == "score" and parent == "TestResult" and self.score is None:
            self.score = _number(text)
        elif name == "rule-result" and self._result in _FAILED and not self._waived:
            rule = self._rule.get("idref", "")
            severity = scans.severity(self._rule.get("severity"))
            if len(self.findings) < scans.MAX_FINDINGS:
                self.findings.append(
                    Finding(rule.removeprefix(_PREFIX)[:200], severity, title=self._titles.get(rule, ""))
                )


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
