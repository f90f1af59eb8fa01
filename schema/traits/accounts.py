"""Accounts: who is known on the host, and what they may."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from schema.traits.types import TraitInfo, TraitType

_STRING, _INT, _FLOAT = TraitType.STRING, TraitType.INT, TraitType.FLOAT
_BOOL, _LIST, _MAP = TraitType.BOOL, TraitType.LIST, TraitType.MAP

DECLARED: Final[Mapping[str, TraitInfo]] = {
    "users": TraitInfo(_MAP, "Accounts of the host's own files, by name"),
    "users.*.uid": TraitInfo(_INT, "User id"),
    "users.*.gid": TraitInfo(_INT, "Id of the primary group"),
    "users.*.home": TraitInfo(_STRING, "Home directory"),
    "users.*.shell": TraitInfo(_STRING, "Login shell"),
    "users.*.groups": TraitInfo(_LIST, "Supplementary groups by name, sorted"),
    "users.*.password": TraitInfo(
        _STRING, "set, locked or none; only where shadow(5) may be read, and never more than that", always=False
    ),
    "users.*.password_changed": TraitInfo(_STRING, "The day that it was changed: 2026-11-22", always=False),
    "users.*.expires": TraitInfo(_STRING, "The day that the account ends", always=False),
    "groups": TraitInfo(_MAP, "Groups of the host's own files, by name"),
    "groups.*.gid": TraitInfo(_INT, "Group id"),
    "groups.*.members": TraitInfo(_LIST, "Members by name, sorted; not those whose primary group it is"),
    "sudo.rules": TraitInfo(_LIST, "Who may do what: {who, hosts, runas, commands, nopasswd, file}; aliases resolved"),
    "sudo.everything": TraitInfo(_LIST, "Users and `%groups` that may run everything as root, sorted"),
    "sudo.nopasswd": TraitInfo(_LIST, "Users and `%groups` that need no password for something, sorted"),
    "sudo.defaults": TraitInfo(_LIST, "sudoers(5) Defaults, as written"),
    "ssh.host_keys": TraitInfo(_MAP, "The server's keys by type: `traits.ssh.host_keys['ssh-ed25519']`"),
    "ssh.host_keys.*.fingerprint": TraitInfo(_STRING, "As `ssh-keygen -l` shows it: SHA256:..."),
    "ssh.host_keys.*.file": TraitInfo(_STRING, "Where it is"),
    "ssh.source": TraitInfo(
        _STRING,
        "`sshd -T`: settings in effect; `sshd_config`: only those written there; absent where there is no server",
        always=False,
    ),
    "ssh.settings": TraitInfo(
        _MAP,
        "The server's settings, by name in lower case; of one that is given several times all values, parted by commas",
    ),
    "ssh.settings.*": TraitInfo(_STRING, "The value"),
    "authorized_keys.keys": TraitInfo(
        _LIST,
        "Keys that let somebody log in: {user, type, bits, fingerprint, comment, options, file}; options by name alone",
    ),
    "authorized_keys.count": TraitInfo(_INT, "How many"),
    "authorized_keys.users": TraitInfo(_LIST, "Whose accounts they open, sorted"),
    "authorized_keys.revoked": TraitInfo(_INT, "Keys that cannot be read or are of no known type"),
}
