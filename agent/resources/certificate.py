"""A certificate that the host trusts. See `CertificateSpec`.

In a confined root the file is put into the store, and not gathered into the bundle.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from agent.hosts import Host, HostFault
from agent.resources.types import Change, ResourceFailed, ResourceType, Sources
from agent.tools import certificates, owned_file, trust
from agent.tools.owned_file import OwnedFile
from schema.resources.certificate import CertificateSpec


class Managed(NamedTuple):
    """A spec, and the certificate that it names; None: it is to be absent."""

    spec: CertificateSpec
    text: bytes | None


class CertificateState(NamedTuple):
    """The certificate as it was found."""

    path: str
    file: OwnedFile
    gathered: bool
    """Whether the bundle has it; in a confined root, nobody asks."""
    note: str = ""


def prepare(spec: CertificateSpec, sources: Sources) -> Managed:
    """The certificate, with one last newline."""
    if spec.state == "absent":
        return Managed(spec, None)
    if spec.source is not None:
        pem = sources(spec.source).load()
    else:
        pem = (spec.content or "").encode("utf-8", "surrogateescape")
    return Managed(spec, pem.rstrip() + b"\n")


def check(host: Host, managed: Managed) -> CertificateState:
    """See `ResourceType`."""
    store = trust.store(host)
    path = f"{store.directory}/{managed.spec.certificate}{store.suffix}"
    file = owned_file.read(host, path)
    if managed.text is None:
        return CertificateState(path, file, gathered=False, note=file.note)
    note = certificates.expiry(managed.text, managed.spec.warn_days) or file.note
    body = certificates.body(managed.text.decode("utf-8", "replace"))
    gathered = host.confined or body in trust.gathered(host)
    return CertificateState(path, file, gathered, note)


def diff(managed: Managed, state: CertificateState) -> Sequence[Change]:
    """See `ResourceType`."""
    found = owned_file.changes(state.file, managed.text, field="certificate")
    if managed.text is not None and not state.gathered:
        found.append(Change("trusted", "no", "yes"))
    return found


def apply(host: Host, managed: Managed, state: CertificateState) -> None:
    """See `ResourceType`."""
    stat = state.file.stat
    if managed.text is None and stat is not None and state.file.content is None:
        raise ResourceFailed(f"{state.path} is a {stat.kind}, or larger than a certificate: it is left alone")
    written = bool(owned_file.changes(state.file, managed.text, field="certificate"))
    if written:
        owned_file.put(host, state.path, state.file, managed.text)
    if host.confined:
        return
    try:
        trust.gather(host)
    except HostFault:
        if written and (stat is None or state.file.content is not None):
            # What was not gathered is not left there: else nobody would know that the bundle holds another.
            owned_file.put(host, state.path, owned_file.read(host, state.path), state.file.content)
        raise


def action(managed: Managed, state: CertificateState) -> str:
    """See `ResourceType`."""
    return owned_file.action(state.file, managed.text)


def paths(managed: Managed) -> Sequence[str]:
    """See `ResourceType`."""
    return [f"{store.directory}/{managed.spec.certificate}{store.suffix}" for store in trust.STORES]


def shows_in(host: Host, _managed: Managed) -> Sequence[str]:
    """See `ResourceType`."""
    return () if host.confined else (trust.store(host).bundle,)


CERTIFICATE: Final = ResourceType(
    spec=CertificateSpec,
    prepare=prepare,
    check=check,
    diff=diff,
    apply=apply,
    action=action,
    paths=paths,
    unsupported=trust.lacking,
    confinable=True,
    of_machine=True,
    shows_in=shows_in,
)
