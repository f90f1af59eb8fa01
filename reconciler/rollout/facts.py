"""What a plan knows of a host."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final, NamedTuple

_NOTHING: Final[Mapping[str, Any]] = {}


class HostFacts(NamedTuple):
    """What is known of one host that is enrolled."""

    hostname: str
    os: str = ""
    """What tells systems apart, as `debian 12`: canaries are chosen for each. Empty: not known."""
    tags: Collection[str] = ()
    environment: str = ""
    """What it has now; of no weight where the target says another."""
    base: str | None = None
    """The commit that it is released to now; None: it has nothing yet."""
    stays: bool = False
    """Whether it may keep what it has, whatever is rolled out: on hold, or offline. Invariants reckon with both."""
    traits: Mapping[str, Any] = _NOTHING
    """As last seen; read by invariants alone, see `invariants.traits_asked`."""


def system_of(traits: Mapping[str, Any]) -> str:
    """What tells systems apart, of a host's traits: `debian 12`. Empty where it has not said."""
    said = traits.get("os")
    if not isinstance(said, Mapping):
        return ""
    return f"{said.get('distro', '')} {str(said.get('version', '')).partition('.')[0]}".strip()
