"""Scenes and contrasts of `certificate`."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.strategies import certificates
from tests.strategies.programs import stores
from tests.strategies.scenes import Contrast, Scene, nodes, vary

_CORP = {"certificate": "corp", "content": certificates.CORP}
_PLACE = "/usr/local/share/ca-certificates/corp.crt"

CONTRASTS: dict[str, Contrast] = {
    "certificate": vary({}, {"content": certificates.CORP}, "certificate", "a", "b"),
    "state": Contrast({_PLACE: certificates.CORP}, _CORP, {"certificate": "corp", "state": "absent"}),
    "content": vary({}, {"certificate": "corp"}, "content", certificates.CORP, certificates.OLD),
    "source": Contrast({}, _CORP, {"certificate": "corp", "source": "files/b"}),
    "warn_days": vary({}, _CORP, "warn_days", 1, 36_500),
}


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    spec: dict[str, Any] = {"certificate": "corp", "state": draw(st.sampled_from(["present", "present", "absent"]))}
    if spec["state"] == "present":
        spec["content"] = draw(st.sampled_from([certificates.CORP, certificates.OLD + "\n"]))
    system = draw(st.sampled_from(["", certificates.CORP]))
    held = draw(st.one_of(nodes, st.sampled_from([certificates.CORP, certificates.OLD])))
    mine = held if isinstance(held, str) else ""
    bundle = draw(st.sampled_from([None, system, "".join(dict.fromkeys([system, mine]))]))
    if draw(st.booleans()):
        place = {"/etc/pki/ca-trust/source/anchors/corp.pem": held, stores.FEDORA: bundle}
    else:
        place = {"/usr/local/share/ca-certificates/.x": "", _PLACE: held, stores.DEBIAN: bundle}
    return Scene({**place, stores.SYSTEM: system}, spec)
