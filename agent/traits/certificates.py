"""Certificates in well-known places, and where the operator says: when they end, and what they name."""

from __future__ import annotations

import posixpath
import warnings
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from agent.hosts import Host, HostFault, Kind
from agent.traits import sources

if TYPE_CHECKING:
    from cryptography import x509

MAX_CERTIFICATES: Final = 1_000
MAX_FILE_BYTES: Final = 256 * 1024
MAX_DEPTH: Final = 3
MAX_FILES: Final = 5_000
MAX_NAMES: Final = 50
DIRECTORIES: Final = (
    "/etc/letsencrypt/live",
    "/etc/pki/tls/certs",
    "/etc/ssl/private",
    "/etc/nginx/ssl",
    "/etc/nginx/certs",
    "/etc/apache2/ssl",
    "/etc/httpd/ssl",
    "/etc/haproxy/certs",
    "/etc/kubernetes/pki",
    "/etc/postfix/tls",
    "/etc/dovecot/private",
    "/etc/docker/certs.d",
    "/etc/acme",
)
_SUFFIXES: Final = (".pem", ".crt", ".cer", ".cert")
_BUNDLES: Final = frozenset({"ca-bundle.crt", "ca-bundle.trust.crt", "ca-certificates.crt", "tls-ca-bundle.pem"})
_BEGIN: Final = b"-----BEGIN CERTIFICATE-----"


def collect(host: Host) -> dict[str, Any]:
    """`certificates.*` of `schema.traits`. /etc/vigo-agent/traits.toml may name more: `[certificates]`, `directories`.

    Raises:
        sources.Partly: some may not be read.
        HostFault: the settings cannot be read.
    """
    named = sources.settings(host).get("certificates", {}).get("directories", [])
    directories = [*DIRECTORIES, *(each for each in named if isinstance(each, str) and each.startswith("/"))]
    found: list[dict[str, Any]] = []
    unreadable: list[str] = []
    hidden: list[str] = []
    seen: set[str] = set()
    budget = [MAX_FILES]
    for directory in directories:
        for path in _files(host, directory, MAX_DEPTH, budget, hidden):
            if path not in seen and len(found) < MAX_CERTIFICATES:
                seen.add(path)
                _look(host, path, found, unreadable, hidden)
    now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    alive = [each["not_after"] for each in found if each["not_after"] > now]
    result = {
        "found": found,
        "count": len(found),
        "expired": sorted({each["path"] for each in found if each["not_after"] <= now}),
        "unreadable": sorted(unreadable),
        **({"next_expiry": min(alive)} if alive else {}),
    }
    if hidden:
        raise sources.Partly(result, f"{len(hidden)} places may not be read: {', '.join(sorted(hidden)[:3])}")
    return result


def _files(host: Host, directory: str, depth: int, budget: list[int], hidden: list[str]) -> list[str]:
    """Files there that are called like certificates; links are followed to files, not to directories."""
    paths: list[str] = []
    try:
        names = sources.names(host, directory)
    except (OSError, HostFault):
        hidden.append(directory)
        return []
    for name in names:
        budget[0] -= 1
        if budget[0] < 0:
            break
        path = posixpath.join(directory, name)
        stat = host.lstat(path)
        if stat is not None and stat.kind is Kind.DIRECTORY and depth:
            paths += _files(host, path, depth - 1, budget, hidden)
        elif name.endswith(_SUFFIXES) and name not in _BUNDLES:
            paths.append(path)
    return paths


def _look(host: Host, path: str, found: list[dict[str, Any]], unreadable: list[str], hidden: list[str]) -> None:
    from cryptography import x509

    try:
        data = (sources.text(host, path) or "").encode("utf-8", "replace")
    except PermissionError:
        hidden.append(path)
        return
    except (OSError, HostFault):
        unreadable.append(path)
        return
    if _BEGIN not in data:
        return  # a private key, or what else is called so
    if len(data) > MAX_FILE_BYTES:
        unreadable.append(path)
        return
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what is odd in it, which is its owner's to know
            first = x509.load_pem_x509_certificate(data[data.index(_BEGIN) :])
            found.append({"path": path, **_shown(first)})
    except Exception:  # noqa: BLE001 - whatever an odd certificate makes the library raise
        unreadable.append(path)


def _shown(certificate: x509.Certificate) -> dict[str, Any]:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa

    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        kind = f"RSA {key.key_size}"
    elif isinstance(key, ec.EllipticCurvePublicKey):
        kind = f"EC {key.curve.name}"
    elif isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
        kind = type(key).__name__.removesuffix("PublicKey")
    else:
        kind = type(key).__name__.removesuffix("PublicKey").lstrip("_")
    extensions = {each.oid: each.value for each in certificate.extensions}
    names = extensions.get(x509.SubjectAlternativeName.oid)
    basic = extensions.get(x509.BasicConstraints.oid)
    return {
        "subject": certificate.subject.rfc4514_string(),
        "issuer": certificate.issuer.rfc4514_string(),
        "names": [str(each.value) for each in names][:MAX_NAMES]
        if isinstance(names, x509.SubjectAlternativeName)
        else [],
        "not_before": _moment(certificate.not_valid_before_utc),
        "not_after": _moment(certificate.not_valid_after_utc),
        "sha256": certificate.fingerprint(hashes.SHA256()).hex(),
        "key": kind,
        "self_signed": certificate.subject == certificate.issuer,
        "ca": isinstance(basic, x509.BasicConstraints) and basic.ca,
    }


def _moment(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
