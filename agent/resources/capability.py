"""What a program may do of what else only root may. See `CapabilitySpec`.

Read and written as the extended attribute that it is (capabilities(7), linux/capability.h): setcap need not be there.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from agent.hosts import Host, Kind, Stat
from agent.resources.types import Change, ResourceFailed, ResourceType
from schema.resources.capability import KNOWN, CapabilitySpec

_ATTRIBUTE: Final = "security.capability"
_EFFECTIVE: Final = 0x000001
_REVISION_2: Final = 0x02000000
_REVISION_3: Final = 0x03000000
_FORM: Final = struct.Struct("<IIIII")


class Capabilities(NamedTuple):
    """Sets as bits by number."""

    permitted: int
    inheritable: int
    effective: bool

    def __str__(self) -> str:
        sets = [("p", self.permitted), ("i", self.inheritable)]
        shown = [f"{name}={','.join(_names(bits))}" for name, bits in sets if bits]
        return " ".join([*shown, *(["effective"] if self.effective else [])]) or "none"


class CapabilityState(NamedTuple):
    """The file, and what it may; `held` is None where there are none."""

    stat: Stat | None
    held: Capabilities | None = None
    note: str = ""


def check(host: Host, spec: CapabilitySpec) -> CapabilityState:
    """See `ResourceType`."""
    stat = host.lstat(spec.path)
    if stat is None or stat.kind is not Kind.FILE:
        return CapabilityState(stat)
    value = host.attribute(spec.path, _ATTRIBUTE)
    return CapabilityState(stat, None if value is None else _parse(spec.path, value))


def diff(spec: CapabilitySpec, state: CapabilityState) -> Sequence[Change]:
    """See `ResourceType`."""
    if state.stat is None and spec.state == "absent":
        return ()
    desired = _desired(spec)
    if state.stat is not None and state.stat.kind is Kind.FILE and state.held == desired:
        return ()
    before, after = (None if each is None else str(each) for each in (state.held, desired))
    return (Change("capabilities", before, after),)


def apply(host: Host, spec: CapabilitySpec, state: CapabilityState) -> None:
    """See `ResourceType`."""
    if state.stat is None or state.stat.kind is not Kind.FILE:
        stands = "does not exist" if state.stat is None else f"is a {state.stat.kind}, not a regular file"
        raise ResourceFailed(f"{spec.path} {stands}")
    desired = _desired(spec)
    host.set_attribute(spec.path, _ATTRIBUTE, None if desired is None else _dump(desired))


def paths(spec: CapabilitySpec) -> Sequence[str]:
    """See `ResourceType`."""
    return (spec.path,)


CAPABILITY: Final = ResourceType(spec=CapabilitySpec, check=check, diff=diff, apply=apply, paths=paths, confinable=True)


def _desired(spec: CapabilitySpec) -> Capabilities | None:
    if spec.state == "absent":
        return None
    return Capabilities(_bits(spec.permitted), _bits(spec.inheritable), spec.effective)


def _bits(names: Iterable[str]) -> int:
    return sum({1 << KNOWN.index(name) for name in names})


def _names(bits: int) -> list[str]:
    return [KNOWN[number] if number < len(KNOWN) else str(number) for number in range(64) if bits >> number & 1]


def _parse(path: str, value: bytes) -> Capabilities:
    magic = int.from_bytes(value[:4], "little")
    if magic & 0xFF000000 not in (_REVISION_2, _REVISION_3) or len(value) not in (20, 24):
        raise ResourceFailed(f"{path} has capabilities of a form that is not known")
    _, low, low_inheritable, high, high_inheritable = _FORM.unpack(value[:20])
    return Capabilities(high << 32 | low, high_inheritable << 32 | low_inheritable, bool(magic & _EFFECTIVE))


def _dump(made: Capabilities) -> bytes:
    low, high = 0xFFFFFFFF, 32
    magic = _REVISION_2 | (_EFFECTIVE if made.effective else 0)
    return _FORM.pack(
        magic, made.permitted & low, made.inheritable & low, made.permitted >> high, made.inheritable >> high
    )
