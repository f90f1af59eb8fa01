"""Users: accounts and their roles."""

from __future__ import annotations

import re
import unicodedata
from typing import Annotated, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

from schema.access import Role
from schema.time import Instant

MIN_PASSWORD: Final = 12
MAX_PASSWORD: Final = 1_024
_SSH_KEY: Final = r"^$|^[a-z0-9@.-]{4,64} [A-Za-z0-9+/]{16,}={0,3}( [^\x00-\x1f\x7f]*)?$"
_USERNAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


def canonical_username(text: str) -> str:
    """The one spelling of a user name: NFKC, lower case, no white space around.

    Raises:
        ValueError: what is left is not a name.
    """
    name = unicodedata.normalize("NFKC", text).strip().casefold()
    if not _USERNAME.fullmatch(name):
        raise ValueError("a user name is 1 to 64 letters, digits, '.', '_' and '-', and begins with a letter or digit")
    return name


def _read_username(value: object) -> object:
    return canonical_username(value) if isinstance(value, str) else value


Username = Annotated[str, BeforeValidator(_read_username, json_schema_input_type=str)]


class User(BaseModel):
    """An account, as shown."""

    id: str
    """Of the account; a name that is used again gets another."""
    username: str
    """The name to log in with, in lower case."""
    role: Role
    """What the account may do."""
    auth_method: str = "basic"
    """Always `basic`: by password, and by tokens made with it."""
    display_name: str = ""
    """What to call the person; empty where nobody said."""
    email: str = ""
    """Address that commits made for this account carry; empty where nobody said."""
    ssh_public_key: str = ""
    """A line of OpenSSH; empty where there is none."""
    disabled: bool = False
    """Whether its password and tokens are refused."""
    created_at: Instant
    """When it was made."""


class UserCreate(BaseModel):
    """A new account."""

    model_config = ConfigDict(extra="forbid")

    username: Username
    """Letters, digits, `.`, `_` and `-`; kept in lower case."""
    password: SecretStr = Field(min_length=MIN_PASSWORD, max_length=MAX_PASSWORD)
    """12 to 1024 characters; kept as a hash."""
    role: Role = Role.VIEWER
    """What the account may do."""
    display_name: str = Field(default="", max_length=200)
    """What to call the person; empty for the user name."""
    email: str = Field(default="", max_length=320)
    """Address that commits made for this account carry."""


class UserUpdate(BaseModel):
    """What may be changed of an account; what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    role: Role | None = None
    """What the account may do."""
    display_name: str | None = Field(default=None, max_length=200)
    """What to call the person; empty for the user name."""
    email: str | None = Field(default=None, max_length=320)
    """Address that commits made for this account carry."""
    ssh_public_key: str | None = Field(default=None, max_length=8_192, pattern=_SSH_KEY)
    """A line of OpenSSH; empty takes it away."""
    disabled: bool | None = None
    """Whether its password and tokens are refused."""


class UserList(BaseModel):
    """All accounts, by name."""

    users: list[User]
    """Those that are disabled too."""
