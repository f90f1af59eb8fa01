"""A directory that is one commit of a git repository."""

from __future__ import annotations

import re
from typing import ClassVar, Final

from pydantic import Field, field_validator

from schema.precious import is_precious
from schema.resources.base import ResourceSpec
from schema.shapes import AbsolutePath

_HOST: Final = r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?"
_BELOW: Final = r"[A-Za-z0-9._~%+@,=!/-]*"
_URL: Final = (
    rf"^(https://([A-Za-z0-9._~%-]+(:[A-Za-z0-9._~%!$&*+,;=-]+)?@)?({_HOST}|\[[0-9A-Fa-f:]+\])(:[0-9]+)?/{_BELOW}"
    rf"|ssh://([A-Za-z0-9_][A-Za-z0-9._-]*@)?{_HOST}(:[0-9]+)?/{_BELOW}"
    rf"|[A-Za-z0-9_][A-Za-z0-9._-]*@{_HOST}:[A-Za-z0-9._~/]{_BELOW})$"
)
_BAD_REF: Final = re.compile(r"\.\.|@\{|//|[\x00-\x20\x7f~^:?*\[\\]|\.lock(/|$)|/\.|[./]$")
_COMMIT: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


class GitSpec(ResourceSpec):
    """One checkout, detached at a commit. Files that were changed in it are put back, unless `keep_local`; files that
    are not of the commit stay.

    The repository is data: its hooks, filters, submodules and configuration do nothing. Only https and ssh are spoken.
    A checkout that is to go is a `directory` that is to be absent, with `force`.
    """

    IDENTITY: ClassVar[str] = "path"
    OWNS: ClassVar[str | None] = "path"

    path: AbsolutePath
    """The directory: a checkout, or empty, or not there yet."""
    url: str = Field(pattern=_URL, max_length=2048)
    """`https://…`, `ssh://…` or `user@host:path`. What is secret in it is in no argument."""
    revision: str = Field(max_length=250)
    """A whole commit id, which asks nobody while it is checked out; or a branch or tag, looked up on every full check;
    `HEAD` is the branch that the server names. Where a branch and a tag have one name: `refs/heads/…`."""
    keep_local: bool = False
    """Leave changed files as they are; another commit is then taken only when it touches none of them."""
    user: str | None = None
    """Whose the checkout is, and as whom git runs; else root's, or in a home the user's."""
    key_file: AbsolutePath | None = None
    """Key for ssh; the server's own key must be among the known hosts."""
    ca_file: AbsolutePath | None = None
    """Certificates to trust in place of the system's."""
    timeout_s: int = Field(default=600, ge=1, le=86_400)
    """For each step that needs the network."""

    @property
    def commit(self) -> str | None:
        """The revision, when it is a commit id."""
        return self.revision if _COMMIT.fullmatch(self.revision) else None

    @field_validator("path")
    @classmethod
    def _own(cls, value: str) -> str:
        if is_precious(value):
            raise ValueError("a directory that the host needs is no checkout")
        return value

    @field_validator("revision")
    @classmethod
    def _is_name(cls, value: str) -> str:
        named = value.removeprefix("refs/heads/").removeprefix("refs/tags/")
        if not named or named.startswith(("-", "/", ".", "refs/")) or named == "@" or _BAD_REF.search(named):
            raise ValueError("neither a whole commit id nor a name of a branch or tag")
        return value
