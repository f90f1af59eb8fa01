"""What a program was about to do to an account when it was killed: written down before, forgotten when it has ended.

The shadow suite changes several files one after the other, each whole. A power cut between two leaves an account that
is in one and not in the other, and nothing in any of them tells. So it is durable before such a program is started what
it is to do, and how the account was before.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple, cast

from agent.hosts import Host, Kind

DIRECTORY: Final = "/var/lib/vigo-agent/unfinished"
MODE: Final = 0o600
_MEMO: Final = "unfinished accounts"
_MAX_BYTES: Final = 8192

Word = Literal["make", "change", "remove"]


class Unfinished(NamedTuple):
    """What was begun. Of an account that was there: its number, and a user's home."""

    word: Word
    number: int | None = None
    home: str = ""


def begin(host: Host, of: str, name: str, doing: Unfinished) -> None:
    """From now on this is under way, whatever happens.

    Args:
        of: `user` or `group`.

    Raises:
        OSError: it could not be written down.
    """
    if host.lstat(DIRECTORY) is None:
        host.mkdir(DIRECTORY, mode=0o700)
    number = "" if doing.number is None else doing.number
    host.write(_path(of, name), f"{doing.word}\n{number}\n{doing.home}\n".encode("utf-8", "surrogateescape"), mode=MODE)
    host.sync_pending()


def end(host: Host, of: str, name: str) -> None:
    """It has come to an end, good or bad."""
    host.remove(_path(of, name))


def found(host: Host, of: str, name: str) -> Unfinished | None:
    """What was begun and never ended; None where nothing was."""
    known: frozenset[str] | None = host.memo.get(_MEMO)
    if known is None:
        stat = host.lstat(DIRECTORY)
        there = stat is not None and stat.kind is Kind.DIRECTORY
        known = host.memo[_MEMO] = frozenset(host.listdir(DIRECTORY) if there else ())
    if f"{of}.{name}" not in known:
        return None
    text = host.read(_path(of, name), limit=_MAX_BYTES).decode("utf-8", "surrogateescape")
    word, number, home, *_ = [*text.split("\n"), "", "", ""]
    if word not in ("make", "change", "remove"):
        return None
    return Unfinished(cast("Word", word), int(number) if number.isdigit() else None, home)


def _path(of: str, name: str) -> str:
    return f"{DIRECTORY}/{of}.{name}"
