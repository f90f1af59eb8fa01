"""A file that is fetched over HTTP or HTTPS, known by its digest."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field, StringConstraints, field_validator

from schema.ids import Sha256
from schema.resources.base import ResourceSpec
from schema.shapes import AbsolutePath, FileMode

HeaderName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$")]
HeaderValue = Annotated[str, StringConstraints(pattern=r"^[^\r\n\x00]*$", max_length=8192)]


class DownloadSpec(ResourceSpec):
    """One file on the host, from elsewhere. It is fetched beside, judged by its digest, and then put in place at once;
    what broke off is resumed. A file that has the digest is not fetched again.

    Redirects lead to http or https alone, never from https to http, and take no `Authorization` to another host.
    """

    IDENTITY: ClassVar[str] = "path"
    OWNS: ClassVar[str | None] = "path"

    path: AbsolutePath
    """The directory must exist. A symbolic link in its place is replaced, a directory never is."""
    url: str = Field(pattern=r"^https?://[A-Za-z0-9\[\]:._~-]+(/[^\s\x00-\x20\x7f<>\"\\^`{|}#]*)?$", max_length=4096)
    """Without name and password: those go into `headers`."""
    sha256: Sha256
    """Of the whole file."""
    mode: FileMode | None = None
    """Left as it is when not given; a file that is new gets 0644."""
    owner: str | None = None
    group: str | None = None
    headers: dict[HeaderName, HeaderValue] = Field(default={}, max_length=50)
    """Sent with the request; never shown."""
    ca_file: AbsolutePath | None = None
    """Certificates to trust in place of the system's."""
    max_mib: int = Field(default=1024, ge=1, le=1024 * 1024)
    """A longer answer is broken off."""
    timeout_s: int = Field(default=600, ge=1, le=86_400)
    """For the whole; what there is by then is kept for the next run."""

    @field_validator("headers")
    @classmethod
    def _ours(cls, value: dict[str, str]) -> dict[str, str]:
        if taken := {name.lower() for name in value} & {
            "host",
            "range",
            "accept-encoding",
            "content-length",
            "connection",
        }:
            raise ValueError(f"{', '.join(sorted(taken))} is not yours to set")
        return value
