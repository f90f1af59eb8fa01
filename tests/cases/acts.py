"""What the cases measure: one act each, of one text, with an outcome that is JSON."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

from agent import https
from agent.hosts import RealHost
from agent.hosts.host import MAX_OUTPUT_BYTES
from agent.objects import MAX_OBJECT_BYTES
from agent.tls import trusting_nobody
from agent.tools import archives
from agent.tools.archives import Asked, Bounds, Refused
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


def talked(seconds: str) -> Any:
    """Run a program that says things without end: whether it was ended, and what it said was cut."""
    host = RealHost("/")
    try:
        ran = host.run(["/bin/sh", "-c", "while :; do head -c 10000000 /dev/zero; done"], timeout_s=float(seconds))
    finally:
        host.close()
    return [ran.timed_out, len(ran.stdout) <= MAX_OUTPUT_BYTES + 100]


def answered(url: str) -> Any:
    """Ask a server that never stops talking."""
    try:
        return len(https.request(url, trusting_nobody(), limit=MAX_OBJECT_BYTES // 4).body)
    except https.NoAnswer as fault:
        return fault.message.partition(": ")[2]


def unpacked(place: str) -> Any:
    """Read an archive to its end, as `archive` does: how many members, or why not."""
    data = Path(place).read_bytes()
    bounds, asked = Bounds(256 * 1024 * 1024, 20_000, 100), Asked(0, links=False, setuid=False)
    try:
        found = 0
        for member in archives.members(io.BytesIO(data), len(data), bounds, asked):
            found += 1
            for _ in member.data:
                pass
    except Refused as refusal:
        return str(refusal)
    return found
