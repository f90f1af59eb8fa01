"""Git: open a repository, read a tree of it without a checkout, watch and fetch its refs.

Does not know what the files mean. Nothing in a repository is ever executed: no hook, filter, submodule or config.
"""

from __future__ import annotations

import os
from pathlib import Path

from reconciler.repository import libgit2, locations
from reconciler.repository.directory import DirectoryReader, DirectoryTree
from reconciler.repository.faults import LocationRefused
from reconciler.repository.index import IndexTree
from reconciler.repository.objects import CommitTree
from reconciler.repository.remotes import Access, FetchLimits, RemoteCopy
from reconciler.repository.repository import CommitInfo, Repository, open_local
from reconciler.repository.trees import Entry, Tree

__all__ = [
    "Access",
    "CommitInfo",
    "CommitTree",
    "DirectoryTree",
    "Entry",
    "FetchLimits",
    "IndexTree",
    "Repository",
    "Tree",
    "directory",
    "open",
]


def open(  # noqa: A001 - read as repository.open
    url: str | os.PathLike[str],
    *,
    cache_dir: Path | None = None,
    access: Access | None = None,
    limits: FetchLimits | None = None,
) -> Repository:
    """A repository: at a path of this machine, or the copy of a remote. Touches no network: see `Repository.fetch`.

    Args:
        url: a path (work tree, its `.git`, or bare), `https://host/path` or `ssh://user@host/path`.
        cache_dir: where copies of remotes are kept; needed for those alone.
        access: keys, tokens and authorities for a remote, each by its path.
        limits: what one fetch may use.

    Raises:
        LocationRefused: `url` is of another form, or a remote without what it needs.
        RepositoryNotFound, RepositoryUntrusted, RepositoryDamaged: as `open_local`.
    """
    libgit2.harden()
    place = locations.parse(url)
    if isinstance(place, Path):
        return open_local(place)
    if cache_dir is None:
        raise LocationRefused(f"{place} is a remote, and there is no directory for its copy")
    copy = RemoteCopy(place, access or Access(), limits or FetchLimits(), cache_dir)
    copy.prepare()
    return open_local(copy.path, copy)


def directory(path: Path) -> DirectoryTree:
    """The tree of a plain directory, whether or not it is in a repository. Ignore rules are not honoured.

    Raises:
        RepositoryNotFound: there is no such directory.
        TreeRefused: beyond the limits.
    """
    return DirectoryReader(path).tree()
