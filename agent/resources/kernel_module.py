"""A module of the kernel. See `KernelModuleSpec`; the files are those of modules-load.d(5) and modprobe.d(5).

Which modules are loaded is read once for all, from /proc/modules; one that is built in is known by /sys/module.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from agent.hosts import Host
from agent.resources.types import Change, ResourceType
from agent.tools import modprobe, owned_file
from agent.tools.owned_file import HEADER, OwnedFile
from schema.resources.kernel_module import KernelModuleSpec


class KernelModuleState(NamedTuple):
    """The two files, and whether the running kernel has it; None: it is not asked."""

    load: OwnedFile
    probe: OwnedFile
    loaded: bool | None
    note: str = ""


def check(host: Host, spec: KernelModuleSpec) -> KernelModuleState:
    """See `ResourceType`."""
    load, probe = (owned_file.read(host, place) for place in paths(spec))
    loaded, note = None, load.note
    if spec.live and not host.confined:
        builtin = modprobe.is_builtin(host, spec.module)
        loaded = builtin or spec.module.replace("-", "_") in modprobe.loaded(host)
        if builtin and spec.state != "loaded":
            loaded, note = None, f"{spec.module} is built into this kernel: it cannot be unloaded"
    return KernelModuleState(load, probe, loaded, note)


def diff(spec: KernelModuleSpec, state: KernelModuleState) -> Sequence[Change]:
    """See `ResourceType`."""
    found = [
        change._replace(field=f"{where}: {change.field}")
        for where, file, text in (
            ("at start", state.load, load_text(spec)),
            ("modprobe", state.probe, probe_text(spec)),
        )
        for change in owned_file.changes(file, text, field="content")
    ]
    if state.loaded is not None and state.loaded != (spec.state == "loaded"):
        found.append(Change("live", _word(state.loaded), _word(not state.loaded)))
    return found


def apply(host: Host, spec: KernelModuleSpec, state: KernelModuleState) -> None:
    """Files first: options count when it is loaded, and what is blacklisted does not come back when it is unloaded."""
    for place, file, text in zip(
        paths(spec), (state.load, state.probe), (load_text(spec), probe_text(spec)), strict=True
    ):
        if owned_file.changes(file, text, field="content"):
            owned_file.put(host, place, file, text)
    if state.loaded is not None and state.loaded != (spec.state == "loaded"):
        if spec.state == "loaded":
            modprobe.load(host, spec.module)
        else:
            modprobe.unload(host, spec.module)


def action(spec: KernelModuleSpec, _state: KernelModuleState) -> str:
    """See `ResourceType`."""
    return {"loaded": "load", "absent": "remove", "blacklisted": "blacklist"}[spec.state]


def load_text(spec: KernelModuleSpec) -> bytes | None:
    """What is loaded with the host."""
    return f"{HEADER}{spec.module}\n".encode() if spec.state == "loaded" else None


def probe_text(spec: KernelModuleSpec) -> bytes | None:
    """What modprobe keeps to."""
    if spec.state == "blacklisted":
        # `blacklist` alone keeps it from being loaded for a device; `install` also when something asks for it.
        return f"{HEADER}blacklist {spec.module}\ninstall {spec.module} /bin/false\n".encode()
    if spec.state == "loaded" and spec.options:
        words = " ".join(f"{name}={value}" if value else name for name, value in spec.options.items())
        return f"{HEADER}options {spec.module} {words}\n".encode()
    return None


def paths(spec: KernelModuleSpec) -> Sequence[str]:
    """See `ResourceType`."""
    return (f"/etc/modules-load.d/vigo-{spec.module}.conf", f"/etc/modprobe.d/vigo-{spec.module}.conf")


def shows_in(host: Host, spec: KernelModuleSpec) -> Sequence[str]:
    """See `ResourceType`."""
    return (modprobe.shown_in(spec.module),) if spec.live and not host.confined else ()


KERNEL_MODULE: Final = ResourceType(
    spec=KernelModuleSpec,
    check=check,
    diff=diff,
    apply=apply,
    action=action,
    paths=paths,
    confinable=True,
    of_machine=True,
    shows_in=shows_in,
)


def _word(loaded: bool) -> str:  # noqa: FBT001 - of one value
    return "loaded" if loaded else "not loaded"
