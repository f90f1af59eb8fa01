"""Traits of the machine, from files as real kernels and distributions write them."""

from __future__ import annotations

import struct
from typing import Any

import pytest

from agent.hosts import HostFault, MemoryHost
from agent.traits import (
    apparmor,
    boot,
    cloud,
    container,
    cpu,
    disks,
    filesystem,
    kernel_modules,
    mountpoints,
    secureboot,
    selinux,
    sources,
    swap,
    sysctl,
    time,
    tpm,
    virtualization,
)
from tests.factories.hosts import host

MEMINFO = "MemTotal: 4096 kB\nMemFree: 1024 kB\nSwapTotal: 2097148 kB\nSwapFree: 1048576 kB\n"
X86 = """processor\t: 0
vendor_id\t: GenuineIntel
model name\t: Intel(R) Xeon(R)
microcode\t: 0x2b000603
physical id\t: 0
core id\t\t: 0
flags\t\t: fpu vme sse2 hypervisor

processor\t: 1
physical id\t: 0
core id\t\t: 1

processor\t: 2
physical id\t: 1
core id\t\t: 0

processor\t: 3
physical id\t: 1
core id\t\t: 0
"""
ARM = """processor\t: 0
BogoMIPS\t: 50.00
Features\t: fp asimd evtstrm aes
CPU implementer\t: 0x41

processor\t: 1
Features\t: fp asimd
"""


def test_processors_of_intel_and_arm() -> None:
    found = cpu.collect(
        host(
            {
                "/proc/cpuinfo": X86,
                "/sys/devices/system/cpu/vulnerabilities/meltdown": "Not affected\n",
                "/sys/devices/system/cpu/vulnerabilities/spectre_v2": "Mitigation: Retpolines; IBPB\n",
            }
        )
    )
    assert (found["cores"], found["sockets"], found["vendor"], found["microcode"]) == (
        3,
        2,
        "GenuineIntel",
        "0x2b000603",
    )
    assert found["flags"] == ["fpu", "hypervisor", "sse2", "vme"]
    assert found["vulnerabilities"] == {"meltdown": "Not affected", "spectre_v2": "Mitigation: Retpolines; IBPB"}
    arm = cpu.collect(host({"/proc/cpuinfo": ARM}))
    assert (arm["vendor"], arm["flags"], arm["sockets"]) == ("ARM", ["aes", "asimd", "evtstrm", "fp"], 1)
    assert "model" not in arm


def test_swap_of_a_partition_and_of_a_file_with_a_blank() -> None:
    table = (
        "Filename\tType\tSize\tUsed\tPriority\n/dev/sda2 partition 1048572 512 -2\n/swap\\040file file 1048576 0 5\n"
    )
    found = swap.collect(host({"/proc/swaps": table, "/proc/meminfo": MEMINFO, "/proc/sys/vm/swappiness": "60\n"}))
    assert found["devices"] == {
        "/dev/sda2": {"type": "partition", "size_mb": 1023, "used_mb": 0, "priority": -2},
        "/swap file": {"type": "file", "size_mb": 1024, "used_mb": 0, "priority": 5},
    }
    assert (found["total_mb"], found["free_mb"], found["swappiness"]) == (2047, 1024, 60)


def test_disks_and_their_partitions_without_what_is_none() -> None:
    found = disks.collect(
        host(
            {
                "/sys/block/sda/size": "41943040\n",
                "/sys/block/sda/queue/rotational": "1\n",
                "/sys/block/sda/removable": "0\n",
                "/sys/block/sda/ro": "0\n",
                "/sys/block/sda/device/model": "QEMU HARDDISK   \n",
                "/sys/block/sda/sda1/partition": "1\n",
                "/sys/block/sda/sda2/partition": "2\n",
                "/sys/block/nvme0n1/size": "1000215216\n",
                "/sys/block/nvme0n1/nvme0n1p1/partition": "1\n",
                "/sys/block/loop0/size": "1\n",
                "/sys/block/sr0/size": "1\n",
            }
        )
    )
    assert set(found) == {"sda", "nvme0n1"}
    assert found["sda"] == {
        "size_mb": 20480,
        "rotational": True,
        "removable": False,
        "read_only": False,
        "model": "QEMU HARDDISK",
        "partitions": ["sda1", "sda2"],
    }
    assert found["nvme0n1"]["partitions"] == ["nvme0n1p1"]
    assert disks.collect(MemoryHost()) == {}


FSTAB = """# <file system> <mount point> <type> <options> <dump> <pass>
UUID=1-2 / ext4 errors=remount-ro 0 1
/dev/sda2 none swap sw 0 0
//nas/share /mnt/share cifs username=x,password=hunter2,ro 0 0
broken
"""


