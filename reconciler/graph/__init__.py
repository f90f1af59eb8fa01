"""The graph: documents of a tree → profiles and catalogs, and answers about them.

Compiling is a pure function of one git tree. Owns resolution, precedence, order, static proofs, matching and the bytes
that are signed; does not know who is enrolled, what a host reports, or how anything is signed.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

from reconciler.graph.compiling import Cache as Cache
from reconciler.graph.compiling import compile_tree as compile_tree
from reconciler.graph.graphs import Compilation as Compilation
from reconciler.graph.graphs import Graph as Graph
from reconciler.graph.profiles import Profile as Profile
from reconciler.graph.work import lapses as lapses

if TYPE_CHECKING:
    from reconciler.graph.structure import dedup as dedup
    from reconciler.graph.structure import search as search
    from reconciler.graph.structure import tree as tree
    from reconciler.graph.tracing import carriers as carriers
    from reconciler.graph.tracing import reach as reach
    from reconciler.graph.tracing import trace as trace
    from reconciler.graph.tracing import tree_refs as tree_refs

# Answers about a graph have models of their own, which the hook that only compiles need not make: 40 ms of 300.
_LATER: Final = {
    "carriers": "tracing",
    "dedup": "structure",
    "reach": "tracing",
    "search": "structure",
    "trace": "tracing",
    "tree": "structure",
    "tree_refs": "tracing",
}

compile = compile_tree  # noqa: A001 - the word the language uses: graph.compile


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_LATER[name]}"), name)
