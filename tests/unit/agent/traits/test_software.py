"""Traits of software and of what runs, from what Debian, Fedora, Alpine, openSUSE and Arch write and say."""

from __future__ import annotations

import os
import struct
from collections.abc import Sequence

import pytest

from agent.hosts import Kind, MemoryHost, Ran
from agent.hosts.memory import Node
from agent.traits import (
    cron,
    network,
    ntp,
    package_sources,
    package_updates,
    packages,
    ports,
    processes,
    repositories,
    services,
    sources,
    timers,
)
from tests.factories.hosts import host, says

DPKG = """Package: libc-bin
Status: install ok installed
Architecture: amd64
Source: glibc
Version: 2.36-9

Package: bash
Status: install ok installed
Architecture: amd64
Source: bash (5.2.15-2)
Version: 5.2.15-2+b8

Package: adduser
Status: install ok installed
Architecture: all
Version: 3.134
"""
APK = "P:musl-utils\nV:1.2.5-r0\nA:x86_64\no:musl\n\nP:busybox\nV:1.36.1-r2\no:busybox\n\n"
RPM = (
    "openssl-libs\t1:3.2.2-3.fc40\tx86_64\topenssl-3.2.2-3.fc40.src.rpm\n"
    "glibc\t2.39-22.fc40\tx86_64\tglibc-2.39-22.fc40.src.rpm\n"
    "glibc\t2.39-22.fc40\ti686\tglibc-2.39-22.fc40.src.rpm\n"
    "gpg-pubkey\ta15b79cc-63d04c2c\t(none)\t(none)\n"
)


def test_source_packages_of_each_manager() -> None:
    assert package_sources.collect(host({"/var/lib/dpkg/status": DPKG})) == {
        "libc-bin": {"name": "glibc", "version": "2.36-9"},
        "bash": {"name": "bash", "version": "5.2.15-2"},
    }
    assert package_sources.collect(host({"/lib/apk/db/installed": APK})) == {
        "musl-utils": {"name": "musl", "version": "1.2.5-r0"}
    }
    fedora = MemoryHost({"rpm": says(RPM)})
    assert package_sources.collect(fedora) == {"openssl-libs": {"name": "openssl", "version": "1:3.2.2-3.fc40"}}
    assert packages.collect(fedora)["glibc:i686"] == "2.39-22.fc40"
    assert len(fedora.runs) == 1  # who asks at the same time is served by one reading


APT = """bash/oldstable 5.2.15-2+b13 amd64 [upgradable from: 5.2.15-2+b8]
libssl3/oldstable,oldstable-security 3.0.17-1~deb12u3 amd64 [upgradable from: 3.0.11-1]
installed-only/now 1.0 amd64 [installed,local]
"""
DNF = """
openssl-libs.x86_64                    1:3.2.4-1.fc40              updates
kernel.x86_64                          6.14.5-100.fc40             updates

Obsoleting Packages
old.noarch                             1.0-1                       updates
"""
ZYPPER = """S | Repository | Name  | Current Version | Available Version | Arch
--+------------+-------+-----------------+-------------------+-------
v | Main       | vim   | 9.0-1           | 9.1-1             | x86_64
"""


@pytest.mark.parametrize(
    ("program", "said", "code", "expected"),
    [
        ("apt", APT, 0, {"bash": "5.2.15-2+b13", "libssl3": "3.0.17-1~deb12u3"}),
        ("dnf", DNF, 100, {"openssl-libs": "1:3.2.4-1.fc40", "kernel": "6.14.5-100.fc40"}),
        ("apk", "Installed:   Available:\nmusl-1.2.5-r0   < 1.2.5-r1 \nlibc-utils-0.7.2-r5 < 0.7.3-r0\n", 0,
         {"musl": "1.2.5-r1", "libc-utils": "0.7.3-r0"}),
        ("zypper", ZYPPER, 0, {"vim": "9.1-1"}),
        ("pacman", "linux 6.9.1-1 -> 6.9.2-1\nvim 9-1 -> 10-1 [ignored]\n", 0, {"linux": "6.9.2-1", "vim": "10-1"}),
    ],
)  # fmt: skip
def test_what_would_be_newer_without_fetching_anything(
    program: str, said: str, code: int, expected: dict[str, str]
) -> None:
    def answers(_: MemoryHost, __: Sequence[str], ___: bytes) -> Ran:
        return Ran(code, said.encode(), b"")

    machine = MemoryHost({program: answers, "rpm": says(RPM)})
    found = package_updates.collect(machine)
    assert {name: each["available"] for name, each in found["updates"].items()} == expected
    assert found["count"] == len(expected)
    if program == "apt":
        assert found["security"] == 1
        assert found["updates"]["libssl3"] == {
            "installed": "3.0.11-1",
            "available": "3.0.17-1~deb12u3",
            "security": True,
        }
    if program == "dnf":
        assert found["updates"]["openssl-libs"]["installed"] == "1:3.2.2-3.fc40"
    assert not {"update", "refresh", "--refresh", "-Sy"} & {word for run in machine.runs for word in run}


