"""What the host says to who logs in."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from schema.resources.base import ResourceSpec


class BannerSpec(ResourceSpec):
    """The text before a login (`issue` on a console, `issue.net` from the network) or after it (`motd`)."""

    IDENTITY: ClassVar[str] = "banner"
    OWNS: ClassVar[str | None] = "banner"

    banner: Literal["issue", "issue.net", "motd"]
    r"""`/etc/issue`, where agetty(8) reads escapes such as `\n`; `/etc/issue.net`, which sshd shows only with
    `Banner /etc/issue.net`; `/etc/motd`."""
    state: Literal["present", "absent"] = "present"
    content: str | None = Field(default=None, pattern=r"^[^\x00]*$", max_length=64 * 1024)
    """The whole text; may be a template."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if (self.state == "present") != (self.content is not None):
            raise ValueError("a banner that is to be present needs content, one that is to be absent has none")
        return self
