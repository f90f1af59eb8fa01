"""Structure: how a config repository is built, which of its match blocks fit a question, and which files say the same.

Every answer is bounded; what a bound cut off is counted in the answer.
"""

from __future__ import annotations

import fnmatch
import hashlib
import re
from collections import defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from reconciler.collecting import without_collecting
from reconciler.documents import Document, Kind
from reconciler.documents.kinds import CONTENT
from reconciler.graph import encoding
from reconciler.graph.graphs import Graph
from reconciler.graph.profiles import Profile
from reconciler.graph.scopes import Scope, ScopeCache, Scopes
from schema.config import (
    ConfigEntries,
    ConfigEntry,
    DuplicateConfigs,
    DuplicateGroup,
    EntryLevel,
    TreeNode,
)
from schema.documents.inherited import Inherited
from schema.documents.leaves import Leaf, MatchBlock
from schema.merging import APPEND

MAX_TREE: Final = 100_000
"""Names in one tree; a node counts as `_NODE` names."""
MAX_ENTRIES: Final = 1_000
MAX_VARS_BYTES: Final = 4 << 20
"""Of the vars of all entries together, as JSON."""
MAX_GROUPS: Final = 1_000
MAX_PATHS: Final = 50
"""Of one group."""

_NODE: Final = 5
_CONTENT: Final = "content"
_IDENTITY: Final = {"name", "description"}
"""What two crates, tasks or workflows that do the same still differ in."""
_NAMED: Final = frozenset({Kind.CONFIGCRATE, Kind.USERCRATE, Kind.TASK, Kind.WORKFLOW})


def tree(graph: Graph, under: str = "") -> TreeNode:
    """What each directory from `under` down hands on, and the match blocks in it.

    Where not all fits, what is deep or late in path order is left out, blocks before directories.

    Raises:
        KeyError: nothing from `under` down inherits or matches.
    """
    blocks: dict[str, list[Profile]] = defaultdict(list)
    for profile in graph.profiles.values():
        blocks[profile.document.directory].append(profile)
    levels = {each.directory: each for each in graph.documents.of(Kind.INHERITED)}
    below = _subdirectories({*levels, *blocks})
    if under not in below:
        raise KeyError(under)
    scopes = Scopes(graph.documents, ScopeCache())
    room = MAX_TREE

    def fits(node: TreeNode, parent: TreeNode) -> bool:
        nonlocal room
        cost = _NODE + len(node.configcrates) + len(node.roles) + len(node.total) + len(node.excluded)
        if cost > room:
            parent.left_out = (parent.left_out or 0) + 1
            return False
        room -= cost
        return True

    root = _directory(graph, under, levels.get(under), scopes.of(under))
    nodes, waiting = [root], deque([root])
    while waiting:
        parent = waiting.popleft()
        for directory in below[parent.dir]:
            node = _directory(graph, directory, levels.get(directory), scopes.of(directory))
            if fits(node, parent):
                parent.children.append(node)
                nodes.append(node)
                waiting.append(node)
    for parent in nodes:
        made = (_block(profile) for profile in blocks.get(parent.dir, ()))
        parent.children[:0] = [node for node in made if fits(node, parent)]
    return root


def search(
    graph: Graph, *, match: str | None = None, configcrate: str | None = None, var: str | None = None
) -> ConfigEntries:
    """The match blocks that meet all of what is given, in path order.

    Args:
        match: a glob over the blocks' patterns as they are written, without regard to case.
        configcrate: the name of a crate that the block's hosts have, wherever it comes from.
        var: the name of a var that the block itself defines, or appends to.
    """
    fitting: Sequence[Profile] = graph.order
    if configcrate is not None:
        fitting = [profile for profile in fitting if configcrate in profile.resolution.crates]
    if match is not None:
        like = re.compile(fnmatch.translate(match.lower())).match
        fitting = [profile for profile in fitting if like(profile.pattern.text.lower())]
    if var is not None:
        names = {var, var + APPEND}
        fitting = [profile for profile in fitting if not names.isdisjoint(_written(profile).vars)]
    found: list[ConfigEntry] = []
    room = MAX_VARS_BYTES
    levels: dict[Scope, list[EntryLevel]] = {}
    with without_collecting(cold=False):  # a thousand entries are no garbage, and looking for it takes as long as they
        for profile in fitting:
            if len(found) >= MAX_ENTRIES or room <= 0:
                break
            block = _written(profile)
            room -= len(encoding.dumps(block.vars, plain=profile.document.parsed.plain))
            scope = profile.resolution.scope
            if scope not in levels:
                levels[scope] = list(_levels(profile))
            found.append(_entry(profile, block, levels[scope]))
    return ConfigEntries(entries=found, left_out=len(fitting) - len(found) or None)


