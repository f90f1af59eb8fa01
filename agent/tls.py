"""TLS as an agent wants it: one pinned CA and nothing of the system's, host names checked, 1.2 or newer.

OpenSSL's server purpose refuses a certificate that may not serve, so that an agent's own certificate is never taken for
a server's.
"""

from __future__ import annotations

import os
import ssl
from datetime import UTC, datetime
from typing import Final

_VERSION: Final = 0xA0
"""Tag of the first element of most certificates, which the oldest lack."""


def pinned(ca_pem: str) -> ssl.SSLContext:
    """A client context that trusts this CA (PEM, one or more certificates) alone.

    Raises:
        ValueError: no certificate in it.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_verify_locations(cadata=ca_pem)
    except ssl.SSLError as error:
        raise ValueError(f"no CA certificate can be read: {error.reason or error}") from error
    return context


def of_agent(ca: str, certificate: str, key: str) -> ssl.SSLContext:
    """The context of the agent channel: `pinned`, and showing the agent's own certificate. All three are PEM.

    Raises:
        OSError: the key is not the certificate's.
        ValueError: no CA certificate.
    """
    context = pinned(ca)
    # OpenSSL's binding reads a file, and this one is in no directory: a link without rights may read no other.
    descriptor = os.memfd_create("certificate")
    with os.fdopen(descriptor, "wb", 0) as file:
        file.write(f"{certificate.rstrip()}\n{key}".encode())
        context.load_cert_chain(f"/proc/self/fd/{descriptor}")
    return context


def validity(certificate: str) -> tuple[int, int]:
    """When a certificate (PEM) begins and ends, microseconds since 1970 UTC (RFC 5280, 4.1.2.5).

    The few bytes are read here, since what reads all of a certificate takes 3 MiB of a process that shows but one.

    Raises:
        ValueError: it is none.
    """
    der = ssl.PEM_cert_to_DER_cert(certificate)
    try:
        at = _inside(der, _inside(der, 0)[0])[0]  # of the TBSCertificate
        if der[at] == _VERSION:
            at = _inside(der, at)[1]
        for _ in ("serial", "signature", "issuer"):
            at = _inside(der, at)[1]
        begin, begun = _inside(der, _inside(der, at)[0])
        end, ended = _inside(der, begun)
        return _instant(der[begin:begun]), _instant(der[end:ended])
    except IndexError as error:
        raise ValueError("it is no certificate") from error


def _inside(der: bytes, at: int) -> tuple[int, int]:
    """Where the contents of the element at a place begin and end (X.690, 8.1)."""
    size, begin = der[at + 1], at + 2
    if size & 0x80:
        long = size & 0x7F
        size, begin = int.from_bytes(der[begin : begin + long]), begin + long
    return begin, begin + size


def _instant(text: bytes) -> int:
    """A UTCTime (of 1950 to 2049) or a GeneralizedTime."""
    said = text.decode("ascii")
    if len(said) == len("YYMMDDhhmmssZ"):
        said = ("20" if said < "50" else "19") + said
    month, day, hour, minute, second = (int(said[at : at + 2]) for at in range(4, 14, 2))
    return round(datetime(int(said[:4]), month, day, hour, minute, second, tzinfo=UTC).timestamp() * 1_000_000)


def trusting_nobody() -> ssl.SSLContext:
    """A context that checks nothing: only to look at a certificate, which is then compared with a fingerprint."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