def test_a_package_manager_that_fails_is_a_trait_that_is_not_told() -> None:
    with pytest.raises(LookupError, match="no cache"):
        package_updates.collect(MemoryHost({"dnf": says("no cache", 1)}))
    assert package_updates.collect(MemoryHost()) == {"count": 0, "updates": {}}


SOURCES = """deb [arch=amd64 signed-by=/usr/share/keyrings/x.gpg] https://user:hunter2@repo.example.com/apt stable main extra # c
# deb http://off stable main
deb-src [trusted=yes] http://deb.debian.org/debian bookworm main
deb broken
"""
DEB822 = """# comment
Types: deb deb-src
URIs: http://deb.debian.org/debian
Suites: bookworm bookworm-updates
Components: main
 contrib
Signed-By: /usr/share/keyrings/debian.gpg

Types: deb
URIs: http://example.com/
Suites: ./
Enabled: no
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 x
"""
YUM = """[fedora]
name=Fedora
metalink=https://mirrors.fedoraproject.org/metalink?repo=fedora
enabled=1
gpgcheck=1
gpgkey=file:///etc/pki/rpm-gpg/KEY

[local]
baseurl=http://localhost/
gpgcheck=0
"""


def test_where_packages_come_from() -> None:
    debian = repositories.collect(
        host({"/etc/apt/sources.list": SOURCES, "/etc/apt/sources.list.d/debian.sources": DEB822})
    )
    assert [(each["type"], each["uri"], each["suite"], each["enabled"]) for each in debian["sources"]] == [
        ("deb", "https://user:***@repo.example.com/apt", "stable", True),
        ("deb-src", "http://deb.debian.org/debian", "bookworm", True),
        ("deb", "http://deb.debian.org/debian", "bookworm bookworm-updates", True),
        ("deb-src", "http://deb.debian.org/debian", "bookworm bookworm-updates", True),
        ("deb", "http://example.com/", "./", False),
    ]
    assert (debian["count"], debian["unsigned"]) == (4, 1)
    assert debian["sources"][0]["signed_by"] == "/usr/share/keyrings/x.gpg"
    assert debian["sources"][0]["components"] == "main extra"
    assert debian["sources"][2]["components"] == "main contrib"
    assert debian["sources"][4]["signed_by"] == "(in the file)"
    fedora = repositories.collect(host({"/etc/yum.repos.d/fedora.repo": YUM, "/etc/yum.repos.d/x.repo": "no section"}))
    assert [(each["suite"], each["enabled"]) for each in fedora["sources"]] == [("fedora", True), ("local", True)]
    assert fedora["unsigned"] == 1
    alpine = repositories.collect(
        host({"/etc/apk/repositories": "https://dl-cdn.alpinelinux.org/v3.20/main\n@edge http://edge\n#http://off\n"})
    )
    assert [(each["uri"], each["suite"]) for each in alpine["sources"]] == [
        ("https://dl-cdn.alpinelinux.org/v3.20/main", ""),
        ("http://edge", "@edge"),
    ]
    arch = repositories.collect(
        host(
            {
                "/etc/pacman.conf": "[options]\nSigLevel = Required\n[core]\nInclude = /etc/m\n[own]\nSigLevel = Never\nServer = http://x\n"
            }
        )
    )
    assert (arch["count"], arch["unsigned"]) == (2, 1)


TCP = """  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1538 00000000:0000 0A 00000000:00000000 00:00000000 00000000   108        0 20001 1
   1: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 20002 1
   2: 0100007F:1538 0100007F:9999 01 00000000:00000000 00:00000000 00000000   108        0 20003 1
"""
TCP6 = """  sl  local_address                         remote_address                        st tx rx tr
   0: 00000000000000000000000001000000:0019 00000000000000000000000000000000:0000 0A 0:0 00:0 0     0        0 20004 1
"""
UDP = """  sl  local_address rem_address   st
  10: 00000000:0044 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 20005 2
  11: 00000000:E000 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 20006 2
"""
STAT = "{} ({}) S 1 10 10 0 -1 {} 1 0 0 0 {} 50 0 0 20 0 1 0 1000 10000000 {} 184467 0 0\n"


