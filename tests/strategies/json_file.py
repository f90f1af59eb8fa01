"""Scenes and contrasts of `json_file`."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.strategies import documents
from tests.strategies.scenes import Contrast, Scene

CONTRASTS: dict[str, Contrast] = documents.contrasts(documents.JSON)


def scenes() -> st.SearchStrategy[Scene]:
    return documents.scenes(documents.JSON)
