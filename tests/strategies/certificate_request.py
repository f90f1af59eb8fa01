"""Scenes and contrasts of `certificate_request`."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.strategies import certificates
from tests.strategies.scenes import Contrast, Scene, around, nodes, vary

_KEY = {"/etc/tls/key.pem": {"content": certificates.KEY, "mode": "0600"}, "/etc/tls/cert.pem": certificates.OLD}
_BASE = {"path": "/etc/tls/key.pem", "request": "/etc/tls/csr.pem"}

CONTRASTS: dict[str, Contrast] = {
    "path": vary(_KEY, {}, "path", "/etc/tls/key.pem", "/etc/tls/other.pem"),
    "algorithm": vary(_KEY, _BASE, "algorithm", "ecdsa-p256", "ed25519"),
    "mode": vary(_KEY, _BASE, "mode", "0600", "0640"),
    "owner": vary(_KEY, _BASE, "owner", "root", "web"),
    "group": vary(_KEY, _BASE, "group", "root", "web"),
    "request": vary(_KEY, {"path": "/etc/tls/key.pem"}, "request", ..., "/etc/tls/csr.pem"),
    "common_name": vary(_KEY, _BASE, "common_name", "a", "b"),
    "organization": vary(_KEY, _BASE, "organization", ..., "Example"),
    "names": vary(_KEY, _BASE, "names", "a", ["a", "10.0.0.1"]),
    "certificate": vary(_KEY, _BASE, "certificate", ..., "/etc/tls/cert.pem"),
    "warn_days": vary(
        {**_KEY, "/etc/tls/cert.pem": certificates.CORP},
        {**_BASE, "certificate": "/etc/tls/cert.pem"},
        "warn_days",
        0,
        36500,
    ),
}


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    spec: dict[str, Any] = {"path": "/d/x", "request": "/d/csr"}
    spec |= draw(
        st.fixed_dictionaries(
            {"algorithm": st.sampled_from(["ecdsa-p256", "ed25519"])},
            optional={
                "common_name": st.just("web01"),
                "names": st.sampled_from([["web01"], ["10.0.0.1", "*.example.com"]]),
                "owner": st.sampled_from(["web", "ghost"]),
                "mode": st.just("0640"),
                "certificate": st.just("/d/cert"),
            },
        )
    )
    key = st.just({"content": certificates.KEY, "mode": "0600"})
    more = {"/d/csr": draw(st.one_of(st.none(), st.just("damaged"))), "/d/cert": certificates.OLD}
    return Scene({**around("/d/x", draw(st.one_of(st.none(), key, nodes))), **more}, spec)
