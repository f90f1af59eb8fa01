"""The shadow suite: useradd(8), usermod(8), userdel(8), groupadd(8), groupmod(8), groupdel(8), gpasswd(1),
chpasswd(8).

A password's hash goes through standard input: arguments can be read by every user of the host. What was killed halfway
is brought back to where it began (`resume_user`, `resume_group`), by the suite's own programs, before it is done again.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from agent.hosts import Host, HostFault, Ran
from agent.tools import accounts, unfinished
from agent.tools.accounts import Group, User
from agent.tools.unfinished import Unfinished, Word

TIMEOUT_S: Final = 120.0
LOCK_WAIT_S: Final = 10.0
_POLL_S: Final = 0.25
_LOCKED: Final = b"; try again later"
_MAX_LOCK_BYTES: Final = 64
_LOCKS: Final = tuple(f"/etc/{name}.lock" for name in ("passwd", "shadow", "group", "gshadow", "subuid", "subgid"))
_SUITE: Final = frozenset(
    (
        "chage",
        "chfn",
        "chgpasswd",
        "chpasswd",
        "chsh",
        "cpgr",
        "cppw",
        "gpasswd",
        "groupadd",
        "groupdel",
        "groupmems",
        "groupmod",
        "grpck",
        "grpconv",
        "grpunconv",
        "newusers",
        "passwd",
        "pwck",
        "pwconv",
        "pwunconv",
        "useradd",
        "userdel",
        "usermod",
        "vigr",
        "vipw",
    )
)
"""Who holds these locks while they are at work."""


def lacking(host: Host) -> str | None:
    """Why accounts cannot be changed on this host; None when they can."""
    return None if host.which("useradd") else "needs useradd, which this host does not have"


def add_user(host: Host, name: str, options: Sequence[str]) -> None:
    """Make an account; `options` are those of useradd. Raises `HostFault`, as do all here."""
    _user(host, name, "make", ["useradd", *options])


def change_user(host: Host, name: str, options: Sequence[str]) -> None:
    """Change an account; `options` are those of usermod."""
    _user(host, name, "change", ["usermod", *options])


def remove_user(host: Host, name: str, *, home: bool) -> None:
    """Remove an account, with `home` its home directory too."""
    _user(host, name, "remove", ["userdel", *(["--remove"] if home else [])])


def set_password_hash(host: Host, name: str, value: str) -> None:
    """Set what /etc/shadow holds for a user."""
    _run(host, ["chpasswd", "--encrypted"], f"{name}:{value}\n".encode("utf-8", "surrogateescape"))


def add_group(host: Host, name: str, options: Sequence[str]) -> None:
    """Make a group; `options` are those of groupadd."""
    _group(host, name, "make", ["groupadd", *options])


def change_group(host: Host, name: str, options: Sequence[str]) -> None:
    """Change a group; `options` are those of groupmod."""
    _group(host, name, "change", ["groupmod", *options])


def remove_group(host: Host, name: str) -> None:
    """Remove a group."""
    _group(host, name, "remove", ["groupdel"])


def set_members(host: Host, name: str, members: Sequence[str]) -> None:
    """Make these, and no others, the members of a group."""
    _group(host, name, "change", ["gpasswd", f"--members={','.join(members)}"])


def resume_user(host: Host, name: str, broken: Unfinished) -> int | None:
    """Bring an account that was killed halfway back to where that began; the number that it had been given, if any."""
    known = accounts.reread(host)
    user = known.users.get(name)
    if broken.word == "make" and user is not None:
        # Its lines are there in some of the files: what removes it removes them all, and leaves the home.
        _run(host, ["userdel", "--", name])
        return user.uid
    if broken.word == "remove" and user is None:
        # Nobody removes what is left of an account that is no account.
        number = [] if broken.number is None else [f"--uid={broken.number}"]
        own = [f"--gid={name}"] if name in known.groups else []
        _run(host, ["useradd", "--no-create-home", *number, *own, "--", name])
        _run(host, ["userdel", "--", name])
    if broken.word == "change" and user is not None:
        # usermod goes through a home for what belongs to the number that the user has: so it has the old one again.
        if broken.number not in (None, user.uid):
            _run(host, ["usermod", f"--uid={broken.number}", "--", name])
        moved = broken.home and broken.home != user.home
        if moved and host.lstat(user.home) is None and host.lstat(broken.home) is not None:
            _run(host, ["usermod", f"--home={broken.home}", "--", name])
    return None


def resume_group(host: Host, name: str, broken: Unfinished) -> None:
    """Bring a group that was killed halfway back to where that began."""
    group = accounts.reread(host).groups.get(name)
    if group is None:
        if broken.word == "remove":
            _run(host, ["groupadd", "--", name])
            _run(host, ["groupdel", "--", name])
        return
    if broken.word == "make":
        with suppress(HostFault):  # it is somebody's first group by now: then it stays, and gets all its lines
            _run(host, ["groupdel", "--", name])
            return
    if broken.word == "change" and broken.number not in (None, group.gid):
        _run(host, ["groupmod", f"--gid={broken.number}", "--", name])
    # It writes the line of /etc/gshadow anew, also where there is none.
    _run(host, ["gpasswd", f"--members={','.join(sorted(group.members))}", "--", name])


def _user(host: Host, name: str, word: Word, argv: list[str]) -> None:
    user: User | None = accounts.reread(host).users.get(name)
    doing = Unfinished(word) if user is None else Unfinished(word, user.uid, user.home)
    _whole(host, "user", name, doing, argv)


def _group(host: Host, name: str, word: Word, argv: list[str]) -> None:
    group: Group | None = accounts.reread(host).groups.get(name)
    _whole(host, "group", name, Unfinished(word, None if group is None else group.gid), argv)


def _whole(host: Host, of: str, name: str, doing: Unfinished, argv: list[str]) -> None:
    """Run it, and remember until it has ended by itself what it was about to do."""
    unfinished.begin(host, of, name, doing)
    ran = _ran(host, [*argv, "--", name])
    if ran.code >= 0 and not ran.timed_out:
        unfinished.end(host, of, name)
    _succeeded(argv[0], ran)


def _run(host: Host, argv: list[str], stdin: bytes = b"") -> None:
    _succeeded(argv[0], _ran(host, argv, stdin))


def _ran(host: Host, argv: list[str], stdin: bytes = b"") -> Ran:
    """Run it; who else changes accounts is waited for, and who no longer does is not."""
    until, unlocked = time.monotonic() + LOCK_WAIT_S, False
    while True:
        ran = host.run(argv, input=stdin, timeout_s=TIMEOUT_S)
        if ran.code == 0 or _LOCKED not in ran.stderr or time.monotonic() >= until:
            return ran
        there = [path for path in _LOCKS if host.lstat(path) is not None]
        left = [path for path in there if _is_left(host, path)]
        for path in left:
            host.remove(path)
        if not there and unlocked:
            return ran  # twice it was refused though nobody has a lock: for another reason
        unlocked = not there
        if there and not left:
            time.sleep(_POLL_S)


def _is_left(host: Host, path: str) -> bool:
    """Whether a lock is of one that was killed, and the suite would respect it for ever: it has no process's number, or
    that of one that is something else by now (after a boot there is one of any number). A lock gets its name with the
    number in it. One whose process is gone the suite takes over by itself: it may be somebody's any moment.
    """
    try:
        number = host.read(path, limit=_MAX_LOCK_BYTES).rstrip(b"\0\n")
        if not number.isdigit() or host.lstat("/proc/self") is None:
            return True
        name = host.read(f"/proc/{number.decode()}/comm", limit=4096).decode("utf-8", "replace").strip()
    except (OSError, HostFault):
        return False
    return name not in _SUITE


def _succeeded(program: str, ran: Ran) -> None:
    if ran.code != 0:
        raise HostFault(f"{program}: {ran.complaint}")
