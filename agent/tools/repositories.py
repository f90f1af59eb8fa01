"""The files of package repositories: apt's deb822 (sources.list(5)), and the `.repo` files of dnf(8) and zypper(8).

One form for each: which files a spec comes to, whether its lists have been fetched, and how they are. What is written
into them has been vetted by the spec: no value holds a newline.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, Protocol

from agent.hosts import Host, HostFault
from agent.tools import apt, dnf, rpm, zypper
from schema import openpgp
from schema.resources.repository import RepositorySpec

_NOTE: Final = "# Written by Vigo: changes made here are undone.\n"


class Form(Protocol):
    """How one package manager has its repositories."""

    imports_keys: bool

    def path(self, spec: RepositorySpec) -> str:
        """The file that says where the repository is."""
        ...

    def files(self, spec: RepositorySpec, key: bytes | None) -> Mapping[str, bytes | None]:
        """Each path that is its own → what is to stand there, keys first; None: nothing. Raises `HostFault`."""
        ...

    def fetched(self, host: Host, spec: RepositorySpec) -> bool:
        """Whether the host has its lists."""
        ...

    def fetch(self, host: Host, spec: RepositorySpec) -> None:
        """Fetch its lists. Raises `HostFault`."""
        ...

    def import_key(self, host: Host, path: str) -> None:
        """Have the keys in a file trusted. Raises `HostFault`."""
        ...


def form(name: str) -> Form:
    """That of `apt`, `dnf` or `zypper`."""
    return _FORMS[name]


class _Apt:
    imports_keys = False
    _LISTS: Final = "/var/lib/apt/lists"

    def path(self, spec: RepositorySpec) -> str:
        return f"/etc/apt/sources.list.d/{spec.repository}.sources"

    def files(self, spec: RepositorySpec, key: bytes | None) -> Mapping[str, bytes | None]:
        keys = {kind: f"/etc/apt/keyrings/{spec.repository}.{kind}" for kind in ("asc", "gpg")}
        if spec.state == "absent":
            return {self.path(spec): None, **dict.fromkeys(keys.values())}
        if not spec.suites or not spec.uris:
            raise HostFault("apt needs uris and suites")
        if not spec.components and not all(suite.endswith("/") for suite in spec.suites):
            raise HostFault("apt needs components, unless the suite is a path that ends in /")
        own = None if key is None else keys["asc" if openpgp.is_armored(key) else "gpg"]
        fields = {
            "Enabled": "" if spec.enabled else "no",
            "Types": " ".join(spec.types),
            "URIs": " ".join(spec.uris),
            "Suites": " ".join(spec.suites),
            "Components": " ".join(spec.components),
            "Architectures": " ".join(spec.architectures),
            "Signed-By": own or "",
            "Trusted": "yes" if spec.unsigned else "",
        }
        text = _NOTE + "".join(f"{name}: {value}\n" for name, value in fields.items() if value)
        # The new key is there before it is named, and the old one for as long as it is.
        return {path: key if path == own else None for path in keys.values()} | {self.path(spec): text.encode()}

    def fetched(self, host: Host, spec: RepositorySpec) -> bool:
        known: list[str] | None = host.memo.get(self._LISTS)
        if known is None:
            known = host.memo[self._LISTS] = host.listdir(self._LISTS) if host.lstat(self._LISTS) is not None else []
        return all(any(name.startswith(prefix) for name in known) for prefix in _list_names(spec))

    def fetch(self, host: Host, spec: RepositorySpec) -> None:
        apt.update_source(host, self.path(spec))

    def import_key(self, host: Host, path: str) -> None:
        """Apt reads the file that is named."""


class _Rpm:
    """What dnf and zypper have in common."""

    imports_keys = False
    directory: str

    def path(self, spec: RepositorySpec) -> str:
        return f"{self.directory}/{spec.repository}.repo"

    def files(self, spec: RepositorySpec, key: bytes | None) -> Mapping[str, bytes | None]:
        key_path = f"/etc/pki/rpm-gpg/vigo-{spec.repository}"
        if spec.state == "absent":
            return {self.path(spec): None, key_path: None}
        if spec.suites or spec.components:
            raise HostFault("suites and components are apt's, which this host does not have")
        fields = {
            "name": spec.description or spec.repository,
            "baseurl": "\n    ".join(spec.uris),
            "mirrorlist": spec.mirrorlist or "",
            "enabled": _digit(spec.enabled),
            "gpgcheck": _digit(not spec.unsigned),
            "repo_gpgcheck": _digit(spec.signed_lists),
            "gpgkey": "" if key is None else f"file://{key_path}",
        }
        lines = "".join(f"{name}={value}\n" for name, value in fields.items() if value)
        return {key_path: key, self.path(spec): f"{_NOTE}[{spec.repository}]\n{lines}".encode()}

    def import_key(self, host: Host, path: str) -> None:
        rpm.import_key(host, path)


class _Dnf(_Rpm):
    directory = "/etc/yum.repos.d"
    _CACHES: Final = ("/var/cache/dnf", "/var/cache/libdnf5", "/var/cache/yum")

    def fetched(self, host: Host, spec: RepositorySpec) -> bool:
        ours = re.compile(rf"{re.escape(spec.repository)}-[0-9a-f]{{16}}")
        return any(
            ours.fullmatch(name) and host.lstat(f"{cache}/{name}/repodata/repomd.xml") is not None
            for cache in self._CACHES
            if host.lstat(cache) is not None
            for name in host.listdir(cache)
        )

    def fetch(self, host: Host, spec: RepositorySpec) -> None:
        dnf.refresh_repository(host, spec.repository)


class _Zypper(_Rpm):
    directory = "/etc/zypp/repos.d"
    imports_keys = True
    """It asks before it trusts the key that a repository names, and there is nobody to answer."""

    def fetched(self, host: Host, spec: RepositorySpec) -> bool:
        return host.lstat(f"/var/cache/zypp/raw/{spec.repository}/repodata") is not None

    def fetch(self, host: Host, spec: RepositorySpec) -> None:
        zypper.refresh_repository(host, spec.repository)


_FORMS: Final[Mapping[str, Form]] = {"apt": _Apt(), "dnf": _Dnf(), "zypper": _Zypper()}


def _digit(value: bool) -> str:  # noqa: FBT001
    return "1" if value else "0"


def _list_names(spec: RepositorySpec) -> list[str]:
    """How the names of apt's lists begin (`URItoFileName` of apt-pkg/strutl.cc), where that is known."""
    found = []
    for uri in spec.uris:
        scheme, _, rest = uri.partition(":")
        if scheme not in ("http", "https", "file") or "$(" in uri:
            continue
        place = rest.removeprefix("//").rstrip("/")
        for suite in spec.suites:
            whole = f"{place}/{suite}" if suite.endswith("/") else f"{place}/dists/{suite}/"
            quoted = re.sub(r"[\\|{}\[\]<>\"^~_=!@#$%&*]", lambda each: f"%{ord(each[0]):02x}", whole)
            found.append(quoted.replace("/", "_"))
    return found
