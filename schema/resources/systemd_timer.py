"""A periodic job of systemd: a timer and the service that it starts."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from schema import calendars
from schema.resources.base import ResourceSpec
from schema.shapes import AbsolutePath, Line, OneOrMany


def _possible(text: str) -> str:
    if why := calendars.complaint(text):
        raise ValueError(f"{text!r} {why}")
    return text


CalendarEvent = Annotated[str, AfterValidator(_possible)]
"""As systemd.time(7) has them: `Mon..Fri *-*-* 02:00`, `*:0/15`, `daily`."""
VariableName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=200)]


class SystemdTimerSpec(ResourceSpec):
    """`/etc/systemd/system/NAME.timer` and `NAME.service`, enabled and started.

    Where systemd does not run the host, `cron` does the same.
    """

    IDENTITY: ClassVar[str] = "timer"
    OWNS: ClassVar[str | None] = "systemd_timer"

    timer: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9:_-]*$", max_length=100)
    """Name of both units, without a suffix."""
    state: Literal["present", "absent"] = "present"
    on_calendar: OneOrMany[CalendarEvent] = Field(default=[], max_length=50)
    """When it is due; one or several."""
    command: Line = ""
    """One line for `/bin/sh`; neither `%` nor `$` means anything to systemd in it."""
    description: Line = ""
    user: str = Field(default="root", pattern=r"^[a-z_][a-z0-9_-]{0,31}$")
    environment: dict[VariableName, Line] = Field(default={}, max_length=100)
    """Anybody on the host can read it: no place for a secret."""
    working_directory: AbsolutePath | None = None
    persistent: bool = False
    """Whether a time that passed while the host was off is made up for at its start."""
    random_delay_s: int = Field(default=0, ge=0, le=604_800)
    """Up to so many seconds later, another number each time: not all hosts at once."""
    accuracy_s: int = Field(default=60, ge=1, le=86_400)
    timeout_s: int = Field(default=0, ge=0, le=604_800)
    """After which the command is ended; 0: never."""
    enabled: bool = True
    """Whether it is due at all: disabled, it stands by."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.state == "present" and not (self.on_calendar and self.command.strip()):
            raise ValueError("a timer that is to be present needs on_calendar and command")
        if self.working_directory is not None and any(each in self.working_directory for each in "\n\r"):
            raise ValueError("working_directory has a line break")
        return self