def machine() -> MemoryHost:
    return host(
        {
            "/proc/net/tcp": TCP,
            "/proc/net/tcp6": TCP6,
            "/proc/net/udp": UDP,
            "/proc/uptime": "1000.00 1000.00\n",
            "/proc/100/stat": STAT.format(100, "sshd", 4194560, 150, 2560),
            "/proc/100/comm": "sshd\n",
            "/proc/200/stat": STAT.format(200, "postgres: (x) y", 4194560, 9950, 25600),
            "/proc/200/comm": "postgres\n",
            "/proc/300/stat": STAT.format(300, "kthreadd", 0x200000, 9, 0),
            "/proc/400/stat": "torn",
            "/etc/passwd": "root:x:0:0::/root:/bin/sh\npostgres:x:108:108::/:/bin/sh\n",
        },
        links={"/proc/100/fd/3": "socket:[20002]", "/proc/200/fd/7": "socket:[20001]", "/proc/200/fd/8": "/dev/null"},
    )


def test_who_listens_and_whose_it_is() -> None:
    found = ports.collect(machine())
    assert [
        (each["protocol"], each["address"], each["port"], each["process"], each["user"]) for each in found["listening"]
    ] == [
        ("tcp", "0.0.0.0", 22, "sshd", "root"),
        ("tcp", "127.0.0.1", 5432, "postgres", "postgres"),
        ("tcp6", "::1", 25, "", "root"),
        ("udp", "0.0.0.0", 68, "", "root"),
    ]
    assert (found["tcp"], found["udp"]) == ([22, 25, 5432], [68])  # without a port that waits for an answer
    assert ports.collect(MemoryHost(confined=True)) == {"listening": [], "tcp": [], "udp": []}


def test_processes_that_may_not_be_looked_into_are_said() -> None:
    class Strangers(MemoryHost):
        def listdir(self, path: str) -> list[str]:
            if path == "/proc/200/fd":
                raise PermissionError(13, "Permission denied", path)
            return super().listdir(path)

    hidden = Strangers()
    hidden.nodes.update(machine().nodes)
    with pytest.raises(sources.Partly, match="not all processes") as told:
        ports.collect(hidden)
    assert [each["process"] for each in told.value.values["listening"]] == ["sshd", "", "", ""]


def test_what_runs_by_name_and_what_it_costs() -> None:
    found = processes.collect(machine())
    assert (found["count"], found["zombies"]) == (2, 0)
    assert found["names"] == ["postgres: (x) y", "sshd"]
    first = found["top_cpu"][0]
    hertz = os.sysconf("SC_CLK_TCK")
    assert first["name"] == "postgres: (x) y"
    assert first["cpu_percent"] == round(100 * (10_000 / hertz) / (1000 - 1000 / hertz), 1)
    assert first["rss_mb"] == 25600 * os.sysconf("SC_PAGESIZE") / 1024**2
    assert [each["name"] for each in found["top_memory"]] == ["postgres: (x) y", "sshd"]


def test_services_of_openrc_from_its_own_links() -> None:
    alpine = host(
        {
            "/run/openrc/softlevel": "default",
            "/etc/init.d/sshd": "",
            "/etc/init.d/crond": "",
            "/etc/init.d/chronyd": "",
            "/etc/init.d/functions.sh": "",
        },
        links={
            "/run/openrc/started/sshd": "/etc/init.d/sshd",
            "/run/openrc/failed/crond": "/etc/init.d/crond",
            "/etc/runlevels/default/sshd": "/etc/init.d/sshd",
            "/etc/runlevels/boot/chronyd": "/etc/init.d/chronyd",
        },
    )
    assert services.collect(alpine) == {
        "sshd": {"state": "running", "enabled": True},
        "crond": {"state": "failed", "enabled": False},
        "chronyd": {"state": "stopped", "enabled": True},
    }


def test_services_of_sysvinit_do_not_tell_whether_they_run() -> None:
    old = host({"/etc/init.d/ssh": "", "/etc/init.d/README": ""}, links={"/etc/rc2.d/S02ssh": "../init.d/ssh"})
    old.nodes["/run"] = Node(Kind.DIRECTORY)
    old.nodes["/run/initctl"] = Node(Kind.OTHER)
    assert services.collect(old) == {"ssh": {"state": "unknown", "enabled": True}}


TIMERS = """Id=apt-daily.timer
Unit=apt-daily.service
UnitFileState=enabled
ActiveState=active
LastTriggerUSec=Sun 2026-11-22 06:00:01 UTC
NextElapseUSecRealtime=Mon 2026-11-23 03:12:00 UTC

Id=boot-only.timer
Unit=boot-only.service
UnitFileState=static
ActiveState=inactive
LastTriggerUSec=n/a
NextElapseUSecRealtime=
"""


