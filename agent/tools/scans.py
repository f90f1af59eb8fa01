"""What scanners of vulnerabilities and settings leave behind: one shape for all of them, and safe ways to read it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple
from xml.parsers import expat

SEVERITIES: Final = ("critical", "high", "medium", "low", "unknown")
_WORDS: Final = {"moderate": "medium", "important": "high", "negligible": "low", "info": "low", "informational": "low"}
MAX_FINDINGS: Final = 20_000
"""Of one result; what is beyond is counted and not kept."""
MAX_ELEMENTS: Final = 5_000_000
MAX_DEPTH: Final = 200
MAX_TEXT_CHARS: Final = 2_000
_CHUNK: Final = 1 << 18


class Unreadable(Exception):
    """Not a result of the kind that it looked like. The message says why."""


class Finding(NamedTuple):
    """One thing that a scanner does not like."""

    id: str
    """CVE-2024-1234, or what the scanner calls it."""
    severity: str
    """One of `SEVERITIES`."""
    package: str = ""
    installed: str = ""
    fixed: str = ""
    """Empty: there is no fix, or it is not about a package."""
    title: str = ""


class Scan(NamedTuple):
    """One result."""

    scanner: str
    version: str = ""
    at: str = ""
    """When it was made, as the scanner wrote it."""
    target: str = ""
    score: float | None = None
    """Of 100; only of scanners that give one."""
    findings: tuple[Finding, ...] = ()
    counts: Mapping[str, int] = {}
    """Severity → how many, also of those that were not kept."""


def scan(scanner: str, findings: list[Finding], **more: Any) -> Scan:
    """A result with these findings, each once, the worst first."""
    each_once = list(dict.fromkeys(findings))
    counts = dict.fromkeys(SEVERITIES, 0)
    for finding in each_once:
        counts[finding.severity] += 1
    each_once.sort(key=lambda finding: (SEVERITIES.index(finding.severity), finding.id, finding.package))
    return Scan(scanner, findings=tuple(each_once[:MAX_FINDINGS]), counts=counts, **more)


def severity(word: Any) -> str:
    """A scanner's word for it, as one of `SEVERITIES`."""
    known = str(word or "").strip().lower()
    known = _WORDS.get(known, known)
    return known if known in SEVERITIES else "unknown"


def severity_of_score(score: Any) -> str:
    """Of a CVSS base score: FIRST's table of qualitative ratings."""
    try:
        number = float(score)
    except (TypeError, ValueError):
        return "unknown"
    return next(
        (name for least, name in ((9.0, "critical"), (7.0, "high"), (4.0, "medium"), (0.1, "low")) if number >= least),
        "unknown",
    )


def document(data: bytes) -> dict[str, Any]:
    """A JSON object.

    Raises:
        Unreadable: it is none.
    """
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"not JSON: {error}") from error
    if not isinstance(found, dict):
        raise Unreadable("not a JSON object")
    return found


def mapping(value: Any) -> Mapping[str, Any]:
    """The value, or an empty map where it is none."""
    return value if isinstance(value, dict) else {}


def listing(value: Any) -> list[Any]:
    """The value, or an empty list where it is none."""
    return value if isinstance(value, list) else []


def text(value: Any) -> str:
    """The value where it is text, not longer than a text may be; else nothing."""
    return value[:MAX_TEXT_CHARS] if isinstance(value, str) else ""


def elements(data: bytes, begin: Callable[[str, Mapping[str, str]], None], end: Callable[[str, str], None]) -> None:
    """Read XML element by element: `begin(name, attributes)`, `end(name, text)`, names without namespace prefix.

    A document type is refused, and with it every entity: there is nothing to expand and nothing to fetch.

    Raises:
        Unreadable: not well formed, with a document type, too deep or too long.
    """
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    texts: list[list[str]] = []
    count = 0

    def refuse(*_: Any) -> None:
        raise Unreadable("XML with a document type or entities is not read")

    def started(name: str, attributes: dict[str, str]) -> None:
        nonlocal count
        count += 1
        if count > MAX_ELEMENTS or len(texts) >= MAX_DEPTH:
            raise Unreadable("XML that is too long or too deep")
        texts.append([])
        begin(name.rpartition(" ")[2], attributes)

    def ended(name: str) -> None:
        end(name.rpartition(" ")[2], "".join(texts.pop())[:MAX_TEXT_CHARS].strip())

    def said(characters: str) -> None:
        if texts and len(texts[-1]) < MAX_TEXT_CHARS:
            texts[-1].append(characters[:MAX_TEXT_CHARS])

    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    parser.StartElementHandler = started
    parser.EndElementHandler = ended
    parser.CharacterDataHandler = said
    try:
        for at in range(0, len(data), _CHUNK):
            parser.Parse(data[at : at + _CHUNK])
        parser.Parse(b"", True)  # noqa: FBT003 - expat takes it by place
    except (expat.ExpatError, LookupError, ValueError) as error:
        raise Unreadable(f"not XML: {error}") from error
