"""Scenes and contrasts of `notice`."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.strategies.scenes import Contrast, Scene, vary

CONTRASTS: dict[str, Contrast] = {"message": vary({}, {}, "message", "one", "other")}


def scenes() -> st.SearchStrategy[Scene]:
    return st.builds(lambda text: Scene({}, {"message": text}), st.sampled_from(["a", "two\nlines"]))
