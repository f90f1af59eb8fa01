"""Regular expressions that people write, in RE2: linear time whatever the text, no look-around, no back references.

The engine is imported when the first pattern is compiled: a run with none does not pay for it (13 ms).
"""

from __future__ import annotations

import functools
from typing import Any, Final

MAX_PATTERN_CHARS: Final = 2_000


class PatternError(ValueError):
    """Not a pattern of RE2's syntax."""


class Pattern:
    """A compiled pattern. Make one with `compile_pattern`."""

    def __init__(self, compiled: Any) -> None:
        self._compiled: Final = compiled

    def search(self, text: str) -> bool:
        """Whether it is found anywhere in the text. Text may hold undecodable bytes (surrogateescape)."""
        return self._compiled.search(text.encode("utf-8", "surrogateescape")) is not None

    def fullmatch(self, text: str) -> bool:
        """Whether it matches the whole text."""
        return self._compiled.fullmatch(text.encode("utf-8", "surrogateescape")) is not None


@functools.lru_cache(maxsize=1024)
def compile_pattern(pattern: str) -> Pattern:
    """The pattern, ready to search.

    Raises:
        PatternError: with RE2's own words.
    """
    if len(pattern) > MAX_PATTERN_CHARS:
        raise PatternError(f"a regular expression of more than {MAX_PATTERN_CHARS} characters")
    import re2

    options = re2.Options()
    options.log_errors = False
    try:
        return Pattern(re2.compile(pattern.encode("utf-8"), options))
    except re2.error as error:
        raise PatternError(f"not a regular expression of RE2: {_words(error)}") from error
    except UnicodeEncodeError as error:
        raise PatternError("a regular expression is valid Unicode") from error


def _words(error: Exception) -> str:
    first = error.args[0] if error.args else ""
    return first.decode("utf-8", "replace") if isinstance(first, bytes) else str(first)
