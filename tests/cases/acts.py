"""What the cases measure: one act each, of one text, with an outcome that is JSON."""

from __future__ import annotations

import json
from typing import Any

from reconciler import expressions, graph, repository
from reconciler.documents import formatting, marks
from reconciler.documents.compose import compose
from reconciler.documents.kinds import Kind
from reconciler.repository.faults import (
    RepositoryDamaged,
    RepositoryNotFound,
    RepositoryUntrusted,
    RevisionNotFound,
    RevisionRefused,
    TreeRefused,
)
from schema.expressions import ExpressionError, NoHost, Renderer
from tests.unit.reconciler.documents.test_hostile import CASES as FILES
from tests.unit.schema.expressions.bombs import BOMBS
from tests.unit.schema.expressions.corpus import SCOPE


def read(place: str) -> Any:
    """Open a repository and read all that `main` leads to: refused paths, and bytes of each file."""
    try:
        opened = repository.open(place)
        tree = opened.tree(opened.resolve("main"))
        return [dict(tree.refused()), {path: len(tree.read(each.oid)) for path, each in tree.entries().items()}]
    except (RepositoryDamaged, RepositoryUntrusted, RevisionRefused, TreeRefused) as fault:
        return fault.message


def compiled(place: str) -> Any:
    """Compile what `main` leads to: codes."""
    try:
        opened = repository.open(place)
        found = graph.compile_tree(opened.tree(opened.resolve("main")))
    except (RepositoryDamaged, RepositoryUntrusted, TreeRefused) as fault:
        return fault.message
    return sorted({each.code for each in found.diagnostics})


def composed(name: str) -> Any:
    """Read one of the hostile files: codes."""
    return sorted({each.code for each in compose(FILES[name][0]).complaints})


def marked(name: str) -> Any:
    """Find the places of one of the hostile files: how many."""
    return len(marks.read(FILES[name][0]))


def formatted(name: str) -> Any:
    """Lay out one of the hostile files."""
    try:
        formatting.canonical(FILES[name][0], Kind.CONFIGCRATE)
    except formatting.NotFormattable:
        return "refused"
    return "formatted"


class _Host(NoHost):
    def file_exists(self, path: str) -> bool:
        """A host that answers."""
        return True


def rendered(name: str) -> Any:
    """Render one of the bombs: the kind of its error."""
    try:
        return len(Renderer(_Host()).render(BOMBS[name], SCOPE))
    except ExpressionError as error:
        return error.kind.value


def loaded_json(size: str) -> Any:
    """Only here so that the harness itself is tested: a list that takes memory and time."""
    return len(json.loads("[" + "0," * int(size) + "0]"))


def walked(place: str) -> Any:
    """Ask a repository all that a server asks: whether it answered or refused."""
    try:
        opened = repository.open(place)
        commit = opened.resolve("main")
        tree = opened.tree(commit)
        for each in tree.entries().values():
            tree.read(each.oid)
        first = commit
        while parents := opened.commit_info(first).parents:
            first = parents[0]
        opened.descends(commit, first)
        opened.descends(first, commit)
        opened.diff_text(first, commit)
        opened.index()
    except (RepositoryDamaged, RepositoryNotFound, RepositoryUntrusted, RevisionNotFound, TreeRefused):
        return "refused"
    return "read"


def staged(place: str) -> Any:
    """As `walked`, and then what is staged, as the hook reads it."""
    return walked(place) if walked(place) == "refused" else _indexed(place)


def _indexed(place: str) -> str:
    try:
        index = repository.open(place).index()
        for each in index.entries().values():
            index.read(each.oid)
    except (RepositoryDamaged, TreeRefused):
        return "refused"
    return "read"


def analysed(name: str) -> Any:
    """Judge one of the bombs as the compiler does: how many problems."""
    return len(expressions.analyse(BOMBS[name], template=True).problems)
