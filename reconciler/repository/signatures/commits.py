"""A commit object, byte by byte: its headers in git's order, its one signature, and what that signature is over.

Stricter than git: what two readers could take for two different commits is refused rather than read. Format: git's
`commit.c` and `fsck.c`; `gpgsig` as in Documentation/gitformat-signature.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from schema.errors import Stalled

MAX_SIGNATURE_BYTES: Final = 64 * 1024
MAX_HEADERS: Final = 1_000
"""Lines; a merge of 64 branches with a signed tag each has about 700."""

_HEX: Final = re.compile(rb"[0-9a-f]{40}")
_NAME: Final = re.compile(rb"[A-Za-z0-9-]{1,64}")
_PERSON: Final = re.compile(rb"([^<>\n]*) ?<([^<>\n]*)> [0-9]{1,12} [+-][0-9]{4}")
_SIGNATURES: Final = (b"gpgsig", b"gpgsig-sha256")
_FIXED: Final = (b"tree", b"parent", b"author", b"committer")


class SignatureRefused(Stalled):
    """A commit's signature is missing, malformed, or not of the bytes it stands in."""

    code = "signers.signature_refused"


class Kind(StrEnum):
    """Who can verify a signature."""

    SSH = "ssh"
    GPG = "gpg"


_ARMOUR: Final = {
    b"-----BEGIN SSH SIGNATURE-----": (Kind.SSH, b"-----END SSH SIGNATURE-----"),
    b"-----BEGIN PGP SIGNATURE-----": (Kind.GPG, b"-----END PGP SIGNATURE-----"),
}


@dataclass(frozen=True, slots=True)
class Signed:
    """A commit with exactly one signature, not yet verified."""

    tree: str
    parents: tuple[str, ...]
    author: str
    """Its address, as typed."""
    committer: str
    kind: Kind
    signature: bytes
    """Armoured."""
    payload: bytes
    """What is signed: the object without the header of the signature."""


def read(raw: bytes) -> Signed:
    """The one signature of a commit object, and what it is over.

    Raises:
        SignatureRefused: there is none, or more than one; a NUL byte; headers that git does not write, or in another
            order; an armour of another kind.
    """
    if b"\0" in raw:
        raise SignatureRefused("the commit holds a NUL byte")
    head, separator, _ = raw.partition(b"\n\n")
    if not separator:
        raise SignatureRefused("the commit has no message: its headers do not end")
    headers = _headers(head)
    parents = _check_order(headers)
    found = [(name, value) for name, value, _, _ in headers if name in _SIGNATURES]
    if not found:
        raise SignatureRefused("the commit is not signed")
    if len(found) > 1:
        raise SignatureRefused(f"the commit has {len(found)} signatures; one is verified or none")
    if found[0][0] != b"gpgsig":
        raise SignatureRefused("the commit is signed for a SHA-256 repository (gpgsig-sha256) alone; this one is SHA-1")
    value, start, end = next((value, start, end) for name, value, start, end in headers if name == b"gpgsig")
    kind, signature = _armour(value)
    people = {name: _person(name, value) for name, value, _, _ in headers if name in {b"author", b"committer"}}
    return Signed(
        tree=headers[0][1].decode("ascii"),
        parents=tuple(parent.decode("ascii") for parent in parents),
        author=people[b"author"],
        committer=people[b"committer"],
        kind=kind,
        signature=signature,
        payload=raw[:start] + raw[end:],
    )


def author_of(raw: bytes) -> str:
    """The address of a commit's author as typed, whatever else is wrong with it; empty where there is none."""
    found = re.search(rb"(?m)\Aauthor [^<>\n]*<([^<>\n]*)> ", raw[raw.find(b"author ") :])
    return _text(found[1]) if found else ""


def _headers(head: bytes) -> list[tuple[bytes, bytes, int, int]]:
    """Name, value with continuation lines unfolded, and where it begins and ends, newline included."""
    headers: list[tuple[bytes, bytes, int, int]] = []
    place = 0
    for number, line in enumerate(head.split(b"\n")):
        end = place + len(line) + 1
        if number >= MAX_HEADERS:
            raise SignatureRefused(f"the commit has more than {MAX_HEADERS} lines of headers")
        if line.startswith(b" "):
            if not headers or headers[-1][0] in _FIXED:
                raise SignatureRefused("a header of the commit goes on where none may")
            name, value, start, _ = headers[-1]
            headers[-1] = (name, value + b"\n" + line[1:], start, end)
        else:
            name, separator, value = line.partition(b" ")
            if not separator or not _NAME.fullmatch(name):
                raise SignatureRefused(f"header {number + 1} of the commit has no name that git gives one")
            headers.append((name, value, place, end))
        place = end
    return headers


def _check_order(headers: list[tuple[bytes, bytes, int, int]]) -> list[bytes]:
    """The parents, where tree, parents, author and committer come first, in this order, each as often as it may."""
    names = [name for name, *_ in headers]
    parents = [value for name, value, *_ in headers if name == b"parent"]
    expected = [b"tree", *[b"parent"] * len(parents), b"author", b"committer"]
    if names[: len(expected)] != expected or set(names[len(expected) :]) & set(_FIXED):
        raise SignatureRefused("the headers of the commit are not in git's order: tree, parent, author, committer")
    if not all(_HEX.fullmatch(value) for value in (headers[0][1], *parents)):
        raise SignatureRefused("a tree or parent of the commit is not 40 digits of lower-case hex")
    if len(set(parents)) != len(parents):
        raise SignatureRefused("the commit names a parent twice")
    return parents


def _armour(value: bytes) -> tuple[Kind, bytes]:
    if len(value) > MAX_SIGNATURE_BYTES:
        raise SignatureRefused(f"the signature has more than {MAX_SIGNATURE_BYTES} bytes")
    if not value.isascii():
        raise SignatureRefused("the signature is not ASCII")
    lines = value.rstrip(b"\n").split(b"\n")
    kind, last = _ARMOUR.get(lines[0], (None, b""))
    if kind is None:
        raise SignatureRefused("the signature is neither of SSH nor of OpenPGP")
    if lines[-1] != last or sum(line.startswith(b"-----") for line in lines) != 2:
        raise SignatureRefused("the armour of the signature is not one block from its first line to its last")
    return kind, b"\n".join(lines) + b"\n"


def _person(name: bytes, value: bytes) -> str:
    found = _PERSON.fullmatch(value)
    if found is None:
        raise SignatureRefused(f"the {name.decode('ascii')} of the commit is not NAME <ADDRESS> TIME ZONE")
    return _text(found[2])


def _text(raw: bytes) -> str:
    text = raw.decode("utf-8", "replace").strip()
    return "".join(char if char.isprintable() else " " for char in text)[:320]
