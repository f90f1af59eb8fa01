"""Parameters of the resource types: one file a type, data only; behaviour is in `agent/resources`, same stem.

`file_line` is `FileLineSpec` in `schema/resources/file_line.py`. Each is loaded when it is first asked for: a host has
a few types, and pays for no others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any, Final

from schema.resources.base import ResourceSpec as ResourceSpec

NAMES: Final = (
    "acl",
    "aide",
    "alternatives",
    "apparmor",
    "archive",
    "auditd_rule",
    "banner",
    "blockinfile",
    "capability",
    "certificate",
    "certificate_request",
    "container",
    "container_image",
    "cron",
    "custom",
    "directory",
    "download",
    "exec",
    "file",
    "file_line",
    "firewall",
    "git",
    "group",
    "hardlink",
    "host_entry",
    "hostname",
    "ini",
    "json_file",
    "kernel_module",
    "kernel_parameter",
    "known_host",
    "limits",
    "locale",
    "logrotate",
    "mount",
    "nonrepo_package",
    "notice",
    "ntp",
    "package",
    "pam",
    "password_policy",
    "pip_package",
    "process",
    "reboot",
    "replace",
    "repository",
    "resolver",
    "selinux",
    "service",
    "ssh_key",
    "sudoers",
    "swap",
    "symlink",
    "sysctl",
    "systemd_timer",
    "systemd_unit",
    "timezone",
    "tmpfiles",
    "toml_file",
    "user",
    "watch_secret",
    "yaml_file",
)
"""What may stand behind `type:`, sorted."""


class _Registry(Mapping[str, type[ResourceSpec]]):
    """The types by name, those that were asked for in memory."""

    def __init__(self) -> None:
        self._loaded: Final[dict[str, type[ResourceSpec]]] = {}

    def __getitem__(self, name: str) -> type[ResourceSpec]:
        found = self._loaded.get(name)
        if found is None:
            if name not in _KNOWN:
                raise KeyError(name)
            module = import_module(f"{__name__}.{name}")
            found = self._loaded[name] = getattr(module, "".join(map(str.capitalize, name.split("_"))) + "Spec")
        return found

    def get(self, name: str, default: Any = None) -> Any:
        """The type of a name, or something else."""
        return self._loaded.get(name) or super().get(name, default)

    def __contains__(self, name: object) -> bool:
        return name in _KNOWN

    def __iter__(self) -> Iterator[str]:
        return iter(NAMES)

    def __len__(self) -> int:
        return len(NAMES)


_KNOWN: Final = frozenset(NAMES)
RESOURCES: Final[Mapping[str, type[ResourceSpec]]] = _Registry()
"""The registry."""
