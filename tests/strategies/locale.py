"""Scenes and contrasts of `locale`."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.strategies.programs import locales
from tests.strategies.scenes import Contrast, Scene, vary

_GEN = {"/etc/locale.gen": "# de_DE.UTF-8 UTF-8\nen_GB.UTF-8 UTF-8\n", locales.MADE: "en_GB.utf8\n"}

CONTRASTS: dict[str, Contrast] = {
    "locale": vary(_GEN, {}, "locale", "en_GB.UTF-8", "de_DE.UTF-8"),
    "state": vary(_GEN, {"locale": "en_GB.UTF-8"}, "state", "present", "absent"),
    "default": vary(_GEN, {"locale": "en_GB.UTF-8"}, "default", False, True),
}


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    spec: dict[str, Any] = {"locale": draw(st.sampled_from(["en_GB.UTF-8", "de_DE.UTF-8", "xx_XX.UTF-8"]))}
    spec["state"] = draw(st.sampled_from(["present", "present", "absent"]))
    if spec["state"] == "present":
        spec["default"] = draw(st.booleans())
    listed = draw(st.sampled_from([None, "", _GEN["/etc/locale.gen"], {"link": "x"}]))
    made = "en_GB.utf8\n" if listed == _GEN["/etc/locale.gen"] else draw(st.sampled_from(["", "en_GB.utf8\n"]))
    if isinstance(listed, str) and not listed:
        made = ""
    lang = draw(st.sampled_from([None, "LANG=C\n# said\n", 'LANG="de_DE.UTF-8"\nLC_TIME=C\n', {"directory": True}]))
    debian = {"/etc/default/locale": lang} if draw(st.booleans()) else {"/etc/locale.conf": lang}
    return Scene({"/etc/locale.gen": listed, locales.MADE: made, **debian}, spec)
