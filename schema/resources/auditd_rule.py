"""What the kernel is to note down for auditors."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from schema.resources.base import ResourceSpec

AuditLine = Annotated[
    str,
    StringConstraints(
        pattern=r"^-(w /\S+( -p [rwxa]{1,4})?|[aA] [a-z]+,[a-z]+( -[CFS] [^\s\x00]+)+)$", max_length=2000
    ),
]
"""One rule of audit.rules(7): a watch (`-w`) or a call of the system (`-a`), without `-k`."""


class AuditdRuleSpec(ResourceSpec):
    """`/etc/audit/rules.d/AUDITD_RULE.rules`, merged by augenrules and loaded. Each rule gets the name as its key."""

    IDENTITY: ClassVar[str] = "auditd_rule"
    OWNS: ClassVar[str | None] = "audit rule"

    auditd_rule: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$", max_length=31)
    """Name of the file, and what `ausearch -k` finds the events by. Files are merged in the order of their names."""
    state: Literal["present", "absent"] = "present"
    rules: list[AuditLine] = Field(default=[], max_length=500)
    """`-w /etc/shadow -p wa`, `-a always,exit -F arch=b64 -S adjtimex -S settimeofday`."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.state == "present" and not self.rules:
            raise ValueError("what is to be audited needs rules")
        return self
