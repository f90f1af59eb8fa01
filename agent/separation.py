"""Whether this agent can be two processes, and as whom its link runs.

Two are possible where the agent is root, keeps the machine itself and may become somebody else. The link is the user
`vigo-agent` where a package made one, else a number of the range that systemd keeps for services without a user.
"""

from __future__ import annotations

import json
import os
import pwd
import sys
from pathlib import Path
from typing import Final, NamedTuple, NoReturn

from agent import confinement

USER: Final = "vigo-agent"
LOST: Final = 1
"""Exit code of a process that has lost the others."""
HOME_VARIABLE: Final = "VIGO_AGENT_HOME"
"""Set by the launcher: where this agent is installed (`agent.installation`)."""
TRIAL_VARIABLE: Final = "VIGO_AGENT_TRIAL"
"""Set by the launcher while it waits for a version on trial."""
RESTART: Final = 75
"""EX_TEMPFAIL: nothing is wrong, and another process is to go on."""
FIRST_UID: Final = 61_530
"""Of systemd's dynamic users (61184 to 65519), which no distribution gives away."""
_CANDIDATES: Final = range(FIRST_UID, FIRST_UID + 32)


class Ids(NamedTuple):
    """As whom the link runs."""

    uid: int
    gid: int
    name: str


class Impossible(Exception):
    """This agent cannot be two processes; the message says why."""


def begin_anew() -> NoReturn:
    """Be another process of the same program and arguments, with nothing of this one but its number.

    An installed agent is started by its launcher, which may know of another version by now; a launcher that waits for
    what it has on trial goes on itself.
    """
    if TRIAL_VARIABLE in os.environ:
        os._exit(RESTART)
    launcher = os.environ.get(HOME_VARIABLE, "") + "/launch"
    if os.access(launcher, os.X_OK):
        os.execv(launcher, [launcher, *sys.argv[1:]])  # noqa: S606 - ourselves
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - ourselves


def whole(state: Path) -> bool:
    """Whether the agent of this state keeps a whole machine; read without what reads it else, and so light."""
    try:
        return bool(json.loads((state / "identity.json").read_bytes())["root"] == "/")
    except (OSError, ValueError, KeyError, TypeError):
        return False


def ids(*, confined: bool, wanted: bool = True) -> Ids:
    """As whom the link of this agent runs, if it is `wanted` to be another process.

    Raises:
        Impossible: in no other process.
    """
    if not wanted:
        raise Impossible("--one-process was asked for")
    if confined:
        raise Impossible("it keeps a directory, not the whole machine")
    if os.geteuid() != 0:
        raise Impossible("it does not run as root")
    found = _user()
    _try(found)
    return found


def _user() -> Ids:
    try:
        entry = pwd.getpwnam(USER)
    except KeyError:
        pass
    else:
        if entry.pw_uid == 0:
            raise Impossible(f"user {USER} is root")
        return Ids(entry.pw_uid, entry.pw_gid, USER)
    taken = _taken()
    for uid in _CANDIDATES:
        if uid not in taken and not _named(uid):
            return Ids(uid, uid, str(uid))
    raise Impossible(f"no number from {_CANDIDATES.start} to {_CANDIDATES.stop - 1} is free for its link")


def _taken() -> set[int]:
    """Whose processes run now."""
    found = set()
    with os.scandir("/proc") as entries:
        for entry in entries:
            if entry.name.isdigit():
                try:
                    found.add(entry.stat().st_uid)
                except OSError:  # it has ended
                    continue
    return found


def _named(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


def _try(ids: Ids) -> None:
    """Become these in a child: a container's user name space may lack them."""
    child = os.fork()
    if child == 0:
        try:
            confinement.become(ids.uid, ids.gid)
            os._exit(0)
        finally:
            os._exit(1)
    if os.waitpid(child, 0)[1] != 0:
        raise Impossible(f"its link cannot run as {ids.name}: this container has no such user")
