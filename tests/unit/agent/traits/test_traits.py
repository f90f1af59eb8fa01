"""Each trait says what the schema declares, from the host's own files, and one that fails costs no other."""

from __future__ import annotations

import json
import os
from importlib import import_module
from typing import Any

import pytest

from agent.hosts import Kind, MemoryHost, Ran, RealHost
from agent.hosts.memory import Node
from agent.traits import COLLECTORS, Collector, Traits, package_updates
from agent.traits import hardware as hardware_trait
from agent.traits import loadavg as loadavg_trait
from agent.traits import memory as memory_trait
from agent.traits import mountpoints as mountpoints_trait
from agent.traits import network as network_trait
from agent.traits import os as os_trait
from agent.traits import packages as packages_trait
from agent.traits import services as services_trait
from agent.traits import uptime as uptime_trait
from agent.traits import users as users_trait
from schema.traits import TRAITS, TraitType, lookup
from tests.factories.hosts import host

TYPES = {
    TraitType.STRING: str,
    TraitType.INT: int,
    TraitType.FLOAT: float,
    TraitType.BOOL: bool,
    TraitType.LIST: list,
    TraitType.MAP: dict,
}


QUICK = {name: collect for name, collect in COLLECTORS.items() if name != "package_updates"}
"""Without the one that asks a package manager, for seconds."""


def walk(value: Any, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Any]]:
    found = [(path, value)] if path else []
    if isinstance(value, dict):
        for key, item in value.items():
            found += walk(item, (*path, key))
    return found


def conforms(traits: Traits) -> None:
    for path, value in walk(traits.values):
        info = lookup(path)
        assert info is not None, path
        assert type(value) is TYPES[info.type], (path, value)
    for path, info in TRAITS.items():
        if info.always and "*" not in path:
            found: Any = traits.values
            for part in path.split("."):
                assert part in found, path
                found = found[part]


def test_there_is_a_collector_for_each_trait_and_no_other() -> None:
    assert set(COLLECTORS) == {path.split(".")[0] for path in TRAITS}
    for name in COLLECTORS:
        assert callable(import_module(f"agent.traits.{name}").collect)


def test_this_machine_is_what_the_schema_declares() -> None:
    traits = Collector(RealHost("/"), collectors=QUICK).collect()
    if RealHost("/").privileged:
        assert traits.errors == {}
    conforms(Traits({**traits.values, "package_updates": package_updates.collect(MemoryHost())}, {}))
    assert len(traits.values) >= 40


