"""A host as configuration: what it says it is, and files of its own, as crates and a match block.

Only what is there is proposed, as it is there: applying the proposal to that host changes nothing. Secrets are refused.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, NamedTuple

from pydantic import ValidationError

from reconciler.documents.kinds import Kind
from reconciler.importing import secrecy, writing
from reconciler.importing.proposals import Crate, ImportRefused, Notes, Proposal
from schema.resources import RESOURCES
from schema.secrets import REFERENCE

HUMANS: Final = range(1000, 60_000)
"""Ids that adduser gives to people; what lies outside belongs to the system."""
MAX_PACKAGES: Final = 5_000
MAX_SERVICES: Final = 2_000
MAX_USERS: Final = 2_000

_HOSTNAME: Final = re.compile(
    r"(?=.{1,253}\Z)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*", re.IGNORECASE
)
_PLUMBING: Final = re.compile(
    r"(?:systemd-|getty@|serial-getty@|container-getty@|console-getty|autovt@|user@|user-runtime-dir@|initrd-|dbus|"
    r"emergency|rescue|debug-shell|quotaon|rc-local|ldconfig|modprobe@|plymouth|e2scrub|fstrim|apt-daily|dpkg-db-backup|"
    r"vigo-agent)"
)
_FLATPACKED: Final = re.compile(r"[^A-Za-z0-9._@+-]")


class Packages(StrEnum):
    """Which packages are proposed."""

    MANUAL = "manual"
    """Those that nobody's dependencies brought; all, where that is not known."""
    ALL = "all"
    NONE = "none"


class ObservedFile(NamedTuple):
    """One path of a host, or why it was not read."""

    path: str
    kind: str = ""
    """file, directory or symlink."""
    mode: str = ""
    owner: str = ""
    group: str = ""
    content: bytes = b""
    target: str = ""
    refused: str = ""


@dataclass
class Observed:
    """What files of a host say, beside its traits."""

    groups: dict[int, str]
    """Id → name."""
    gecos: dict[str, str]
    """Account → its comment."""
    automatic: frozenset[str] | None
    """Packages that came as dependencies; None where that is not known."""
    files: list[ObservedFile] = field(default_factory=list)


NOTHING: Final = Observed({}, {}, None)


def propose(
    hostname: str, traits: Mapping[str, Any], observed: Observed, *, packages: Packages, source: str
) -> Proposal:
    """The crates and the match block that keep a host as it is.

    Args:
        hostname: "" for the one that the traits say.
        traits: as the agent collects them.
        source: where they are from, for the comments.

    Raises:
        ImportRefused: no host name, or more of something than a host has.
    """
    name = hostname or str(_map(traits, "network").get("fqdn") or "")
    if not _HOSTNAME.fullmatch(name):
        raise ImportRefused(f"{name!r} is no host name", hint="name the host: `vigo import host HOSTNAME`")
    notes = Notes()
    short = name.partition(".")[0].lower()
    made = [
        Crate(f"{short}-packages", f"Packages of {name}.", list(_packages(traits, observed, packages, source, notes))),
        Crate(f"{short}-users", f"People's accounts of {name}.", list(_users(traits, observed, source, notes))),
        Crate(f"{short}-files", f"Files of {name}.", []),
        Crate(f"{short}-services", f"Services of {name}.", list(_services(traits, source, notes))),
    ]
    proposal = Proposal({}, notes)
    made[2].resources.extend(_files(short, observed, source, proposal))
    kept = [crate for crate in made if crate.resources]
    for crate in kept:
        proposal.crates[f"configcrates/{short}/{crate.name}.vgo"] = crate
    block = {"match": name, "configcrates": [crate.name for crate in kept]}
    comment = f"Imported from {source}: what {name} was like then."
    proposal.files[f"hosts/{short}.vgo"] = writing.document(Kind.LEAF, {"envoys": [block]}, comment=comment)
    notes.add("cron", "traits do not tell of jobs: import their files, as `--file /etc/cron.d/backup`")
    return proposal


