"""A container of docker or podman. See `ContainerSpec`.

What it was made of stands in a label, as a digest without any value of its environment, which are compared one by one:
so a label that others read tells nothing of a secret.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from agent.hosts import Host
from agent.resources.types import Change, ResourceType
from agent.tools import containers
from schema.ids import sha256
from schema.resources.container import ContainerSpec

LABEL: Final = "io.vigo.spec"
NEW: Final = ".vigo-new"
_NOT_OF_THE_MAKING: Final = {"state", "environment", "stop_timeout_s", "runtime"}
_RUNNING: Final = frozenset({"running", "restarting"})


class ContainerState(NamedTuple):
    """The container as the runtime describes it."""

    there: bool = False
    status: str = "absent"
    """created, running, paused, restarting, exited, dead ..."""
    made_of: str = ""
    """The digest in its label."""
    restart: str = ""
    image: str | None = None
    """The id of its image, without the name of the algorithm."""
    image_now: str | None = None
    """The id that its image's name has now; None when the host lacks it."""
    environment: frozenset[str] = frozenset()
    note: str = ""


def check(host: Host, spec: ContainerSpec) -> ContainerState:
    """See `ResourceType`."""
    program = containers.runtime(host, spec.runtime)
    image = containers.one(host, program, "image", spec.image) if spec.image is not None else None
    image_now = None if image is None else _id(image.get("Id"))
    found = containers.one(host, program, "container", spec.container)
    if found is None:
        return ContainerState(image_now=image_now)
    config = _part(found, "Config")
    status = str(_part(found, "State").get("Status", ""))
    return ContainerState(
        there=True,
        status=status,
        made_of=str(_part(config, "Labels").get(LABEL, "")),
        restart=str(_part(_part(found, "HostConfig"), "RestartPolicy").get("Name") or "no"),
        image=_id(found.get("Image")),
        image_now=image_now,
        environment=frozenset(map(str, config.get("Env") or ())),
        note="it restarts again and again" if status == "restarting" else "",
    )


def diff(spec: ContainerSpec, state: ContainerState) -> Sequence[Change]:
    """See `ResourceType`."""
    if spec.state == "absent":
        return (Change("state", state.status, "absent"),) if state.there else ()
    if not state.there:
        return (Change("state", "absent", spec.state),)
    found = []
    if state.made_of != made_of(spec):
        found.append(Change("definition", state.made_of[:12] or None, made_of(spec)[:12]))
    elif state.restart != spec.restart:
        found.append(Change("restart", state.restart, spec.restart))
    if state.image_now is not None and state.image != state.image_now:
        found.append(Change("image", (state.image or "")[:12] or None, state.image_now[:12]))
    if not state.environment.issuperset(f"{name}={value}" for name, value in spec.environment.items()):
        found.append(Change("environment", None, None, secret=True))
    if (state.status in _RUNNING) != (spec.state == "running"):
        found.append(Change("state", state.status, spec.state))
    return found


def apply(host: Host, spec: ContainerSpec, state: ContainerState) -> None:
    """See `ResourceType`. The old container goes when the new one has been made, and not before."""
    program = containers.runtime(host, spec.runtime)
    fields = {change.field for change in diff(spec, state)}
    anew = not state.there or bool(fields - {"state"})
    if spec.state == "absent" or not anew:
        _settle(host, program, spec, state)
        return
    assert spec.image is not None
    if state.image_now is None:
        containers.pull(host, program, spec.image)
    containers.remove(host, program, spec.container + NEW)
    name = spec.container + NEW if state.there else spec.container
    containers.create(host, program, _options(spec, name), [spec.image, *spec.command], spec.environment)
    if state.there:
        if state.status in _RUNNING:
            containers.stop(host, program, spec.container, timeout_s=spec.stop_timeout_s)
        containers.remove(host, program, spec.container)
        containers.rename(host, program, name, spec.container)
    if spec.state == "running":
        containers.start(host, program, spec.container)


def made_of(spec: ContainerSpec) -> str:
    """A digest of all that a container cannot change while it exists; of its environment, the names alone."""
    fields = spec.model_dump(mode="json", exclude=_NOT_OF_THE_MAKING)
    return sha256(json.dumps([fields, sorted(spec.environment)], sort_keys=True).encode())


def action(spec: ContainerSpec, state: ContainerState) -> str:
    """See `ResourceType`."""
    if spec.state == "absent":
        return "remove"
    if not state.there:
        return "create"
    if {change.field for change in diff(spec, state)} - {"state"}:
        return "recreate"
    return "start" if spec.state == "running" else "stop"


def unsupported(host: Host) -> str | None:
    """See `ResourceType`."""
    return containers.unsupported(host)


def prefetch(host: Host, specs: Sequence[ContainerSpec]) -> None:
    """All containers of the catalog in one call for each runtime, and their images in another."""
    for asked in {spec.runtime for spec in specs if spec.runtime is None or host.which(spec.runtime)}:
        program = containers.runtime(host, asked)
        mine = [spec for spec in specs if spec.runtime == asked]
        containers.load(host, program, "container", [spec.container for spec in mine])
        containers.load(host, program, "image", [spec.image for spec in mine if spec.image is not None])


CONTAINER: Final = ResourceType(
    spec=ContainerSpec,
    check=check,
    diff=diff,
    apply=apply,
    action=action,
    unsupported=unsupported,
    prefetch=prefetch,
    of_machine=True,
    needs_network=True,
    unseen="only the engine knows",
)


def _settle(host: Host, program: str, spec: ContainerSpec, state: ContainerState) -> None:
    """Bring the container that is there into its state."""
    name = spec.container
    if spec.state == "running":
        if state.status == "paused":
            containers.unpause(host, program, name)
        else:
            containers.start(host, program, name)
        return
    if state.status in _RUNNING:
        containers.stop(host, program, name, timeout_s=spec.stop_timeout_s)
    if spec.state == "absent":
        containers.remove(host, program, name)


def _options(spec: ContainerSpec, name: str) -> list[str]:
    one = {
        "network": spec.network,
        "user": spec.user,
        "workdir": spec.workdir,
        "memory": spec.memory,
        "entrypoint": spec.entrypoint,
    }
    many = {
        "publish": spec.ports,
        "volume": spec.volumes,
        "label": [f"{key}={value}" for key, value in spec.labels.items()],
    }
    return [
        f"--name={name}",
        f"--label={LABEL}={made_of(spec)}",
        f"--restart={spec.restart}",
        *(f"--{option}={value}" for option, value in one.items() if value is not None),
        *(f"--{option}={value}" for option, values in many.items() for value in values),
        *(["--read-only"] if spec.read_only else []),
    ]


def _part(found: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = found.get(key)
    return value if isinstance(value, dict) else {}


def _id(value: Any) -> str | None:
    return str(value).removeprefix("sha256:") if value else None
