"""References to secrets: `secret:path/name` as a whole value or inside a string.

Git, the graph and the catalog hold the reference; only an agent, after opening what was sealed to it, puts values in.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, SecretStr

from schema.time import Instant

REFERENCE: Final = re.compile(r"secret:([A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]+)*)")
"""One reference; group 1 is the secret's name."""

MASK: Final = "••••••"
"""What stands in a diff, a report or a log where a value would be."""


class UnknownSecret(LookupError):
    """A reference to a secret whose value is not at hand."""

    def __init__(self, name: str) -> None:
        super().__init__(f"the value of secret:{name} is not at hand")
        self.name: Final = name


def find(value: Any) -> set[str]:
    """Names of the secrets that a value refers to, in its strings, lists and maps (keys too)."""
    found: set[str] = set()
    todo = [value]
    while todo:
        each = todo.pop()
        if isinstance(each, str):
            if "secret:" in each:
                found.update(REFERENCE.findall(each))
        elif isinstance(each, list | tuple):
            todo.extend(each)
        elif isinstance(each, dict | Mapping):  # `dict` first: to ask for the protocol takes ten times as long
            todo.extend(each)
            todo.extend(each.values())
    return found


def substitute(value: Any, values: Mapping[str, str]) -> Any:
    """The value with each reference replaced, once: what is put in is never read again.

    Raises:
        UnknownSecret: a reference that `values` does not answer.
    """
    if isinstance(value, str):
        return REFERENCE.sub(lambda found: _answer(found[1], values), value) if "secret:" in value else value
    if isinstance(value, Mapping):
        return {substitute(key, values): substitute(item, values) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [substitute(item, values) for item in value]
    return value


def mask(text: str, values: Mapping[str, str]) -> str:
    """The text with every value that occurs in it replaced by `MASK`, the longest first."""
    for value in sorted(filter(None, values.values()), key=len, reverse=True):
        text = text.replace(value, MASK)
    return text


def _answer(name: str, values: Mapping[str, str]) -> str:
    try:
        return values[name]
    except KeyError:
        raise UnknownSecret(name) from None


class SecretValue(BaseModel):
    """A value to be stored."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    value: SecretStr
    """The value itself: sealed to hosts that need it, and never told again."""


class SecretInfo(BaseModel):
    """What is told of a secret: never its value."""

    model_config = ConfigDict(defer_build=True)

    name: str
    """By which the config refers to it: `secret:NAME`."""
    version: int
    """Grows with each value that the name gets; never comes back after it was forgotten."""
    updated_at: Instant
    """When it got its value."""


class SecretList(BaseModel):
    """Secrets, by name."""

    model_config = ConfigDict(defer_build=True)

    secrets: list[SecretInfo]
    """Without their values."""