def _map(traits: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = traits.get(key)
    return found if isinstance(found, Mapping) else {}


def _resource(notes: Notes, about: str, attributes: dict[str, Any]) -> dict[str, Any] | None:
    """The attributes, when a resource can have them: braces would be templates, and names have their forms."""
    spec = RESOURCES[attributes["type"]]
    texts = [text for value in attributes.values() for text in (value if isinstance(value, list) else [value])]
    if any(isinstance(text, str) and ("{{" in text or "{%" in text or "{#" in text) for text in texts):
        notes.add(about, "holds what would be read as a template: left out")
        return None
    if any(isinstance(text, str) and REFERENCE.search(text) for text in texts):
        notes.add(about, "holds what would be read as a reference to a secret: left out")
        return None
    try:
        spec.model_validate({key: value for key, value in attributes.items() if key not in ("type", "name")})
    except ValidationError as error:
        wrong = error.errors()[0]
        notes.add(about, f"{'.'.join(map(str, wrong['loc']))}: {wrong['msg']}: left out")
        return None
    return attributes


def _packages(
    traits: Mapping[str, Any], observed: Observed, which: Packages, source: str, notes: Notes
) -> Iterator[tuple[dict[str, Any], str]]:
    installed = _map(traits, "packages")
    if which is Packages.NONE or not installed:
        return
    family = _map(traits, "os").get("family")
    if family != "debian":
        notes.add("packages", f"of {family or 'an unknown'} family: Vigo manages packages through apt alone; left out")
        return
    if len(installed) > MAX_PACKAGES:
        raise ImportRefused(f"more than {MAX_PACKAGES} packages")
    chosen = sorted(installed)
    if which is Packages.MANUAL:
        if observed.automatic is None:
            notes.add("packages", "which of them were asked for is known on the host alone (--root /): all are listed")
        else:
            chosen = [name for name in chosen if name.partition(":")[0] not in observed.automatic]
            notes.add("packages", f"{len(installed) - len(chosen)} came as dependencies: left out; --packages all")
    comment = f"Installed according to {source}; add `version:` to pin one."
    for name in chosen:
        if name.startswith("vigo"):
            notes.add(f"package {name}", "the agent's own: left out")
            continue
        found = _resource(notes, f"package {name}", {"type": "package", "package": name})
        if found is not None:
            yield found, comment
            comment = ""


def _services(traits: Mapping[str, Any], source: str, notes: Notes) -> Iterator[tuple[dict[str, Any], str]]:
    services = _map(traits, "services")
    if not services:
        notes.add("services", "none are known: the host has no systemd, or the agent is confined to a directory")
        return
    if len(services) > MAX_SERVICES:
        raise ImportRefused(f"more than {MAX_SERVICES} services")
    comment = f"Enabled when the host starts, according to {source}."
    plumbing = 0
    for name, service in sorted(services.items()):
        if not isinstance(service, Mapping) or service.get("enabled") is not True:
            continue
        if _PLUMBING.match(name) or name.endswith("@"):
            plumbing += 1
            continue
        attributes: dict[str, Any] = {"type": "service", "service": name}
        if service.get("state") == "running":
            attributes["state"] = "running"
        elif service.get("state") == "failed":
            notes.add(f"service {name}", "is enabled, but has failed: only that it is enabled is proposed")
        found = _resource(notes, f"service {name}", {**attributes, "enabled": True})
        if found is not None:
            yield found, comment
            comment = ""
    if plumbing:
        notes.add("services", f"{plumbing} belong to the system itself (systemd, getty, dbus ...): left out")


def _users(
    traits: Mapping[str, Any], observed: Observed, source: str, notes: Notes
) -> Iterator[tuple[dict[str, Any], str]]:
    people = {
        name: user
        for name, user in sorted(_map(traits, "users").items())
        if isinstance(user, Mapping) and isinstance(user.get("uid"), int) and user["uid"] in HUMANS
    }
    if len(people) > MAX_USERS:
        raise ImportRefused(f"more than {MAX_USERS} accounts of people")
    comment = f"According to {source}. Passwords are not imported: they stay as they are."
    needed = {observed.groups.get(user.get("gid", -1)): user["gid"] for user in people.values() if "gid" in user}
    ids = {name: number for number, name in observed.groups.items()}
    for user in people.values():
        needed |= {name: ids[name] for name in user.get("groups") or () if ids.get(name, 0) in HUMANS}
    proposed = set()
    for name, number in sorted((name, number) for name, number in needed.items() if name and number in HUMANS):
        found = _resource(notes, f"group {name}", {"type": "group", "group": name, "gid": number})
        if found is not None:
            proposed.add(name)
            yield found, comment
            comment = ""
    if people and not observed.groups:
        notes.add("groups", "their names and ids are known on the host alone (--root /): accounts keep theirs")
    for name, user in people.items():
        group = observed.groups.get(user.get("gid", -1))
        groups = sorted(str(each) for each in user.get("groups") or ())
        fields = {
            "uid": user["uid"],
            "group": group,
            "groups": groups or None,
            "comment": observed.gecos.get(name) or None,
            "home": user.get("home") or None,
            "shell": user.get("shell") or None,
        }
        # Most people have a group of their name, and that has the name of a resource already.
        called = {"name": f"user-{name}"} if name in proposed else {}
        attributes = {
            "type": "user",
            **called,
            "user": name,
            **{key: each for key, each in fields.items() if each is not None},
        }
        waits = sorted(proposed & {each for each in (group, *groups) if each})
        found = _resource(notes, f"user {name}", attributes)
        if found is not None:
            yield {**found, **({"depends_on": waits} if waits else {})}, comment
            comment = ""


def _files(short: str, observed: Observed, source: str, proposal: Proposal) -> Iterator[tuple[dict[str, Any], str]]:
    notes, taken = proposal.notes, set()
    for file in observed.files:
        if file.path in taken:
            continue
        taken.add(file.path)
        if file.refused:
            notes.add(file.path, f"{file.refused}: left out")
            continue
        owned = {"mode": file.mode, "owner": file.owner, "group": file.group}
        if file.kind == "symlink":
            attributes: dict[str, Any] = {"type": "symlink", "path": file.path, "target": file.target}
        elif file.kind == "directory":
            attributes = {"type": "directory", "path": file.path, **owned}
        else:
            secret = secrecy.in_file(file.path, file.content)
            if secret:
                notes.add(file.path, f"{secret}: left out")
                notes.add("secrets", "store one with `vigo secrets set NAME`, and write `content: secret:NAME`")
                continue
            path = _source(short, file.path)
            attributes = {"type": "file", "path": file.path, "source": path, **owned}
        found = _resource(notes, file.path, attributes)
        if found is None:
            continue
        if file.kind == "file":
            proposal.files[found["source"]] = file.content
        yield found, f"As it is on the host, {source}." if len(taken) == 1 else ""


def _source(short: str, path: str) -> str:
    """Where a file's bytes are kept. A name that would be rendered, or read as configuration, gets another ending."""
    safe = "/".join(_FLATPACKED.sub("-", part) or "-" for part in posixpath.normpath(path).strip("/").split("/"))
    return f"files/{short}/{safe}{'.copy' if safe.endswith(('.j2', '.vgo')) else ''}"
