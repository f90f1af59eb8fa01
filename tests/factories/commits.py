"""Commits of any bytes, signed by any kind of key, without git's own program."""

from __future__ import annotations

import base64
import hashlib
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from pygit2.enums import ObjectType

from reconciler.repository.repository import Repository

FILE: Final = 0o100644
TREE: Final = 0o040000
SK: Final = "sk-ssh-ed25519@openssh.com"
APPLICATION: Final = b"ssh:"


def string(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def mpint(number: int) -> bytes:
    return string(number.to_bytes(number.bit_length() // 8 + 1, "big"))


@dataclass(frozen=True)
class Key:
    """A key that signs like ssh-keygen, or as it is told to."""

    kind: str
    blob: bytes
    algorithm: str
    raw: Callable[[bytes], bytes]
    """Signs bytes: what stands behind the algorithm."""

    @property
    def line(self) -> str:
        return f"{self.kind} {base64.b64encode(self.blob).decode()}"

    @property
    def fingerprint(self) -> str:
        return "SHA256:" + base64.b64encode(hashlib.sha256(self.blob).digest()).decode().rstrip("=")

    def sign(
        self,
        payload: bytes,
        *,
        namespace: str = "git",
        hash_name: str = "sha512",
        version: int = 1,
        reserved: bytes = b"",
        tail: bytes = b"",
    ) -> str:
        """An armoured SSHSIG."""
        digest = hashlib.new(hash_name, payload).digest()
        parts = (namespace.encode(), reserved, hash_name.encode(), digest)
        signed = self.raw(b"SSHSIG" + b"".join(map(string, parts)))
        inner = string(self.algorithm.encode()) + signed
        head = b"SSHSIG" + struct.pack(">I", version)
        return armoured(head + b"".join(map(string, (self.blob, *parts[:3], inner))) + tail)


def armoured(blob: bytes) -> str:
    text = base64.b64encode(blob).decode()
    lines = [text[start : start + 70] for start in range(0, len(text), 70)]
    return "\n".join(("-----BEGIN SSH SIGNATURE-----", *lines, "-----END SSH SIGNATURE-----"))


@cache
def ed25519_key(number: int = 1) -> Key:
    key = ed25519.Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"%d" % number).digest())
    blob = string(b"ssh-ed25519") + string(key.public_key().public_bytes_raw())
    return Key("ssh-ed25519", blob, "ssh-ed25519", lambda data: string(key.sign(data)))


@cache
def touched_key(flags: int = 1) -> Key:
    """A security key: Ed25519, with whether somebody was there."""
    key = ed25519.Ed25519PrivateKey.from_private_bytes(bytes([flags]) * 32)
    blob = string(SK.encode()) + string(key.public_key().public_bytes_raw()) + string(APPLICATION)

    def raw(data: bytes) -> bytes:
        state = bytes([flags]) + struct.pack(">I", 7)
        told = hashlib.sha256(APPLICATION).digest() + state + hashlib.sha256(data).digest()
        return string(key.sign(told)) + state

    return Key(SK, blob, SK, raw)


@cache
def ecdsa_key(bits: int = 256) -> Key:
    curve, digest = {256: (ec.SECP256R1(), hashes.SHA256()), 384: (ec.SECP384R1(), hashes.SHA384())}[bits]
    key = ec.derive_private_key(bits + 12345, curve)
    name = f"nistp{bits}"
    numbers = key.public_key().public_numbers()
    size = bits // 8
    point = b"\x04" + numbers.x.to_bytes(size, "big") + numbers.y.to_bytes(size, "big")
    kind = f"ecdsa-sha2-{name}"

    def raw(data: bytes) -> bytes:
        r, s = decode_dss_signature(key.sign(data, ec.ECDSA(digest)))
        return string(mpint(r) + mpint(s))

    return Key(kind, string(kind.encode()) + string(name.encode()) + string(point), kind, raw)


@cache
def rsa_key(bits: int = 2048, algorithm: str = "rsa-sha2-512") -> Key:
    key = rsa.generate_private_key(65537, bits)
    numbers = key.public_key().public_numbers()
    digest = {"rsa-sha2-512": hashes.SHA512(), "rsa-sha2-256": hashes.SHA256(), "ssh-rsa": hashes.SHA1()}[algorithm]
    blob = string(b"ssh-rsa") + mpint(numbers.e) + mpint(numbers.n)
    return Key("ssh-rsa", blob, algorithm, lambda data: string(key.sign(data, padding.PKCS1v15(), digest)))


def unsigned(
    tree: str = "1" * 40,
    parents: tuple[str, ...] = (),
    *,
    author: str = "Jane <jane@example.com>",
    message: str = "A change\n",
    time_s: int = 1_700_000_000,
) -> bytes:
    """A commit object as git writes it."""
    heads = [f"tree {tree}", *(f"parent {parent}" for parent in parents)]
    heads += [f"{word} {author} {time_s} +0000" for word in ("author", "committer")]
    return "\n".join((*heads, "", message)).encode()


def signed(raw: bytes, signature: str, *, header: str = "gpgsig") -> bytes:
    """The object with a signature in its headers, as git places it: last."""
    head, _, message = raw.partition(b"\n\n")
    return head + f"\n{header} ".encode() + signature.replace("\n", "\n ").encode() + b"\n\n" + message


def write_tree(repository: Repository, files: Mapping[str, str]) -> str:
    """The tree of some files; paths with `/` are in directories."""
    here: dict[str, str] = {}
    below: dict[str, dict[str, str]] = {}
    for path, text in files.items():
        name, _, rest = path.partition("/")
        if rest:
            below.setdefault(name, {})[rest] = text
        else:
            here[name] = text
    odb = repository.git.odb
    rows = [(FILE, name, str(odb.write(ObjectType.BLOB, text.encode()))) for name, text in here.items()]
    rows += [(TREE, name, write_tree(repository, inner)) for name, inner in below.items()]
    rows.sort(key=lambda row: row[1] + ("/" if row[0] == TREE else ""))
    data = b"".join(b"%o %s\0" % (mode, name.encode()) + bytes.fromhex(oid) for mode, name, oid in rows)
    return str(odb.write(ObjectType.TREE, data))


def write(
    repository: Repository,
    files: Mapping[str, str],
    *parents: str,
    by: Key | None = None,
    author: str = "Jane <jane@example.com>",
    message: str = "A change\n",
    time_s: int = 1_700_000_000,
) -> str:
    """A commit of some files, signed where a key is given; its id. No ref moves."""
    tree = write_tree(repository, files)
    raw = unsigned(tree, parents, author=author, message=message, time_s=time_s)
    if by is not None:
        raw = signed(raw, by.sign(raw))
    return str(repository.git.odb.write(ObjectType.COMMIT, raw))
