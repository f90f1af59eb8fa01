"""What is wrong with profiles, told once for all that have it, at the place that asks for it."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.documents import Documents
from reconciler.documents.complaints import diagnostic
from reconciler.graph.profiles import Finding, Profile
from schema.diagnostics import Diagnostic


def diagnostics_of(documents: Documents, profiles: Sequence[Profile]) -> list[Diagnostic]:
    """One diagnostic for each thing that is wrong; its hint names the first block that has it, and counts others."""
    grouped: dict[tuple[object, ...], list[tuple[Finding, Profile]]] = {}
    for profile in profiles:
        for finding in profile.findings:
            key = (finding.code, finding.document.path, finding.where, finding.need, finding.message)
            grouped.setdefault(key, []).append((finding, profile))
    return [
        diagnostic(found[0][0].code, *_place(documents, *found[0]), found[0][0].message, _hint(documents, found))
        for found in grouped.values()
    ]


def _place(documents: Documents, finding: Finding, profile: Profile) -> tuple[str, int, int]:
    # What a profile was made of may be older than the tree: the same words, perhaps on other lines.
    document = documents.by_path.get(finding.document.path, finding.document)
    need, where = finding.need, finding.where
    if need is not None and need.origin.template:
        return need.origin.template, need.line, need.column
    if need is not None:
        line, column = documents.within(document, where, need.origin.text, need.line, need.column)
    else:
        if document is profile.document and where[:1] == ("envoys",):
            where = ("envoys", profile.index, *where[2:])
        line, column = documents.place(document, where)
    return document.path, line, column


def _hint(documents: Documents, found: Sequence[tuple[Finding, Profile]]) -> str:
    finding, first = found[0]
    others = len({profile.id for _, profile in found}) - 1
    line, _ = documents.place(first.document, ("envoys", first.index, "match"))
    more = f" and {others} more match block{'s' if others > 1 else ''}" if others else ""
    where = f"for {first.match_pattern} ({first.document.path}:{line}){more}"
    if finding.code == "crate.missing-dependency":
        return f"add {finding.hint} {where}"
    return f"{finding.hint} {where}".strip()
