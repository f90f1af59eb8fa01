"""A restart of the host: announced, within a window, and never in a loop."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from schema.resources.base import ResourceSpec
from schema.shapes import Line

_TIME = r"([01][0-9]|2[0-3]):[0-5][0-9]"
Window = Annotated[str, StringConstraints(pattern=rf"^{_TIME}-({_TIME}|24:00)$")]
RunPath = Annotated[str, StringConstraints(pattern=r"^/(var/)?run/[^\x00]*[^\x00/]$", max_length=1024)]
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


class RebootSpec(ResourceSpec):
    """One reason to restart the host.

    With `if_exists` it restarts whenever that path is there; without, it does so once, ever, under this name. Either
    way not before it has been up for `min_uptime_min`, and once in one boot: the host remembers for which it asked.
    """

    IDENTITY: ClassVar[str] = "reboot"

    reboot: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=100)
    """A name for the reason: `kernel-2026-11`."""
    if_exists: RunPath | None = None
    """Only while this path is there: `/run/reboot-required`. Below /run, which a restart empties."""
    window: Window | None = None
    """Only between these times of the host's clock: `02:00-04:30`, also over midnight. Elsewhere it waits."""
    days: list[Day] = Field(default=[], max_length=7)
    """Only on these days; a window over midnight belongs to the day it begins on."""
    delay_min: int = Field(default=5, ge=1, le=1440)
    """How long before it is announced to who is logged in."""
    message: Line = "vigo restarts this host"
    min_uptime_min: int = Field(default=60, ge=10, le=525_600)
    """Whatever asks for it, not sooner after a start than this."""

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if self.window is not None and self.window[:5] == self.window[6:]:
            raise ValueError("a window of no length")
        return self
