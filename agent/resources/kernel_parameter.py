"""A parameter that the boot loader gives to the kernel. See `KernelParameterSpec`.

What counts is what each kernel would be started with (grub.cfg, or what grubby tells), not the file that it is made of:
an update-grub that was interrupted is done again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from agent.hosts import Host, Kind
from agent.resources.types import Change, ResourceFailed, ResourceType
from agent.tools import grub, owned_file
from agent.tools.owned_file import HEADER, OwnedFile
from schema.resources.kernel_parameter import KernelParameterSpec

_RUNNING: Final = "/proc/cmdline"


class KernelParameterState(NamedTuple):
    """Our file (None where grubby keeps the entries), and the words of each kernel that can be started."""

    file: OwnedFile | None
    commands: Sequence[tuple[str, ...]]
    note: str = ""


def check(host: Host, spec: KernelParameterSpec) -> KernelParameterState:
    """See `ResourceType`."""
    file = None if grub.by_grubby(host) else owned_file.read(host, path(spec))
    try:
        running = host.read(_RUNNING).decode("utf-8", "replace").split()
    except OSError:
        running = []
    note = "counts from the next start of the host" if _differs(spec, running) else ""
    return KernelParameterState(file, grub.commands(host), note)


def diff(spec: KernelParameterSpec, state: KernelParameterState) -> Sequence[Change]:
    """See `ResourceType`."""
    found = [] if state.file is None else owned_file.changes(state.file, text(spec), field="file")
    differ = [command for command in state.commands if _differs(spec, command)]
    if differ:
        before = " ".join(word for word in differ[0] if word.partition("=")[0] == spec.parameter) or None
        found.append(Change("parameter", before, spec.word if spec.state == "present" else None))
    elif spec.state == "present" and not state.commands:
        found.append(Change("parameter", None, spec.word))
    return found


def apply(host: Host, spec: KernelParameterSpec, state: KernelParameterState) -> None:
    """See `ResourceType`."""
    if not state.commands:
        raise ResourceFailed("no kernel is found that GRUB could start")
    if state.file is None:
        if spec.state == "present":
            grub.change(host, add=spec.word, remove=None)
        else:
            grub.change(host, add=None, remove=spec.parameter)
        return
    _clean_defaults(host, spec)
    if owned_file.changes(state.file, text(spec), field="file"):
        owned_file.put(host, path(spec), state.file, text(spec))
    grub.write_config(host)


def action(spec: KernelParameterSpec, _state: KernelParameterState) -> str:
    """See `ResourceType`."""
    return "remove" if spec.state == "absent" else "update"


def unsupported(host: Host) -> str | None:
    """See `ResourceType`."""
    return grub.lacking(host)


def path(spec: KernelParameterSpec) -> str:
    """Our own file, after those of packages."""
    return f"{grub.DROP_INS}/zz-vigo-{spec.parameter}.cfg"


def text(spec: KernelParameterSpec) -> bytes | None:
    """What the shell of update-grub reads; None when it is to be absent."""
    if spec.state == "absent":
        return None
    return f'{HEADER}GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX {spec.word}"\n'.encode()


def paths(spec: KernelParameterSpec) -> Sequence[str]:
    """See `ResourceType`."""
    return (path(spec), grub.CONFIG)


KERNEL_PARAMETER: Final = ResourceType(
    spec=KernelParameterSpec,
    check=check,
    diff=diff,
    apply=apply,
    action=action,
    unsupported=unsupported,
    paths=paths,
    of_machine=True,
)


def _differs(spec: KernelParameterSpec, command: Sequence[str]) -> bool:
    mine = [word for word in command if word.partition("=")[0] == spec.parameter]
    return bool(mine) if spec.state == "absent" else set(mine) != {spec.word}


def _clean_defaults(host: Host, spec: KernelParameterSpec) -> None:
    """Take the parameter, of another value, from the lines that a person keeps."""
    stat = host.lstat(grub.DEFAULTS)
    if stat is None or stat.kind is not Kind.FILE:
        return
    before = host.read(grub.DEFAULTS).decode("utf-8", "surrogateescape")
    after = grub.without(before, spec.parameter)
    if after != before:
        data = after.encode("utf-8", "surrogateescape")
        host.write(grub.DEFAULTS, data, mode=stat.mode, uid=stat.uid, gid=stat.gid)
