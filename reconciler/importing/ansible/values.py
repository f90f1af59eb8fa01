"""Vars, one by one: what of an inventory a config repository can say, and what takes the place of the rest."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from reconciler.importing import secrecy
from reconciler.importing.ansible.reading import Foreign
from reconciler.importing.proposals import Notes, listed
from schema.merging import APPEND
from schema.secrets import REFERENCE

CONNECTION: Final = "ansible_"
"""Vars that say how Ansible reaches a host, and how it works there."""

_VAULTED: Final = re.compile(r"\s*\{\{-?\s*vault_[A-Za-z0-9_]+\s*-?\}\}\s*")
_TEMPLATE: Final = re.compile(r"\{[{%#]")
_UNSAFE_IN_NAME: Final = re.compile(r"[^A-Za-z0-9_-]+")
_KINDS: Final = {"group": "group_vars", "host": "host_vars"}


class _Gone:
    """Stands where a var cannot be said, so that a weaker one does not take its place."""

    def __repr__(self) -> str:
        return "GONE"


GONE: Final = _Gone()


class _Unsayable(NamedTuple):
    why: str


class Values:
    """Looks at vars, and remembers what it has to say about them."""

    def __init__(self, notes: Notes) -> None:
        self._notes: Final = notes
        self._connection: Final[dict[str, int]] = {}
        self._templates: Final[dict[str, int]] = {}
        self._names: Final[dict[str, tuple[str, ...]]] = {}
        self.secrets: Final[dict[str, None]] = {}
        """Names of all secrets that are referred to."""

    def clean(self, kind: str, owner: str, said: Mapping[str, Any]) -> dict[str, Any]:
        """Vars as a config repository can say them; `GONE` where one cannot.

        Args:
            kind: group or host.
            owner: its name.
        """
        return {key: self._var(kind, owner, key, value) for key, value in said.items()}

    def sum_up(self) -> None:
        """Note what was counted."""
        if self._connection:
            names = listed(sorted(self._connection))
            self._notes.add("connection", f"{names}: how Ansible reaches and drives its hosts; left out")
        if self._templates:
            names = listed(sorted(self._templates))
            message = (
                f"{names}: hold Jinja templates, which Ansible renders in vars and Vigo does not; kept as text. "
                "Write such an expression in the resource that uses it"
            )
            self._notes.add("templates", message)
        if self.secrets:
            names = listed(sorted(self.secrets))
            self._notes.add(
                "secrets", f"to be stored with `vigo secrets set NAME` before a host can have them: {names}"
            )

    def _var(self, kind: str, owner: str, key: str, value: Any) -> Any:
        if key.startswith(CONNECTION):
            self._connection[key] = self._connection.get(key, 0) + 1
            return GONE
        where = f"{_KINDS[kind]} {owner}: {key}"
        if not key or _appends(key):
            self._notes.add(where, "a key that ends in + appends to a list in Vigo: left out")
            return GONE
        found = self._value((kind, owner, key), value)
        if isinstance(found, _Unsayable):
            self._notes.add(where, f"{found.why}: left out")
            return GONE
        if any(_TEMPLATE.search(text) for text in _texts(found)):
            self._templates[key] = self._templates.get(key, 0) + 1
        return found

    def _value(self, path: tuple[str, ...], value: Any) -> Any:
        if isinstance(value, Foreign):
            return self._secret(path, value.why) if value.sealed else _Unsayable(value.why)
        if isinstance(value, str):
            return self._text(path, value)
        if isinstance(value, Mapping):
            made = {}
            for key, item in value.items():
                if _appends(key):
                    return _Unsayable(f"holds the key {key}, and a key that ends in + appends to a list in Vigo")
                made[key] = self._value((*path, key), item)
            return next((each for each in made.values() if isinstance(each, _Unsayable)), made)
        if isinstance(value, list):
            items = [self._value((*path, str(at)), item) for at, item in enumerate(value)]
            return next((each for each in items if isinstance(each, _Unsayable)), items)
        if isinstance(value, int) and not isinstance(value, bool) and secrecy.named(path[-1]):
            return self._secret(path, "by its name a secret in clear text")
        return value

    def _text(self, path: tuple[str, ...], value: str) -> Any:
        if _VAULTED.fullmatch(value):
            return self._secret(path, f"was {value.strip()}")
        if kind := secrecy.held(value):
            return self._secret(path, kind)
        if value and secrecy.named(path[-1]) and not _TEMPLATE.search(value):
            return self._secret(path, "by its name a secret in clear text")
        if "secret:" in value and REFERENCE.search(value):
            return _Unsayable("would be read as a reference to a secret")
        return value

    def _secret(self, path: tuple[str, ...], why: str) -> str:
        parts = [_UNSAFE_IN_NAME.sub("-", part).strip("-") or "x" for part in path]
        name = "/".join(("ansible", *parts))
        number = 1
        while self._names.setdefault(name, path) != path:
            number += 1
            name = "/".join(("ansible", *parts)) + f"-{number}"
        self.secrets[name] = None
        self._notes.add(f"{_KINDS[path[0]]} {path[1]}: {'.'.join(path[2:])}", f"{why}: replaced by secret:{name}")
        return f"secret:{name}"


def _appends(key: str) -> bool:
    return len(key) > 1 and key.endswith(APPEND)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
