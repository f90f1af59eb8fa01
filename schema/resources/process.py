"""Whether a process runs."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from schema.resources.base import ResourceSpec


class ProcessSpec(ResourceSpec):
    """Processes that must run, or must not.

    One that must run and does not is a failure: to start it is the work of `service`. One that must not is ended with a
    signal. All that is given must match.
    """

    IDENTITY: ClassVar[str] = "process"

    process: str = Field(pattern=r"^[^\x00-\x1f]+$", max_length=200)
    """A label; and the program, when neither `program` nor `cmdline` is given."""
    state: Literal["running", "stopped"] = "running"
    program: str | None = Field(default=None, pattern=r"^[^\x00-\x1f/]+$", max_length=200)
    """Exactly its name: the end of the path it was started by, or what the kernel calls it."""
    cmdline: str | None = Field(default=None, min_length=1, max_length=4096)
    """Exactly the program and its arguments, with one blank between."""
    user: str | None = Field(default=None, pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*\$?$", max_length=100)
    """Whose it is."""
    signal: Literal["TERM", "INT", "HUP", "QUIT", "USR1", "USR2", "KILL"] = "TERM"
    wait_s: int = Field(default=10, ge=0, le=600)
    """How long to wait for its end."""
    kill: bool = False
    """Whether what has not ended by then is killed."""

    @property
    def called(self) -> str | None:
        """The name that has to match; None: any."""
        return self.process if self.program is None and self.cmdline is None else self.program

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if self.called is not None and "/" in self.called:
            raise ValueError("a name has no slash: a whole command goes into cmdline")
        return self
