"""An image of containers. See `ContainerImageSpec`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from agent.hosts import Host
from agent.resources.types import Change, ResourceType
from agent.tools import containers
from schema.resources.container_image import ContainerImageSpec


class ContainerImageState(NamedTuple):
    """What the runtime knows by that name."""

    there: bool
    digests: tuple[str, ...] = ()
    note: str = ""


def check(host: Host, spec: ContainerImageSpec) -> ContainerImageState:
    """See `ResourceType`."""
    found = containers.one(host, containers.runtime(host, spec.runtime), "image", spec.image)
    if found is None:
        return ContainerImageState(there=False)
    digests = (str(name).partition("@")[2] for name in found.get("RepoDigests") or ())
    return ContainerImageState(there=True, digests=tuple(digests))


def diff(spec: ContainerImageSpec, state: ContainerImageState) -> Sequence[Change]:
    """See `ResourceType`."""
    if spec.state == "absent":
        return (Change("state", "present", "absent"),) if state.there else ()
    if not state.there:
        return (Change("state", "absent", spec.digest or "present"),)
    if spec.digest is not None and spec.digest not in state.digests:
        return (Change("digest", ", ".join(state.digests) or None, spec.digest),)
    return ()


def apply(host: Host, spec: ContainerImageSpec, _state: ContainerImageState) -> None:
    """See `ResourceType`. By its digest it is pulled first, and only then gets the name."""
    program = containers.runtime(host, spec.runtime)
    if spec.state == "absent":
        containers.remove_image(host, program, spec.image)
    elif spec.digest is None:
        containers.pull(host, program, spec.image)
    else:
        exact = containers.whole(f"{spec.image}@{spec.digest}")
        containers.pull(host, program, exact)
        containers.tag(host, program, exact, spec.image)


def action(spec: ContainerImageSpec, state: ContainerImageState) -> str:
    """See `ResourceType`."""
    if spec.state == "absent":
        return "remove"
    return "update" if state.there else "pull"


def unsupported(host: Host) -> str | None:
    """See `ResourceType`."""
    return containers.unsupported(host)


def prefetch(host: Host, specs: Sequence[ContainerImageSpec]) -> None:
    """All images of the catalog in one call for each runtime."""
    for asked in {spec.runtime for spec in specs if spec.runtime is None or host.which(spec.runtime)}:
        names = [spec.image for spec in specs if spec.runtime == asked]
        containers.load(host, containers.runtime(host, asked), "image", names)


CONTAINER_IMAGE: Final = ResourceType(
    spec=ContainerImageSpec,
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
