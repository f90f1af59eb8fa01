"""A host as crates: what is there and nothing else, and no secret."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from agent.hosts import RealHost
from agent.resources import TYPES
from agent.traits import COLLECTORS, Collector
from reconciler import graph
from reconciler.documents.compose import compose
from reconciler.importing import fitting, gathering, hosts, secrecy
from reconciler.importing.hosts import NOTHING, Observed, ObservedFile, Packages
from reconciler.importing.proposals import ImportRefused, Proposal
from schema.protocol.reports import Outcome
from tests.factories.trees import tree
from tests.unit.reconciler.importing.inventories import said

TRAITS: dict[str, Any] = {
    "network": {"fqdn": "web01.example.com"},
    "os": {"family": "debian"},
    "packages": {"nginx": "1.22", "libssl3": "3.0", "libc6:i386": "2.36", "odd=name": "1", "vigo-agent": "1"},
    "services": {
        "nginx": {"state": "running", "enabled": True},
        "backup": {"state": "stopped", "enabled": True},
        "broken": {"state": "failed", "enabled": True},
        "off": {"state": "running", "enabled": False},
        "systemd-logind": {"state": "running", "enabled": True},
        "getty@tty1": {"state": "running", "enabled": True},
    },
    "users": {
        "root": {"uid": 0, "gid": 0, "home": "/root", "shell": "/bin/bash", "groups": []},
        "nobody": {"uid": 65534, "gid": 65534, "home": "/nonexistent", "shell": "/usr/sbin/nologin", "groups": []},
        "jane": {"uid": 1000, "gid": 1000, "home": "/home/jane", "shell": "/bin/bash", "groups": ["sudo", "team"]},
        "j{{x}}": {"uid": 1001, "gid": 1000, "home": "/home/j", "shell": "/bin/sh", "groups": []},
    },
}
OBSERVED = Observed(
    {0: "root", 27: "sudo", 1000: "jane", 1005: "team"},
    {"jane": "Jane Doe,,,"},
    frozenset({"libssl3"}),
    [
        ObservedFile("/etc/motd", "file", "0644", "root", "root", b"hi {{ raw }}\n"),
        ObservedFile("/etc/motd", "file", "0644", "root", "root", b"hi {{ raw }}\n"),
        ObservedFile("/etc/x.j2", "file", "0600", "jane", "1234", b"\xff\x00"),
        ObservedFile("/etc/ssl/private/web.key", "file", "0600", "root", "root", b"KEY"),
        ObservedFile("/etc/localtime", "symlink", target="/usr/share/zoneinfo/UTC"),
        ObservedFile("/srv", "directory", "0755", "root", "root"),
        ObservedFile("/etc/{{ a }}", "file", "0644", "root", "root", b""),
        ObservedFile("/gone", refused="No such file or directory"),
    ],
)


def proposed(observed: Observed = OBSERVED, *, packages: Packages = Packages.MANUAL, **traits: Any) -> Proposal:
    return hosts.propose("", {**TRAITS, **traits}, observed, packages=packages, source="traits")


def resources(proposal: Proposal, crate: str) -> list[dict[str, Any]]:
    return [attributes for attributes, _ in proposal.crates[f"configcrates/web01/web01-{crate}.vgo"].resources]


def test_a_host_becomes_a_block_and_its_crates() -> None:
    proposal = proposed()
    assert compose(proposal.files["hosts/web01.vgo"]).data == {
        "envoys": [
            {
                "match": "web01.example.com",
                "configcrates": ["web01-packages", "web01-users", "web01-files", "web01-services"],
            }
        ]
    }
    fitted = fitting.fit(proposal, None)
    assert (fitted.diagnostics, fitted.conflicts) == ([], [])


def test_packages_are_those_that_were_asked_for() -> None:
    assert [each["package"] for each in resources(proposed(), "packages")] == ["libc6:i386", "nginx"]
    everything = proposed(packages=Packages.ALL)
    assert [each["package"] for each in resources(everything, "packages")] == ["libc6:i386", "libssl3", "nginx"]
    assert "package odd=name" in said(everything)
    assert "configcrates/web01/web01-packages.vgo" not in proposed(packages=Packages.NONE).crates
    unknown = proposed(NOTHING)
    assert [each["package"] for each in resources(unknown, "packages")] == ["libc6:i386", "libssl3", "nginx"]
    assert "all are listed" in said(unknown)
    assert "apt alone" in said(proposed(os={"family": "redhat"}))


def test_services_are_those_that_start_with_the_host() -> None:
    proposal = proposed()
    assert resources(proposal, "services") == [
        {"type": "service", "service": "backup", "enabled": True},
        {"type": "service", "service": "broken", "enabled": True},
        {"type": "service", "service": "nginx", "state": "running", "enabled": True},
    ]
    assert "service broken" in said(proposal)


def test_users_are_people_with_their_groups_before_them() -> None:
    proposal = proposed()
    assert resources(proposal, "users") == [
        {"type": "group", "group": "jane", "gid": 1000},
        {"type": "group", "group": "team", "gid": 1005},
        {
            "name": "user-jane",
            "type": "user",
            "user": "jane",
            "uid": 1000,
            "group": "jane",
            "groups": ["sudo", "team"],
            "comment": "Jane Doe,,,",
            "home": "/home/jane",
            "shell": "/bin/bash",
            "depends_on": ["jane", "team"],
        },
    ]
    assert "user j{{x}}" in said(proposal)


def test_files_are_copied_byte_by_byte_and_never_rendered() -> None:
    proposal = proposed()
    assert resources(proposal, "files") == [
        {
            "type": "file",
            "path": "/etc/motd",
            "source": "files/web01/etc/motd",
            "mode": "0644",
            "owner": "root",
            "group": "root",
        },
        {
            "type": "file",
            "path": "/etc/x.j2",
            "source": "files/web01/etc/x.j2.copy",
            "mode": "0600",
            "owner": "jane",
            "group": "1234",
        },
        {"type": "symlink", "path": "/etc/localtime", "target": "/usr/share/zoneinfo/UTC"},
        {"type": "directory", "path": "/srv", "mode": "0755", "owner": "root", "group": "root"},
    ]
    assert proposal.files["files/web01/etc/x.j2.copy"] == b"\xff\x00"
    assert b"KEY" not in b"".join(proposal.files.values())
    notes = said(proposal)
    for about in ("/etc/ssl/private/web.key: files of this name", "/etc/{{ a }}: holds", "/gone: No such file"):
        assert about in notes


def test_what_a_host_does_not_say_is_not_proposed() -> None:
    proposal = hosts.propose("bare.example.com", {}, NOTHING, packages=Packages.MANUAL, source="traits")
    assert proposal.crates == {}
    assert fitting.fit(proposal, None).valid
    for name in ("", "not a name", "a*b", "/etc"):
        with pytest.raises(ImportRefused):
            hosts.propose(name, {}, NOTHING, packages=Packages.MANUAL, source="traits")


@pytest.mark.parametrize(
    "traits", [{"users": "x"}, {"users": {"a": 1}}, {"packages": [1]}, {"services": {"a": None}}, {"network": 5}]
)
def test_traits_of_another_shape_do_no_harm(traits: dict[str, Any]) -> None:
    proposal = hosts.propose("a", traits, NOTHING, packages=Packages.ALL, source="traits")
    assert [resource for crate in proposal.crates.values() for resource in crate.resources] == []


def test_more_than_a_host_has_is_refused() -> None:
    traits = {"os": {"family": "debian"}, "packages": {f"p{n}": "1" for n in range(hosts.MAX_PACKAGES + 1)}}
    with pytest.raises(ImportRefused):
        hosts.propose("a", traits, NOTHING, packages=Packages.ALL, source="traits")


def test_what_something_else_owns_already_gives_way() -> None:
    existing = tree(
        {
            "common.vgo": "configcrates: [base]\n",
            "configcrates/base.vgo": "name: base\nresources:\n  - {type: package, package: nginx}\n  - {type: file, path: /etc/motd, content: x}\n",
        }
    )
    proposal = proposed()
    fitted = fitting.fit(proposal, existing)
    assert fitted.valid
    assert fitted.conflicts == []
    assert [each["package"] for each in resources(proposal, "packages")] == ["libc6:i386"]
    assert "/etc/motd" not in [each["path"] for each in resources(proposal, "files")]
    notes = said(proposal)
    assert "package nginx: package nginx is" in notes
    assert "file /etc/motd: path /etc/motd is" in notes
    assert graph.compile_tree(fitted.tree).graph is not None


def test_a_block_that_applied_until_now_is_told() -> None:
    existing = tree({"web.vgo": "envoys:\n  - {match: 'web*'}\n"})
    proposal = proposed()
    fitting.fit(proposal, existing)
    assert "web.vgo, match web*: applied to web01.example.com until now" in said(proposal)


# reading


@pytest.fixture
def root(tmp_path: Path) -> Path:
    place = tmp_path / "root"
    (place / "etc/app/sub").mkdir(parents=True)
    (place / "etc/passwd").write_text(
        "root:x:0:0::/root:/bin/sh\njane:x:1000:1000:Jane Doe,,,:/home/jane:/bin/sh\nbad\nodd:x:\u00b2:0::/:/bin/sh\n"
    )
    (place / "etc/group").write_text("root:x:0:\njane:x:1000:\n")
    (place / "var/lib/apt").mkdir(parents=True)
    (place / "var/lib/apt/extended_states").write_text(
        "Package: libssl3\nArchitecture: amd64\nAuto-Installed: 1\n\nPackage: nginx\nAuto-Installed: 0\n"
    )
    (place / "etc/app/a.conf").write_bytes(b"a\xff")
    (place / "etc/app/a.conf").chmod(0o640)
    (place / "etc/app/sub/b").write_text("b")
    for path, mode in (("etc/app", 0o755), ("etc/app/sub", 0o755), ("etc/app/sub/b", 0o644)):
        (place / path).chmod(mode)
    (place / "etc/app/link").symlink_to("/etc/passwd")
    (place / "etc/app/loop").symlink_to(".")
    os.mkfifo(place / "etc/app/fifo")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/secret").write_text("outside")
    (place / "etc/away").symlink_to(tmp_path / "outside")
    return place


def test_a_host_is_read_below_its_root_alone(root: Path) -> None:
    observed = gathering.host(root, ["/etc/app", "/etc/away/secret", "/etc/gone", "/../../outside/secret"])
    assert (observed.groups, observed.automatic) == ({0: "root", 1000: "jane"}, frozenset({"libssl3"}))
    assert observed.gecos["jane"] == "Jane Doe,,,"
    found = {
        file.path: (file.kind, file.mode, file.content, file.target, bool(file.refused)) for file in observed.files
    }
    assert found == {
        "/etc/app": ("directory", "0755", b"", "", False),
        "/etc/app/a.conf": ("file", "0640", b"a\xff", "", False),
        "/etc/app/fifo": ("", "", b"", "", True),
        "/etc/app/link": ("symlink", "", b"", "/etc/passwd", False),
        "/etc/app/loop": ("symlink", "", b"", ".", False),
        "/etc/app/sub": ("directory", "0755", b"", "", False),
        "/etc/app/sub/b": ("file", "0644", b"b", "", False),
        "/etc/away/secret": ("", "", b"", "", True),
        "/etc/gone": ("", "", b"", "", True),
        "/outside/secret": ("", "", b"", "", True),
    }
    with pytest.raises(ImportRefused, match="not absolute"):
        gathering.host(root, ["etc/app"])
    with pytest.raises(ImportRefused):
        gathering.host(root / "gone", [])


def test_a_large_file_and_too_many_files_are_refused(root: Path) -> None:
    (root / "etc/large").write_bytes(b"x" * (gathering.MAX_HOST_FILE_BYTES + 1))
    assert gathering.host(root, ["/etc/large"]).files[0].refused
    many = root / "many"
    many.mkdir()
    for number in range(gathering.MAX_HOST_FILES + 1):
        (many / str(number)).touch()
    with pytest.raises(ImportRefused):
        gathering.host(root, ["/many"])


def test_an_inventory_is_read_through_links_until_they_go_round(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared/web.yml").write_text("a: 1")
    place = tmp_path / "inventory"
    place.mkdir()
    (place / "hosts").write_text("[web]\nh\n")
    (place / "group_vars").symlink_to(tmp_path / "shared")
    source, beside = gathering.inventory(place / "hosts")
    assert isinstance(source, gathering.SourceFile)
    assert list(beside.entries) == ["group_vars"]
    (tmp_path / "shared/round").symlink_to(tmp_path / "shared")
    with pytest.raises(ImportRefused, match="round in a circle"):
        gathering.inventory(place / "hosts")
    with pytest.raises(ImportRefused):
        gathering.inventory(place / "gone")
    os.mkfifo(place / "fifo")
    with pytest.raises(ImportRefused):
        gathering.inventory(place / "fifo")
    (place / "large").write_bytes(b"#" * (gathering.MAX_BYTES + 1))
    with pytest.raises(ImportRefused):
        gathering.inventory(place / "large")


# secrets


@pytest.mark.parametrize(
    ("path", "content", "secret"),
    [
        ("/etc/shadow", "", True),
        ("/etc/ssh/ssh_host_ed25519_key", "", True),
        ("/etc/ssh/ssh_host_ed25519_key.pub", "ssh-ed25519 AAAA root@h", False),
        ("/home/jane/.ssh/id_rsa", "", True),
        ("/etc/app.conf", "-----BEGIN OPENSSH PRIVATE KEY-----", True),
        ("/etc/app.conf", "-----BEGIN CERTIFICATE-----", False),
        ("/etc/app.conf", "jane:$6$abcdefgh$ijklmnopqrstuvwxyz", True),
        ("/etc/app.conf", "db_password = hunter2", True),
        ("/etc/app.conf", '  "apiKey": "abcdefgh"', True),
        ("/etc/app.conf", '  "api_key": "abcdefgh"', True),
        ("/etc/app.conf", "url=postgres://app:hunter2@db/app", True),
        ("/etc/app.conf", "# password = none here", False),
        ("/etc/ssh/sshd_config", "PasswordAuthentication no\nPermitEmptyPasswords no", False),
        ("/etc/pam.d/common", "password requisite pam_deny.so", False),
        ("/etc/login.defs", "PASS_MAX_DAYS 99999", False),
        ("/etc/nsswitch.conf", "passwd: files\nshadow: files", False),
        ("/etc/wireguard/wg0.conf", "[Interface]", True),
        ("/srv/app/secret.env", "A=b", True),
        ("/srv/app/production.env", "A=b", True),
        ("/srv/app/conf", "PW=hunter2", True),
        ("/etc/motd", "hello", False),
    ],
)
def test_files_that_look_secret_are_told_apart(path: str, content: str, secret: bool) -> None:
    assert bool(secrecy.in_file(path, content.encode())) is secret


def test_looking_for_secrets_takes_time_that_grows_with_the_text_alone() -> None:
    for text in ("a" * 1_000_000, "password" * 100_000, ("a_" * 2_000 + "\n") * 200, "a://" * 200_000, " " * 900_000):
        assert secrecy.in_file("/etc/x", text.encode()) == ""


def test_what_is_proposed_of_this_very_machine_is_as_it_is() -> None:
    """Packages, accounts and groups, of which a directory that stands for a host has none to try."""
    host = RealHost(Path("/"))
    traits = Collector(host, collectors={name: COLLECTORS[name] for name in ("os", "packages", "users")}).collect()
    observed = gathering.host(Path("/"), ["/etc/os-release", "/etc/passwd"])
    proposal = hosts.propose("here", traits.values, observed, packages=Packages.ALL, source="traits")
    checked = 0
    for crate in proposal.crates.values():
        for attributes, _ in crate.resources:
            kind = TYPES[attributes["type"]]
            if attributes["type"] == "file" or kind.unsupported(host) is not None:
                continue
            given = {key: value for key, value in attributes.items() if key not in ("type", "depends_on")}
            spec = kind.spec.model_validate(given)
            assert kind.converge(host, spec, dry_run=True).outcome is Outcome.UNCHANGED, attributes
            checked += 1
    assert checked or not traits.values.get("packages")
