"""Results of tests as JUnit XML, which nearly every CI system reads.

There is no standard of it; this keeps to what Jenkins, GitLab and Azure agree on: `testsuites` > `testsuite` (a file) >
`testcase` > `failure`.
"""

from __future__ import annotations

import re
from itertools import groupby
from typing import Final
from xml.etree import ElementTree

from api.cli import output, test
from schema.expectations import Verdict, Verdicts

_NO_CHARACTER: Final = re.compile("[\ufffe\uffff]")
_HEAD: Final = '<?xml version="1.0" encoding="UTF-8"?>\n'


def report(found: Verdicts, *, below: str = "") -> str:
    """The results as one XML document.

    Args:
        below: where the config repository stands in its git repository, with a final slash; empty for its root.
    """
    root = ElementTree.Element("testsuites", {"name": "vigo test", **_counts(found.tests)})
    for file, group in groupby(found.tests, key=lambda verdict: verdict.place.file):
        verdicts = list(group)
        suite = ElementTree.SubElement(root, "testsuite", {"name": _text(f"{below}{file}"), **_counts(verdicts)})
        for verdict in verdicts:
            _case(suite, verdict, below)
    ElementTree.indent(root)
    return _HEAD + ElementTree.tostring(root, encoding="unicode")


def _case(suite: ElementTree.Element, verdict: Verdict, below: str) -> None:
    file = f"{below}{verdict.place.file}"
    classname = file.removesuffix(".vgo").replace("/", ".")
    case = ElementTree.SubElement(
        suite,
        "testcase",
        classname=_text(classname),
        name=_text(verdict.name),
        file=_text(file),
        line=str(verdict.place.line),
    )
    if verdict.passed:
        return
    lines: list[str] = []
    for failure, subjects in test.grouped(verdict.failures):
        place = failure.place
        lines.append(f"{below}{place.file}:{place.line}:{place.column}: {test.told(failure, subjects)}")
        lines += [f"  from: {where}" for where in [test.origin(failure)] if where]
        lines += [f"  hint: {failure.hint}"] if failure.hint else []
    if verdict.left_out:
        lines.append(f"{verdict.left_out} more failures are not listed")
    told = ElementTree.SubElement(case, "failure", type="expectation", message=_text(lines[0]))
    told.text = _text("\n".join(lines))


def _counts(verdicts: list[Verdict]) -> dict[str, str]:
    failed = sum(not verdict.passed for verdict in verdicts)
    return {"tests": str(len(verdicts)), "failures": str(failed), "errors": "0", "skipped": "0"}


def _text(text: str) -> str:
    """Text without what XML 1.0 cannot hold, escaped or not (2.2, Char)."""
    return _NO_CHARACTER.sub(lambda found: f"\\u{ord(found[0]):04x}", output.visible(text, lines=True))
