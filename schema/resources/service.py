"""A service of the host's init system."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from schema.resources.base import ResourceSpec


class ServiceSpec(ResourceSpec):
    """One service, of systemd, OpenRC or sysvinit.

    `restarted` and `reloaded` are acts, not states: such a resource runs only when notified.
    """

    IDENTITY: ClassVar[str] = "service"

    service: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9:_.@\\-]*$", max_length=255)
    state: Literal["running", "stopped", "restarted", "reloaded"] | None = None
    enabled: bool | None = None
    """Whether it starts with the host; left as it is when not given."""
    masked: bool | None = None
    """systemd: whether nothing at all can start it. Masking does not stop it: `state: stopped` does."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.masked and (self.enabled or self.state in ("running", "restarted", "reloaded")):
            raise ValueError("what is masked can neither run nor start with the host")
        return self

    @classmethod
    def notify_only(cls, attributes: Mapping[str, Any]) -> bool:
        """An act needs somebody to ask for it."""
        return attributes.get("state") in ("restarted", "reloaded")
