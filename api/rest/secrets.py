"""Secrets over REST: set, listed, forgotten; no value ever comes out."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from api.http.areas import Area, Call
from api.services import secrets
from api.services.work import Work
from schema.access import Permission
from schema.secrets import SecretInfo, SecretList, SecretValue

area = Area("secrets")

Name = Annotated[str, Field(max_length=256)]


@area("GET", "/api/v1/secrets", Permission.FLEET_READ)
def list_secrets(work: Work) -> SecretList:
    """Names, versions and times of all secrets; never values."""
    return secrets.page(work)


@area(
    "PUT",
    "/api/v1/secrets/{name:path}",
    Permission.ADMIN,
    raises=[secrets.BadSecret, secrets.TooManySecrets, secrets.VaultBroken],
)
async def set_secret(call: Call, name: Name, value: SecretValue) -> SecretInfo:
    """Store a value under a name that configuration refers to as `secret:NAME`.

    Envoys whose configuration names it get it sealed to their own keys.

    Args:
        name: `database/root`: what stands behind `secret:`.
    """
    vault = secrets.vault_of(call.app)
    return await call.write(lambda work: secrets.put(work, vault, name, value.value.get_secret_value()))


@area("DELETE", "/api/v1/secrets/{name:path}", Permission.ADMIN, raises=[secrets.SecretNotFound], status=204)
def forget_secret(work: Work, name: Name) -> None:
    """Forget a value. Envoys keep what they have; those that still name it get nothing new until it is set again.

    Args:
        name: `database/root`: what stands behind `secret:`.
    """
    secrets.forget(work, name)
