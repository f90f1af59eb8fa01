"""Diagnostics as continuous integration reads them: a SARIF 2.1.0 log, and GitHub's workflow commands.

Both name files by their path in the git repository, since that is where these readers look for them.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any, Final
from urllib.parse import quote

from api.cli import output
from reconciler.documents import codes
from schema.diagnostics import Diagnostic, Severity

SARIF_VERSION: Final = "2.1.0"
SARIF_SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

_COMMANDS: Final = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "notice"}


def sarif(diagnostics: Sequence[Diagnostic], *, below: str = "") -> dict[str, Any]:
    """One run of `vigo validate` as a SARIF log (OASIS SARIF 2.1.0); severities are SARIF's levels by name.

    Args:
        below: where the config repository stands in its git repository, with a final slash; empty for its root.
    """
    index = {code: number for number, code in enumerate(codes.CODES)}
    rules = [
        {"id": code, "shortDescription": {"text": text}, "defaultConfiguration": {"level": str(codes.severity(code))}}
        for code, text in codes.CODES.items()
    ]
    driver = {"name": "vigo", "semanticVersion": version("vigo"), "rules": rules}
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "invocations": [{"executionSuccessful": True}],
        "results": [_result(item, index[item.code], below) for item in diagnostics],
    }
    return {"$schema": SARIF_SCHEMA, "version": SARIF_VERSION, "runs": [run]}


def github(item: Diagnostic, *, below: str = "") -> str:
    """One workflow command (GitHub Actions, "Workflow commands"), which the runner shows beside the source line.

    Args:
        below: as of `sarif`.
    """
    return command(_COMMANDS[item.severity], f"{below}{item.file}", item.line, item.column, item.code, _text(item))


def command(kind: str, file: str, line: int, column: int, title: str, text: str) -> str:
    """One workflow command: `error`, `warning` or `notice` at a place."""
    place = {"file": file, "line": str(line), "col": str(column), "title": title}
    properties = ",".join(f"{name}={_property(output.visible(value))}" for name, value in place.items())
    return f"::{kind} {properties}::{_data(output.visible(text, lines=True))}"


def _result(item: Diagnostic, rule: int, below: str) -> dict[str, Any]:
    # Bytes of a path, not its characters, are what a URI escapes (RFC 3986).
    place = {
        "artifactLocation": {"uri": quote(os.fsencode(f"{below}{item.file}")), "uriBaseId": "%SRCROOT%"},
        "region": {"startLine": item.line, "startColumn": item.column},
    }
    return {
        "ruleId": item.code,
        "ruleIndex": rule,
        "level": str(item.severity),
        "message": {"text": _text(item)},
        "locations": [{"physicalLocation": place}],
    }


def _text(item: Diagnostic) -> str:
    return f"{item.message}\nhint: {item.hint}" if item.hint else item.message


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
