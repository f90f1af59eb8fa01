"""Secrets put into attributes, templates and vars, so that no value is ever read as a template.

Vars are never rendered: a reference in them is replaced by the value. Text that is still to be rendered gets a token
that nobody can guess, and that is replaced by the value afterwards; within a tag, where a filter may work on it, the
value is spelled in escapes, so that it cannot end its string.
"""

from __future__ import annotations

import re
import secrets as randomness
from collections.abc import Mapping
from typing import Any, Final

from schema.expressions import has_tags
from schema.secrets import REFERENCE, UnknownSecret, find, substitute

_TAG: Final = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)


class Binding:
    """The secrets of one target, bound into texts."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values: Final = values
        self._prefix: Final = f"vigo{randomness.token_hex(12)}n"
        self._names: Final[list[str]] = []
        self._token: Final = re.compile(self._prefix + r"(\d+)e")

    def bind(self, value: Any) -> Any:
        """Plain data, ready to be rendered: references are gone from it. `release` the rendering.

        Raises:
            UnknownSecret: a reference to a value that is not at hand.
        """
        if isinstance(value, str):
            if "secret:" not in value:
                return value
            return self._bind_template(value) if has_tags(value) else self._tokens(value)
        if isinstance(value, dict):
            return {key: self.bind(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.bind(item) for item in value]
        return value

    def release(self, value: Any) -> Any:
        """A rendering of what `bind` returned, with the values where its tokens are."""
        return self._released(value) if self._names else value

    def _released(self, value: Any) -> Any:
        if isinstance(value, str):
            if self._prefix not in value:
                return value
            return self._token.sub(lambda found: self._values[self._names[int(found[1])]], value)
        if isinstance(value, dict):
            return {key: self._released(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self._released(item) for item in value]
        return value

    def vars(self, values: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, set[str]], dict[str, UnknownSecret]]:
        """Vars with secrets in place; per top key the secrets below it; per top key the one that is not at hand."""
        bound: dict[str, Any] = {}
        holds: dict[str, set[str]] = {}
        lacks: dict[str, UnknownSecret] = {}
        for key, value in values.items():
            names = find(value)
            if names:
                holds[key] = names
            try:
                bound[key] = substitute(value, self._values) if names else value
            except UnknownSecret as error:
                lacks[key] = error
        return bound, holds, lacks

    def _bind_template(self, text: str) -> str:
        parts = []
        at = 0
        for tag in _TAG.finditer(text):
            parts += [self._tokens(text[at : tag.start()]), self._escaped(tag[0])]
            at = tag.end()
        return "".join([*parts, self._tokens(text[at:])])

    def _tokens(self, text: str) -> str:
        return REFERENCE.sub(lambda found: self._token_of(found[1]), text)

    def _token_of(self, name: str) -> str:
        self._value(name)
        if name not in self._names:
            self._names.append(name)
        return f"{self._prefix}{self._names.index(name)}e"

    def _escaped(self, tag: str) -> str:
        return REFERENCE.sub(lambda found: "".join(f"\\U{ord(char):08x}" for char in self._value(found[1])), tag)

    def _value(self, name: str) -> str:
        try:
            return self._values[name]
        except KeyError:
            raise UnknownSecret(name) from None
