"""Which agent there is to download, signed; and the script that installs it."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Final

from api.services.bootstrap.artifacts import Artifact, build
from api.services.pki import Pki, keyfiles
from schema import canonical
from schema.bootstrap import AgentRelease
from schema.errors import NotFound, Unavailable
from schema.protocol import signing
from schema.protocol.messages import PATH
from schema.protocol.signing import Domain

if TYPE_CHECKING:
    from api.services.container import Services

_HOST: Final = re.compile(r"(\[[0-9a-fA-F:.]{2,45}\]|[A-Za-z0-9._-]{1,253})(?::\d{1,5})?")
ARCHITECTURES: Final = frozenset({"any", "amd64", "x86_64", "arm64", "aarch64"})


class AgentNotFound(NotFound):
    """There is no agent for this system."""

    code = "bootstrap.no_agent"


class NotReady(Unavailable):
    """This process hands out no agents."""

    code = "bootstrap.not_ready"


class Bootstrap:
    """What a fresh host is given. Made once, at start."""

    def __init__(self, artifact: Artifact, authority: Pki) -> None:
        self._artifact = artifact
        self._authority = authority

    @classmethod
    def open(cls, directory: Path, authority: Pki) -> Bootstrap:
        """Pack the agent, and keep the file in `directory` for whoever installs hosts by other means.

        Raises:
            NoSources: the agent is not installed beside the server.
        """
        artifact = build()
        keyfiles.make_private(directory)
        keyfiles.replace(directory / artifact.name, artifact.data)
        return cls(artifact, authority)

    @property
    def file_name(self) -> str:
        """Of the package."""
        return self._artifact.name

    @property
    def ca_pem(self) -> str:
        """The certificate that everything else here is trusted by."""
        return self._authority.ca_pem

    @property
    def signing_key(self) -> str:
        """Hex of the Ed25519 public key that signs the package."""
        return self._authority.signing_key_hex

    def release(self, system: str, architecture: str) -> AgentRelease:
        """The newest agent for a system: what it is called, its digest, and the signature over both.

        Raises:
            AgentNotFound
        """
        _check(system, architecture)
        about = {
            "format": 1,
            "name": "vigo-agent",
            "os": system,
            "arch": architecture,
            "version": self._artifact.version,
            "sha256": self._artifact.sha256,
            "size": len(self._artifact.data),
        }
        signed = signing.sign(self._authority.signing_key, Domain.ARTIFACT, canonical.dumps(about))
        return AgentRelease(
            version=self._artifact.version,
            os=system,
            arch=architecture,
            file=self._artifact.name,
            size=len(self._artifact.data),
            sha256=self._artifact.sha256,
            signature=signed.signature,
            signed=signed.body,
            url=f"/api/v1/agent/download/{system}/{architecture}",
        )

    def package(self, system: str, architecture: str) -> bytes:
        """The package for a system.

        Raises:
            AgentNotFound
        """
        _check(system, architecture)
        return self._artifact.data

    def script(self, server_url: str) -> str:
        """The script that installs and enrols an agent of this server. `server_url` is ours, never a caller's."""
        text = files("api.services.bootstrap").joinpath("install.sh").read_text("utf-8")
        return text.replace("@SERVER@", server_url)


def of(services: Services) -> Bootstrap:
    """What this process hands out.

    Raises:
        NotReady: nothing; it has no agent's sources beside it.
    """
    found = services.own.get("bootstrap")
    if not isinstance(found, Bootstrap):
        raise NotReady("this server hands out no agents")
    return found


def server_url(services: Services, host: str) -> str:
    """The server's own address, as a host that asked for `host` (its Host header) can reach it.

    The header was checked by the front against the server's names; here it is taken only in the form of a host.
    """
    name = host if _HOST.fullmatch(host) else _first(services, services.own.get("port", services.settings.port))
    return f"https://{name}"


def gateway_url(services: Services, host: str) -> str:
    """The agents' address, under the name that the agent used for us."""
    port = services.own.get("gateway_port", services.settings.gateway_port)
    found = _HOST.fullmatch(host)
    return f"wss://{found[1]}:{port}{PATH}" if found else f"wss://{_first(services, port)}{PATH}"


def _first(services: Services, port: int) -> str:
    name = services.settings.names[0]
    return f"[{name}]:{port}" if ":" in name else f"{name}:{port}"


def _check(system: str, architecture: str) -> None:
    if system != "linux" or architecture not in ARCHITECTURES:
        raise AgentNotFound("there is an agent for linux on amd64 and arm64")
