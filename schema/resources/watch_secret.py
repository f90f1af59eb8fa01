"""Notifies when the value of a secret has changed."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from schema.resources.base import ResourceSpec


class WatchSecretSpec(ResourceSpec):
    """A change when the value is another than last time, or is seen for the first time.

    For programs that read a secret at their start from where no resource writes it. What is kept on the host is a
    salted, deliberately slow digest that only root can read; the value itself is not.
    """

    IDENTITY: ClassVar[str] = "watch"

    watch: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=100)
    """A name for what is watched."""
    value: str = Field(min_length=1, max_length=65_536)
    """Sensitive, as `secret:shop/db`: neither it nor its digest is ever shown."""
