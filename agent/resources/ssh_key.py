"""A key that opens an account: one line of authorized_keys. See `SshKeySpec`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from agent.hosts import Host
from agent.resources.types import Change, ResourceFailed, ResourceType
from agent.tools import ssh, ssh_files
from agent.tools.ssh import Key
from agent.tools.ssh_files import KeyFile
from schema.resources.ssh_key import SshKeySpec

_NAME: Final = "authorized_keys"


def check(host: Host, spec: SshKeySpec) -> KeyFile:
    """See `ResourceType`."""
    if spec.path is not None:
        return ssh_files.read(host, user=None, path=spec.path)
    if spec.user is None:
        raise ResourceFailed("user says whose account the key opens; it is missing")
    return ssh_files.read(host, user=spec.user, path=_NAME)


def diff(spec: SshKeySpec, state: KeyFile) -> Sequence[Change]:
    """See `ResourceType`."""
    before, after = _keys(state.lines), _keys(desired(spec, state.lines))
    wide = ssh_files.too_open(state) if spec.state == "present" else []
    if before == after:
        return wide
    mine, other = [[key for key in keys if _is(spec, key)] for keys in (before, after)]
    found = []
    if mine != other:
        found = [Change("key", _shown(mine), _shown(other))]
    gone = [key for key in before if not _is(spec, key)] if spec.exclusive else []
    return [*found, *(Change("other key", _shown([key]), None) for key in gone), *wide]


def apply(host: Host, spec: SshKeySpec, state: KeyFile) -> None:
    """See `ResourceType`."""
    ssh_files.write(host, state, desired(spec, state.lines))


def action(spec: SshKeySpec, state: KeyFile) -> str:
    """See `ResourceType`."""
    if spec.state == "absent":
        return "remove"
    return "update" if any(_is(spec, key) for key in _keys(state.lines)) else "create"


def desired(spec: SshKeySpec, lines: Sequence[str]) -> list[str]:
    """The lines as they should be; the same when nothing is to be done."""
    kind, data, *rest = spec.key.split(" ", 2)
    said = spec.comment if spec.comment is not None else rest[0].strip() if rest else None
    result, there = [], False
    for line in lines:
        held = ssh.key(line)
        if held is None or not (_is(spec, held) or spec.exclusive):
            result.append(line)
        elif _is(spec, held) and spec.state == "present" and not there:
            there = True
            wanted = Key(",".join(spec.options), kind, data, held.comment if said is None else said.strip())
            result.append(line if held == wanted else wanted.line)
    if spec.state == "present" and not there:
        result.append(Key(",".join(spec.options), kind, data, (said or "").strip()).line)
    return result


def paths(spec: SshKeySpec) -> Sequence[str]:
    """See `ResourceType`. Where a home is, only the host knows."""
    return () if spec.path is None else (spec.path,)


def shows_in(host: Host, spec: SshKeySpec) -> Sequence[str]:
    """See `ResourceType`."""
    return () if spec.user is None else ssh_files.shown_in(host, spec.user, _NAME)


SSH_KEY: Final = ResourceType(
    spec=SshKeySpec,
    check=check,
    diff=diff,
    apply=apply,
    action=action,
    paths=paths,
    confinable=True,
    shows_in=shows_in,
)


def _is(spec: SshKeySpec, key: Key) -> bool:
    return spec.key.split(" ")[:2] == [key.kind, key.data]


def _keys(lines: Sequence[str]) -> list[Key]:
    return [key for key in map(ssh.key, lines) if key is not None]


def _shown(keys: Sequence[Key]) -> str | None:
    """Keys for a person to read; None for none."""
    texts = [
        " ".join(part for part in (key.options, ssh_files.fingerprint(key.kind, key.data), key.comment) if part)
        for key in keys
    ]
    return "; ".join(texts) or None
