"""What a program may do of what else only root may: its file capabilities."""

from __future__ import annotations

from typing import ClassVar, Final, Literal, Self, get_args

from pydantic import model_validator

from schema.resources.base import ResourceSpec
from schema.shapes import AbsolutePath

Capability = Literal[
    "chown", "dac_override", "dac_read_search", "fowner", "fsetid", "kill", "setgid", "setuid", "setpcap",
    "linux_immutable", "net_bind_service", "net_broadcast", "net_admin", "net_raw", "ipc_lock", "ipc_owner",
    "sys_module", "sys_rawio", "sys_chroot", "sys_ptrace", "sys_pacct", "sys_admin", "sys_boot", "sys_nice",
    "sys_resource", "sys_time", "sys_tty_config", "mknod", "lease", "audit_write", "audit_control", "setfcap",
    "mac_override", "mac_admin", "syslog", "wake_alarm", "block_suspend", "audit_read", "perfmon", "bpf",
    "checkpoint_restore",
]  # fmt: skip
KNOWN: Final = get_args(Capability)
"""In the order of their numbers (capabilities(7))."""


class CapabilitySpec(ResourceSpec):
    """The whole capabilities of one program file. A package that replaces the file, or a change of its owner, takes
    them away; then they are given again. Only root can give them.
    """

    IDENTITY: ClassVar[str] = "path"
    OWNS: ClassVar[str | None] = "capability"

    path: AbsolutePath
    """A regular file with one name; a symbolic link is not followed."""
    permitted: list[Capability] = []
    """Without `cap_` in front."""
    inheritable: list[Capability] = []
    effective: bool = True
    """They are in force when the program starts; else it must raise them itself."""
    state: Literal["present", "absent"] = "present"
    """With `absent` the file has none."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.state == "present") != bool(self.permitted or self.inheritable):
            raise ValueError("give permitted or inheritable; or state: absent, and neither")
        return self
