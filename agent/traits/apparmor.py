"""AppArmor, as the kernel tells of it."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any, Final

from agent.hosts import Host
from agent.traits import sources

_PROFILES: Final = "/sys/kernel/security/apparmor/profiles"
_LINE: Final = re.compile(r"(.+) \((\w+)\)")


def collect(host: Host) -> dict[str, Any]:
    """`apparmor.*` of `schema.traits`.

    Raises:
        sources.Partly: only root may see the profiles.
    """
    enabled = sources.kernel_readable(host, "/sys/module/apparmor/parameters/enabled") == "Y"
    why, content = "", ""
    if enabled:
        try:
            content = sources.kernel_text(host, _PROFILES) or ""
        except OSError as error:
            why = f"{_PROFILES}: {error.strerror}"
    matches = (_LINE.fullmatch(line) for line in content.splitlines())
    profiles = {found[1]: found[2] for found in matches if found is not None}
    modes = Counter(profiles.values())
    found = {
        "enabled": enabled,
        "enforced": modes["enforce"] + modes["kill"],
        "complaining": modes["complain"],
        "profiles": profiles,
    }
    if why:
        raise sources.Partly(found, why)
    return found
