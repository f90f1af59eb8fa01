"""One option of an INI file that somebody else owns."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from schema.resources.base import PartSpec


class IniSpec(PartSpec):
    """One option in a section, or a whole section that is to be absent. Comments, order and the other options stay.

    Where an option stands several times in its sections, the last counts, and is the one that is changed; `absent`
    removes them all. An indented line below an option is its continuation.
    """

    section: str = Field(default="", pattern=r"^([^\s\[\]\x00]([^\[\]\r\n\x00]*[^\s\[\]\x00])?)?$", max_length=500)
    """Without brackets; empty: before the first section."""
    option: str | None = Field(default=None, pattern=r"^[^\s=:#;\[\x00]([^=:\r\n\x00]*[^\s=:\x00])?$", max_length=500)
    """Upper and lower case differ."""
    value: str | None = Field(default=None, pattern=r"^([^\s\x00]([^\r\n\x00]*[^\s\x00])?)?$", max_length=64 * 1024)
    """One line, without spaces around it. None: an option that stands alone, without `=`."""
    separator: str | None = Field(default=None, pattern=r"^ *[=:] *$", max_length=20)
    """What a new option has between itself and its value; by default what the file's first option has, else ` = `."""
    state: Literal["present", "absent"] = "present"
    """With `absent` and no `option`: the whole section."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.option is None and (self.state == "present" or not self.section):
            raise ValueError("option is required, unless a section is to be absent")
        if self.state == "absent" and self.value is not None:
            raise ValueError("an option that is to be absent has no value")
        return self
