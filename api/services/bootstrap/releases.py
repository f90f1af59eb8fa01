"""Which agent there is to download, signed; and the script that installs it."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Final

from api.services.bootstrap.artifacts import Artifact, build
from api.services.bootstrap.builds import Builds, sign
from api.services.pki import Pki, keyfiles
from schema import canonical
from schema.bootstrap import AgentRelease
from schema.errors import NotFound, Unavailable
from schema.protocol import signing
from schema.protocol.artifacts import AgentBuild, Kind, Manifest, Platform, numbers
from schema.protocol.messages import PATH
from schema.protocol.signed import Signed
from schema.protocol.signing import Domain

if TYPE_CHECKING:
    from api.services.container import Services

_HOST: Final = re.compile(r"(\[[0-9a-fA-F:.]{2,45}\]|[A-Za-z0-9._-]{1,253})(?::\d{1,5})?")
_MACHINE: Final = re.compile(r"[a-z0-9_]{1,16}")
_MACHINES: Final = {"amd64": "x86_64", "arm64": "aarch64"}
OLDEST_PYTHON: Final = (3, 11)
ARCHITECTURES: Final = frozenset({"any", "amd64", "x86_64", "arm64", "aarch64"})


class AgentNotFound(NotFound):
    """There is no agent for this system."""

    code = "bootstrap.no_agent"


class NotReady(Unavailable):
    """This process hands out no agents."""

    code = "bootstrap.not_ready"


class Bootstrap:
    """What a fresh host is given. Made once, at start."""

    def __init__(self, artifact: Artifact, authority: Pki, directory: Path | None = None) -> None:
        self._artifact = artifact
        self._authority = authority
        self._builds = Builds(directory, authority.signing_key) if directory is not None else None

    @classmethod
    def open(cls, directory: Path, authority: Pki) -> Bootstrap:
        """Pack the agent, and keep the file in `directory` for whoever installs hosts by other means.

        Raises:
            NoSources: the agent is not installed beside the server.
        """
        artifact = build()
        keyfiles.make_private(directory)
        keyfiles.replace(directory / artifact.name, artifact.data)
        return cls(artifact, authority, directory)

    @property
    def file_name(self) -> str:
        """Of the package."""
        return self._artifact.name

    @property
    def artifact_sha256(self) -> str:
        """Of the package."""
        return self._artifact.sha256

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

    def installable(self, system: str, architecture: str, libc: str, python: str) -> tuple[str, Signed]:
        """What to install on a host: the name to save it under, and its signed manifest.

        A build for its very Python; else one that brings its own; else, where its Python is new enough, the wheel.

        Args:
            libc: `glibc-2.36`, or `musl`; `python`: `3.11`, or empty.

        Raises:
            AgentNotFound
        """
        name, _, libc_version = libc.partition("-")
        machine = _MACHINES.get(architecture, architecture)
        new_enough = bool(python) and numbers(python) >= OLDEST_PYTHON
        if system != "linux" or name not in ("glibc", "musl") or not _MACHINE.fullmatch(machine):
            raise AgentNotFound("there is an agent for linux, with glibc or musl")
        for kind, needs in ((Kind.ZIPAPP, python), (Kind.SELF_CONTAINED, "")):
            if self._builds is None or (kind is Kind.ZIPAPP and not new_enough):
                continue
            platform = Platform(kind=kind, arch=machine, libc="glibc" if name == "glibc" else "musl", python=needs)
            if (found := self._builds.newest(platform, libc_version)) is not None:
                return found.path.name, found.signed
        if not new_enough:
            raise AgentNotFound("no agent is built for this host; `vigo agent build --self-contained` makes one")
        manifest = Manifest(
            kind=Kind.WHEEL,
            arch="any",
            libc="any",
            version=self._artifact.version,
            sequence=0,
            sha256=self._artifact.sha256,
            size=len(self._artifact.data),
        )
        return self._artifact.name, sign(manifest, self._authority.signing_key)

    def successor(self, build: AgentBuild) -> Signed | None:
        """The manifest of a newer build than an agent has, for the same platform."""
        found = self._builds.newest(build, build.libc_version, above=build.sequence) if self._builds else None
        return found.signed if found is not None else None

    def artifact(self, sha256: str) -> bytes | None:
        """The bytes of a build, or of the wheel, by digest."""
        if sha256 == self._artifact.sha256:
            return self._artifact.data
        return self._builds.data(sha256) if self._builds is not None else None

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
