"""What the types that manage files and their parts refuse to be told."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from schema.precious import is_precious
from schema.resources import RESOURCES
from schema.resources.capability import KNOWN

COMMIT = "a" * 40
REFUSED: list[tuple[str, dict[str, Any]]] = [
    ("acl", {"path": "/x"}),
    ("acl", {"path": "/x", "users": {"a:b": "r"}}),
    ("acl", {"path": "/x", "users": {"-a": "r"}}),
    ("acl", {"path": "/x", "users": {"a": "rwz"}}),
    ("acl", {"path": "/x", "state": "absent", "mask": "r"}),
    ("archive", {"path": "/opt", "file": "/x.tar"}),
    ("archive", {"path": "/usr/bin", "file": "/x.tar"}),
    ("archive", {"path": "/opt/x"}),
    ("archive", {"path": "/opt/x", "file": "/x.tar", "source": "files/x"}),
    ("archive", {"path": "/opt/x", "file": "/x.tar", "state": "absent"}),
    ("archive", {"path": "/opt/x", "file": "/x.tar", "sha256": "A" * 64}),
    ("blockinfile", {"path": "/x"}),
    ("blockinfile", {"path": "/x", "block": "a\n# END vigo\n"}),
    ("blockinfile", {"path": "/x", "block": "a\0"}),
    ("blockinfile", {"path": "/x", "block": "a", "label": "a\nb"}),
    ("blockinfile", {"path": "/x", "block": "a", "after": "a", "at_start": True}),
    ("blockinfile", {"path": "/x", "block": "a", "after": "("}),
    ("capability", {"path": "/x"}),
    ("capability", {"path": "/x", "permitted": ["cap_kill"]}),
    ("capability", {"path": "/x", "permitted": ["kill"], "state": "absent"}),
    ("directory", {"path": "/etc", "purge": True}),
    ("directory", {"path": "//etc/./", "purge": True}),
    ("directory", {"path": "/", "recurse": True, "owner": "root"}),
    ("directory", {"path": "/proc/sys/net", "purge": True}),
    ("directory", {"path": "/srv/x", "recurse": True}),
    ("directory", {"path": "/srv/x", "file_mode": "0644"}),
    ("directory", {"path": "/srv/x", "purge": True, "state": "absent"}),
    ("hardlink", {"path": "/x"}),
    ("hardlink", {"path": "/x", "target": "y"}),
    ("hardlink", {"path": "/x", "target": "/y", "state": "absent"}),
    ("ini", {"path": "/x", "section": "a"}),
    ("ini", {"path": "/x", "state": "absent"}),
    ("ini", {"path": "/x", "section": "a]b", "option": "x"}),
    ("ini", {"path": "/x", "section": "a\nb", "option": "x"}),
    ("ini", {"path": "/x", "option": "a=b"}),
    ("ini", {"path": "/x", "option": "#a"}),
    ("ini", {"path": "/x", "option": "[a"}),
    ("ini", {"path": "/x", "option": "a", "value": "x\ny = z"}),
    ("ini", {"path": "/x", "option": "a", "value": " x"}),
    ("ini", {"path": "/x", "option": "a", "separator": " "}),
    ("ini", {"path": "/x", "option": "a", "separator": "=\n"}),
    ("ini", {"path": "/x", "option": "a", "value": "x", "state": "absent"}),
    ("json_file", {"path": "/x"}),
    ("json_file", {"path": "/x", "set": {"": 1}}),
    ("json_file", {"path": "/x", "set": {"a": 1, "a.b": 2}}),
    ("json_file", {"path": "/x", "set": {"a": 1}, "remove": ["/a"]}),
    ("json_file", {"path": "/x", "set": {"a": float("nan")}}),
    ("json_file", {"path": "/x", "set": {"a": {1: 2}}}),
    ("json_file", {"path": "/x", "set": {"a": object()}}),
    ("json_file", {"path": "/x", "set": {"a": [[0]] * 10_001}}),
    ("toml_file", {"path": "/x", "merge": {"a": [None]}}),
    ("replace", {"path": "/x", "pattern": ""}),
    ("replace", {"path": "/x", "pattern": "(?=a)"}),
    ("replace", {"path": "/x", "pattern": "(a)", "replacement": r"\2"}),
    ("replace", {"path": "/x", "pattern": "a", "replacement": "\\n"}),
    ("replace", {"path": "/x", "pattern": "a", "replacement": "b\\"}),
    ("replace", {"path": "/x", "pattern": "a", "create": True}),
]
URLS = [
    "ftp://example.org/x", "file:///etc/passwd", "https://", "https://example.org/a b", "https://example.org/\nx",
    "https://user:secret@example.org/x", "https://example.org/x#y", "//example.org/x", "-x",
]  # fmt: skip
SERVERS = [
    "ext::sh -c touch% /tmp/x", "file:///srv/x.git", "/srv/x.git", "git://example.org/x", "http://example.org/x",
    "ssh://-oProxyCommand=x/y", "-oProxyCommand=x:y", "git@-oProxyCommand=x:y", "git@example.org:-x", "https://-x/y",
    "ssh://git@example.org/'x'", "https://example.org/x\n", "ssh://git@example.org:22;x/y", "https://example.org",
]  # fmt: skip
REVISIONS = [
    "", "-x", "--upload-pack=x", "a..b", "@{-1}", "@", "a@{1}", "HEAD^", "HEAD~1", "a:b", ":/x", "a b", "a\\b", "a\n",
    "refs/remotes/x", "refs/heads/refs/heads/x", "a.lock", "a/", "a.", "/a", "a//b", "a/.b", "[a]", "x" * 300, "a*", "refs/heads/",
]  # fmt: skip


@pytest.mark.parametrize(("kind", "spec"), REFUSED)
def test_what_cannot_be_or_would_be_dangerous_is_refused(kind: str, spec: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        RESOURCES[kind].model_validate(spec)


@pytest.mark.parametrize("url", URLS)
def test_a_download_comes_over_http_from_an_address(url: str) -> None:
    with pytest.raises(ValidationError):
        RESOURCES["download"].model_validate({"path": "/x", "url": url, "sha256": "0" * 64})


def test_headers_that_are_not_the_writers_are_refused() -> None:
    for headers in ({"Range": "bytes=0-"}, {"hOST": "x"}, {"a b": "x"}, {"a": "x\r\nb: y"}, {"": "x"}):
        with pytest.raises(ValidationError):
            RESOURCES["download"].model_validate(
                {"path": "/x", "url": "https://example.org/x", "sha256": "0" * 64, "headers": headers}
            )


@pytest.mark.parametrize("url", SERVERS)
def test_git_speaks_https_and_ssh_alone(url: str) -> None:
    with pytest.raises(ValidationError):
        RESOURCES["git"].model_validate({"path": "/srv/x", "url": url, "revision": "main"})


@pytest.mark.parametrize("revision", REVISIONS)
def test_a_revision_is_a_commit_or_a_name_and_no_expression(revision: str) -> None:
    with pytest.raises(ValidationError):
        RESOURCES["git"].model_validate({"path": "/srv/x", "url": "https://example.org/x", "revision": revision})


def test_addresses_and_names_that_are_meant_are_taken() -> None:
    for url in (
        "https://git.example.org/a/b.git", "https://ada:pw%40@git.example.org:8443/x", "https://[::1]:8443/x.git",
        "ssh://git@example.org:2222/~ada/x.git", "git@example.org:a/b.git", "git@example.org:/srv/x", "ssh://h/x",
    ):  # fmt: skip
        RESOURCES["git"].model_validate({"path": "/srv/x", "url": url, "revision": "main"})
    for revision in ("main", "feature/x-1", "v1.2.3", "refs/tags/v1", "refs/heads/a", "HEAD", COMMIT, "b" * 64):
        RESOURCES["git"].model_validate({"path": "/srv/x", "url": "https://a/x", "revision": revision})
    assert RESOURCES["archive"].model_validate({"path": "/opt//x/.", "file": "/a"}).model_dump()["path"] == "/opt/x"


def test_what_the_host_needs_is_known() -> None:
    for path in ("/", "/etc", "/etc/", "//usr/./lib", "/var/lib/dpkg", "/boot/grub/x", "/sys/a", "/anything"):
        assert is_precious(path)
    for path in ("/etc/apt/sources.list.d", "/srv/x", "/usr/local/share/x", "/var/lib/app", "/home/ada", "/bootx/y"):
        assert not is_precious(path)


def test_capabilities_have_the_numbers_of_the_kernel() -> None:
    numbers = {"chown": 0, "kill": 5, "net_bind_service": 10, "net_raw": 13, "sys_admin": 21, "checkpoint_restore": 40}
    assert {name: KNOWN.index(name) for name in numbers} == numbers
    assert len(KNOWN) == 41
