"""Limits of the language server."""

from __future__ import annotations

from typing import Final

MAX_MESSAGE_BYTES: Final = 32 << 20
"""Of one message: a file of 1 MiB, escaped, and room. What is longer is skipped."""
MAX_HEADER_BYTES: Final = 8 << 10
MAX_TEXT_CHARS: Final = 1 << 20
"""Of one open file; a longer one is judged (it is too large) and asked nothing about."""
MAX_FORMATTED_CHARS: Final = 256 << 10
"""The loader that keeps comments takes ten seconds for a mebibyte."""
MAX_PUBLISHED: Final = 2_000
"""Diagnostics of one repository, errors first; the log says how many more there are."""
MAX_PUBLISHED_EACH: Final = 200
"""Of one file."""
MAX_ROOTS: Final = 16
"""Config repositories that are open at once."""
DEBOUNCE_S: Final = 0.1
"""Nothing is compiled until nobody has typed for so long, or"""
MAX_WAIT_S: Final = 0.5
"""until somebody has typed for so long."""
PARENT_POLL_S: Final = 2.0
"""How often it is asked whether the editor is still there."""
