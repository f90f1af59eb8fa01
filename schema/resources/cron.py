"""A periodic job, as a file of its own in /etc/cron.d."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from schema.crontabs import Schedule
from schema.resources.base import ResourceSpec

VariableName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
VariableValue = Annotated[str, StringConstraints(pattern=r"^([^\n\"]*|[^\n']*)$")]
"""One line that does not hold both kinds of quotes: crontab(5) has no escape."""


class CronSpec(ResourceSpec):
    """One job in `/etc/cron.d/vigo-JOB`."""

    IDENTITY: ClassVar[str] = "job"
    OWNS: ClassVar[str | None] = "cron"

    job: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$", max_length=100)
    state: Literal["present", "absent"] = "present"
    schedule: Schedule = ""
    """Five fields of crontab(5), or `@daily` and its like."""
    command: str = Field(default="", pattern=r"^[^\n]*$")
    """One line for the user's shell; `%` means nothing special."""
    user: str = Field(default="root", pattern=r"^[a-z_][a-z0-9_-]{0,31}$")
    environment: dict[VariableName, VariableValue] = {}
    comment: str = Field(default="", pattern=r"^[^\n\r\x00]*$", max_length=400)
    """One line above the job, for whoever reads the file."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.state == "present" and not (self.schedule and self.command):
            raise ValueError("a job that is to be present needs schedule and command")
        return self
