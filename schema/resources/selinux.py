"""What SELinux is told: its mode, a boolean of its policy, or the type of files."""

from __future__ import annotations

import re
from typing import ClassVar, Final, Literal, Self

from pydantic import Field, model_validator

from schema.resources.base import ResourceSpec

_VALUES: Final = {
    "mode": r"enforcing|permissive|disabled",
    "boolean": r"on|off",
    "context": r"[a-z][a-z0-9_]*_t",
}
_SAID: Final = {"mode": "enforcing, permissive, disabled", "boolean": "on, off", "context": "types, as etc_t"}
_NAMES: Final = {"mode": r"mode", "boolean": r"[a-z][a-z0-9_]*", "context": r"/[^\s\x00]*"}


class SelinuxSpec(ResourceSpec):
    """One setting, now and after the next boot."""

    IDENTITY: ClassVar[str] = "selinux"
    OWNS: ClassVar[str | None] = "selinux setting"

    selinux: str = Field(max_length=500)
    """`mode`; the name of a boolean; or the expression for the paths of a context: `/srv/www(/.*)?`."""
    kind: Literal["mode", "boolean", "context"]
    state: Literal["present", "absent"] = "present"
    """A context that is absent is that of the policy again."""
    value: str | None = None
    """`enforcing`, `permissive`, `disabled`; `"on"`, `"off"`; or a type: `httpd_sys_content_t`."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not re.fullmatch(_NAMES[self.kind], self.selinux):
            raise ValueError(f"{self.selinux} names no {self.kind}")
        if self.state == "absent":
            if self.kind != "context":
                raise ValueError(f"a {self.kind} cannot be absent")
            return self
        if self.value is None or not re.fullmatch(_VALUES[self.kind], self.value):
            raise ValueError(f"the value of a {self.kind} is one of {_SAID[self.kind]}")
        return self
