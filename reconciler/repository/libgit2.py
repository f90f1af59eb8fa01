"""libgit2 as we run it: it reads no configuration but the repository's own and trusts no bytes that it did not hash."""

from __future__ import annotations

import functools
from typing import Final

import pygit2
from pygit2.enums import ConfigLevel

NOWHERE: Final = "/nonexistent"
OBJECT_CACHE_BYTES: Final = 64 * 1024 * 1024
MAX_PACK_OBJECTS: Final = 5_000_000
CONNECT_TIMEOUT_MS: Final = 10_000
SILENCE_TIMEOUT_MS: Final = 30_000


@functools.cache
def harden(home: str = NOWHERE) -> None:
    """Set the options of this process.

    Args:
        home: where libgit2 looks for `.ssh/known_hosts`; nowhere, except in the child that fetches.
    """
    settings = pygit2.settings
    for level in (ConfigLevel.PROGRAMDATA, ConfigLevel.SYSTEM, ConfigLevel.XDG, ConfigLevel.GLOBAL):
        settings.search_path[level] = ""
    settings.homedir = home
    settings.owner_validation = True
    settings.enable_strict_hash_verification(value=True)
    settings.enable_strict_object_creation(value=True)
    settings.enable_strict_symbolic_ref_creation(value=True)
    # A commit made through the API is acknowledged: it has to be on disk.
    settings.enable_fsync_gitdir(value=True)
    settings.cache_max_size(OBJECT_CACHE_BYTES)
    settings.pack_max_objects = MAX_PACK_OBJECTS
    settings.server_connect_timeout = CONNECT_TIMEOUT_MS
    settings.server_timeout = SILENCE_TIMEOUT_MS
