"""Accounts, who may log in and do what, and what watches over that."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from reconciler.retractions.reversals import ABSENT, Reversal, Rule, absent, gone, never, shown
from schema.retractions import Confidence

SYSTEM: Final = frozenset(
    {"root", "adm", "daemon", "bin", "sys", "sync", "mail", "man", "nobody", "nogroup", "sudo", "wheel", "users", "tty"}
    | {"disk", "dialout", "cdrom", "audio", "video", "plugdev", "shadow", "staff", "www-data", "systemd-journal"}
    | {"docker", "ssh", "sshd", "input", "kvm", "render", "backup"}
)
"""Accounts and groups that hosts have without any crate."""


def _user(attributes: Mapping[str, Any]) -> Reversal:
    name = shown(attributes.get("user"))
    if attributes.get("state") in ABSENT:
        return Reversal(None, Confidence.NONE, f"{name} was removed, and its password with it")
    if name in SYSTEM or attributes.get("uid") == 0:
        return Reversal(None, Confidence.NONE, f"{name} is there without the crate")
    if attributes.get("locked") is True:
        return Reversal(None, Confidence.NONE, f"{name} was locked; whoever opens it again decides that by name")
    return Reversal(
        absent("user", attributes, ("user",)),
        Confidence.LOW,
        f"remove the account {name}, also if it was there before; its home stays",
    )


def _group(attributes: Mapping[str, Any]) -> Reversal:
    name = shown(attributes.get("group"))
    if attributes.get("state") in ABSENT:
        return Reversal(None, Confidence.NONE, f"{name} was removed; its number and members are not known")
    if name in SYSTEM:
        return Reversal(
            None, Confidence.NONE, f"{name} is there without the crate; its members of before are not known"
        )
    return Reversal(
        absent("group", attributes, ("group",)),
        Confidence.MEDIUM,
        f"remove the group {name}; files of it keep its number",
    )


def _ssh_key(attributes: Mapping[str, Any]) -> Reversal:
    if attributes.get("state") in ABSENT:
        return Reversal(None, Confidence.NONE, "whether the key was let in before is not known")
    resource = absent("ssh_key", attributes, ("user", "key", "path"))
    if attributes.get("exclusive") is True:
        return Reversal(resource, Confidence.LOW, "let the key in no longer; the others that it removed stay removed")
    return Reversal(resource, Confidence.HIGH, "let the key in no longer")


def _selinux(attributes: Mapping[str, Any]) -> Reversal:
    if attributes.get("kind") != "context" or attributes.get("state") in ABSENT:
        return Reversal(None, Confidence.NONE, "its value of before is not known")
    resource = absent("selinux", attributes, ("selinux", "kind"))
    return Reversal(resource, Confidence.HIGH, f"label {shown(attributes.get('selinux'))} as the policy says")


RULES: Final[Mapping[str, Rule]] = {
    "aide": gone("aide", "aide", says="remove the rules {0}; the database knows them until it is made anew"),
    "apparmor": never("in which mode the profile was before is not known"),
    "auditd_rule": gone("auditd_rule", "auditd_rule", says="remove the rules {0}"),
    "banner": gone("banner", "banner", says="remove the banner {0}; the distribution's does not come back"),
    "certificate": gone("certificate", "certificate", says="trust {0} no longer"),
    "firewall": gone(
        "firewall", "rule", "backend", says="remove the rule {0}; a rule that denied lets in what it kept out"
    ),
    "group": _group,
    "known_host": gone("known_host", "host", "user", says="remove the keys of {0}"),
    "pam": gone(
        "pam", "service", "module", "facility", "having", confidence=Confidence.MEDIUM,
        says="take the line out of {0}; see that people can still log in",
    ),
    "password_policy": never("what the policy was before is not known; write what it is to be"),
    "selinux": _selinux,
    "ssh_key": _ssh_key,
    "sudoers": gone("sudoers", "sudoers", says="remove the rules {0}"),
    "user": _user,
}  # fmt: skip