def test_timers_of_systemd() -> None:
    machine = host({"/run/systemd/system/x": ""}, programs={"systemctl": says(TIMERS)})
    assert timers.collect(machine) == {
        "apt-daily": {
            "unit": "apt-daily.service",
            "enabled": True,
            "active": True,
            "last": "2026-11-22T06:00:01Z",
            "next": "2026-11-23T03:12:00Z",
        },
        "boot-only": {"unit": "boot-only.service", "enabled": False, "active": False},
    }
    assert timers.collect(MemoryHost()) == {}
    failing = host({"/run/systemd/system/x": ""}, programs={"systemctl": says("no bus", 1)})
    with pytest.raises(LookupError, match="no bus"):
        timers.collect(failing)


def test_who_sets_the_clock() -> None:
    debian = host(
        {
            "/etc/chrony/chrony.conf": "# c\npool 2.debian.pool.ntp.org iburst\nserver a.example.com\nmakestep 1 3\n",
            "/etc/chrony/sources.d/own.sources": "server b.example.com iburst\n",
        }
    )
    found = ntp.collect(debian)
    assert (found["service"], found["servers"]) == (
        "chrony",
        ["2.debian.pool.ntp.org", "a.example.com", "b.example.com"],
    )
    systemd = host({"/etc/systemd/timesyncd.conf": "[Time]\n#NTP=off\nNTP=a.example.com b.example.com\n"})
    assert ntp.collect(systemd)["servers"] == ["a.example.com", "b.example.com"]
    assert ntp.collect(MemoryHost())["servers"] == []
    assert type(ntp.collect(MemoryHost())["synchronized"]) is bool


CRONTAB = """SHELL=/bin/sh
PATH=/usr/sbin:/usr/bin
17 *\t* * *\troot    cd / && run-parts --report /etc/cron.hourly
@reboot\tbackup\tPASSWORD=hunter2 /usr/local/bin/backup --token=hunter2
*/5 * * * mon-fri deploy /srv/app/bin/poll
broken line
"""


def test_what_cron_runs_without_its_arguments() -> None:
    found = cron.collect(
        host(
            {
                "/etc/crontab": CRONTAB,
                "/etc/cron.d/app.bak": "* * * * * root /never\n",
                "/var/spool/cron/crontabs/jane": "0 4 * * * /home/jane/bin/report secret\n",
                "/etc/cron.daily/apt": "",
                "/etc/periodic/weekly/x": "",
            }
        )
    )
    assert [(each["user"], each["schedule"], each["program"]) for each in found["jobs"]] == [
        ("root", "17 * * * *", "cd"),
        ("backup", "@reboot", "/usr/local/bin/backup"),
        ("deploy", "*/5 * * * mon-fri", "/srv/app/bin/poll"),
        ("jane", "0 4 * * *", "/home/jane/bin/report"),
    ]
    assert found["scripts"] == {"hourly": [], "daily": ["apt"], "weekly": ["x"], "monthly": []}
    assert "hunter2" not in str(found)


def test_routes_and_resolvers() -> None:
    def word(address: str) -> str:
        return f"{struct.unpack('=I', bytes(map(int, address.split('.'))))[0]:08X}"

    row = "eth0\t{}\t{}\t0003\t0\t0\t100\t{}\t0\t0\t0\n"
    six = "{} {} {} 00 {} 00000400 00000001 00000000 {} {}\n"
    nowhere = "0" * 32
    found = network.collect(
        host(
            {
                "/etc/resolv.conf": "# c\nsearch old.example.com\nsearch example.com sub.example.com\noptions edns0 rotate\n"
                "nameserver 192.0.2.53\nnameserver 192.0.2.54\n",
                "/proc/net/route": "Iface\n"
                + row.format(word("0.0.0.0"), word("192.0.2.1"), word("0.0.0.0"))
                + row.format(word("192.0.2.0"), word("0.0.0.0"), word("255.255.255.0")),
                "/proc/net/ipv6_route": six.format("fd00" + "0" * 28, "40", nowhere, nowhere, "00000001", "eth0")
                + six.format("fd00" + "0" * 27 + "2", "80", nowhere, nowhere, "80200001", "eth0")
                + six.format(nowhere, "00", nowhere, nowhere, "00200200", "lo"),
            },
            confined=True,
        )
    )
    assert found["dns"] == {"search": ["example.com", "sub.example.com"], "options": ["edns0", "rotate"]}
    assert found["nameservers"] == ["192.0.2.53", "192.0.2.54"]
    assert [(each["destination"], each["gateway"], each["metric"]) for each in found["routes"]] == [
        ("0.0.0.0/0", "192.0.2.1", 100),
        ("192.0.2.0/24", "", 100),
        ("fd00::/64", "", 1024),
    ]
