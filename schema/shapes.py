"""Small shapes that documents and resource specs share."""

from __future__ import annotations

from base64 import b64decode
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from schema.patterns import compile_pattern

T = TypeVar("T")


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


OneOrMany = Annotated[list[T], BeforeValidator(_listed)]
"""A list, of which one may be written as a bare string."""

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._@+-]*$", max_length=128)]
"""Name of a crate, role, environment, task or resource."""

FileMode = Annotated[str, StringConstraints(pattern=r"^[0-7]{3,4}$")]
"""Permission bits in octal, as text: `"0644"`. Unquoted it would be a number, and a wrong one."""


def _compiles(text: str) -> str:
    compile_pattern(text)
    return text


SearchPattern = Annotated[str, AfterValidator(_compiles)]
"""A regular expression in RE2's syntax."""

AbsolutePath = Annotated[str, StringConstraints(pattern=r"^/[^\x00]*$", max_length=4096)]
"""A path on the host, from its root; `..` components are refused by the host layer."""

Line = Annotated[str, StringConstraints(pattern=r"^[^\n\r\x00]*$", max_length=4096)]
"""Text of one line: it goes into a file whose format is lines."""

Word = Annotated[str, StringConstraints(pattern=r"^[^\s\x00-\x1f]+$", max_length=1024)]
"""Text without blanks: it goes into a file whose format is words."""

AccountName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_.-]{0,31}$")]
"""Name of a user or a group; useradd(8) of the host may allow fewer."""


def _is_key(text: str) -> str:
    """Its data begins with its type: RFC 4253, 6.6."""
    kind, data = text.split(" ")[:2]
    try:
        blob = b64decode(data, validate=True)
    except ValueError as error:
        raise ValueError("the key's data is not base64") from error
    if blob[4 : 4 + int.from_bytes(blob[:4])] != kind.encode():
        raise ValueError(f"the key's data is not that of {kind}")
    return text


PublicKey = Annotated[
    str,
    StringConstraints(
        pattern=r"^(ssh|sk-ssh|ecdsa-sha2|sk-ecdsa-sha2|rsa-sha2)-[a-z0-9@.-]{1,60}"
        r" [A-Za-z0-9+/]+={0,2}( [^\n\r\x00]*)?$",
        max_length=16 * 1024,
    ),
    AfterValidator(_is_key),
]
"""A public key of SSH as its file has it: type, data and perhaps a comment."""

PackageName = Annotated[
    str,
    StringConstraints(
        pattern=r"^[A-Za-z0-9]([A-Za-z0-9._+-]*[A-Za-z0-9._+])?(:[a-z0-9]([a-z0-9-]*[a-z0-9])?)?$", max_length=128
    ),
]
"""A name as the host's tool has it, with `:architecture` (apt) or `.architecture` (dnf, zypper) behind it where that
matters; never a pattern, a file or an option."""

ImageName = Annotated[
    str,
    StringConstraints(
        pattern=r"^[a-z0-9][a-z0-9._-]*(:[0-9]+)?(/[a-z0-9][a-z0-9._-]*)*(:[A-Za-z0-9_][A-Za-z0-9._-]{0,127})?"
        r"(@sha256:[0-9a-f]{64})?$",
        max_length=512,
    ),
]
"""`registry/path:tag`, or `@sha256:...` for exactly one image. Docker's registry and `latest` are meant where nothing
is said; podman asks for the whole name."""


def _runs(words: list[str]) -> list[str]:
    if "/" in words[0] and not words[0].startswith("/"):
        raise ValueError(f"{words[0]} is neither the name of a program nor an absolute path")
    if sum(map(len, words)) > MAX_COMMAND_CHARS:
        raise ValueError(f"a command of more than {MAX_COMMAND_CHARS} characters; put it into a file of the host")
    return words


def _split(value: Any) -> Any:
    if isinstance(value, str):
        raise ValueError("write the program and its arguments as a list; with a shell: [sh, -c, ...]")  # noqa: TRY004
    return value


MAX_COMMAND_CHARS: Final = 8 * 1024
CommandWords = Annotated[
    list[Annotated[str, StringConstraints(pattern=r"^[^\x00]*$", max_length=4096)]],
    Field(min_length=1, max_length=64),
    AfterValidator(_runs),
    BeforeValidator(_split),
]
"""A program, by its name or its absolute path, and its arguments. No shell reads it, unless the program is one."""

ContainerRuntime = Literal["docker", "podman"]
"""What runs containers."""
