"""Verifying many commits: each signature once, by whoever verifies its kind, and the answer kept."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Final

from reconciler.repository.signatures.commits import Kind, SignatureRefused, read
from reconciler.repository.signatures.gpgv import Gpgv
from reconciler.repository.signatures.sshsig import verify

KEPT: Final = 20_000
"""Answers; about 300 bytes each."""


class Verifier:
    """Says which key signed a commit. Used from one thread."""

    def __init__(self, program: str | None = None) -> None:
        self._program: Final = program
        self._gpg_keys: tuple[bytes, ...] = ()
        self._gpgv = Gpgv((), program)
        self._known: Final[OrderedDict[tuple[str, Kind | None], str]] = OrderedDict()

    def trust_gpg(self, keys: Iterable[bytes]) -> None:
        """Verify OpenPGP signatures with these keys from now on; an answer that others gave is forgotten."""
        keys = tuple(keys)
        if keys == self._gpg_keys:
            return
        self._gpg_keys, self._gpgv = keys, Gpgv(keys, self._program)
        for known in [each for each in self._known if each[1] is Kind.GPG]:
            del self._known[known]

    def fingerprint(self, commit: str, raw: bytes, *, tree: str, parents: Sequence[str]) -> str:
        """The key that signed a commit: `SHA256:…` of SSH, 40 digits of OpenPGP.

        Args:
            commit: its id, under which the answer is kept.
            raw: the object.
            tree: as libgit2 reads the object, like `parents`: what is signed has to be what is deployed.

        Raises:
            SignatureRefused: it is not signed, or not so that it counts.
        """
        known = self._known.get((commit, Kind.SSH)) or self._known.get((commit, Kind.GPG))
        if known is not None:
            return known
        signed = read(raw)
        if (signed.tree, signed.parents) != (tree, tuple(parents)):
            raise SignatureRefused(
                "the commit can be read in two ways: its tree or parents are not those that git sees"
            )
        if signed.kind is Kind.SSH:
            found = verify(signed.signature, signed.payload).fingerprint
        else:
            found = self._gpgv.verify(signed.signature, signed.payload)
        self._known[(commit, signed.kind)] = found
        while len(self._known) > KEPT:
            self._known.popitem(last=False)
        return found
