"""What AIDE watches for changes, the database that it compares with, and when."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from schema.crontabs import Schedule
from schema.resources.base import ResourceSpec

AideLine = Annotated[str, StringConstraints(pattern=r"^[^\n\r\x00]+$", max_length=2000)]
"""One line of aide.conf(5)."""


class AideSpec(ResourceSpec):
    """A file of rules beside AIDE's own configuration, which is checked as a whole before it stays."""

    IDENTITY: ClassVar[str] = "aide"
    OWNS: ClassVar[str | None] = "aide rules"

    aide: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$", max_length=100)
    """Name of the file. They are read in the order of their names."""
    state: Literal["present", "absent"] = "present"
    rules: list[AideLine] = Field(default=[], max_length=1000)
    """`/etc/app p+u+g+sha256`, `!/var/cache/app`."""
    init: bool = False
    """Make the database where there is none: it reads all files that are watched, which may take long."""
    schedule: Schedule = ""
    """When to check, as crontab(5) has it; root gets the mail. Empty: no check of ours."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.state == "present" and not self.rules:
            raise ValueError("what is to be watched needs rules")
        if self.state == "absent" and (self.init or self.schedule):
            raise ValueError("rules that are to be absent are not checked")
        return self
