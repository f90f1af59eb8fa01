"""docker and podman: both with one store, for a machine has one of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from agent.hosts import MemoryHost, Ran
from agent.hosts.memory import Program
from agent.tools.containers import whole
from tests.strategies.programs import files
from tests.strategies.programs.files import OK, refuse

CONTAINERS = "/model/containers"
"""JSON: name → what `inspect` tells of it."""
IMAGES = "/model/images"
"""JSON: whole name → id."""
REGISTRY = "/model/registry"
"""Lines of `NAME ID`, as can be pulled; an id is `sha256:...`, and its digest `sha256:...` with the digits reversed."""


def reads(run: Sequence[str]) -> bool:
    """`inspect`."""
    return run[1:3] in (["container", "inspect"], ["image", "inspect"])


def digest(image_id: str) -> str:
    return f"sha256:{image_id.removeprefix('sha256:')[::-1]}"


def _run(host: MemoryHost, args: Sequence[str], stdin: bytes) -> Ran:
    words = list(args)
    known: dict[str, Any] = _store(host, CONTAINERS)
    images: dict[str, str] = _store(host, IMAGES)
    if words[1] == "inspect":
        names = words[words.index("--") + 1 :]
        found = [known[name] for name in names if name in known] if words[0] == "container" else _images(images, names)
        missing = [name for name in names if name not in known and whole(name) not in _all(images)]
        said = "\n".join(f"Error: No such {words[0]}: {name}" for name in missing)
        return Ran(1 if missing else 0, json.dumps(found).encode(), said.encode())
    options = [word for word in words[1:] if word.startswith("--") and word != "--"]
    names = [word for word in words[1:] if not word.startswith("--")]
    if words[0] == "pull":
        offered = dict(line.split() for line in files.lines(host, REGISTRY))
        of = {**offered, **{f"{name.rpartition(':')[0]}@{digest(each)}": each for name, each in offered.items()}}
        if whole(names[0]) not in of:
            return refuse(f"Error response from daemon: manifest for {names[0]} not found")
        images[whole(names[0])] = of[whole(names[0])]
        return _keep(host, IMAGES, images)
    if words[0] == "tag":
        images[whole(names[1])] = _all(images)[whole(names[0])]
        return _keep(host, IMAGES, images)
    if words[0] == "image":
        images.pop(whole(names[-1]), None)
        return _keep(host, IMAGES, images)
    if words[0] == "create":
        at = words.index("--")
        return _create(host, options, words[at + 1 :], stdin, known, images)
    if words[0] == "rm" and names[0] not in known:
        return refuse(f"Error: No such container: {names[0]}")
    if words[0] == "rm":
        del known[names[0]]
    elif words[0] == "rename":
        known[names[1]] = {**known.pop(names[0]), "Name": f"/{names[1]}"}
    else:
        status = {"start": "running", "unpause": "running", "stop": "exited"}[words[0]]
        if words[0] == "start" and known[names[0]]["State"]["Status"] == "paused":
            return refuse("Error response from daemon: cannot start a paused container, try unpause instead")
        known[names[0]]["State"] = {"Status": status}
    return _keep(host, CONTAINERS, known)


def _create(
    host: MemoryHost, options: list[str], words: list[str], stdin: bytes, known: dict[str, Any], images: dict[str, str]
) -> Ran:
    given = {option.partition("=")[0]: option.partition("=")[2] for option in options}
    name = given["--name"]
    if name in known:
        return refuse(f"Error: the name {name} is in use")
    if whole(words[0]) not in _all(images):
        return refuse(f"Unable to find image '{words[0]}' locally", 125)
    labels = dict(option[8:].split("=", 1) for option in options if option.startswith("--label="))
    known[name] = {
        "Name": f"/{name}",
        "Image": _all(images)[whole(words[0])],
        "State": {"Status": "created"},
        "Config": {"Env": ["PATH=/bin", *stdin.decode().splitlines()], "Labels": labels, "Cmd": words[1:]},
        "HostConfig": {"RestartPolicy": {"Name": given["--restart"]}},
    }
    return _keep(host, CONTAINERS, known)


def _images(images: dict[str, str], names: Sequence[str]) -> list[dict[str, Any]]:
    ids = {images.get(whole(name)) or _all(images).get(whole(name)) for name in names} - {None}
    return [
        {
            "Id": each,
            "RepoTags": [name for name, other in images.items() if other == each and "@" not in name],
            "RepoDigests": [name for name, other in _all(images).items() if other == each and "@" in name],
        }
        for each in sorted(filter(None, ids))
    ]


def _all(images: dict[str, str]) -> dict[str, str]:
    """Under its digest, too, an image is known."""
    return {
        **{f"{name.rpartition(':')[0]}@{digest(each)}": each for name, each in images.items() if "@" not in name},
        **images,
    }


def _store(host: MemoryHost, path: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads("".join(files.lines(host, path)) or "{}")
    return found


def _keep(host: MemoryHost, path: str, value: dict[str, Any]) -> Ran:
    files.put(host, path, json.dumps(value))
    return OK


PROGRAMS: dict[str, Program] = {"docker": _run, "podman": _run}
