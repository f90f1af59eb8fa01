"""TOML text as a document that can be edited, comments kept. tomlkit is loaded by what needs it, and nothing else."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, Final

from agent.tools.documents import Format


def missing() -> str | None:
    """Why TOML cannot be edited on this host."""
    return None if find_spec("tomlkit") else "needs tomlkit, which this agent has not"


def plain(text: str) -> Any:
    """The data. Raises `ValueError` for what is not TOML."""
    return tomllib.loads(text)


def edited(text: str, change: Callable[[Any], None]) -> str:
    """The text after a change: all that is not changed stays as it is written."""
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        document = tomlkit.parse(text)
        change(document)
        return tomlkit.dumps(document)
    except TOMLKitError as error:
        raise ValueError(str(error)) from error


TOML: Final = Format("TOML", plain, edited)
