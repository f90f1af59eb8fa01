"""TLS as an agent wants it: one pinned CA and nothing of the system's, host names checked, 1.2 or newer.

OpenSSL's server purpose refuses a certificate that may not serve, so that an agent's own certificate is never taken for
a server's.
"""

from __future__ import annotations

import os
import ssl


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


def trusting_nobody() -> ssl.SSLContext:
    """A context that checks nothing: only to look at a certificate, which is then compared with a fingerprint."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