def dedup(graph: Graph) -> DuplicateConfigs:
    """The files that say the same as another of their kind; empty files are not compared."""
    same: dict[tuple[str, str], list[_Copy]] = defaultdict(list)
    known: dict[tuple[str, str], str] = {}
    for path, entry in graph.documents.entries.items():
        document = graph.documents.by_path.get(path)
        if document is not None:
            kind = document.kind.value
            meaning = known.get((kind, entry.oid))
            if meaning is None:
                meaning = known[kind, entry.oid] = _meaning(document)
        elif path.partition("/")[0] in CONTENT and entry.size != 0:
            kind, meaning = _CONTENT, entry.oid
        else:
            continue
        if meaning:
            same[kind, meaning].append(_Copy(path, entry.oid))
    groups = [
        DuplicateGroup(
            kind=kind,
            same="bytes" if len({file.oid for file in files}) == 1 else "meaning",
            count=len(files),
            paths=sorted(file.path for file in files)[:MAX_PATHS],
        )
        for (kind, _), files in same.items()
        if len(files) > 1
    ]
    groups.sort(key=lambda group: group.paths)
    return DuplicateConfigs(groups=groups[:MAX_GROUPS], left_out=max(0, len(groups) - MAX_GROUPS) or None)


class _Copy(NamedTuple):
    path: str
    oid: str


def _meaning(document: Document) -> str:
    """A digest of all that a document says; empty when it says nothing."""
    model = document.parsed.model
    if model is None:
        return ""
    said = model.model_dump(mode="json", exclude=_IDENTITY if document.kind in _NAMED else None, exclude_defaults=True)
    return hashlib.sha256(encoding.dumps(said, plain=document.parsed.plain)).hexdigest() if said else ""


def _subdirectories(directories: set[str]) -> Mapping[str, list[str]]:
    """Directory → its subdirectories in order, of these, those above them, and the root."""
    below: dict[str, list[str]] = {"": []}
    for directory in sorted(directories):
        missing = []
        while directory not in below:
            below[directory] = []
            missing.append(directory)
            directory = directory.rpartition("/")[0]
        for each in missing:
            below[each.rpartition("/")[0]].append(each)
    return {directory: sorted(inner) for directory, inner in below.items()}


def _directory(graph: Graph, directory: str, document: Document | None, scope: Scope) -> TreeNode:
    level = document.parsed.model if document is not None else None
    own = level if isinstance(level, Inherited) else Inherited()
    crates = dict.fromkeys((*(name for name, _ in scope.crates), *graph.roles.expand(scope.roles).crates))
    return TreeNode(
        dir=directory,
        file=_file(document) if document is not None else "",
        configcrates=own.configcrates,
        roles=own.roles,
        match="",
        total=[name for name in crates if name not in scope.excluded],
        excluded=own.exclude_configcrates,
        children=[],
    )


def _block(profile: Profile) -> TreeNode:
    block = _written(profile)
    return TreeNode(
        dir=profile.document.directory,
        file=_file(profile.document),
        configcrates=block.configcrates,
        roles=block.roles,
        match=block.match,
        total=list(profile.resolution.crates),
        excluded=block.exclude_configcrates,
        children=[],
    )


def _entry(profile: Profile, block: MatchBlock, levels: list[EntryLevel]) -> ConfigEntry:
    # Unchecked: all of it is of the right types already, and checking a thousand takes longer than finding them.
    return ConfigEntry.model_construct(
        match=block.match,
        dir=profile.document.directory,
        inheritance=levels,
        own_configcrates=block.configcrates,
        total=list(profile.resolution.crates),
        vars=block.vars,
    )


def _levels(profile: Profile) -> Iterator[EntryLevel]:
    for document in profile.resolution.scope.levels:
        level = document.parsed.model
        if isinstance(level, Inherited):
            yield EntryLevel(dir=document.directory, file=_file(document), configcrates=level.configcrates)


def _written(profile: Profile) -> MatchBlock:
    leaf = profile.document.parsed.model
    assert isinstance(leaf, Leaf)  # a profile is made of a block of one
    return leaf.envoys[profile.index]


def _file(document: Document) -> str:
    return document.path.rpartition("/")[2]