def test_file_systems_that_are_wanted_and_mounted_and_no_password_of_theirs() -> None:
    machine = host(
        {
            "/proc/filesystems": "nodev\tsysfs\nnodev\ttmpfs\n\text4\n\txfs\n",
            "/proc/self/mounts": "/dev/sda1 / ext4 rw 0 0\n//nas/s /mnt/x cifs rw,password=hunter2 0 0\nodd\n",
            "/proc/swaps": "Filename\n/dev/sda2 partition 1 0 -2\n",
            "/etc/fstab": FSTAB,
        }
    )
    found = filesystem.collect(machine)
    assert found["supported"] == ["ext4", "sysfs", "tmpfs", "xfs"]
    assert found["used"] == ["cifs", "ext4"]
    assert found["fstab"]["/"] == {
        "device": "UUID=1-2",
        "fstype": "ext4",
        "options": ["errors=remount-ro"],
        "mounted": True,
    }
    assert found["fstab"]["/dev/sda2"]["mounted"] is True
    share = found["fstab"]["/mnt/share"]
    assert (share["options"], share["mounted"]) == (["username=x", "password=***", "ro"], False)
    assert set(found["usage"]) == {"/"}  # a network's is not asked: it may never answer
    assert 0 <= found["usage"]["/"]["used_percent"] <= 100
    assert mountpoints.collect(machine)["/mnt/x"]["options"] == ["rw", "password=***"]
    assert "hunter2" not in str(found)


@pytest.mark.parametrize(
    ("files", "kind"),
    [
        ({"/sys/class/dmi/id/sys_vendor": "QEMU\n"}, "kvm"),
        (
            {
                "/sys/class/dmi/id/sys_vendor": "Microsoft Corporation\n",
                "/sys/class/dmi/id/product_name": "Virtual Machine\n",
            },
            "hyperv",
        ),
        ({"/sys/hypervisor/type": "xen\n"}, "xen"),
        ({"/proc/cpuinfo": "flags : fpu hypervisor\n"}, "unknown"),
        ({"/sys/class/dmi/id/sys_vendor": "Dell Inc.\n"}, "none"),
    ],
)
def test_the_hypervisor_by_its_signs(files: dict[str, str], kind: str) -> None:
    found = virtualization.collect(host(files))
    assert (found["type"], found["guest"]) == (kind, kind != "none")


@pytest.mark.parametrize(
    ("files", "engine"),
    [
        ({"/.dockerenv": ""}, "docker"),
        ({"/run/.containerenv": ""}, "podman"),
        ({"/run/systemd/container": "systemd-nspawn\n"}, "systemd-nspawn"),
        ({"/.dockerenv": "", "/proc/1/cgroup": "0::/kubepods/burstable/pod1\n"}, "kubernetes"),
        ({"/proc/1/cgroup": "0::/lxc/web/init.scope\n"}, "lxc"),
    ],
)
def test_what_it_is_a_container_of(files: dict[str, str], engine: str) -> None:
    assert container.collect(host(files)) == {"inside": True, "engine": engine, "runtimes": []}


def test_what_runs_containers_here() -> None:
    assert container.collect(host({"/usr/bin/podman": "", "/proc/1/cgroup": "0::/init.scope\n"})) == {
        "inside": False,
        "runtimes": ["podman"],
    }


def test_the_cloud_by_its_firmware_and_what_cloud_init_wrote() -> None:
    data = '{"v1": {"cloud_name": "aws", "instance_id": "i-1", "region": "eu-west-1", "availability_zone": null}, "ds": {}}'
    found = cloud.collect(
        host({"/sys/class/dmi/id/sys_vendor": "Amazon EC2\n", "/run/cloud-init/instance-data.json": data})
    )
    assert found == {"cloud_init": True, "provider": "aws", "instance_id": "i-1", "region": "eu-west-1"}
    assert cloud.collect(MemoryHost()) == {"cloud_init": False}
    for odd in ("[]", "{", '{"v1": 3}', '{"v1": {"region": ["x"]}}'):
        assert "region" not in cloud.collect(host({"/run/cloud-init/instance-data.json": odd}))


def record(kind: int, moment: int) -> bytes:
    return struct.pack("=h", kind).ljust(340, b"\0") + struct.pack("=I", moment) + bytes(40)


