"""Passwords: Argon2id, away from the event loop and the writer's thread, a few at a time.

Checking a password of nobody takes as long as of somebody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from schema.errors import Exhausted

T = TypeVar("T")

MAX_WAITING: Final = 64
_AT_ONCE: Final = 2


class TooManyChecks(Exhausted):
    """More passwords wait to be checked than may."""

    code = "passwords.too_many_checks"


class Passwords:
    """Hashes and checks passwords in threads of its own.

    Args:
        memory_kib: memory of one check.
        passes: passes over that memory.
    """

    def __init__(self, memory_kib: int = 12 * 1024, passes: int = 3) -> None:
        self._hasher = PasswordHasher(time_cost=passes, memory_cost=memory_kib, parallelism=1, type=Type.ID)
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="vigo-password")
        self._waiting = 0
        self._nobody = ""

    async def hash(self, password: str) -> str:
        """The hash to keep of a password.

        Raises:
            TooManyChecks: too many wait already.
        """
        return await self._run(self.hash_now, password)

    async def check(self, password: str, password_hash: str | None) -> bool:
        """Whether this is the password; with None, nobody's, false after the same time.

        Raises:
            TooManyChecks: too many wait already.
        """
        return await self._run(self.check_now, password, password_hash)

    def hash_now(self, password: str) -> str:
        """`hash`, in this thread."""
        return self._hasher.hash(password)

    def check_now(self, password: str, password_hash: str | None) -> bool:
        """`check`, in this thread."""
        if password_hash is None and not self._nobody:
            self._nobody = self._hasher.hash("nobody has this password")
        try:
            self._hasher.verify(password_hash or self._nobody, password)
        except (VerificationError, InvalidHashError):
            return False
        return password_hash is not None

    def is_outdated(self, password_hash: str) -> bool:
        """Whether a hash was made with other parameters than today's, so that it should be made anew."""
        return self._hasher.check_needs_rehash(password_hash)

    def close(self) -> None:
        """Stop the threads."""
        self._threads.shutdown(cancel_futures=True)

    async def _run(self, work: Callable[..., T], *args: str | None) -> T:
        if self._waiting >= MAX_WAITING:
            raise TooManyChecks("too many passwords are being checked", retry_after_s=1.0)
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work, *args)
        finally:
            self._waiting -= 1
