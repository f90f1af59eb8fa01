"""Regular expressions that people write, in RE2: linear time whatever the text, no look-around, no back references.

The engine is imported when the first pattern is compiled: a run with none does not pay for it (13 ms).
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
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

    @property
    def groups(self) -> int:
        """How many groups it has."""
        return int(self._compiled.groups)

    def replaced(self, text: str, replacement: Sequence[str | int], *, limit: int) -> tuple[str, int]:
        """The text with what is found replaced, and how often; once more than `limit` means that there was more.

        Args:
            replacement: text and numbers of groups, in order; a group that took no part is empty.
        """
        parts = [part if isinstance(part, int) else part.encode("utf-8", "surrogateescape") for part in replacement]

        def instead(match: Any) -> bytes:
            return b"".join(part if isinstance(part, bytes) else match.group(part) or b"" for part in parts)

        made, count = self._compiled.subn(instead, text.encode("utf-8", "surrogateescape"), limit + 1)
        return made.decode("utf-8", "surrogateescape"), count


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