def test_boots_from_wtmp_and_a_command_line_without_its_secrets() -> None:
    wtmp = record(2, 1_700_000_000) + record(7, 1_700_000_500) + record(2, 1_750_000_000) + b"torn"
    found = boot.collect(
        host(
            {
                "/var/log/wtmp": wtmp,
                "/proc/cmdline": "BOOT_IMAGE=/vmlinuz root=UUID=1 ro rd.luks.key=abc nfs.password=hunter2 quiet\n",
                "/run/reboot-required": "*** System restart required ***\n",
                "/run/reboot-required.pkgs": "linux-image\nlibc6\nlibc6\n",
                "/sys/firmware/efi/systab": "",
            }
        )
    )
    assert found["boots"] == ["2025-06-15T15:06:40Z", "2023-11-14T22:13:20Z"]
    assert found["cmdline"] == "BOOT_IMAGE=/vmlinuz root=UUID=1 ro rd.luks.key=*** nfs.password=*** quiet"
    assert (found["mode"], found["reboot_required"], found["reboot_packages"]) == (
        "uefi",
        True,
        ["libc6", "linux-image"],
    )
    assert boot.collect(MemoryHost())["boots"] == []


def test_the_zone_of_the_clock() -> None:
    zones = host(
        {"/etc/adjtime": "0.0 0 0.0\n0\nLOCAL\n"}, links={"/etc/localtime": "/usr/share/zoneinfo/Asia/Kolkata"}
    )
    found = time.collect(zones)
    assert (found["timezone"], found["utc_offset_s"], found["rtc_local"]) == ("Asia/Kolkata", 19_800, True)
    assert time.collect(host({"/etc/timezone": "UTC\n"}))["timezone"] == "UTC"
    hostile = time.collect(host({}, links={"/etc/localtime": "/usr/share/zoneinfo/../../etc/passwd"}))
    assert hostile["utc_offset_s"] == 0


SECURE = "/sys/firmware/efi/efivars/{}-8be4df61-93ca-11d2-aa0d-00e098032b8c"


def test_secure_boot_is_what_the_firmware_says() -> None:
    files: dict[str, str | bytes] = {
        SECURE.format("SecureBoot"): b"\x06\0\0\0\x01",
        SECURE.format("SetupMode"): b"\x06\0\0\0\0",
        "/sys/kernel/security/lockdown": "none [integrity] confidentiality\n",
    }
    assert secureboot.collect(host(files)) == {
        "uefi": True,
        "enabled": True,
        "setup_mode": False,
        "lockdown": "integrity",
    }
    assert secureboot.collect(host({SECURE.format("SecureBoot"): b"odd"}))["enabled"] is False
    assert secureboot.collect(MemoryHost()) == {"uefi": False, "enabled": False}


def test_a_tpm_tells_its_version() -> None:
    assert tpm.collect(host({"/sys/class/tpm/tpm0/tpm_version_major": "2\n"})) == {"present": True, "version": "2.0"}
    assert tpm.collect(MemoryHost()) == {"present": False}


def test_selinux_now_and_at_the_next_start() -> None:
    fedora = {"/sys/fs/selinux/enforce": "1", "/etc/selinux/config": "# c\nSELINUX=permissive\nSELINUXTYPE=targeted\n"}
    assert selinux.collect(host(fedora)) == {
        "supported": True,
        "mode": "enforcing",
        "configured": "permissive",
        "policy": "targeted",
    }
    assert selinux.collect(MemoryHost()) == {"supported": False, "mode": "disabled"}


def test_profiles_of_apparmor() -> None:
    profiles = "/usr/sbin/cupsd (enforce)\nsnap.x (complain)\nname (with) brackets (enforce)\nodd\n"
    files = {
        "/sys/module/apparmor/parameters/enabled": "Y\n",
        "/sys/kernel/security/apparmor/profiles": profiles,
    }
    found = apparmor.collect(host(files))
    assert (found["enabled"], found["enforced"], found["complaining"]) == (True, 2, 1)
    assert found["profiles"]["name (with) brackets"] == "enforce"

    class Hidden(MemoryHost):
        def read(self, path: str, *, limit: int = 1 << 24) -> bytes:
            if path.endswith("profiles"):
                raise PermissionError(13, "Permission denied", path)
            return super().read(path, limit=limit)

    hidden = Hidden()
    hidden.nodes.update(host(files).nodes)
    with pytest.raises(sources.Partly, match="Permission denied") as told:
        apparmor.collect(hidden)
    assert told.value.values["enabled"] is True


