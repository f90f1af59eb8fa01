"""OpenPGP keys: which ones some bytes hold, by fingerprint. Read as RFC 9580 writes them, binary or armored.

Signatures are not checked here: that is for the program that uses the keys. What is decided here is only whether a file
holds the keys that it is said to hold, and no others.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator
from typing import Final

MAX_KEYS_BYTES: Final = 1024 * 1024
_PUBLIC_KEY: Final = 6
_SECRET_KEYS: Final = frozenset({5, 7})
_ARMOR: Final = re.compile(
    r"-----BEGIN PGP PUBLIC KEY BLOCK-----[ \t]*\r?\n(?P<headers>(?:[^\r\n:]+: [^\r\n]*\r?\n)*)[ \t]*\r?\n"
    r"(?P<body>[A-Za-z0-9+/=\s]+?)(?:\r?\n=[A-Za-z0-9+/]{4})?\s*-----END PGP PUBLIC KEY BLOCK-----"
)


class NoKeys(Exception):
    """These bytes are not public keys; the message says why, to a person."""


def fingerprints(data: bytes) -> list[str]:
    """The fingerprints of the primary keys in binary or armored bytes, in capitals: 40 digits (v4) or 64 (v6).

    Raises:
        NoKeys: they are something else, or hold a secret key.
    """
    if len(data) > MAX_KEYS_BYTES:
        raise NoKeys(f"more than {MAX_KEYS_BYTES} bytes of keys")
    found = []
    for tag, body in packets(binary(data)):
        if tag in _SECRET_KEYS:
            raise NoKeys("there is a secret key among the public ones: it must not be on any host")
        if tag == _PUBLIC_KEY:
            found.append(_fingerprint(body))
    if not found:
        raise NoKeys("there is no public key in it")
    return found


def is_armored(data: bytes) -> bool:
    """Whether it is text."""
    return data.lstrip()[:5] == b"-----"


def binary(data: bytes) -> bytes:
    """The packets of keys, without their armor.

    Raises:
        NoKeys: damaged, or secret.
    """
    if not is_armored(data):
        return data
    text = data.decode("ascii", "replace")
    if "PRIVATE KEY BLOCK" in text:
        raise NoKeys("there is a secret key among the public ones: it must not be on any host")
    blocks = [re.sub(r"\s", "", found["body"]) for found in _ARMOR.finditer(text)]
    if not blocks:
        raise NoKeys("there is no PGP PUBLIC KEY BLOCK in it, or it is damaged")
    try:
        return b"".join(base64.b64decode(block, validate=True) for block in blocks)
    except binascii.Error as error:
        raise NoKeys(f"its base64 is damaged: {error}") from error


def packets(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Tag and body of each packet: RFC 9580, section 4.2.

    Raises:
        NoKeys: they are not whole packets.
    """
    at = 0
    while at < len(data):
        head = data[at]
        if not head & 0x80:
            raise NoKeys(f"byte {at} begins no OpenPGP packet")
        if head & 0x40:
            tag, (size, at) = head & 0x3F, _new_length(data, at + 1)
        else:
            tag, (size, at) = head >> 2 & 0x0F, _old_length(data, at + 1, head & 3)
        if at + size > len(data):
            raise NoKeys("it ends within a packet")
        yield tag, data[at : at + size]
        at += size


def _new_length(data: bytes, at: int) -> tuple[int, int]:
    first = _number(data, at, 1)
    if first < 192:
        return first, at + 1
    if first < 224:
        return ((first - 192) << 8) + _number(data, at + 1, 1) + 192, at + 2
    if first < 255:
        raise NoKeys("a packet of a key comes in parts, which only data may")
    return _number(data, at + 1, 4), at + 5


def _old_length(data: bytes, at: int, kind: int) -> tuple[int, int]:
    if kind == 3:
        raise NoKeys("a packet of a key has no length, which only data may")
    size = 1 << kind
    return _number(data, at, size), at + size


def _number(data: bytes, at: int, size: int) -> int:
    if at + size > len(data):
        raise NoKeys("it ends within a packet")
    return int.from_bytes(data[at : at + size], "big")


def _fingerprint(body: bytes) -> str:
    """RFC 9580, section 5.5.4; version 5 is that of LibrePGP."""
    version = _number(body, 0, 1)
    if version == 4:
        return hashlib.sha1(b"\x99" + len(body).to_bytes(2, "big") + body, usedforsecurity=False).hexdigest().upper()
    if version in (5, 6):
        return hashlib.sha256(bytes([0x95 + version]) + len(body).to_bytes(4, "big") + body).hexdigest().upper()
    raise NoKeys(f"a key of version {version}, which is not trusted any more, or not yet known")
