"""Strings and numbers as SSH has them on the wire (RFC 4251, 5): lengths first, nothing left over at the end."""

from __future__ import annotations

from typing import Final

from reconciler.repository.signatures.commits import SignatureRefused

_MAX_NAME: Final = 64


class Reader:
    """Reads some bytes from the front."""

    def __init__(self, data: bytes, what: str) -> None:
        self._data: Final = data
        self._what: Final = what
        self._place = 0

    def take(self, count: int) -> bytes:
        """The next bytes.

        Raises:
            SignatureRefused: there are fewer.
        """
        end = self._place + count
        if end > len(self._data):
            raise SignatureRefused(f"{self._what} is cut short")
        taken, self._place = self._data[self._place : end], end
        return taken

    def byte(self) -> int:
        """One. Raises as `take`."""
        return self.take(1)[0]

    def number(self) -> int:
        """A `uint32`. Raises as `take`."""
        return int.from_bytes(self.take(4), "big")

    def string(self) -> bytes:
        """A length and so many bytes. Raises as `take`."""
        return self.take(self.number())

    def text(self) -> str:
        """A name: printable ASCII, not long.

        Raises:
            SignatureRefused: it is none.
        """
        raw = self.string()
        if len(raw) > _MAX_NAME or not raw.isascii() or not raw.decode("ascii").isprintable():
            raise SignatureRefused(f"{self._what} holds a name that is none")
        return raw.decode("ascii")

    def integer(self) -> int:
        """An `mpint` above zero in its shortest form.

        Raises:
            SignatureRefused: it is none.
        """
        raw = self.string()
        if not raw or raw[0] & 0x80 or (raw[0] == 0 and (len(raw) < 2 or not raw[1] & 0x80)):
            raise SignatureRefused(f"{self._what} holds a number in another than its shortest form")
        return int.from_bytes(raw, "big")

    def end(self) -> None:
        """Return if nothing is left.

        Raises:
            SignatureRefused: something is.
        """
        if self._place != len(self._data):
            raise SignatureRefused(f"{self._what} goes on after its end")
