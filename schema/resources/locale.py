"""A language that programs of the host can speak."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from schema.resources.base import ResourceSpec


class LocaleSpec(ResourceSpec):
    """A locale that is generated, and perhaps the host's own (`LANG`)."""

    IDENTITY: ClassVar[str] = "locale"
    OWNS: ClassVar[str | None] = "locale"

    locale: str = Field(pattern=r"^([a-z]{2,3}(_[A-Z]{2})?|C)\.[A-Za-z0-9-]+$", max_length=40)
    """Language, country and character set: `en_GB.UTF-8`."""
    state: Literal["present", "absent"] = "present"
    default: bool = False
    """Make it the host's own: `LANG` in `/etc/default/locale` or `/etc/locale.conf`."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.state == "absent" and self.default:
            raise ValueError("a locale that is to be absent cannot be the host's own")
        if self.state == "absent" and self.locale.startswith("C."):
            raise ValueError("the C locale is part of the C library")
        return self
