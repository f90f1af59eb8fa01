"""Git: open a repository, read a tree of it without a checkout, watch and fetch its refs.

Does not know what the files mean. Nothing in a repository is ever executed: no hook, filter, submodule or config.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from reconciler.repository.directory import DirectoryReader, DirectoryTree
from reconciler.repository.trees import Entry, Tree

if TYPE_CHECKING:
    from reconciler.repository.index import IndexTree
    from reconciler.repository.objects import CommitTree
    from reconciler.repository.remotes import Access, FetchLimits
    from reconciler.repository.repository import CommitInfo, Difference, Repository

__all__ = [
    "Access",
    "CommitInfo",
    "CommitTree",
    "Difference",
    "DirectoryTree",
    "Entry",
    "FetchLimits",
    "IndexTree",
    "Repository",
    "Tree",
    "directory",
    "open",
]

# With libgit2 behind them, which takes 70 ms to load: a plain directory is read, and a tree compiled, without it.
_LATER: Final = {
    "Access": "remotes",
    "CommitInfo": "repository",
    "CommitTree": "objects",
    "Difference": "repository",
    "FetchLimits": "remotes",
    "IndexTree": "index",
    "Repository": "repository",
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_LATER[name]}"), name)


def open(  # noqa: A001 - read as repository.open
    url: str | os.PathLike[str],
    *,
    cache_dir: Path | None = None,
    access: Access | None = None,
    limits: FetchLimits | None = None,
    also: Sequence[str] = (),
) -> Repository:
    """A repository: at a path of this machine, or the copy of a remote. Touches no network: see `Repository.fetch`.

    Args:
        url: a path (work tree, its `.git`, or bare), `https://host/path` or `ssh://user@host/path`.
        cache_dir: where copies of remotes are kept; needed for those alone.
        access: keys, tokens and authorities for a remote, each by its path.
        limits: what one fetch may use.
        also: patterns of refs that are fetched beside branches and tags: see `selections`.

    Raises:
        LocationRefused: `url` is of another form, or a remote without what it needs.
        RepositoryNotFound, RepositoryUntrusted, RepositoryDamaged: as `open_local`.
    """
    from reconciler.repository import libgit2, locations
    from reconciler.repository.faults import LocationRefused, RepositoryDamaged, RepositoryNotFound
    from reconciler.repository.remotes import Access, FetchLimits, RemoteCopy
    from reconciler.repository.repository import open_local

    libgit2.harden()
    place = locations.parse(url)
    if isinstance(place, Path):
        return open_local(place)
    if cache_dir is None:
        raise LocationRefused(f"{place} is a remote, and there is no directory for its copy")
    copy = RemoteCopy(place, access or Access(), limits or FetchLimits(), cache_dir, also)
    copy.prepare()
    try:
        return open_local(copy.path, copy)
    except (RepositoryDamaged, RepositoryNotFound):
        copy.discard()
        return open_local(copy.path, copy)


def directory(path: Path) -> DirectoryTree:
    """The tree of a plain directory, whether or not it is in a repository. Ignore rules are not honoured.

    Raises:
        RepositoryNotFound: there is no such directory.
        TreeRefused: beyond the limits.
    """
    return DirectoryReader(path).tree()
