"""Bootstrap over REST: how a fresh host gets its agent and its identity."""

from __future__ import annotations

import asyncio
from typing import Annotated

from pydantic import Field
from starlette.responses import Response

from api.http.areas import Area, Call
from api.services import bootstrap, enrolment, envoys, pki
from api.services.work import Work
from schema.access import Permission
from schema.bootstrap import AgentRelease
from schema.envoys import TokenCreate, TokenMade
from schema.protocol.artifacts import PYTHON_PATTERN
from schema.protocol.enrolment import Enrol, Enrolled

area = Area("bootstrap")

System = Annotated[str, Field(max_length=32)]
Digest = Annotated[str, Field(max_length=64)]
Libc = Annotated[str, Field(pattern=r"^(glibc|musl)(-\d{1,3}\.\d{1,3})?$")]
Python = Annotated[str, Field(pattern=PYTHON_PATTERN)]


@area("GET", "/bootstrap", Permission.PUBLIC, closed_by="public_bootstrap", content_type="text/x-shellscript")
async def install_script(call: Call) -> Response:
    """A shell script that installs and enrols an agent; it checks everything it downloads."""
    script = bootstrap.of(call.app).script(bootstrap.server_url(call.app, call.request.headers.get("host", "")))
    return Response(script, media_type="text/x-shellscript")


@area(
    "GET", "/bootstrap/ca.pem", Permission.PUBLIC, closed_by="public_bootstrap", content_type="application/x-pem-file"
)
async def ca_certificate(call: Call) -> Response:
    """The CA certificate of this server, PEM. An enrolment token names its digest."""
    return Response(bootstrap.of(call.app).ca_pem, media_type="application/x-pem-file")


@area(
    "GET",
    "/bootstrap/release/{os}/{arch}",
    Permission.PUBLIC,
    raises=[bootstrap.AgentNotFound],
    closed_by="public_bootstrap",
    content_type="text/plain",
)
async def bootstrap_release(
    call: Call, os: System, arch: System, libc: Libc = "glibc", python: Python = ""
) -> Response:
    """What to install on such a host, in three lines for a shell: file name, signature (base64), signed manifest.

    Args:
        os: `linux`.
        arch: `x86_64` or `aarch64`.
        libc: the host's C library, `glibc-2.36`.
        python: the host's Python, `3.11`.
    """
    name, signed = await asyncio.to_thread(bootstrap.of(call.app).installable, os, arch, libc, python)
    return Response(f"{name}\n{signed.signature}\n{signed.body}\n", media_type="text/plain")


@area(
    "GET",
    "/bootstrap/artifact/{sha256}",
    Permission.PUBLIC,
    raises=[bootstrap.AgentNotFound],
    closed_by="public_bootstrap",
    content_type="application/octet-stream",
)
async def bootstrap_artifact(call: Call, sha256: Digest) -> Response:
    """A build of the agent, by the digest in its manifest.

    Args:
        sha256: of the file, 64 hex digits.
    """
    data = await asyncio.to_thread(bootstrap.of(call.app).artifact, sha256)
    if data is None:
        raise bootstrap.AgentNotFound("there is no agent of this digest")
    return Response(data, media_type="application/octet-stream")


@area(
    "GET",
    "/bootstrap/agent/{os}/{arch}",
    Permission.PUBLIC,
    raises=[bootstrap.AgentNotFound],
    closed_by="public_bootstrap",
    content_type="application/octet-stream",
)
async def bootstrap_agent(call: Call, os: System, arch: System) -> Response:
    """The agent's package, a wheel.

    Args:
        os: `linux`.
        arch: `x86_64` or `aarch64`.
    """
    return _package(call, os, arch)


@area(
    "GET",
    "/api/v1/agent/latest",
    Permission.PUBLIC,
    raises=[bootstrap.AgentNotFound],
    closed_by="public_bootstrap",
)
async def latest_agent(call: Call, os: System = "linux", arch: System = "any") -> AgentRelease:
    """The newest agent: version, SHA-256 and Ed25519 signature.

    Args:
        os: `linux`.
        arch: `x86_64` or `aarch64`.
    """
    return bootstrap.of(call.app).release(os, arch)


@area(
    "GET",
    "/api/v1/agent/download/{os}/{arch}",
    Permission.PUBLIC,
    raises=[bootstrap.AgentNotFound],
    closed_by="public_bootstrap",
    content_type="application/octet-stream",
)
async def download_agent(call: Call, os: System, arch: System) -> Response:
    """The agent's package, a wheel.

    Args:
        os: `linux`.
        arch: `x86_64` or `aarch64`.
    """
    return _package(call, os, arch)


@area("GET", "/api/v1/agent/signing-key", Permission.PUBLIC, closed_by="public_bootstrap", content_type="text/plain")
async def signing_key(call: Call) -> Response:
    """The Ed25519 public key that signs catalogs, assignments and the agent's package, in hex."""
    return Response(bootstrap.of(call.app).signing_key + "\n", media_type="text/plain")


@area(
    "POST",
    "/api/v1/bootstrap/register",
    Permission.AGENT_ENROL,
    raises=[enrolment.TokenRefused, enrolment.AlreadyEnrolled, pki.BadRequest],
    max_body=64 * 1024,
)
async def register_agent(call: Call, enrol: Enrol) -> Enrolled:
    """Enrol a host: its one-time token and its certificate request become an envoy and a certificate.

    The token is the credential. It fixes the hostname; the server chooses the certificate's subject.
    """
    return await enrolment.register(
        call.app,
        enrol,
        gateway_url=bootstrap.gateway_url(call.app, call.request.headers.get("host", "")),
        origin=call.peer,
        request_id=call.request_id,
    )


@area(
    "POST",
    "/api/v1/bootstrap/tokens",
    Permission.FLEET_WRITE,
    raises=[enrolment.BadLife, enrolment.AlreadyEnrolled, enrolment.TooManyTokens],
    status=201,
)
async def create_enrolment_token(call: Call, new: TokenCreate) -> TokenMade:
    """Make a one-time token that enrols one host under one name. Its text is told here and never again."""
    server_url = bootstrap.server_url(call.app, call.request.headers.get("host", ""))
    return await call.write(lambda work: enrolment.make_token(work, new, authority=call.app.pki, server_url=server_url))


@area("GET", "/api/v1/fleet/pubkeys", Permission.PUBLIC, closed_by="public_pubkeys")
def fleet_pubkeys(work: Work) -> dict[str, str]:
    """Hostname → Ed25519 public key (hex) of every envoy that is not revoked."""
    return envoys.pubkeys(work)


def _package(call: Call, system: str, architecture: str) -> Response:
    package = bootstrap.of(call.app)
    return Response(
        package.package(system, architecture),
        media_type="application/octet-stream",
        headers={"content-disposition": f'attachment; filename="{package.file_name}"'},
    )
