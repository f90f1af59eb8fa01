"""`vigo.vgo`: marks the root of a config repository and says which language it speaks."""

from __future__ import annotations

from typing import Literal

from schema.documents.base import Document


class Settings(Document):
    """The root document."""

    language: Literal[1]
    description: str = ""
    protected: bool = False
    """Whether changes that are asked of the server become proposals on branches of their own, not commits."""
