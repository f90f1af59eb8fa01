"""What passwords must be, how long they last, and when too many wrong ones lock an account."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from schema.resources.base import ResourceSpec


class PasswordPolicySpec(ResourceSpec):
    """Settings of login.defs(5), pwquality.conf(5) and faillock.conf(5). What is not given is left as it is.

    Everything else in the three files stays; only files of which something is given are touched.
    """

    IDENTITY: ClassVar[str] = "policy"
    OWNS: ClassVar[str | None] = "password policy"

    policy: Literal["users", "everyone"]
    """Whom quality and locking hold for: all but root, or root too (`enforce_for_root`, `even_deny_root`)."""

    max_days: int | None = Field(default=None, ge=-1, le=99_999)
    """New accounts: days until a password must be changed."""
    min_days: int | None = Field(default=None, ge=-1, le=99_999)
    """New accounts: days until a password may be changed."""
    warn_days: int | None = Field(default=None, ge=-1, le=99_999)
    """New accounts: days of warning before it must be."""
    umask: str | None = Field(default=None, pattern=r"^0?[0-7]{3}$")
    """Of sessions that pam_umask begins: `"027"`."""
    encrypt_method: Literal["YESCRYPT", "SHA512", "SHA256"] | None = None
    """How new hashes are made, where PAM does not say."""

    min_length: int | None = Field(default=None, ge=6, le=256)
    min_classes: int | None = Field(default=None, ge=0, le=4)
    """How many of digits, capitals, small letters and others there must be."""
    min_digits: int | None = Field(default=None, ge=0, le=64)
    min_upper: int | None = Field(default=None, ge=0, le=64)
    min_lower: int | None = Field(default=None, ge=0, le=64)
    min_other: int | None = Field(default=None, ge=0, le=64)
    min_different: int | None = Field(default=None, ge=0, le=256)
    """Characters that the old password must not have."""
    max_repeat: int | None = Field(default=None, ge=0, le=256)
    """The same character in a row; 0: any number."""
    max_sequence: int | None = Field(default=None, ge=0, le=256)
    """Characters of a sequence (`abcd`); 0: any number."""
    dictionary_check: bool | None = None

    lock_after: int | None = Field(default=None, ge=0, le=10_000)
    """Wrong passwords until an account is locked; 0: never."""
    lock_interval_s: int | None = Field(default=None, ge=1, le=604_800)
    """Within how long they count."""
    unlock_after_s: int | None = Field(default=None, ge=0, le=604_800)
    """0: only `faillock --reset` unlocks it."""

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.model_fields_set <= {"policy"}:
            raise ValueError("a policy says something")
        return self
