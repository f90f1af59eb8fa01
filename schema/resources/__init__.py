"""Parameters of the resource types: one file a type, data only; behaviour is in `agent/resources`, same stem.

`file_line` is `FileLineSpec` in `schema/resources/file_line.py`. Each is loaded when it is first asked for: a host has
a few types, and pays for no others.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Final

from schema.registry import Registry
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


def _load(name: str) -> type[ResourceSpec]:
    spec: type[ResourceSpec] = getattr(
        import_module(f"{__name__}.{name}"), "".join(map(str.capitalize, name.split("_"))) + "Spec"
    )
    return spec


RESOURCES: Final[Mapping[str, type[ResourceSpec]]] = Registry(NAMES, _load)
"""The registry."""
