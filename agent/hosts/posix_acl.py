"""POSIX access control lists, as the kernel keeps them in extended attributes (acl(5), linux/posix_acl_xattr.h).

Pure: bytes to entries and back, and what a list means for the permission bits. An entry is (tag, id) → permissions 0-7.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Final

ACCESS: Final = "system.posix_acl_access"
DEFAULT: Final = "system.posix_acl_default"
OWNER, USER, GROUP_OWNER, GROUP, MASK, OTHER = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20
NOBODY: Final = 0xFFFFFFFF
"""The id of an entry that names none."""
MAX_ENTRIES: Final = 4096
_VERSION: Final = struct.pack("<I", 2)
_ENTRY: Final = struct.Struct("<HHI")

Entries = Mapping[tuple[int, int], int]
"""(tag, id) → permissions."""


class BadList(ValueError):
    """Not a list of this form."""


def parse(data: bytes) -> dict[tuple[int, int], int]:
    """The entries of an attribute.

    Raises:
        BadList: another version, or cut short.
    """
    body = data[len(_VERSION) :]
    if not data.startswith(_VERSION) or len(body) % _ENTRY.size or len(body) > MAX_ENTRIES * _ENTRY.size:
        raise BadList("an access control list of a form that is not known")
    return {(tag, who): perms & 7 for tag, perms, who in _ENTRY.iter_unpack(body)}


def dump(entries: Entries) -> bytes:
    """The attribute; the kernel asks for this order."""
    packed = (_ENTRY.pack(tag, perms, who) for (tag, who), perms in sorted(entries.items()))
    return _VERSION + b"".join(packed)


def of_mode(mode: int) -> dict[tuple[int, int], int]:
    """The three entries that permission bits stand for."""
    return {
        (OWNER, NOBODY): mode >> 6 & 7,
        (GROUP_OWNER, NOBODY): mode >> 3 & 7,
        (OTHER, NOBODY): mode & 7,
    }


def mode_of(entries: Entries, mode: int) -> int:
    """Permission bits under a list: those of the group are the mask, where there is one."""
    group = entries.get((MASK, NOBODY), entries.get((GROUP_OWNER, NOBODY), 0))
    return mode & ~0o777 | entries.get((OWNER, NOBODY), 0) << 6 | group << 3 | entries.get((OTHER, NOBODY), 0)


def with_mode(entries: Entries, mode: int) -> dict[tuple[int, int], int]:
    """The list after a change of permission bits."""
    group = (MASK if (MASK, NOBODY) in entries else GROUP_OWNER, NOBODY)
    return {**entries, (OWNER, NOBODY): mode >> 6 & 7, group: mode >> 3 & 7, (OTHER, NOBODY): mode & 7}


def is_plain(entries: Entries) -> bool:
    """Whether permission bits say it all: then the kernel keeps no list."""
    return all(tag in (OWNER, GROUP_OWNER, OTHER) for tag, _ in entries)
