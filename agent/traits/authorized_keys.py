"""Keys that let somebody log in: the file that sshd(8) describes, of each account. Of its options the names alone."""

from __future__ import annotations

import base64
import binascii
import struct
from collections.abc import Iterator
from typing import Any, Final

from agent.hosts import Account, Host, HostFault
from agent.tools import ssh as tools
from agent.traits import sources, ssh

MAX_ACCOUNTS: Final = 5_000
MAX_KEYS: Final = 5_000
_DEFAULT: Final = ".ssh/authorized_keys .ssh/authorized_keys2"
_BITS: Final = {
    "ssh-ed25519": 256,
    "sk-ssh-ed25519@openssh.com": 256,
    "ecdsa-sha2-nistp256": 256,
    "ecdsa-sha2-nistp384": 384,
    "ecdsa-sha2-nistp521": 521,
    "sk-ecdsa-sha2-nistp256@openssh.com": 256,
    "ssh-dss": 1024,
    "ssh-rsa": 0,
}


def collect(host: Host) -> dict[str, Any]:
    """`authorized_keys.*` of `schema.traits`.

    Raises:
        sources.Partly: what some accounts have may not be read.
    """
    patterns = (ssh.written(host).get("authorizedkeysfile") or _DEFAULT).split()
    keys: list[dict[str, Any]] = []
    bad, hidden = 0, 0
    for account in _accounts(host):
        for path in dict.fromkeys(_path(pattern, account) for pattern in patterns if pattern != "none"):
            try:
                content = _content(host, account, path)
            except (OSError, HostFault):
                hidden += _there(host, path)
                continue
            for line in sources.meaningful(content):
                key = _key(line)
                if key is None:
                    bad += 1
                elif len(keys) < MAX_KEYS:
                    keys.append({"user": account.name, **key, "file": path})
    found = {"keys": keys, "count": len(keys), "users": sorted({key["user"] for key in keys}), "revoked": bad}
    if hidden:
        raise sources.Partly(found, f"{hidden} files may not be read")
    return found


def _accounts(host: Host) -> Iterator[Account]:
    records = sources.records(sources.text(host, "/etc/passwd") or "", 7)
    for count, (name, _, uid, gid, _, home, *_) in enumerate(records):
        if count >= MAX_ACCOUNTS:
            return
        if uid.isdigit() and gid.isdigit() and home.startswith("/") and home.strip("/"):
            yield Account(name, int(uid), int(gid), home.rstrip("/"))


def _path(pattern: str, account: Account) -> str:
    """A pattern of AuthorizedKeysFile, sshd_config(5)."""
    words = {"%%": "%", "%h": account.home, "%u": account.name, "%U": str(account.uid)}
    path = pattern
    for word, meaning in words.items():
        path = path.replace(word, meaning)
    return path if path.startswith("/") else f"{account.home}/{path}"


def _content(host: Host, account: Account, path: str) -> str:
    """What is in a home is read on behalf of its owner, who may have put anything there."""
    if account.uid == 0 or not path.startswith(account.home + "/"):
        return sources.text(host, path) or ""
    theirs = host.as_user(account)
    if theirs.lstat(path) is None:
        return ""
    return theirs.read(path, limit=1 << 20).decode("utf-8", "replace")


def _there(host: Host, path: str) -> bool:
    """Whether there may be something at a path that could not be read; /bin is a home of some, and a link."""
    try:
        return host.lstat(path) is not None
    except (OSError, HostFault):
        return True


def _key(line: str) -> dict[str, Any] | None:
    """One line: options perhaps, type, key, comment. None for what is none."""
    parsed = tools.key(line)
    if parsed is None or parsed.kind not in _BITS:
        return None
    try:
        blob = base64.b64decode(parsed.data, validate=True)
        kind, bits = _blob(blob)
    except (binascii.Error, ValueError, LookupError, struct.error):
        return None
    if kind != parsed.kind:
        return None
    return {
        "type": kind,
        "bits": bits or _BITS[kind],
        "fingerprint": ssh.fingerprint(blob),
        "comment": parsed.comment,
        "options": _options(parsed.options),
    }


def _options(text: str) -> list[str]:
    names, name, quoted = [], "", False
    for char in text + ",":
        quoted ^= char == '"'
        if char == "," and not quoted:
            names.append(name.partition("=")[0])
            name = ""
        else:
            name += char
    return sorted({name for name in names if name})


def _blob(blob: bytes) -> tuple[str, int]:
    """The type that the key itself names, and the bits of an RSA key: RFC 4253, 6.6."""
    fields: list[bytes] = []
    at = 0
    while at < len(blob) and len(fields) < 3:
        (size,) = struct.unpack_from(">I", blob, at)
        fields.append(blob[at + 4 : at + 4 + size])
        at += 4 + size
    kind = fields[0].decode("ascii")
    return kind, int.from_bytes(fields[2], "big").bit_length() if kind == "ssh-rsa" else 0