def test_whoever_is_not_root_is_told_what_may_be_told_and_why_not_more() -> None:
    """In a child, which gives up what it may; all that it needs is loaded before."""
    Collector(RealHost("/"), collectors=QUICK).collect()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            if os.geteuid() == 0:
                os.setgroups([])
                os.setgid(65534)
                os.setuid(65534)
            found = Collector(RealHost("/"), collectors=QUICK).collect()
            os.write(writing, json.dumps([sorted(found.values), found.errors]).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8") as answer:
        names, errors = json.loads(answer.read())
    assert os.waitpid(child, 0)[1] == 0
    assert set(COLLECTORS) - set(names) <= {*errors, "package_updates"}
    assert {"os", "users", "groups", "memory", "network", "processes", "packages", "boot"} <= set(names)
    assert not any("internal" in why or "did not end" in why for why in errors.values()), errors


def test_a_directory_that_stands_for_a_host_is_too(tmp_path: Any) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/os-release").write_text('ID=alpine\nVERSION_ID="3.20"\n')
    (tmp_path / "etc/hostname").write_text("web01.example.com\n")
    (tmp_path / "etc/passwd").write_text("deploy:x:1001:1001::/srv:/bin/sh\n")
    traits = Collector(RealHost(tmp_path)).collect()
    assert traits.errors == {}
    conforms(traits)
    assert traits.values["os"]["family"] == "alpine"
    assert traits.values["network"]["fqdn"] == "web01.example.com"
    assert set(traits.values["users"]) == {"deploy"}
    assert traits.values["packages"] == {}
    assert traits.values["agent_self"]["confined"] is True


@pytest.mark.parametrize(
    ("release", "family", "distro"),
    [
        ("ID=debian\n", "debian", "debian"),
        ("ID=ubuntu\nID_LIKE=debian\n", "debian", "ubuntu"),
        ('ID="rocky"\nID_LIKE="rhel centos fedora"\n', "redhat", "rocky"),
        ("ID='opensuse-leap'\nID_LIKE='suse opensuse'\n", "suse", "opensuse-leap"),
        ("ID=arch\n", "arch", "arch"),
        ("ID=void\n", "void", "void"),
        ("# nothing\n", "linux", "linux"),
    ],
)
def test_os_release_names_the_family(release: str, family: str, distro: str) -> None:
    found = os_trait.collect(host({"/etc/os-release": release}))
    assert (found["family"], found["distro"], found["id"]) == (family, distro, distro)


def test_os_release_may_be_a_link_and_says_its_codename() -> None:
    machine = host({"/usr/lib/os-release": 'ID=debian\nVERSION_CODENAME=bookworm\nPRETTY_NAME="Debian \\"12\\""\n'})
    machine.nodes["/etc"] = Node(Kind.DIRECTORY)
    machine.nodes["/etc/os-release"] = Node(Kind.SYMLINK, target="../usr/lib/os-release")
    found = os_trait.collect(machine)
    assert found["codename"] == "bookworm"
    assert found["name"] == 'Debian "12"'
    assert found["init"] == "other"


def test_systemd_is_seen_running_and_in_a_root_that_does_not_run() -> None:
    assert os_trait.collect(host({"/run/systemd/system/x": ""}))["init"] == "systemd"
    assert os_trait.collect(host({"/lib/systemd/systemd": ""}))["init"] == "other"
    assert os_trait.collect(host({"/lib/systemd/systemd": ""}, confined=True))["init"] == "systemd"
    assert os_trait.collect(host({"/sbin/openrc": ""}, confined=True))["init"] == "openrc"


def test_hardware_reads_memory_and_dmi() -> None:
    found = hardware_trait.collect(
        host(
            {
                "/proc/meminfo": "MemTotal:       16318564 kB\nMemFree: 1 kB\n",
                "/proc/cpuinfo": "processor : 0\nmodel name\t: Some CPU\nprocessor : 1\nmodel name : Other\n",
                "/sys/class/dmi/id/sys_vendor": "VMware, Inc.\n",
                "/sys/class/dmi/id/product_name": "VMware7,1\n",
            }
        )
    )
    assert found["memory_mb"] == 15936
    assert found["cpu_model"] == "Some CPU"
    assert (found["virtual"], found["vendor"], found["product"]) == ("vmware", "VMware, Inc.", "VMware7,1")
    assert found["container"] is False


@pytest.mark.parametrize("sign", ["/.dockerenv", "/run/.containerenv", "/run/systemd/container"])
def test_a_container_is_known_by_its_signs(sign: str) -> None:
    assert hardware_trait.collect(host({"/proc/meminfo": "MemTotal: 1024 kB\n", sign: ""}))["container"] is True


def test_memory_load_and_uptime_are_the_kernels() -> None:
    machine = host(
        {
            "/proc/meminfo": "MemTotal: 4096 kB\nMemFree: 1024 kB\nMemAvailable: 2048 kB\nSwapTotal: 0 kB\n",
            "/proc/loadavg": "0.52 0.31 0.20 1/234 5678\n",
            "/proc/uptime": "12345.67 23456.78\n",
            "/proc/stat": "cpu 1 2 3\nbtime 1795000000\n",
        }
    )
    assert memory_trait.collect(machine) == {
        "total_mb": 4,
        "available_mb": 2,
        "swap_total_mb": 0,
        "swap_free_mb": 0,
    }
    load = loadavg_trait.collect(machine)
    assert load.pop("per_cpu") > 0
    assert load == {"one": 0.52, "five": 0.31, "fifteen": 0.2, "running": 1, "tasks": 234}
    assert uptime_trait.collect(machine) == {"seconds": 12345, "booted_at": "2026-11-18T11:06:40Z"}


def test_users_come_with_their_groups() -> None:
    found = users_trait.collect(
        host(
            {
                "/etc/passwd": "root:x:0:0:root:/root:/bin/bash\n+nis::::::\nodd\ndeploy:x:1001:1001::/srv:/bin/sh\n",
                "/etc/group": "root:x:0:\nsudo:x:27:deploy,jane\nadm:x:4:deploy\n",
            }
        )
    )
    assert found == {
        "root": {"uid": 0, "gid": 0, "home": "/root", "shell": "/bin/bash", "groups": []},
        "deploy": {"uid": 1001, "gid": 1001, "home": "/srv", "shell": "/bin/sh", "groups": ["adm", "sudo"]},
    }


def test_mounts_leave_out_what_stores_nothing() -> None:
    table = "proc /proc proc rw 0 0\n/dev/sda1 / ext4 rw,relatime 0 0\n/dev/sdb1 /no\\040such xfs rw 0 0\n"
    found = mountpoints_trait.collect(host({"/proc/self/mounts": table}))
    assert set(found) == {"/"}
    assert found["/"]["device"] == "/dev/sda1"
    assert found["/"]["options"] == ["rw", "relatime"]
    assert found["/"]["size_mb"] > 0
    confined = mountpoints_trait.collect(host({"/proc/self/mounts": table}, confined=True))
    assert set(confined) == {"/", "/no such"}


DPKG = """Package: nginx
Status: install ok installed
Priority: optional
Architecture: amd64
Version: 1.22.1-9
Description: small
 Package: not this one

Package: gone
Status: deinstall ok config-files
Version: 1

Package: libc6
Status: install ok installed
Architecture: amd64
Version: 2.36

Package: libc6
Status: hold ok installed
Architecture: i386
Version: 2.36
"""


def test_packages_of_each_manager() -> None:
    assert packages_trait.collect(host({"/var/lib/dpkg/status": DPKG})) == {
        "nginx": "1.22.1-9",
        "libc6": "2.36",
        "libc6:i386": "2.36",
    }
    apk = "C:Q1\nP:musl\nV:1.2.5-r0\nA:x86_64\n\nP:busybox\nV:1.36\n\n"
    assert packages_trait.collect(host({"/lib/apk/db/installed": apk})) == {"musl": "1.2.5-r0", "busybox": "1.36"}
    pacman = host({"/var/lib/pacman/local/zlib-1:1.3-2/desc": "", "/var/lib/pacman/local/ALPM_DB_VERSION": "9"})
    assert packages_trait.collect(pacman) == {"zlib": "1:1.3-2"}
    rpm = MemoryHost({"rpm": lambda *_: Ran(0, b"bash\t5.2-1.fc40\tx86_64\tbash-5.2-1.fc40.src.rpm\nodd line\n", b"")})
    assert packages_trait.collect(rpm) == {"bash": "5.2-1.fc40"}
    assert packages_trait.collect(MemoryHost()) == {}


def test_services_of_systemd() -> None:
    def systemctl(_: MemoryHost, argv: Any, __: bytes) -> Ran:
        if "list-unit-files" in argv:
            return Ran(0, b"ssh.service enabled enabled\ncron.service disabled enabled\ngetty@.service static -\n", b"")
        return Ran(0, b"ssh.service loaded active running OpenSSH\nbad.service loaded failed failed Bad\n"
                   b"gone.service not-found inactive dead gone\n", b"")  # fmt: skip

    machine = host({"/run/systemd/system/x": ""}, programs={"systemctl": systemctl})
    assert services_trait.collect(machine) == {
        "ssh": {"state": "running", "enabled": True},
        "cron": {"state": "stopped", "enabled": False},
        "getty@": {"state": "stopped", "enabled": False},
        "bad": {"state": "failed", "enabled": False},
    }
    failing = host({"/run/systemd/system/x": ""}, programs={"systemctl": lambda *_: Ran(1, b"", b"no bus")})
    with pytest.raises(LookupError, match="no bus"):
        services_trait.collect(failing)
    assert services_trait.collect(MemoryHost()) == {}


def test_network_names_addresses_and_default_route() -> None:
    found = network_trait.collect(RealHost("/"))
    assert found["interfaces"]["lo"]["up"] is True
    assert "127.0.0.1/8" in found["interfaces"]["lo"]["addresses"]
    assert all(not address.startswith("127.") for address in found["ip_addresses"])
    machine = host(
        {
            "/etc/hostname": "web01\n",
            "/etc/hosts": "127.0.0.1 localhost\n192.0.2.9 other web01 web01.prod.example.com # here\n",
            "/etc/resolv.conf": "search example.com\nnameserver 192.0.2.53\nnameserver\n",
            "/proc/net/route": "Iface\tDestination\tGateway\n"
            "eth1\t00000000\t010200C0\t0003\t0\t0\t200\t00000000\t0\t0\t0\n"
            "eth0\t00000000\t020200C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n",
        },
        confined=True,
    )
    found = network_trait.collect(machine)
    assert (found["hostname"], found["fqdn"], found["domain"]) == (
        "web01",
        "web01.prod.example.com",
        "prod.example.com",
    )
    assert found["nameservers"] == ["192.0.2.53"]
    assert (found["default_interface"], found["default_gateway"]) == ("eth0", "192.0.2.2")


def test_an_ipv6_default_route_counts_where_there_is_no_other() -> None:
    line = f"{'0' * 32} 00 {'0' * 32} 00 fe80{'0' * 27}1 00000400 00000001 00000000 00000003     eth0\n"
    found = network_trait.collect(host({"/proc/net/route": "Iface\n", "/proc/net/ipv6_route": line}, confined=True))
    assert (found["default_interface"], found["default_gateway"]) == ("eth0", "fe80::1")
