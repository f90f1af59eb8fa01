"""Small shapes that documents and resource specs share."""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

from pydantic import BeforeValidator, StringConstraints

T = TypeVar("T")


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


OneOrMany = Annotated[list[T], BeforeValidator(_listed)]
"""A list, of which one may be written as a bare string."""

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._@+-]*$", max_length=128)]
"""Name of a crate, role, environment, task or resource."""

FileMode = Annotated[str, StringConstraints(pattern=r"^[0-7]{3,4}$")]
"""Permission bits in octal, as text: `"0644"`. Unquoted it would be a number, and a wrong one."""

AbsolutePath = Annotated[str, StringConstraints(pattern=r"^/[^\x00]*$", max_length=4096)]
"""A path on the host, from its root; `..` components are refused by the host layer."""

Line = Annotated[str, StringConstraints(pattern=r"^[^\n\r\x00]*$", max_length=4096)]
"""Text of one line: it goes into a file whose format is lines."""

Word = Annotated[str, StringConstraints(pattern=r"^[^\s\x00-\x1f]+$", max_length=1024)]
"""Text without blanks: it goes into a file whose format is words."""
