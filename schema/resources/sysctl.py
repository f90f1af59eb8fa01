"""A parameter of the running kernel, now and at every start."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from schema.resources.base import ResourceSpec


class SysctlSpec(ResourceSpec):
    """One key: `/etc/sysctl.d/99-vigo-KEY.conf` for the next start, `/proc/sys` for now.

    With `state: absent` the file goes, and the running kernel keeps what it has: what it had before is not known.
    """

    IDENTITY: ClassVar[str] = "key"
    OWNS: ClassVar[str | None] = "sysctl"

    key: str = Field(
        pattern=r"^[a-z][a-z0-9_]*((\.[A-Za-z0-9_@:-]+)+|(/[A-Za-z0-9_@:-][A-Za-z0-9_.@:-]*)+)$", max_length=200
    )
    """With dots; where a part has a dot itself, with slashes: `net/ipv4/conf/eth0.100/forwarding`."""
    value: str = Field(default="", pattern=r"^[^\n\r\x00]*$", max_length=1000)
    """Several numbers are parted by blanks."""
    state: Literal["present", "absent"] = "present"
    live: bool = True
    """Whether the running kernel is told too."""
    optional: bool = False
    """Whether a kernel that has no such key is right as it is."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.state == "present" and not self.value.strip():
            raise ValueError("a key that is to be set needs a value")
        return self
