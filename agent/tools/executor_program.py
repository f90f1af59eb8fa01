"""Programs that speak the executor protocol, version 1: docs/howto/write-an-executor.md.

`PROGRAM check` and `PROGRAM apply`; JSON on standard input, one JSON object on standard output, exit code 0. Nothing of
the spec is an argument, for arguments can be read by every user of the host.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, Literal, NamedTuple

from agent.hosts import Host, HostFault, Kind, Stat
from agent.tools.difference import Change

VERSION: Final = 1
MAX_OUTPUT_BYTES: Final = 256 * 1024
MAX_CHANGES: Final = 200
MAX_TEXT: Final = 16_384
_KEYS: Final = {"in_desired_state", "changes", "state", "note", "error"}
_CHANGE_KEYS: Final = {"field", "before", "after", "secret"}


class Answer(NamedTuple):
    """What an executor said."""

    in_desired_state: bool
    changes: tuple[Change, ...]
    state: Any
    note: str


def vet(host: Host, program: str) -> None:
    """Refuse a program that others than root could have written, or could replace.

    Raises:
        HostFault: with the path that is not root's alone.
    """
    place = ""
    for part in program.split("/")[1:]:
        place += f"/{part}"
        stat = host.lstat(place)
        if stat is None:
            raise HostFault(f"there is no executor {program}")
        # A link says nothing of who may change what it leads to.
        if stat.kind is Kind.SYMLINK and place == program:
            raise HostFault(f"{place} is a symbolic link: name the executor itself")
        if stat.kind is not Kind.SYMLINK and (stat.uid != 0 or stat.mode & 0o022) and not _is_sticky(stat):
            raise HostFault(f"{place} can be changed by others than root: it is not run")
    if stat is None or stat.kind is not Kind.FILE or not stat.mode & 0o111:
        raise HostFault(f"{program} is no program")


def ask(
    host: Host,
    program: str,
    act: Literal["check", "apply"],
    *,
    name: str,
    spec: Mapping[str, Any],
    state: Any,
    timeout_s: float,
) -> Answer:
    """One question and its answer.

    Args:
        state: what `check` answered; None to `check` itself.

    Raises:
        HostFault: it failed, took too long, or answered with something else than the protocol has.
    """
    vet(host, program)
    question = {"version": VERSION, "op": act, "name": name, "spec": spec, "state": state}
    ran = host.run([program, act], input=json.dumps(question).encode() + b"\n", timeout_s=timeout_s)
    if ran.timed_out:
        raise HostFault(f"{act} did not end within {timeout_s:.0f} s")
    if ran.code != 0:
        raise HostFault(f"{act} ended with {ran.complaint}")
    if len(ran.stdout) > MAX_OUTPUT_BYTES:
        raise HostFault(f"{act} answered with more than {MAX_OUTPUT_BYTES // 1024} KiB")
    try:
        answer = json.loads(ran.stdout)
    except (ValueError, RecursionError) as error:
        raise HostFault(f"{act} did not answer with JSON: {ran.text[:200]!r}") from error
    return _parsed(answer, act)


def _parsed(answer: Any, act: str) -> Answer:
    if not isinstance(answer, dict):
        raise HostFault(f"{act} did not answer with a JSON object")
    if unknown := sorted(map(str, answer.keys() - _KEYS)):
        raise HostFault(f"{act} answered with unknown keys: {', '.join(unknown[:5])[:200]}")
    if error := answer.get("error"):
        raise HostFault(str(error)[:MAX_TEXT])
    reached, changes, note = answer.get("in_desired_state"), answer.get("changes", []), answer.get("note", "")
    if not isinstance(reached, bool):
        raise HostFault(f"{act} did not say whether it is in_desired_state (true or false)")
    if not isinstance(changes, list) or len(changes) > MAX_CHANGES:
        raise HostFault(f"{act}: changes is a list of at most {MAX_CHANGES}")
    if not isinstance(note, str):
        raise HostFault(f"{act}: note is a text")
    return Answer(reached, tuple(_change(each, act) for each in changes), answer.get("state"), note[:MAX_TEXT])


def _change(value: Any, act: str) -> Change:
    if not isinstance(value, dict) or not isinstance(value.get("field"), str) or value.keys() - _CHANGE_KEYS:
        raise HostFault(f"{act}: a change is an object of field, before, after and secret")
    before, after = (_shown(value.get(key)) for key in ("before", "after"))
    return Change(value["field"][:200], before, after, secret=bool(value.get("secret")))


def _shown(value: Any) -> str | None:
    if value is None:
        return None
    return (value if isinstance(value, str) else json.dumps(value))[:MAX_TEXT]


def _is_sticky(stat: Stat) -> bool:
    """A directory of root's like /tmp: what root has made in it nobody else can replace."""
    return stat.kind is Kind.DIRECTORY and stat.uid == 0 and bool(stat.mode & 0o1000)
