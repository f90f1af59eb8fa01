"""Packages, repositories, containers, and what the init system runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from reconciler.retractions.reversals import ABSENT, Reversal, Rule, absent, gone, nothing, shown
from schema.retractions import Confidence


def _package(attributes: Mapping[str, Any]) -> Reversal:
    names = shown(attributes.get("package"))
    if attributes.get("state") in ABSENT:
        return Reversal(None, Confidence.NONE, f"{names} was removed; whether it was there before is not known")
    resource = absent("package", attributes, ("package",))
    if attributes.get("state") == "latest":
        return Reversal(resource, Confidence.MEDIUM, f"remove {names}; it may have been there before it was upgraded")
    return Reversal(resource, Confidence.HIGH, f"remove {names}")


def _pip_package(attributes: Mapping[str, Any]) -> Reversal:
    if not attributes.get("package"):
        return Reversal(None, Confidence.NONE, "which packages its requirements brought is not known here")
    keep = ("package", "venv", "python", "break_system_packages")
    return gone("pip_package", *keep, says="remove {0}; what they needed stays", confidence=Confidence.MEDIUM)(
        attributes
    )


def _service(attributes: Mapping[str, Any]) -> Reversal:
    name, state = shown(attributes.get("service")), attributes.get("state")
    resource: dict[str, Any] = {"type": "service", "service": attributes.get("service")}
    if attributes.get("masked") is True:
        return Reversal(
            {**resource, "masked": False}, Confidence.LOW, f"unmask {name}; whether it ran before is not known"
        )
    undone = ({"state": "stopped"} if state == "running" else {}) | (
        {"enabled": False} if attributes.get("enabled") is True else {}
    )
    if undone:
        return Reversal(
            {**resource, **undone}, Confidence.MEDIUM, f"stop or disable {name}; it may have run before the crate"
        )
    if state in {"restarted", "reloaded"}:
        return Reversal(None, Confidence.HIGH, "it only restarted or reloaded: nothing to take back")
    return Reversal(None, Confidence.NONE, f"{name} was stopped or disabled; whether it ran before is not known")


def _alternatives(attributes: Mapping[str, Any]) -> Reversal:
    name = shown(attributes.get("alternative"))
    if attributes.get("state") == "absent":
        return Reversal(None, Confidence.NONE, "it was taken out; its priority is not known here")
    if "link" in attributes:
        resource = absent("alternatives", attributes, ("alternative", "path"))
        return Reversal(resource, Confidence.HIGH, f"take {shown(attributes.get('path'))} out of {name}")
    if attributes.get("state") == "auto":
        return Reversal(None, Confidence.NONE, f"which one {name} was before is not known")
    resource = {"type": "alternatives", "alternative": attributes.get("alternative"), "state": "auto"}
    return Reversal(resource, Confidence.MEDIUM, f"leave {name} to the priorities; it may have been chosen before")


RULES: Final[Mapping[str, Rule]] = {
    "alternatives": _alternatives,
    "container": gone("container", "container", "runtime", says="remove the container {0}; its volumes stay"),
    "container_image": gone(
        "container_image", "image", "runtime", says="remove the image {0}, unless a container uses it"
    ),
    "cron": gone("cron", "job", says="remove the job {0}"),
    "nonrepo_package": gone("nonrepo_package", "package", says="remove {0}"),
    "notice": nothing("a notice changes nothing on a host"),
    "package": _package,
    "pip_package": _pip_package,
    "repository": gone("repository", "repository", says="remove the repository {0} and its key; packages from it stay"),
    "service": _service,
    "systemd_timer": gone("systemd_timer", "timer", says="remove the timer {0} and what it starts"),
    "systemd_unit": gone("systemd_unit", "unit", says="remove the unit {0}; what it started is stopped"),
    "watch_secret": nothing("it only notifies when a secret changes"),
}
