"""Where the host asks for names. See `ResolverSpec`.

A resolv.conf that something else keeps would be written anew at the next change of the network: it is left alone unless
`takeover` says otherwise. In a confined root systemd-resolved is not asked what it does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from agent.hosts import Host, Kind
from agent.resources.types import Change, ResourceFailed, ResourceType
from agent.tools import owned_file, resolvectl, systemctl
from agent.tools.owned_file import OwnedFile
from agent.tools.resolvectl import Asked
from schema.resources.resolver import ResolverSpec

FILE: Final = "/etc/resolv.conf"
DROP_IN: Final = "/etc/systemd/resolved.conf.d/60-vigo.conf"
_DIRECTORY: Final = DROP_IN.rpartition("/")[0]
_MAX_FILES: Final = 100
SERVICE: Final = "systemd-resolved.service"
_KEEPERS: Final = {
    b"NetworkManager": "NetworkManager",
    b"resolvconf": "resolvconf",
    b"systemd-resolved": "systemd-resolved",
    b"dhclient": "dhclient",
    b"cloud-init": "cloud-init",
}


class ResolverState(NamedTuple):
    """The file as it was found."""

    file: OwnedFile
    keeper: str = ""
    """What else keeps it."""
    asked: Asked | None = None
    """What systemd-resolved asks; None when it does not run, or is not asked."""
    others: Asked = Asked((), ())
    """What other files tell it."""
    note: str = ""


def check(host: Host, spec: ResolverSpec) -> ResolverState:
    """See `ResourceType`."""
    file = owned_file.read(host, path(spec))
    if spec.resolver == "resolv.conf":
        return ResolverState(file, _keeper(host, file, text(spec)), note=file.note)
    if host.confined:
        return ResolverState(file, note=file.note)
    return ResolverState(file, asked=resolvectl.asked(host), others=_others(host), note=file.note)


def diff(spec: ResolverSpec, state: ResolverState) -> Sequence[Change]:
    """See `ResourceType`."""
    found = owned_file.changes(state.file, text(spec), field="content")
    if state.asked is not None:
        for field, desired, asked, others in (
            ("nameservers", spec.nameservers, state.asked.nameservers, state.others.nameservers),
            ("search", spec.search, state.asked.domains, state.others.domains),
        ):
            if {_plain(each) for each in (*desired, *others)} != {_plain(each) for each in asked}:
                found.append(Change(f"live {field}", " ".join(asked), " ".join(desired)))
    return found


def apply(host: Host, spec: ResolverSpec, state: ResolverState) -> None:
    """See `ResourceType`."""
    if state.keeper and not spec.takeover:
        raise ResourceFailed(
            f"{FILE} is kept by {state.keeper}, which would write it anew: tell that, or give takeover: true"
        )
    if spec.resolver == "systemd-resolved" and state.asked is None and not host.confined:
        raise ResourceFailed("systemd-resolved does not run on this host")
    if owned_file.changes(state.file, text(spec), field="content"):
        owned_file.put(host, path(spec), state.file, text(spec))
    if state.asked is not None:
        systemctl.act(host, "restart", SERVICE)


def text(spec: ResolverSpec) -> bytes:
    """What the file should hold."""
    if spec.resolver == "resolv.conf":
        lines = [f"search {' '.join(spec.search)}"] if spec.search else []
        lines += [f"nameserver {address}" for address in spec.nameservers]
        lines += [f"options {' '.join(spec.options)}"] if spec.options else []
    else:
        lines = ["[Resolve]", f"DNS={' '.join(spec.nameservers)}", f"Domains={' '.join(spec.search)}"]
    return (owned_file.HEADER + "".join(f"{line}\n" for line in lines)).encode()


def path(spec: ResolverSpec) -> str:
    """Where it is kept."""
    return FILE if spec.resolver == "resolv.conf" else DROP_IN


def paths(spec: ResolverSpec) -> Sequence[str]:
    """See `ResourceType`."""
    return (path(spec),)


def may_cut_off(_spec: ResolverSpec) -> bool:
    """The server is known by a name."""
    return True


RESOLVER: Final = ResourceType(
    spec=ResolverSpec,
    check=check,
    diff=diff,
    apply=apply,
    paths=paths,
    may_cut_off=may_cut_off,
    confinable=True,
    of_machine=True,
    unseen="what systemd-resolved asks, where that is not from the file",
)


def _plain(word: str) -> str:
    """An address without its link, which resolvectl gives by another name."""
    return word.partition("%")[0]


def _others(host: Host) -> Asked:
    """What the other files of its configuration tell it: lists of several files add up."""
    places = ["/etc/systemd/resolved.conf"]
    if host.lstat(_DIRECTORY) is not None:
        places += [f"{_DIRECTORY}/{name}" for name in host.listdir(_DIRECTORY)[:_MAX_FILES] if name.endswith(".conf")]
    found: dict[str, list[str]] = {"DNS": [], "Domains": []}
    for place in places:
        stat = host.lstat(place)
        if place == DROP_IN or stat is None or stat.kind is not Kind.FILE:
            continue
        for line in host.read(place).decode("utf-8", "replace").splitlines():
            key, mark, words = line.strip().partition("=")
            if mark and key in found:
                found[key] = [*found[key], *words.split()] if words.strip() else []
    return Asked(tuple(found["DNS"]), tuple(found["Domains"]))


def _keeper(host: Host, file: OwnedFile, text: bytes) -> str:
    """Who else keeps resolv.conf: whom its link leads to, or who says so at its beginning."""
    if file.stat is not None and file.stat.kind is Kind.SYMLINK:
        target = host.readlink(FILE)
        words = target.encode("utf-8", "surrogateescape").replace(b"systemd/resolve", b"systemd-resolved")
        return next((name for word, name in _KEEPERS.items() if word in words), f"what {target} belongs to")
    if file.content is None or file.content == text or file.content.startswith(owned_file.HEADER.encode()):
        return ""
    head = b"\n".join(line for line in file.content.splitlines()[:20] if line.startswith((b"#", b";")))
    return next((name for word, name in _KEEPERS.items() if word in head), "")
