"""Vars as they are written: appends that cannot append, and text that looks as if somebody would render it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from reconciler.documents.flaws import Flaw
from reconciler.documents.kinds import Kind
from reconciler.documents.marks import Path
from schema.merging import APPEND
from schema.secrets import REFERENCE

_TEMPLATE: Final = re.compile(r"\{[{%][^}]*\b(?:vars|traits|host|item)\b")
_WORD: Final = re.compile(r"secret:[^\s{}]+")
_MARKS: Final = (b"+", b"secret:", b"{{", b"{%", b"\\")
DYNAMIC_SECRET: Final = re.compile(r"secret:[A-Za-z0-9_./-]*\{[{%]")
"""A secret whose name would only be known after rendering."""


def may_name_secrets(source: bytes) -> bool:
    """Whether some text in a file may hold `secret:`, as it is or by escapes."""
    return b"secret:" in source or b"\\" in source


def may_be_wrong(source: bytes) -> bool:
    """Whether there is anything in a file that `check` could complain of: secrets, templates, appends, or escapes."""
    return any([mark in source for mark in _MARKS])  # noqa: C419 - a generator takes twice the time


def check(kind: Kind, data: Any, *, secrets: bool = True) -> list[Flaw]:
    """What is wrong with the vars of a document; `data` is all of it.

    Args:
        secrets: whether there may be any in it.
    """
    found = [flaw for path, vars_ in _vars_of(kind, data) for flaw in _check(vars_, path)]
    if secrets and kind in (Kind.CONFIGCRATE, Kind.USERCRATE) and isinstance(data, dict):
        for key in ("defaults", "resources"):
            found += _misnamed(data.get(key), (key,))
    return found


def _vars_of(kind: Kind, data: Any) -> Iterator[tuple[Path, dict[str, Any]]]:
    if not isinstance(data, dict):
        return
    holders: list[tuple[Path, Any]] = []
    if kind in (Kind.CONFIGCRATE, Kind.USERCRATE, Kind.INHERITED):
        holders.append(((), data))
    elif kind in (Kind.ROLES, Kind.ENVIRONMENTS):
        named = data.get(kind.value)
        holders += [((kind.value, name), each) for name, each in named.items()] if isinstance(named, dict) else []
    elif kind is Kind.LEAF:
        blocks = data.get("envoys")
        holders += [(("envoys", at), each) for at, each in enumerate(blocks)] if isinstance(blocks, list) else []
    for path, holder in holders:
        if isinstance(holder, dict) and isinstance(holder.get("vars"), dict):
            yield (*path, "vars"), holder["vars"]


def _check(value: Any, path: Path) -> Iterator[Flaw]:
    if isinstance(value, str):
        if "secret:" in value and DYNAMIC_SECRET.search(value):
            yield Flaw("secret.dynamic", path, "the name of a secret may not be a template", "vars are not rendered")
        elif "secret:" in value:
            yield from _misnamed(value, path)
        elif "{" in value and _TEMPLATE.search(value):
            hint = "write the expression in the resource that uses it"
            yield Flaw("vars.template", path, "vars are not rendered: this stays as it is written", hint)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _check(item, (*path, index))
    elif isinstance(value, dict):
        for key, item in value.items():
            if key.endswith(APPEND) and len(key) > 1:
                yield from _check_append(key, value, path)
            yield from _check(item, (*path, key))


def _misnamed(value: Any, path: Path) -> Iterator[Flaw]:
    """Values that look like a secret and name none, or not all of the way: what is left over would stay as it is."""
    if isinstance(value, str):
        if value.startswith("secret:") and _WORD.fullmatch(value) and not REFERENCE.fullmatch(value):
            hint = "a name has letters, digits and _ . - with a slash between its parts: secret:db/password"
            yield Flaw("secret.name", path, f"{value} is no secret's name: this is text", hint)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _misnamed(item, (*path, index))
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _misnamed(item, (*path, key))


def _check_append(key: str, around: dict[str, Any], path: Path) -> Iterator[Flaw]:
    base = key[: -len(APPEND)]
    if not isinstance(around[key], list):
        message = f"{key} appends a list to {base}, and this is none"
        yield Flaw("vars.append", (*path, key), message, f"{key}: [...]")
    if base in around:
        message = f"{key} stands beside {base}: which comes first would be a guess"
        yield Flaw("vars.append", (*path, key), message, f"write the whole list as {base}", on_key=True)
