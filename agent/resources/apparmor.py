"""The state of an AppArmor profile: two links that are read at boot, and what the kernel has. See `ApparmorSpec`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from agent.hosts import Host, Kind
from agent.resources.types import Change, ResourceFailed, ResourceType
from agent.tools import apparmor_parser
from schema.resources.apparmor import ApparmorSpec

DIRECTORY: Final = "/etc/apparmor.d"
_LINKS: Final = {"disabled": "disable", "complain": "force-complain"}
"""State → the directory whose link brings it about at boot."""


class ApparmorState(NamedTuple):
    """The profile as it was found."""

    boot: str
    """What the links say."""
    live: tuple[str, ...]
    """Modes of its profiles in the kernel; `disabled` where one is not loaded."""
    known: bool
    """Whether there is such a profile."""
    flagged: bool = False
    """Whether its own text makes it complain."""
    note: str = ""


def check(host: Host, spec: ApparmorSpec) -> ApparmorState:
    """See `ResourceType`."""
    stat = host.lstat(path(spec))
    boot = next((state for state in _LINKS if apparmor_parser.is_link(host, _link(spec, state))), "enforce")
    if stat is None or stat.kind is not Kind.FILE:
        return ApparmorState(boot, (), known=False)
    text = host.read(path(spec)).decode("utf-8", "replace")
    loaded, names = apparmor_parser.loaded(host), apparmor_parser.names(text)
    if not names:
        raise ResourceFailed(f"{path(spec)} names no profile")
    modes = dict.fromkeys(loaded.get(name, "disabled") for name in names)
    return ApparmorState(boot, tuple(sorted(modes)), known=True, flagged=apparmor_parser.complains(text))


def diff(spec: ApparmorSpec, state: ApparmorState) -> Sequence[Change]:
    """See `ResourceType`."""
    if not state.known and spec.state == "disabled":
        return ()
    found = []
    if state.boot != spec.state:
        found.append(Change("boot", state.boot, spec.state))
    if set(state.live) != {spec.state}:
        found.append(Change("state", ",".join(state.live) or None, spec.state))
    return found


def apply(host: Host, spec: ApparmorSpec, state: ApparmorState) -> None:
    """See `ResourceType`."""
    if not state.known:
        raise ResourceFailed(f"there is no profile {path(spec)}")
    if state.flagged and spec.state == "enforce":
        raise ResourceFailed(f"{path(spec)} says flags=(complain): however it is loaded, it complains")
    for each, directory in _LINKS.items():
        link = _link(spec, each)
        if each == spec.state and not apparmor_parser.is_link(host, link):
            if host.lstat(f"{DIRECTORY}/{directory}") is None:
                host.mkdir(f"{DIRECTORY}/{directory}", mode=0o755)
            host.symlink(link, path(spec))
        elif each != spec.state and apparmor_parser.is_link(host, link):
            host.remove(link)
    if set(state.live) != {spec.state}:
        apparmor_parser.act(host, "--remove" if spec.state == "disabled" else "--replace", path(spec))


def action(spec: ApparmorSpec, _state: ApparmorState) -> str:
    """See `ResourceType`."""
    return "disable" if spec.state == "disabled" else spec.state


def path(spec: ApparmorSpec) -> str:
    """Where the profile is kept."""
    return f"{DIRECTORY}/{spec.apparmor}"


def paths(spec: ApparmorSpec) -> Sequence[str]:
    """See `ResourceType`."""
    return [path(spec), *(_link(spec, state) for state in _LINKS)]


APPARMOR: Final = ResourceType(
    spec=ApparmorSpec,
    check=check,
    diff=diff,
    apply=apply,
    action=action,
    paths=paths,
    unsupported=apparmor_parser.lacking,
    of_machine=True,
    unseen="what the kernel has loaded",
)


def _link(spec: ApparmorSpec, state: str) -> str:
    return f"{DIRECTORY}/{_LINKS[state]}/{spec.apparmor}"
