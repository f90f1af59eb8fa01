"""A private key and a signing request by it. See `CertificateRequestSpec`. No report shows anything of the key."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from agent.hosts import Host, Kind, Stat
from agent.resources.types import Change, ResourceFailed, ResourceType
from agent.tools import certificates, ownership
from agent.tools.ownership import Ownership
from schema.resources.certificate_request import CertificateRequestSpec

REQUEST_MODE: Final = 0o644
_MAX_BYTES: Final = 64 * 1024


class CertificateRequestState(NamedTuple):
    """Key and request as they were found."""

    key: Stat | None
    desired: Ownership
    names: tuple[str, str]
    request: bool
    """Whether the request is there that should be."""
    note: str = ""


def check(host: Host, spec: CertificateRequestSpec) -> CertificateRequestState:
    """See `ResourceType`."""
    stat = host.lstat(spec.path)
    desired = ownership.resolve(host, spec.owner, spec.group)
    if stat is None:
        return CertificateRequestState(None, desired, ("", ""), request=False, note=desired.note)
    if stat.kind is not Kind.FILE:
        raise ResourceFailed(f"{spec.path} is a {stat.kind}, not a regular file")
    pem = host.read(spec.path, limit=_MAX_BYTES)
    held = certificates.algorithm(pem)
    other = f"the key is {held}, not {spec.algorithm}, and kept" if held != spec.algorithm else ""
    notes = filter(None, (desired.note, other, _expiry(host, spec)))
    names = ownership.names(host, desired, stat)
    return CertificateRequestState(stat, desired, names, _has_request(host, spec, pem), "; ".join(notes))


def diff(spec: CertificateRequestSpec, state: CertificateRequestState) -> Sequence[Change]:
    """See `ResourceType`."""
    found = []
    if state.key is None:
        found.append(Change("state", "absent", "present"))
    else:
        if state.key.mode != int(spec.mode, 8):
            found.append(Change("mode", f"{state.key.mode:04o}", f"{int(spec.mode, 8):04o}"))
        found += ownership.changes(state.desired, state.key, state.names)
    if spec.request is not None and not state.request:
        found.append(Change("request", None, " ".join([value for _, value in _subject(spec)] + spec.names)))
    return found


def apply(host: Host, spec: CertificateRequestSpec, state: CertificateRequestState) -> None:
    """See `ResourceType`."""
    if state.desired.missing:
        raise ResourceFailed(state.desired.missing)
    uid, gid, mode = state.desired.uid, state.desired.gid, int(spec.mode, 8)
    if state.key is None:
        host.write(spec.path, certificates.make_key(spec.algorithm), mode=mode, uid=uid, gid=gid)
    else:
        if ownership.changes(state.desired, state.key, state.names):
            host.chown(spec.path, uid, gid)
        if state.key.mode != mode:
            host.chmod(spec.path, mode)
    if spec.request is not None and not state.request:
        pem = host.read(spec.path, limit=_MAX_BYTES)
        made = certificates.make_request(pem, subject=_subject(spec), names=spec.names)
        host.write(spec.request, made, mode=REQUEST_MODE)


def action(_spec: CertificateRequestSpec, state: CertificateRequestState) -> str:
    """See `ResourceType`."""
    return "create" if state.key is None else "update"


def paths(spec: CertificateRequestSpec) -> Sequence[str]:
    """See `ResourceType`."""
    return [path for path in (spec.path, spec.request) if path is not None]


CERTIFICATE_REQUEST: Final = ResourceType(
    spec=CertificateRequestSpec, check=check, diff=diff, apply=apply, action=action, paths=paths
)


def _subject(spec: CertificateRequestSpec) -> list[tuple[str, str]]:
    pairs = (("O", spec.organization), ("CN", spec.common_name))
    return [(key, value) for key, value in pairs if value is not None]


def _has_request(host: Host, spec: CertificateRequestSpec, pem: bytes) -> bool:
    stat = None if spec.request is None else host.lstat(spec.request)
    if spec.request is None or stat is None or stat.kind is not Kind.FILE:
        return False
    request = host.read(spec.request, limit=_MAX_BYTES)
    return certificates.fits(request, pem, subject=_subject(spec), names=spec.names)


def _expiry(host: Host, spec: CertificateRequestSpec) -> str:
    """What there is to say of the certificate: that it is not there, or that it ends soon."""
    if spec.certificate is None:
        return ""
    stat = host.lstat(spec.certificate)
    if stat is None:
        return f"there is no certificate at {spec.certificate} yet"
    if stat.kind is not Kind.FILE:
        return f"{spec.certificate} is a {stat.kind}"
    said = certificates.expiry(host.read(spec.certificate, limit=_MAX_BYTES), spec.warn_days)
    return f"{spec.certificate} {said}" if said else ""
