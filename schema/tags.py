"""Tags: words that operators put on hosts, for rollouts and people to choose them by."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from schema.ids import Hostname

MAX_TAGS: Final = 32
"""Of one host."""
MAX_TAG_CHARS: Final = 64

Tag = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z0-9]([a-z0-9._:/=-]*[a-z0-9])?$", max_length=MAX_TAG_CHARS),
]
"""Lower case: `webserver`, `ring:1`, `team=payments`."""


class TagsUpdate(BaseModel):
    """The tags that a host is to have."""

    model_config = ConfigDict(extra="forbid")

    tags: list[Tag] = Field(default=[], max_length=MAX_TAGS)
    """All of them: those that are not named are taken off."""


class HostTags(BaseModel):
    """The tags of one host."""

    hostname: Hostname
    """The host's name, as its enrolment token gave it."""
    tags: list[Tag]
    """In order, each once."""
