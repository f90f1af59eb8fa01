"""Names that a tree may hold: refused is what any checkout, anywhere, could mistake for something else.

Git itself refuses these on the way in; a server that is handed objects cannot rely on that. Forms of `.git` that NTFS
and HFS+ fold together are those of CVE-2014-9390 and CVE-2019-1352.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Final

MAX_NAME_BYTES: Final = 255
MAX_PATH_CHARS: Final = 1024
"""A report names the file of each resource; its field ends here."""
MAX_DEPTH: Final = 64

_PLAIN: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*[A-Za-z0-9_]|[A-Za-z0-9_]")
"""Names that need no second look: nearly all."""
_IGNORED_BY_HFS: Final = re.compile("[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]")
_SHORT_DOT_GIT: Final = re.compile(r"git~[0-9]+")


def refusal(name: bytes) -> str | None:
    """Why one component of a path is refused; None when it is not."""
    if not name:
        return "empty name"
    if len(name) > MAX_NAME_BYTES:
        return f"name longer than {MAX_NAME_BYTES} bytes"
    try:
        text = name.decode("utf-8")
    except UnicodeDecodeError:
        return "name is not UTF-8"
    if _PLAIN.fullmatch(text):
        return None
    if text in {".", ".."}:
        return "name leads out of its directory"
    if "/" in text or "\\" in text:
        return "name holds a path separator"
    if _is_dot_git(text):
        return "name that some file system takes for .git"
    # Cc are control characters, Cf hides or turns text (bidi overrides), Zl and Zp break lines in logs.
    if any(unicodedata.category(char) in {"Cc", "Cf", "Zl", "Zp"} for char in text):
        return "name holds control or invisible characters"
    return None


def collisions(names: Iterable[str]) -> dict[str, str]:
    """Name → another of these that a file system which folds case or Unicode forms takes for the same."""
    listed = list(names)
    if len({name.lower() for name in listed}) == len(listed) and all(name.isascii() for name in listed):
        return {}
    folded: dict[str, list[str]] = {}
    for name in listed:
        folded.setdefault(unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold()), []).append(name)
    return {
        name: next(other for other in alike if other != name)
        for alike in folded.values()
        if len(alike) > 1
        for name in alike
    }


def path_refusal(path: str) -> str | None:
    """Why a whole path, with `/`, is refused; None when it is not."""
    if len(path) > MAX_PATH_CHARS:
        return f"path longer than {MAX_PATH_CHARS} characters"
    parts = path.split("/")
    if len(parts) > MAX_DEPTH:
        return f"nested deeper than {MAX_DEPTH} directories"
    try:
        encoded = [part.encode("utf-8") for part in parts]
    except UnicodeEncodeError:
        return "name is not UTF-8"
    return next((reason for part in encoded if (reason := refusal(part)) is not None), None)


def printable(name: bytes) -> str:
    """A name as text that can be shown and logged: what is not printable comes out escaped, what is too long is cut."""
    text = name[: 4 * MAX_PATH_CHARS].decode("utf-8", "backslashreplace")
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text)


def _is_dot_git(text: str) -> bool:
    bare = _IGNORED_BY_HFS.sub("", text).split(":", 1)[0].rstrip(". ").casefold()
    return bare == ".git" or _SHORT_DOT_GIT.fullmatch(bare) is not None
