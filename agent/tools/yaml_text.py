"""YAML text as a document that can be edited, comments kept. ruamel.yaml is loaded by what needs it alone."""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib.util import find_spec
from io import StringIO
from typing import Any, Final

from agent.tools.documents import Format

_OLD: Final = re.compile(r"(?i:y|n|yes|no|on|off|true|false)|[-+]?[0-9][0-9_]*(:[0-9_.]+)+|[-+]?0[0-7_]+|=|<<")
_WIDTH: Final = 1_000_000
"""Long lines are left as they are."""


def missing() -> str | None:
    """Why there is no YAML on this host."""
    return None if find_spec("ruamel") and find_spec("ruamel.yaml") else "needs ruamel.yaml, which this agent has not"


def plain(text: str) -> Any:
    """The data of the one document; tags beyond the core schema are refused.

    Raises:
        ValueError: not YAML, several documents, or a key twice.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        found = YAML(typ="safe", pure=True).load(text)
    except YAMLError as error:
        raise ValueError(_words(error)) from error
    return {} if found is None else found


def edited(text: str, change: Callable[[Any], None]) -> str:
    """The text after a change. Comments, quotes and order stay; where it is indented in several ways, one remains."""
    from ruamel.yaml import YAML
    from ruamel.yaml.comments import CommentedMap
    from ruamel.yaml.error import YAMLError
    from ruamel.yaml.util import load_yaml_guess_indent

    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = _WIDTH
    try:
        _, indent, offset = load_yaml_guess_indent(text)
        yaml.indent(mapping=_mapping_indent(text), sequence=indent or 2, offset=offset or 0)
        document = yaml.load(text)
        fresh = document is None
        if fresh:
            document = CommentedMap()
        change(document)
        written = StringIO()
        yaml.dump(document, written)
    except YAMLError as error:
        raise ValueError(_words(error)) from error
    made = written.getvalue()
    if fresh:
        kept = text if not text or text.endswith("\n") else text + "\n"
        return kept + made
    if text.startswith("---") and not made.startswith("---"):
        made = "---\n" + made
    return made if text.endswith("\n") else made.removesuffix("\n")


def fresh(value: Any) -> Any:
    """A value as it is written: text that YAML 1.1, which many programs read, takes for something else is quoted."""
    from ruamel.yaml.scalarstring import SingleQuotedScalarString

    if isinstance(value, str):
        return SingleQuotedScalarString(value) if _OLD.fullmatch(value) else value
    if isinstance(value, list):
        return [fresh(each) for each in value]
    return {fresh(key): fresh(each) for key, each in value.items()} if isinstance(value, dict) else value


YAML: Final = Format("YAML", plain, edited, fresh)


def _mapping_indent(text: str) -> int:
    """By how much a map stands further in than its key: as the first one does."""
    before = 0
    for line in text.split("\n"):
        stripped = line.lstrip(" ")
        if not stripped or stripped[0] in "#-%":
            continue
        depth = len(line) - len(stripped)
        if depth > before:
            return min(depth - before, 8)
        before = depth
    return 2


def _words(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error).partition("\n")[0]
    return f"line {mark.line + 1}: {problem}" if mark is not None else str(problem)
