"""Scenes and contrasts of `timezone`."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.strategies.scenes import Contrast, Scene, maybe, nodes, vary

_ZONES = {"/usr/share/zoneinfo/Etc/UTC": "TZif", "/usr/share/zoneinfo/Europe/Berlin": "TZif"}

CONTRASTS: dict[str, Contrast] = {
    "timezone": vary({**_ZONES, "/etc/timezone": "Etc/UTC\n"}, {}, "timezone", "Europe/Berlin", "Etc/UTC")
}


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    zone = draw(st.sampled_from(["Etc/UTC", "Europe/Berlin", "Mars/Olympus"]))
    link = {"link": f"/usr/share/zoneinfo/{draw(st.sampled_from(['Etc/UTC', 'Europe/Berlin']))}"}
    name = draw(st.sampled_from([None, {"content": "Etc/UTC\n"}, {"content": "Europe/Berlin\n", "mode": "0600"}]))
    return Scene(
        {**_ZONES, "/etc/timezone": name, "/etc/localtime": link if draw(maybe) else draw(nodes)}, {"timezone": zone}
    )
