"""Which secrets a condition asks for: what it comes to is known only where their values are, on the host."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from reconciler.expressions.uses import Analysis
from schema import secrets

_ABSENT: Final = object()


def secrets_read(text: str, analysis: Analysis, vars_: Mapping[str, Any]) -> list[str]:
    """Names of the secrets that an expression reads, itself or in the vars at its paths, in order.

    Args:
        analysis: of the text.
    """
    found = secrets.find(text)
    for use in analysis.paths:
        if use.path[0] == "vars":
            value: Any = vars_
            for part in use.path[1:]:
                inner = value.get(part, _ABSENT) if isinstance(value, Mapping) and isinstance(part, str) else _ABSENT
                if inner is _ABSENT:
                    break  # an index, or a key that is itself looked up: any of what is here may be read
                value = inner
            found |= secrets.find(value)
    return sorted(found)
