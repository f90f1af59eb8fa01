"""The service itself: health."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel


class Health(BaseModel):
    """What a probe is told."""

    status: Literal["ok"] = "ok"
    """Always `ok`: a server that is not well answers 503."""
    bolt_id: str = ""
    """The own bolt, once there are several servers."""
