"""Scenes and contrasts of `watch_secret`."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.strategies.scenes import Contrast, Scene, nodes, vary

_ONE = {"watch": "a", "value": "hunter2-hunter2"}
KNOWN = (
    "00112233445566778899aabbccddeeff "
    "cbf8f223778b806927b2516ed90ef8ba61856ab95c3a7accbd94a07e5932f5c14c227a529776810fc8a3beefab56e7831cc76d027cd438c7b86ccd36077ac4a5\n"
)
"""Of `hunter2-hunter2`, as it is kept."""

CONTRASTS: dict[str, Contrast] = {
    "watch": vary({}, _ONE, "watch", "a", "b"),
    "value": vary(
        {"/var/lib/vigo-agent/watched/a": {"content": KNOWN, "mode": "0600"}}, _ONE, "value", "hunter2-hunter2", "x"
    ),
}


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    known = st.sampled_from(
        [{"content": KNOWN, "mode": "0600"}, {"content": KNOWN, "mode": "0644"}, {"content": "zz x"}]
    )
    place = draw(st.one_of(known, nodes))
    return Scene(
        {"/var/lib/vigo-agent/watched/a": place},
        {"watch": "a", "value": draw(st.sampled_from(["hunter2-hunter2", "other"]))},
    )
