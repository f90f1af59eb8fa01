"""sshd(8): lines of authorized_keys and of known_hosts, taken apart; and where a user keeps them."""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64decode, b64encode
from typing import Final, NamedTuple

KINDS: Final = ("ssh-", "sk-ssh-", "ecdsa-", "sk-ecdsa-", "rsa-")
_HASHED: Final = "|1|"


class Key(NamedTuple):
    """One line of authorized_keys that holds a key."""

    options: str
    """As written, between commas; empty when there are none."""
    kind: str
    data: str
    comment: str

    @property
    def line(self) -> str:
        """As the file has it."""
        return " ".join(part for part in self if part)


class Known(NamedTuple):
    """One line of known_hosts that holds a key."""

    marker: str
    """`@cert-authority`, `@revoked` or empty."""
    hosts: tuple[str, ...]
    kind: str
    data: str
    comment: str

    @property
    def line(self) -> str:
        """As the file has it."""
        parts = (self.marker, ",".join(self.hosts), self.kind, self.data, self.comment)
        return " ".join(part for part in parts if part)

    def names(self, host: str) -> bool:
        """Whether it is about this host, by its name or by its hash; patterns are not looked at."""
        return any(name == host or (name.startswith(_HASHED) and _is_hash_of(name, host)) for name in self.hosts)


def key(line: str) -> Key | None:
    """The key of a line; None for a comment, an empty line, or what is none."""
    text = line.strip()
    if not text or text.startswith("#"):
        return None
    options = ""
    if not text.startswith(KINDS):
        options, text = _options(text)
    words = text.split(None, 2)
    if len(words) < 2 or not words[0].startswith(KINDS):
        return None
    return Key(options, words[0], words[1], words[2].strip() if len(words) > 2 else "")


def known(line: str) -> Known | None:
    """The key of a line of known_hosts; None for a comment, an empty line, or what is none."""
    words = line.split()
    if not words or words[0].startswith("#"):
        return None
    marker = words.pop(0) if words[0].startswith("@") else ""
    if len(words) < 3 or not words[1].startswith(KINDS):
        return None
    return Known(marker, tuple(words[0].split(",")), words[1], words[2], " ".join(words[3:]))


def hashed(host: str, salt: bytes) -> str:
    """A host's name as `HashKnownHosts` writes it: HMAC-SHA1 with a salt of 20 bytes, both in base64."""
    digest = hmac.digest(salt, host.encode("utf-8", "surrogateescape"), "sha1")
    return f"{_HASHED}{b64encode(salt).decode()}|{b64encode(digest).decode()}"


def salt(*of: str) -> bytes:
    """A salt that is another for each host and machine, and the same the next time."""
    return hashlib.sha1("\0".join(of).encode("utf-8", "surrogateescape"), usedforsecurity=False).digest()


def _is_hash_of(name: str, host: str) -> bool:
    parts = name.split("|")
    if len(parts) != 4:
        return False
    try:
        return hashed(host, b64decode(parts[2], validate=True)) == name
    except ValueError:
        return False


def _options(text: str) -> tuple[str, str]:
    """What stands before the first blank outside of quotes, and the rest."""
    quoted, at = False, 0
    while at < len(text):
        if text[at] == "\\" and quoted:
            at += 1
        elif text[at] == '"':
            quoted = not quoted
        elif text[at] in " \t" and not quoted:
            return text[:at], text[at:].strip()
        at += 1
    return text, ""
