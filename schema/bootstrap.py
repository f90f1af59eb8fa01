"""Bootstrap: what is told of the agent's package."""

from __future__ import annotations

from pydantic import BaseModel

from schema.ids import Sha256


class AgentRelease(BaseModel):
    """The newest agent for one system."""

    version: str
    """The agent's version: what it calls itself in `vigo-agent --version`."""
    os: str
    """Operating system that it runs on, as in the path."""
    arch: str
    """Processor that it runs on, as in the path."""
    file: str
    """What to call it when saved: pip reads the name."""
    size: int
    """Of the download, in bytes."""
    sha256: Sha256
    """SHA-256 of the download."""
    signature: str
    """Base64 of the Ed25519 signature, by the key of `/api/v1/agent/signing-key`, over
    `vigo-agent-artifact-v1`, a newline, and the text of `signed`."""
    signed: str
    """Canonical JSON that repeats version, os, arch, size and sha256."""
    url: str
    """Path of the download on this server."""
