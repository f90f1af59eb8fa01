"""Whether a text is a template at all: asked of each text there is, before anything of the language is loaded."""

from __future__ import annotations

import re
from typing import Final

_MARK: Final = re.compile(r"\{[{%#]")


def has_tags(text: str) -> bool:
    """Whether there is anything to render: text without tags is its own rendering."""
    return _MARK.search(text) is not None if "{" in text else False
