"""Secrets: values that git only names. Kept encrypted, never told to anybody but the envoys entitled to them.

A value is under AES-256-GCM with a key that lies beside the database, not in it; what it is (project, name, version,
key) is bound to it as additional data, so no ciphertext can stand in another's place. The API sets, lists and forgets;
nothing returns a value. An envoy gets those that its own catalog names, sealed to its key (`assignments.py`).
"""

from __future__ import annotations

import hashlib
import re
import secrets as random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from api.services.pki import keyfiles
from api.services.work import Work
from api.storage import secrets as rows
from schema import canonical
from schema.errors import Conflict, Invalid, NotFound, Unavailable
from schema.secrets import SecretInfo, SecretList

if TYPE_CHECKING:
    from api.services.container import Services

MAX_VALUE_BYTES: Final = 64 * 1024
MAX_SECRETS: Final = 1_000
"""No list here is longer, so neither is what can be stored."""

_NAME: Final = re.compile(r"(?=.{1,256}\Z)[A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]+)*")
_PROBE: Final = b"vigo: this is not a secret"


class VaultBroken(Unavailable):
    """The key does not open what is stored: it is another one, or it is gone."""

    code = "secrets.vault_broken"


class SecretNotFound(NotFound):
    """There is no secret of this name."""

    code = "secrets.not_found"


class BadSecret(Invalid):
    """Not a name a reference could have, or not a value that fits."""

    code = "secrets.bad_secret"


class TooManySecrets(Conflict):
    """No more secrets fit."""

    code = "secrets.too_many"


class Vault:
    """The key that secrets are encrypted with, in memory."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)
        self.key_id: Final = hashlib.sha256(b"vigo-secrets-key-id\n" + key).hexdigest()

    @classmethod
    def open(cls, directory: Path) -> Vault:
        """The vault whose key lies in `directory`; made there on the first start.

        Raises:
            VaultBroken: the key file is not a key, or encryption does not encrypt.
            KeyExposed: others can read it.
        """
        key = keyfiles.create(directory / "secrets.key", AESGCM.generate_key(256).hex().encode())
        try:
            vault = cls(bytes.fromhex(key.decode("ascii")))
        except ValueError as error:
            raise VaultBroken(f"{directory / 'secrets.key'} is not a key of 32 bytes in hex") from error
        nonce, sealed = vault._encrypt("self-test", "self-test", 0, _PROBE)
        if _PROBE in sealed or vault._decrypt("self-test", "self-test", 0, nonce, sealed) != _PROBE:
            raise VaultBroken("encryption does not encrypt; nothing is stored")
        return vault

    def seal(self, project_id: str, name: str, version: int, value: str, *, now: int) -> rows.Sealed:
        """A value as it is stored."""
        nonce, ciphertext = self._encrypt(project_id, name, version, value.encode())
        return rows.Sealed(name, version, self.key_id, nonce, ciphertext, now)

    def open_value(self, project_id: str, stored: rows.Sealed) -> str:
        """The value that was stored under this name and version.

        Raises:
            VaultBroken: it was stored with another key, elsewhere, or has been changed.
        """
        if stored.key_id != self.key_id:
            raise VaultBroken(f"secret {stored.name} was encrypted with another key than secrets.key")
        return self._decrypt(project_id, stored.name, stored.version, stored.nonce, stored.ciphertext).decode()

    def _encrypt(self, project_id: str, name: str, version: int, value: bytes) -> tuple[bytes, bytes]:
        # 96 random bits: with a few thousand values under one key, a repeat is less likely than 2**-70.
        nonce = random.token_bytes(12)
        return nonce, self._cipher.encrypt(nonce, value, self._bound(project_id, name, version))

    def _decrypt(self, project_id: str, name: str, version: int, nonce: bytes, ciphertext: bytes) -> bytes:
        try:
            return self._cipher.decrypt(nonce, ciphertext, self._bound(project_id, name, version))
        except InvalidTag as error:
            raise VaultBroken(f"secret {name} does not open: it was changed or moved") from error

    def _bound(self, project_id: str, name: str, version: int) -> bytes:
        return canonical.dumps({"v": 1, "project": project_id, "name": name, "version": version, "key_id": self.key_id})


def vault_of(services: Services) -> Vault:
    """The vault of this process.

    Raises:
        VaultBroken: it has none.
    """
    vault = services.own.get("vault")
    if not isinstance(vault, Vault):
        raise VaultBroken("this server has no vault")
    return vault


def check(work: Work, vault: Vault) -> None:
    """Make sure at start that this key opens what is stored.

    Raises:
        VaultBroken: it does not.
    """
    for stored in rows.page(work.session, work.project_id, limit=1):
        vault.open_value(work.project_id, stored)


def put(work: Work, vault: Vault, name: str, value: str) -> SecretInfo:
    """Store a value under a name; what the name held before is gone. Envoys that name it get it with their next word.

    Raises:
        BadSecret, TooManySecrets
    """
    name = name.removeprefix("secret:")
    if _NAME.fullmatch(name) is None:
        raise BadSecret("a secret's name is words of letters, digits, `_`, `.` and `-`, separated by `/`")
    if not value or len(value.encode("utf-8", "replace")) > MAX_VALUE_BYTES:
        raise BadSecret(f"a secret's value has 1 to {MAX_VALUE_BYTES} bytes")
    if "\0" in value or not _is_text(value):
        raise BadSecret("a secret's value is UTF-8 text without NUL; encode anything else, for example in base64")
    known = rows.versions(work.session, work.project_id)
    if name not in known and len(known) >= MAX_SECRETS:
        raise TooManySecrets(f"there are {MAX_SECRETS} secrets already")
    version = rows.next_version(work.session, work.project_id, name)
    sealed = vault.seal(work.project_id, name, version, value, now=work.now)
    rows.put(work.session, work.project_id, sealed, updated_by=work.actor.name)
    work.audit("secret.set", "secret", name, payload={"version": version})
    work.publish("secret.changed", name=name, version=version)
    return SecretInfo(name=name, version=version, updated_at=work.now)


def page(work: Work) -> SecretList:
    """Names, versions and times; never values."""
    stored = rows.page(work.session, work.project_id)
    return SecretList(
        secrets=[SecretInfo(name=one.name, version=one.version, updated_at=one.updated_at) for one in stored]
    )


def forget(work: Work, name: str) -> None:
    """Forget a value. Envoys keep what they have; those that still name it get nothing new until it is set again.

    Raises:
        SecretNotFound
    """
    if not rows.delete_(work.session, work.project_id, name):
        raise SecretNotFound("there is no such secret")
    work.audit("secret.delete", "secret", name)
    work.publish("secret.changed", name=name, version=None)


def versions(work: Work) -> Mapping[str, int]:
    """Name → version of all secrets."""
    return rows.versions(work.session, work.project_id)


def values(work: Work, vault: Vault, names: Sequence[str]) -> dict[str, tuple[int, str]]:
    """Name → (version, value) of those of these secrets that there are. For sealing, and for nothing else.

    Raises:
        VaultBroken
    """
    stored = rows.find(work.session, work.project_id, names)
    return {name: (one.version, vault.open_value(work.project_id, one)) for name, one in stored.items()}


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
