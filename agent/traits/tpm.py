"""The trusted platform module, as sysfs tells of it."""

from __future__ import annotations

from typing import Any, Final

from agent.hosts import Host
from agent.traits import sources

_CLASS: Final = "/sys/class/tpm"
_VERSIONS: Final = {"1": "1.2", "2": "2.0"}


def collect(host: Host) -> dict[str, Any]:
    """`tpm.*` of `schema.traits`."""
    modules = [name for name in sources.kernel_names(host, _CLASS) if name.startswith("tpm")]
    if not modules:
        return {"present": False}
    place = f"{_CLASS}/{modules[0]}"
    major = sources.kernel_readable(host, f"{place}/tpm_version_major")
    if not major and sources.kernel_readable(host, f"{place}/device/caps"):
        major = "1"  # kernels before 5.6 tell only of the old ones, and in this way
    return {"present": True, **({"version": _VERSIONS[major]} if major in _VERSIONS else {})}
