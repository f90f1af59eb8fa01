"""What a host is to converge to, as it travels and as an agent keeps it; `schema.protocol.messages` has the frames.

Apart from them since an agent that runs once reads what it keeps, and speaks to nobody.
"""

from __future__ import annotations

from typing import Final

from pydantic import Field

from schema.ids import Commit, Sha256
from schema.protocol.desired import SealedSecrets
from schema.protocol.plans import Approved
from schema.protocol.reports import Wire
from schema.protocol.signed import Signed

MAX_FRAME_BYTES: Final = 8 * 1024 * 1024
MAX_ALONG: Final = 64


class Applied(Wire):
    """The assignment an agent holds: what it accepted last."""

    epoch: int
    generation: int
    commit: Commit
    assignment_sha256: Sha256
    catalog_sha256: Sha256


class ObjectData(Wire):
    """Content by digest; base64. `data` is None when the object is over `INLINE_OBJECT_BYTES`: fetch it by HTTPS."""

    sha256: Sha256
    data: str | None = None


class Target(Wire):
    """A signed assignment with its signed catalog; `catalog` is left out when the agent holds that digest already."""

    assignment: Signed
    catalog: Signed | None = None
    sealed_secrets: SealedSecrets | None = None
    approved: Approved | None = None
    """That people have approved the plan that it is of, where that is so. Sent only to an agent that asks for it."""
    along: list[ObjectData] = Field(default=[], max_length=MAX_ALONG)
    """Objects of the catalog that are small and, as the server sees it, new to the agent: those it need not ask for.
    A hint; nothing is kept of it but what the catalog names and the agent lacks."""
