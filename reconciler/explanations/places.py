"""Places: where something stands in the config, with the line's text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from reconciler.documents import Document
from reconciler.documents.kinds import Kind
from reconciler.graph import Graph, Profile
from schema.documents.environments import Environment, Environments
from schema.documents.leaves import Leaf, MatchBlock
from schema.explanations import MAX_SOURCE, Line, Link, LinkKind

Way = Sequence[str | int]


class Places:
    """Lines of one graph. Keep one for an answer: files that were read once are not read again."""

    def __init__(self, graph: Graph) -> None:
        self.graph: Final = graph
        self._texts: Final[dict[str, list[str]]] = {}

    def line(self, document: Document, way: Way, *, on_key: bool = False) -> Line:
        """The line of what stands at a path of a document's model."""
        # A document may be older than the commit: what it says has not changed since, but where it says it may have.
        document = self.graph.documents.by_path.get(document.path, document)
        line, column = self.graph.documents.place(document, way, on_key=on_key)
        return self.at(document.path, document.oid, line, column)

    def top(self, path: str) -> Line:
        """The first line of a file of the tree, whatever kind of file it is."""
        return self.at(path, self.graph.documents.entries[path].oid, 1, 1)

    def at(self, path: str, oid: str, line: int, column: int) -> Line:
        """A line of a file by its number."""
        rows = self._texts.get(oid)
        if rows is None:
            rows = self._texts[oid] = self.graph.documents.tree.read(oid).decode("utf-8", "replace").split("\n")
        source = rows[line - 1].rstrip("\r")[:MAX_SOURCE] if 0 < line <= len(rows) else ""
        return Line(file=path, line=line, column=column, source=source)

    def link(self, kind: LinkKind, text: str, document: Document, way: Way, *, on_key: bool = False) -> Link:
        """A link to what stands at a path of a document's model."""
        return Link(kind=kind, text=text, at=self.line(document, way, on_key=on_key))


def block_of(profile: Profile) -> MatchBlock:
    """The match block that a profile was made of."""
    leaf = profile.document.parsed.model
    assert isinstance(leaf, Leaf)
    return leaf.envoys[profile.index]


def environment_in(document: Document, name: str) -> Environment | None:
    """What one document says about an environment."""
    model = document.parsed.model
    return model.environments.get(name) if isinstance(model, Environments) else None


def below(document: Document) -> str:
    """Whom a `common.vgo` or `environments.vgo` is for, in words."""
    return f"everything below {document.directory}/" if document.directory else "every host"


def leaves(graph: Graph) -> Sequence[Document]:
    """The documents with match blocks."""
    return graph.documents.of(Kind.LEAF)
