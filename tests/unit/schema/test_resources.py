"""Parameters of the resource types: what each takes, what it owns, and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from schema.resources import RESOURCES
from tests.strategies import keys

LEAST: dict[str, dict[str, Any]] = {
    "acl": {"path": "/srv/x", "users": {"ada": "r"}},
    "aide": {"aide": "app", "rules": ["/etc/app p"]},
    "alternatives": {"alternative": "editor", "path": "/usr/bin/vim"},
    "apparmor": {"apparmor": "usr.sbin.cupsd"},
    "archive": {"path": "/opt/x", "file": "/tmp/x.tar"},
    "auditd_rule": {"auditd_rule": "identity", "rules": ["-w /etc/shadow -p wa"]},
    "banner": {"banner": "motd", "content": "x"},
    "blockinfile": {"path": "/etc/hosts", "block": "x"},
    "capability": {"path": "/usr/bin/x", "permitted": ["net_raw"]},
    "certificate": {"certificate": "corp", "content": "x"},
    "certificate_request": {"path": "/etc/ssl/app.key"},
    "container": {"container": "cache", "image": "docker.io/library/redis:7.4"},
    "container_image": {"image": "docker.io/library/redis:7.4"},
    "cron": {"job": "backup", "schedule": "0 3 * * *", "command": "true"},
    "custom": {"custom": "flags", "executor": "/usr/local/lib/vigo/flags"},
    "directory": {"path": "/srv"},
    "download": {"path": "/x", "url": "https://example.org/x", "sha256": "0" * 64},
    "exec": {"command": "true", "unless": "false"},
    "file": {"path": "/etc/motd"},
    "file_line": {"path": "/etc/hosts", "line": "127.0.0.1 localhost"},
    "firewall": {"rule": "web"},
    "git": {"path": "/srv/x", "url": "https://example.org/x.git", "revision": "main"},
    "group": {"group": "ops"},
    "hardlink": {"path": "/x", "target": "/y"},
    "host_entry": {"host": "db", "address": "10.0.0.5"},
    "hostname": {"hostname": "web01"},
    "ini": {"path": "/x", "option": "a"},
    "json_file": {"path": "/x", "set": {"a": 1}},
    "kernel_module": {"module": "nf_conntrack"},
    "kernel_parameter": {"parameter": "splash"},
    "known_host": {"host": "git", "key": keys.ONE},
    "limits": {"limits": "app", "entries": ["* soft core 0"]},
    "locale": {"locale": "en_GB.UTF-8"},
    "logrotate": {"rotation": "shop", "paths": ["/var/log/shop/*.log"]},
    "mount": {"path": "/srv/scratch", "device": "tmpfs", "fstype": "tmpfs"},
    "nonrepo_package": {"package": "monitor", "version": "4.2.0", "path": "/x.deb", "sha256": "0" * 64},
    "notice": {"message": "x"},
    "ntp": {"servers": ["ntp1.example.net"]},
    "package": {"package": "nginx"},
    "pam": {"module": "pam_umask.so", "service": "login", "facility": "session"},
    "password_policy": {"policy": "users", "max_days": 365},
    "pip_package": {"package": "ourtool"},
    "process": {"process": "telnetd"},
    "reboot": {"reboot": "updates"},
    "replace": {"path": "/x", "pattern": "a"},
    "repository": {"repository": "local", "uris": "file:/srv/packages"},
    "resolver": {"resolver": "resolv.conf", "nameservers": ["10.0.0.1"]},
    "selinux": {"selinux": "mode", "kind": "mode", "value": "enforcing"},
    "service": {"service": "nginx"},
    "ssh_key": {"key": keys.ONE},
    "sudoers": {"sudoers": "deploy", "rules": ["deploy ALL=(ALL) ALL"]},
    "swap": {"path": "/dev/vg0/swap"},
    "symlink": {"path": "/etc/localtime", "target": "/usr/share/zoneinfo/UTC"},
    "sysctl": {"key": "net.ipv4.ip_forward", "value": "1"},
    "systemd_timer": {"timer": "backup", "on_calendar": "daily", "command": "true"},
    "systemd_unit": {"unit": "x.service.d/limits.conf", "content": "[Service]\nLimitNOFILE=65536\n"},
    "timezone": {"timezone": "Europe/Berlin"},
    "tmpfiles": {"tmpfiles": "shop", "lines": ["d /run/shop 0750 root root -"]},
    "toml_file": {"path": "/x", "set": {"a": 1}},
    "user": {"user": "ada"},
    "watch_secret": {"watch": "shop-db", "value": "secret:shop/db"},
    "yaml_file": {"path": "/x", "set": {"a": 1}},
}


def test_every_type_is_here() -> None:
    assert set(LEAST) == set(RESOURCES)


@pytest.mark.parametrize("kind", sorted(LEAST))
def test_what_it_least_needs_is_enough_and_each_of_it_is_needed(kind: str) -> None:
    spec = RESOURCES[kind]
    made = spec.model_validate(LEAST[kind])
    named = LEAST[kind].get(spec.IDENTITY, spec.model_fields[spec.IDENTITY].default)
    assert getattr(made, spec.IDENTITY) in (named, [named])  # a type that takes several takes one
    for name in LEAST[kind]:
        with pytest.raises(ValidationError):
            spec.model_validate({key: value for key, value in LEAST[kind].items() if key != name})


@pytest.mark.parametrize("kind", sorted(LEAST))
def test_it_is_frozen_and_takes_no_other_key(kind: str) -> None:
    spec = RESOURCES[kind]
    with pytest.raises(ValidationError, match="Extra inputs"):
        spec.model_validate({**LEAST[kind], "colour": "red"})
    with pytest.raises(ValidationError, match="frozen"):
        setattr(spec.model_validate(LEAST[kind]), spec.IDENTITY, "x")


@pytest.mark.parametrize("kind", sorted(LEAST))
def test_every_field_has_a_safe_default_or_is_needed(kind: str) -> None:
    made = RESOURCES[kind].model_validate(LEAST[kind])
    for name in ("force", "remove_home", "backup", "create", "refreshonly"):
        assert getattr(made, name, False) in (False, None)
    assert getattr(made, "state", "present") in ("present", "enforce", "loaded", "mounted", "running", "selected", None)


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("file", {"path": "etc/motd"}),
        ("file", {"path": "/etc/\0motd"}),
        ("file", {"path": "/" + "x" * 4096}),
        ("file", {"mode": "644 "}),
        ("file", {"mode": "0888"}),
        ("file", {"mode": "00644"}),
        ("file", {"mode": 420}),
        ("file", {"content": "a", "source": "files/a"}),
        ("file", {"content": "a", "state": "absent"}),
        ("file", {"source": "files/a", "state": "absent"}),
        ("file", {"state": "gone"}),
        ("directory", {"path": "~/x"}),
        ("directory", {"mode": "755x"}),
        ("symlink", {"target": ""}),
        ("file_line", {"line": "a\nb"}),
        ("file_line", {"line": "a\rb"}),
        ("file_line", {"state": "absent", "after": "x"}),
        ("package", {"package": "ngi nx"}),
        ("package", {"package": "-rf"}),
        ("package", {"package": "nginx;reboot"}),
        ("package", {"package": "nginx=1"}),
        ("package", {"version": "-1"}),
        ("package", {"version": "1 2"}),
        ("service", {"service": "-x"}),
        ("service", {"service": "a/b"}),
        ("service", {"service": "a b"}),
        ("service", {"state": "paused"}),
        ("group", {"group": "o ps"}),
        ("group", {"group": "0ps"}),
        ("group", {"gid": -1}),
        ("group", {"gid": 2**32 - 1}),
        ("user", {"user": "root:x"}),
        ("user", {"user": "-x"}),
        ("user", {"uid": 2**32 - 1}),
        ("user", {"comment": "a:b"}),
        ("user", {"comment": "a\nb"}),
        ("user", {"home": "home/ada"}),
        ("user", {"password_hash": "a:b"}),
        ("user", {"password_hash": "a\nb"}),
        ("user", {"group": "a b"}),
        ("cron", {"job": "a/b"}),
        ("cron", {"job": "../x"}),
        ("cron", {"job": ".x"}),
        ("cron", {"schedule": "* * * *"}),
        ("cron", {"schedule": "* * * * * *"}),
        ("cron", {"schedule": "* * * * *\n* * * * *"}),
        ("cron", {"schedule": "@Daily!"}),
        ("cron", {"command": "a\nb"}),
        ("cron", {"command": ""}),
        ("cron", {"user": "root x"}),
        ("exec", {"command": ""}),
        ("exec", {"unless": None}),
        ("exec", {"timeout_s": 0}),
        ("exec", {"timeout_s": 86_401}),
        ("exec", {"returns": []}),
        ("exec", {"cwd": "tmp"}),
        ("exec", {"creates": "x"}),
    ],
)
def test_what_cannot_be_or_would_be_dangerous_is_refused(kind: str, change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        RESOURCES[kind].model_validate({**LEAST[kind], **change})


@pytest.mark.parametrize(
    ("kind", "owns"),
    [
        ("cron", "cron"),
        ("directory", "path"),
        ("exec", None),
        ("file", "path"),
        ("file_line", None),
        ("group", "group"),
        ("package", "package"),
        ("service", None),
        ("symlink", "path"),
        ("user", "user"),
    ],
)
def test_what_is_owned_whole_is_owned_by_one(kind: str, owns: str | None) -> None:
    assert owns == RESOURCES[kind].OWNS


@pytest.mark.parametrize(
    ("kind", "attributes", "expected"),
    [
        ("service", {"service": "x", "state": "restarted"}, True),
        ("service", {"service": "x", "state": "reloaded"}, True),
        ("service", {"service": "x", "state": "running"}, False),
        ("service", {"service": "x"}, False),
        ("exec", {"command": "x", "refreshonly": True}, True),
        ("exec", {"command": "x", "unless": "y"}, False),
        ("file", {"path": "/x"}, False),
    ],
)
def test_an_act_runs_only_when_it_is_notified(kind: str, attributes: dict[str, Any], expected: bool) -> None:
    assert RESOURCES[kind].notify_only(attributes) is expected


def test_a_command_needs_something_that_says_when_it_is_done() -> None:
    spec = RESOURCES["exec"]
    for guard in ({"onlyif": "a"}, {"unless": "a"}, {"creates": "/a"}, {"refreshonly": True}):
        spec.model_validate({"command": "x", **guard})
    with pytest.raises(ValidationError, match="would run for ever"):
        spec.model_validate({"command": "x"})


def test_names_written_for_people_are_taken() -> None:
    file = RESOURCES["file"].model_validate({"path": "/a", "validate": "visudo -cf %"})
    assert file.model_dump(by_alias=True)["validate"] == "visudo -cf %"
    user = RESOURCES["user"].model_validate({"user": "ada", "groups": "ops"})
    assert user.model_dump()["groups"] == ["ops"]
    RESOURCES["cron"].model_validate({"job": "a", "state": "absent"})
    RESOURCES["cron"].model_validate({"job": "a", "schedule": "@daily", "command": "b"})
    RESOURCES["cron"].model_validate({"job": "a", "schedule": "*/5 0-6 1,15 JAN-MAR mon", "command": "b"})


@given(st.text(max_size=30))
def test_whatever_a_package_is_called_it_is_no_option_and_no_shell(name: str) -> None:
    try:
        made = RESOURCES["package"].model_validate({"package": name})
    except ValidationError:
        return
    (text,) = made.model_dump()["package"]
    assert text == name
    assert not text.startswith("-")
    assert not set(text) & set(" \t\n;|&$`'\"<>()*?[]{}\\/=!~#%")
