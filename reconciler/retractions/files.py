"""Files and what stands in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from reconciler.retractions.reversals import ABSENT, Reversal, Rule, gone, never, shown
from schema.retractions import Confidence

NEEDED: Final = frozenset(
    {f"/etc/{name}" for name in ("crypttab", "fstab", "group", "gshadow", "hostname", "hosts", "inittab", "issue")}
    | {f"/etc/{name}" for name in ("localtime", "login.defs", "machine-id", "motd", "nsswitch.conf", "os-release")}
    | {f"/etc/{name}" for name in ("passwd", "profile", "resolv.conf", "shadow", "shells", "sudoers", "sysctl.conf")}
    | {"/etc/ssh/sshd_config", "/etc/ssh/ssh_config", "/etc/apt/sources.list", "/etc/default/grub"}
)
"""Files that a host has without any crate: never removed because a crate that wrote them goes."""
MIN_DEPTH: Final = 2
"""A directory as near to the root as `/srv` is the system's."""


def _file(attributes: Mapping[str, Any]) -> Reversal:
    path = shown(attributes.get("path"))
    if attributes.get("state") in ABSENT:
        return Reversal(None, Confidence.NONE, "it was removed; what stood there is not known here")
    if "content" not in attributes and "source" not in attributes:
        return Reversal(None, Confidence.NONE, "it set mode or owner alone; those of before are not known")
    if path in NEEDED:
        return Reversal(None, Confidence.NONE, f"{path} is there without the crate; write what it is to hold instead")
    return Reversal(
        {"type": "file", "path": attributes["path"], "state": "absent"},
        Confidence.MEDIUM,
        f"remove {path}; a package's own version of it does not come back by itself",
    )


def _directory(attributes: Mapping[str, Any]) -> Reversal:
    path = shown(attributes.get("path"))
    if attributes.get("state") in ABSENT:
        return Reversal(None, Confidence.NONE, "it was removed; what stood there is not known here")
    if len(path.strip("/").split("/")) < MIN_DEPTH or path.startswith(("/etc/", "/usr/", "/var/lib/", "/home/")):
        return Reversal(None, Confidence.NONE, f"{path} may be there without the crate, and hold what others need")
    return Reversal(
        {"type": "directory", "path": attributes["path"], "state": "absent"},
        Confidence.LOW,
        f"remove {path} if it is empty; what others put there keeps it, and is reported as a failure",
    )


def _removed(says: str, confidence: Confidence) -> Rule:
    """A type without a state, whose product is one file."""

    def rule(attributes: Mapping[str, Any]) -> Reversal:
        path = attributes.get("path")
        return Reversal({"type": "file", "path": path, "state": "absent"}, confidence, says.format(shown(path)))

    return rule


def _git(attributes: Mapping[str, Any]) -> Reversal:
    path = attributes.get("path")
    return Reversal(
        {"type": "directory", "path": path, "state": "absent", "force": True},
        Confidence.LOW,
        f"remove {shown(path)} with all in it, also what was changed or put there by hand",
    )


def _file_line(attributes: Mapping[str, Any]) -> Reversal:
    if attributes.get("state") in ABSENT:
        return Reversal(None, Confidence.NONE, "it removed a line that is not known here")
    resource = {"type": "file_line", **_keep(attributes, "path", "line"), "state": "absent"}
    if "match" in attributes:
        return Reversal(resource, Confidence.LOW, "remove the line; the one that it replaced is not known")
    return Reversal(resource, Confidence.MEDIUM, "remove the line, also where it was there before")


def _keys(kind: str) -> Rule:
    """Keys of a document: those that were set are removed."""

    def rule(attributes: Mapping[str, Any]) -> Reversal:
        set_, merged = attributes.get("set"), attributes.get("merge")
        paths = list(set_) if isinstance(set_, dict) else []
        paths += ["/" + "/".join(path) for path in _leaves(merged)] if isinstance(merged, dict) else []
        if not paths:
            return Reversal(None, Confidence.NONE, "it removed keys; what they held is not known")
        resource = {"type": kind, **_keep(attributes, "path", "validate"), "remove": paths}
        return Reversal(
            resource, Confidence.MEDIUM, f"remove {shown(paths)}; values that they had before do not come back"
        )

    return rule


def _leaves(value: Mapping[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for key, below in value.items():
        path = (*above, str(key).replace("~", "~0").replace("/", "~1"))
        if isinstance(below, dict) and below:
            yield from _leaves(below, path)
        else:
            yield path


def _keep(attributes: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: attributes[name] for name in names if name in attributes}


RULES: Final[Mapping[str, Rule]] = {
    "acl": gone(
        "acl", "path", "users", "groups", "default", confidence=Confidence.MEDIUM,
        says="take the entries off {0}; entries that they replaced do not come back",
    ),
    "archive": gone(
        "archive", "path", confidence=Confidence.LOW, says="remove {0}, also what was put there since"
    ),
    "blockinfile": gone(
        "blockinfile", "path", "label", "comment", "comment_end", says="take the block out of {0}"
    ),
    "capability": gone("capability", "path", says="take the capabilities off {0}", confidence=Confidence.MEDIUM),
    "certificate_request": never("a private key may be in use and cannot be made again; remove it by hand"),
    "directory": _directory,
    "download": _removed("remove {0}", Confidence.HIGH),
    "file": _file,
    "file_line": _file_line,
    "git": _git,
    "hardlink": gone("hardlink", "path", says="remove the name {0}; the file stays under its others"),
    "ini": gone(
        "ini", "path", "section", "option", confidence=Confidence.MEDIUM,
        says="remove the option from {0}; a value that it had before does not come back",
    ),
    "json_file": _keys("json_file"),
    "replace": never("what the text was before it was replaced is not known"),
    "symlink": gone("symlink", "path", says="remove the link {0}; what it replaced does not come back"),
    "toml_file": _keys("toml_file"),
    "yaml_file": _keys("yaml_file"),
}  # fmt: skip