def test_modules_that_are_loaded_and_those_that_are_forbidden() -> None:
    files = {
        "/proc/modules": "nf_tables 1 0 - Live 0x0\next4 2 1 - Live 0x0\n",
        "/usr/lib/modprobe.d/blacklist.conf": "blacklist floppy\n",
        "/etc/modprobe.d/blacklist.conf": "blacklist usb-storage # comment\n",
        "/etc/modprobe.d/cis.conf": "install cramfs /bin/false\ninstall dccp /usr/bin/true\ninstall ok /sbin/x\n",
        "/etc/modprobe.d/notes.txt": "blacklist nothing\n",
    }
    assert kernel_modules.collect(host(files)) == {
        "loaded": ["ext4", "nf_tables"],
        "disabled": ["cramfs", "dccp", "usb-storage"],  # the file in /etc stands for the one in /usr/lib
    }


def test_parameters_are_named_as_sysctl_names_them() -> None:
    found = sysctl.collect(host({"/proc/sys/net/ipv4/ip_forward": "1\n", "/proc/sys/kernel/printk": "4\t4\t1\t7\n"}))
    assert found == {"net.ipv4.ip_forward": "1", "kernel.printk": "4 4 1 7"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("= nothing", "Invalid statement"),
        ("[security_scans]\ndirectory = '/srv'", "security_scans.directory is no setting"),
        ("[security_scan]\ndir = '/srv'", "security_scan.dir is no setting"),
        ("[security_scan]\ndirectory = 'scans'", "security_scan.directory is no setting, or no absolute path"),
        ("[certificates]\ndirectories = '/srv/tls'", "certificates.directories is no setting"),
        ("[certificates]\ndirectories = ['/srv/tls', 5]", "certificates.directories is no setting"),
        ("security_scan = 5", "security_scan is no setting"),
    ],
)
def test_settings_that_mean_nothing_are_said_to(text: str, said: str) -> None:
    with pytest.raises(HostFault, match=r"traits\.toml") as caught:
        sources.settings(host({sources.SETTINGS: text}))
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("http://user:hunter2@proxy/x", "http://user:***@proxy/x"),
        ("a=1 PASSWORD=x api_token=y key=z keyboard=de", "a=1 PASSWORD=*** api_token=*** key=*** keyboard=de"),
    ],
)
def test_what_may_hold_a_secret_is_masked(text: str, masked: str) -> None:
    assert sources.masked(text) == masked


HOSTILE = (
    "\0\n"
    + "x" * 5_000
    + "\n::::\n\\999 %s ( ) [ ] = = =\n"
    + "é\ud800".encode("utf-8", "replace").decode()
    + "\n" * 50
)
PATHS = (
    "/proc/cpuinfo", "/proc/swaps", "/proc/self/mounts", "/proc/modules", "/proc/net/tcp", "/proc/net/udp6",
    "/proc/net/route", "/proc/net/ipv6_route", "/proc/loadavg", "/proc/meminfo", "/proc/uptime", "/proc/stat",
    "/proc/12/stat", "/proc/12/comm", "/etc/fstab", "/etc/passwd", "/etc/group", "/etc/shadow", "/etc/sudoers",
    "/etc/crontab", "/etc/ssh/sshd_config", "/etc/os-release", "/etc/resolv.conf", "/etc/chrony.conf", "/etc/hosts",
    "/var/lib/dpkg/status", "/lib/apk/db/installed", "/etc/apt/sources.list", "/etc/yum.repos.d/x.repo",
    "/etc/apt/sources.list.d/x.sources", "/etc/selinux/config", "/var/log/wtmp", "/var/log/lynis-report.dat",
    "/etc/ufw/ufw.conf", "/etc/pki/tls/certs/x.pem", "/var/lib/vigo-agent/scans/x.json", "/etc/apk/repositories",
    "/etc/ssh/ssh_host_x_key.pub", "/sys/block/sda/size", "/sys/class/tpm/tpm0/x", "/etc/pacman.conf",
)  # fmt: skip


def test_nothing_that_a_file_holds_costs_more_than_its_trait(caplog: pytest.LogCaptureFixture) -> None:
    from agent.traits import Collector
    from schema import canonical

    files: dict[str, Any] = dict.fromkeys(PATHS, HOSTILE)
    files |= {"/etc/cron.d/a\nb": HOSTILE, "/etc/modprobe.d/\u202e.conf": HOSTILE}
    found = Collector(host(files)).collect()
    canonical.dumps(found.values)
    assert not any("internal" in why for why in found.errors.values()), (found.errors, caplog.text)
    assert {"kernel", "services", "agent_self", "tpm"} <= set(found.values)


def test_links_in_a_circle_cost_the_traits_that_need_them() -> None:
    from agent.traits import Collector

    loops = {path: path for path in PATHS}
    found = Collector(host({}, links=loops)).collect()
    assert "too many symbolic links" in found.errors["sudo"]
    assert not any("internal" in why for why in found.errors.values()), found.errors
    assert "agent_self" in found.values
