"""What a revision may be written as: an exact ref, a branch or tag, or a commit in hex. Never an expression.

Revision expressions (`:/text`, `HEAD^{/text}`, `@{-1}`) run regular expressions over history inside libgit2
(CVE-2024-24575 was one); nothing a user wrote reaches that parser.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pygit2
from pygit2.enums import ObjectType

from reconciler.repository.faults import RepositoryDamaged, RevisionNotFound, RevisionRefused
from reconciler.repository.names import printable
from reconciler.repository.trust import MAX_POINTER_BYTES, common_directory, require_file

MAX_REF_CHARS: Final = 255
MIN_HEX: Final = 7
MAX_TAGS: Final = 16
MAX_COMMIT_BYTES: Final = 1024 * 1024

_HEX: Final = re.compile(rf"[0-9a-fA-F]{{{MIN_HEX},40}}")
_FORBIDDEN: Final = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//")


def check_ref(name: str) -> str:
    """The name again, now known to be one that git accepts for a ref.

    Raises:
        RevisionRefused: control characters, `..`, `\\`, `@{`, a leading `-` or `.` of a part, `refs/heads/refs/…` ...
    """
    parts = name.split("/")
    if (
        not name
        or len(name) > MAX_REF_CHARS
        or _FORBIDDEN.search(name)
        or not name.isprintable()
        or name.endswith((".", "/"))
        or parts[-1] == "@"
        or any(not part or part.startswith(("-", ".")) or part.endswith(".lock") for part in parts)
        or parts[:3] in (["refs", "heads", "refs"], ["refs", "tags", "refs"])
        or name in {"refs/heads/HEAD", "refs", "refs/heads", "refs/tags"}
    ):
        raise RevisionRefused(f"{shown(name)} is not a name for a ref")
    return name


def full_ref(name: str) -> str:
    """`HEAD` and `refs/…` as they are, anything else as a branch.

    Raises:
        RevisionRefused: as `check_ref`.
    """
    if name == "HEAD":
        return name
    return check_ref(name if name.startswith("refs/") else f"refs/heads/{name}")


def find_ref(git: pygit2.Repository, name: str) -> str | None:
    """The commit that a full ref leads to, tags peeled; None where there is no such ref, or it leads to none yet.

    Raises:
        RevisionNotFound: it leads to something that is no commit.
        RepositoryDamaged: it cannot be read.
    """
    own = Path(git.path)
    for place in {own, common_directory(own)}:
        if not (place / name).is_dir():  # other refs stand below it
            require_file(place / name, MAX_POINTER_BYTES)
    try:
        reference = git.lookup_reference(name).resolve()
    except KeyError:
        return None
    except (ValueError, OSError, pygit2.GitError, MemoryError) as error:
        raise RepositoryDamaged(f"ref {shown(name)} cannot be read: {error}") from error
    return peel(git, str(reference.target), name)


def resolve(git: pygit2.Repository, rev: str) -> str:
    """The commit (full hex) that a revision names.

    Args:
        rev: `HEAD`, `refs/…`, the name of a branch or tag, or at least `MIN_HEX` digits of a commit.

    Raises:
        RevisionRefused: in another form, or ambiguous.
        RevisionNotFound: no such commit.
        RepositoryDamaged: it cannot be read.
    """
    if rev == "HEAD" or rev.startswith("refs/"):
        found = {rev: find_ref(git, full_ref(rev))}
    else:
        refs = [f"refs/heads/{rev}", f"refs/tags/{rev}"]
        try:
            found = {ref: find_ref(git, check_ref(ref)) for ref in refs}
        except RevisionRefused:
            raise RevisionRefused(
                f"{shown(rev)} names no commit: write a branch, a tag, or {MIN_HEX} to 40 digits of a commit;"
                " expressions such as HEAD~1 are not read, `git rev-parse` resolves them"
            ) from None
    if _HEX.fullmatch(rev):
        commit = _expand(git, rev.lower())
        # Forty digits are a commit and nothing else, whatever a branch is called.
        found = {**({} if len(rev) == 40 else found), f"commit {commit}": commit}
    named = {name: commit for name, commit in found.items() if commit is not None}
    if not named:
        raise RevisionNotFound(f"there is no {shown(rev)} in this repository")
    if len(set(named.values())) > 1:
        raise RevisionRefused(f"{rev} is {', '.join(named)}, which differ; write one of them in full")
    return next(iter(named.values()))


def peel(git: pygit2.Repository, oid: str, name: str) -> str:
    """The commit that an object is, or that a tag of tags leads to.

    Raises:
        RevisionNotFound: it is a tree or a blob.
        RepositoryDamaged: it cannot be read, or is beyond the limits.
    """
    try:
        for _ in range(MAX_TAGS):
            # The type and size come from the header: a blob of 3 GiB is no commit, and is not read to learn that.
            kind, size = git.odb.read_header(oid)
            if kind not in (ObjectType.COMMIT, ObjectType.TAG):
                raise RevisionNotFound(f"{shown(name)} is not a commit")
            if size > MAX_COMMIT_BYTES:
                raise RepositoryDamaged(f"object {oid} has {size} bytes; the limit is {MAX_COMMIT_BYTES}", object=oid)
            if kind == ObjectType.COMMIT:
                return oid
            tag = git[oid]
            assert isinstance(tag, pygit2.Tag)
            oid = str(tag.target)
    except (KeyError, ValueError, OSError, pygit2.GitError) as error:
        raise RepositoryDamaged(f"{shown(name)} leads to object {oid}, which cannot be read: {error}") from error
    raise RepositoryDamaged(f"{shown(name)} is a tag of more than {MAX_TAGS} tags")


def _expand(git: pygit2.Repository, digits: str) -> str | None:
    try:
        oid = str(git.expand_id(digits))
    except KeyError:
        return None
    except ValueError as error:
        raise RevisionRefused(f"{digits} is the beginning of more than one object") from error
    if not git.odb.exists(oid):  # forty digits expand to themselves, whether or not they name anything
        return None
    return peel(git, oid, digits)


def shown(name: str) -> str:
    """What somebody wrote, cut and escaped for a message."""
    return repr(printable(name[:80].encode("utf-8", "surrogatepass")))
