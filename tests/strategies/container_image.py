"""Scenes and contrasts of `container_image`."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

from tests.strategies.programs import containers
from tests.strategies.scenes import Contrast, Scene, maybe, vary

ONE, OTHER = f"sha256:{'1a' * 32}", f"sha256:{'2b' * 32}"
NAME = "docker.io/library/nginx:1.27"
_REGISTRY = {containers.REGISTRY: f"{NAME} {ONE}\nquay.io/x:1 {OTHER}\ndocker.io/library/nginx:latest {OTHER}\n"}
_THERE = {**_REGISTRY, containers.IMAGES: json.dumps({NAME: OTHER})}
_IMAGE: dict[str, Any] = {"image": "nginx:1.27"}

CONTRASTS: dict[str, Contrast] = {
    "image": vary(_REGISTRY, {}, "image", "nginx:1.27", "quay.io/x:1"),
    "state": vary(_THERE, _IMAGE, "state", "present", "absent"),
    "digest": vary(_THERE, _IMAGE, "digest", ..., containers.digest(ONE)),
    "runtime": vary(_REGISTRY, _IMAGE, "runtime", "docker", "podman"),
}


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    spec: dict[str, Any] = {
        "image": draw(st.sampled_from(["nginx:1.27", "docker.io/library/nginx:1.27", "nginx", "ghost:1"]))
    }
    spec["state"] = draw(st.sampled_from(["present", "present", "absent"]))
    if spec["state"] == "present" and draw(maybe):
        spec["digest"] = containers.digest(draw(st.sampled_from([ONE, OTHER])))
    images = draw(st.sampled_from([{}, {NAME: ONE}, {NAME: OTHER}]))
    return Scene({**_REGISTRY, containers.IMAGES: json.dumps(images)}, spec)
