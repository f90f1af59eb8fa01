"""What profiles lack, told once for all that lack it, at the place that asks for it."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.documents import Documents
from reconciler.documents.complaints import diagnostic, nearest
from reconciler.graph.profiles import Finding, Profile
from reconciler.graph.proofs import Need
from schema.diagnostics import Diagnostic
from schema.merging import settle


def diagnostics_of(documents: Documents, profiles: Sequence[Profile]) -> list[Diagnostic]:
    """One diagnostic for each thing missing or owned twice; its hint names the first block and counts the others."""
    grouped: dict[tuple[object, ...], list[tuple[Finding, Profile]]] = {}
    for profile in profiles:
        for finding in profile.findings:
            linked, need, owned = finding.linked, finding.need, finding.owned
            grouped.setdefault((finding.code, linked, need, owned, finding.message), []).append((finding, profile))
    return [
        diagnostic(found[0][0].code, *_place(documents, found[0][0]), found[0][0].message, _hint(documents, found))
        for found in grouped.values()
    ]


def _place(documents: Documents, finding: Finding) -> tuple[str, int, int]:
    document = finding.linked.crate.document
    document = documents.by_path.get(document.path, document)
    if finding.need is not None:
        need: Need = finding.need
        if need.origin.template:
            return need.origin.template, need.line, need.column
        line, column = documents.within(document, need.origin.where, need.origin.text, need.line, need.column)
    elif finding.owned is not None:
        line, column = documents.place(document, finding.owned.where)
    else:
        line, column = documents.place(document, ("depends_on",))
    return document.path, line, column


def _hint(documents: Documents, found: Sequence[tuple[Finding, Profile]]) -> str:
    finding, first = found[0]
    others = len({profile.id for _, profile in found}) - 1
    line, _ = documents.place(first.document, ("envoys", first.index, "match"))
    more = f" and {others} more match block{'s' if others > 1 else ''}" if others else ""
    where = f"for {first.match_pattern} ({first.document.path}:{line}){more}"
    if finding.code == "vars.undefined" and finding.need is not None:
        available = {**finding.linked.crate.vars, **settle(first.resolution.vars)}
        return f"{nearest(str(finding.need.path[0]), available)} {where}".strip()
    if finding.code == "crate.missing-dependency":
        return f"add {finding.hint} {where}"
    return where
