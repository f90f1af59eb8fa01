"""The kernel, time, names, storage, and commands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from reconciler.retractions.reversals import ABSENT, Reversal, Rule, absent, gone, never, nothing, shown
from schema.retractions import Confidence


def _exec(attributes: Mapping[str, Any]) -> Reversal:
    path = attributes.get("creates")
    if path is None:
        return Reversal(None, Confidence.NONE, "what a command did is not known; write the command that undoes it")
    return Reversal(
        {"type": "file", "path": path, "state": "absent"},
        Confidence.LOW,
        f"remove {shown(path)}, by which it is known that the command ran; what else it did stays",
    )


def _kernel_module(attributes: Mapping[str, Any]) -> Reversal:
    name, state = shown(attributes.get("module")), attributes.get("state")
    if state in ABSENT:
        return Reversal(None, Confidence.NONE, f"{name} was unloaded; whether it was loaded before is not known")
    resource = absent("kernel_module", attributes, ("module",))
    if state == "blacklisted":
        return Reversal(resource, Confidence.MEDIUM, f"{name} is no longer kept from being loaded; it is not loaded")
    return Reversal(resource, Confidence.MEDIUM, f"unload {name}, unless something uses it")


def _mount(attributes: Mapping[str, Any]) -> Reversal:
    if attributes.get("state") in {"absent", "unmounted"}:
        return Reversal(None, Confidence.NONE, "what was mounted there is not known here")
    path = shown(attributes.get("path"))
    resource = absent("mount", attributes, ("path",))
    return Reversal(resource, Confidence.HIGH, f"unmount {path} and take it out of fstab; what is on it stays")


def _locale(attributes: Mapping[str, Any]) -> Reversal:
    if attributes.get("default") is True:
        return Reversal(None, Confidence.NONE, "which locale was the default before is not known")
    return gone("locale", "locale", says="remove the locale {0}", confidence=Confidence.MEDIUM)(attributes)


RULES: Final[Mapping[str, Rule]] = {
    "custom": never("only its executor knows what it did"),
    "exec": _exec,
    "host_entry": gone("host_entry", "host", says="remove the name {0} from /etc/hosts"),
    "hostname": never("the name of before is not known"),
    "kernel_module": _kernel_module,
    "kernel_parameter": gone(
        "kernel_parameter", "parameter", confidence=Confidence.MEDIUM,
        says="remove {0} from the next boot on; a value that it had before does not come back",
    ),
    "limits": gone("limits", "limits", says="remove the limits {0}; sessions that are open keep theirs"),
    "locale": _locale,
    "logrotate": gone("logrotate", "rotation", says="rotate the logs of {0} no longer; the logs stay"),
    "mount": _mount,
    "ntp": never("which servers were asked before is not known; write those that are to be asked"),
    "process": never("whether it ran before is not known"),
    "reboot": nothing("a host that restarted is as it was"),
    "resolver": never("which name servers were asked before is not known; without any, names are not resolved"),
    "swap": gone("swap", "path", says="swap to {0} no longer", confidence=Confidence.MEDIUM),
    "sysctl": gone(
        "sysctl", "key", confidence=Confidence.MEDIUM,
        says="remove {0} from the configuration; the running kernel keeps its value until the next boot",
    ),
    "timezone": never("the time zone of before is not known"),
    "tmpfiles": gone("tmpfiles", "tmpfiles", says="remove the rules {0}; what they made stays"),
}  # fmt: skip
