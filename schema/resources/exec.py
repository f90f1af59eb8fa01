"""A command, for what no other type covers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from schema.resources.base import ResourceSpec
from schema.shapes import AbsolutePath


class ExecSpec(ResourceSpec):
    """One command, read by `/bin/sh` when its guards say that it is needed.

    One whose guard still asks for it afterwards has failed. Command and guards go in through standard input, so that no
    argument shows a secret; they find their own standard input empty.
    """

    IDENTITY: ClassVar[str] = "command"

    command: str = Field(min_length=1)
    onlyif: str | None = None
    """Run only if this command ends 0."""
    unless: str | None = None
    """Run only if this command does not end 0."""
    creates: AbsolutePath | None = None
    """Run only if this path does not exist."""
    removes: AbsolutePath | None = None
    """Run only if this path exists."""
    refreshonly: bool = False
    """Run only when notified."""
    cwd: AbsolutePath | None = None
    environment: dict[str, str] = {}
    user: str | None = None
    umask: str | None = Field(default=None, pattern=r"^0?[0-7]{3}$")
    """Bits that are taken from the mode of files that it makes; `0022` when not given."""
    timeout_s: int = Field(default=300, ge=1, le=86_400)
    returns: list[int] = Field(default=[0], min_length=1)
    """Exit codes that mean success."""
    network: bool = True
    """Whether command and guards may reach other machines. Without it they cannot open a network socket, where the
    agent is two processes: see [the agent](../agent.md)."""

    @classmethod
    def notify_only(cls, attributes: Mapping[str, Any]) -> bool:
        """`refreshonly` needs somebody to ask for it."""
        return bool(attributes.get("refreshonly"))

    @model_validator(mode="after")
    def _guarded(self) -> Self:
        if not (self.refreshonly or self.onlyif or self.unless or self.creates or self.removes):
            raise PydanticCustomError(
                "idempotency.unguarded",
                "a command without onlyif, unless, creates, removes or refreshonly would run for ever",
            )
        return self
