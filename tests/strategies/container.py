"""Scenes and contrasts of `container`."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

from agent.resources.container import LABEL, NEW, made_of
from schema.resources.container import ContainerSpec
from tests.strategies.container_image import NAME, ONE, OTHER
from tests.strategies.programs import containers
from tests.strategies.scenes import Contrast, Scene, maybe, vary

_WEB: dict[str, Any] = {"container": "web", "image": "nginx:1.27"}
_IMAGES = {containers.IMAGES: json.dumps({NAME: ONE, "quay.io/x:1": OTHER}), containers.REGISTRY: f"{NAME} {ONE}\n"}


def there(spec: dict[str, Any], status: str = "running", image: str = ONE, **more: Any) -> dict[str, Any]:
    """What the runtime tells of a container that was made of a spec."""
    return {
        "Name": f"/{spec['container']}",
        "Image": image,
        "State": {"Status": status},
        "Config": {
            "Env": ["PATH=/bin", *(f"{name}={value}" for name, value in spec.get("environment", {}).items())],
            "Labels": {LABEL: made_of(ContainerSpec.model_validate(spec))},
        },
        "HostConfig": {"RestartPolicy": {"Name": "unless-stopped"}},
        **more,
    }


_RUNS = {**_IMAGES, containers.CONTAINERS: json.dumps({"web": there(_WEB)})}

CONTRASTS: dict[str, Contrast] = {
    "container": vary(_IMAGES, _WEB, "container", "web", "db"),
    "state": vary(_RUNS, _WEB, "state", "running", "stopped"),
    "image": vary(_IMAGES, _WEB, "image", "nginx:1.27", "quay.io/x:1"),
    "command": vary(_IMAGES, _WEB, "command", [], ["sleep", "9"]),
    "entrypoint": vary(_IMAGES, _WEB, "entrypoint", ..., "/bin/sh"),
    "environment": vary(_RUNS, _WEB, "environment", {}, {"A": "b"}),
    "ports": vary(_IMAGES, _WEB, "ports", [], "127.0.0.1:8080:80"),
    "volumes": vary(_IMAGES, _WEB, "volumes", [], "data:/data:ro"),
    "labels": vary(_IMAGES, _WEB, "labels", {}, {"a": "b"}),
    "network": vary(_IMAGES, _WEB, "network", ..., "host"),
    "user": vary(_IMAGES, _WEB, "user", ..., "1000:1000"),
    "workdir": vary(_IMAGES, _WEB, "workdir", ..., "/srv"),
    "memory": vary(_IMAGES, _WEB, "memory", ..., "64m"),
    "read_only": vary(_IMAGES, _WEB, "read_only", False, True),
    "restart": vary(_RUNS, _WEB, "restart", "unless-stopped", "no"),
    "stop_timeout_s": vary(_RUNS, {**_WEB, "state": "stopped"}, "stop_timeout_s", 10, 60),
    "runtime": vary(_IMAGES, _WEB, "runtime", "docker", "podman"),
}


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    spec: dict[str, Any] = {**_WEB, "state": draw(st.sampled_from(["running", "stopped", "absent"]))}
    if draw(maybe):
        spec["environment"] = draw(st.sampled_from([{"A": "b"}, {"A": "c", "B": ""}]))
    if draw(maybe):
        spec["runtime"] = "podman"
    old = draw(st.sampled_from([None, spec, _WEB, {**_WEB, "environment": {"A": "b"}}]))
    known = {}
    if old is not None:
        status = draw(st.sampled_from(["running", "exited", "created", "paused", "restarting"]))
        known["web"] = there(old, status, draw(st.sampled_from([ONE, OTHER])))
        if draw(st.integers(0, 4)) == 0:
            known["web"]["Config"]["Labels"] = None
    if draw(st.integers(0, 4)) == 0:
        known[f"web{NEW}"] = there({**_WEB, "container": f"web{NEW}"}, "created")
    images = draw(st.sampled_from([{}, {NAME: ONE}]))
    paths = {containers.CONTAINERS: json.dumps(known), containers.IMAGES: json.dumps(images)}
    return Scene({**paths, containers.REGISTRY: f"{NAME} {ONE}\n"}, spec)
