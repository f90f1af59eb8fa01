"""Bootstrap: how a fresh host gets its agent: the package to install, the signature over it, the script that checks.

What is installed is a build with all its dependencies (`builds`, made by `vigo agent build`), or, where none was made
for a host, a wheel of the `schema` and `agent` packages that this very server runs with, made anew at start: the same
bytes from the same source. That brings no dependencies; pip fetches those that its metadata names.
"""

from __future__ import annotations

from api.services.bootstrap.artifacts import Artifact, build
from api.services.bootstrap.builds import Build, Builds, TooLarge, publish
from api.services.bootstrap.releases import AgentNotFound, Bootstrap, NotReady, gateway_url, of, server_url

__all__ = [
    "AgentNotFound",
    "Artifact",
    "Bootstrap",
    "Build",
    "Builds",
    "NotReady",
    "TooLarge",
    "build",
    "gateway_url",
    "of",
    "publish",
    "server_url",
]
