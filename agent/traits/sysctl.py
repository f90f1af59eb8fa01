"""Parameters of the running kernel that benchmarks and operators ask for; all of /proc/sys would be a thousand."""

from __future__ import annotations

from typing import Any, Final

from agent.hosts import Host
from agent.traits import sources

_NAMES: Final = {
    "dev.tty": ("ldisc_autoload",),
    "fs": (
        "aio-max-nr", "file-max", "inotify.max_user_instances", "inotify.max_user_watches", "protected_fifos",
        "protected_hardlinks", "protected_regular", "protected_symlinks", "suid_dumpable",
    ),
    "kernel": (
        "core_pattern", "core_uses_pid", "dmesg_restrict", "io_uring_disabled", "kexec_load_disabled", "kptr_restrict",
        "modules_disabled", "panic", "panic_on_oops", "perf_event_paranoid", "pid_max", "printk", "randomize_va_space",
        "sched_autogroup_enabled", "shmall", "shmmax", "sysrq", "threads-max", "unprivileged_bpf_disabled",
        "unprivileged_userns_clone", "yama.ptrace_scope",
    ),
    "net.core": ("bpf_jit_harden", "default_qdisc", "netdev_max_backlog", "rmem_max", "somaxconn", "wmem_max"),
    "net.ipv4": (
        "conf.all.accept_redirects", "conf.all.accept_source_route", "conf.all.log_martians", "conf.all.rp_filter",
        "conf.all.secure_redirects", "conf.all.send_redirects", "conf.default.accept_redirects",
        "conf.default.accept_source_route", "conf.default.log_martians", "conf.default.rp_filter",
        "conf.default.secure_redirects", "conf.default.send_redirects", "icmp_echo_ignore_broadcasts",
        "icmp_ignore_bogus_error_responses", "ip_forward", "ip_local_port_range", "ip_unprivileged_port_start",
        "tcp_congestion_control", "tcp_fin_timeout", "tcp_keepalive_time", "tcp_max_syn_backlog", "tcp_rfc1337",
        "tcp_syncookies", "tcp_timestamps", "tcp_tw_reuse",
    ),
    "net.ipv6": (
        "conf.all.accept_ra", "conf.all.accept_redirects", "conf.all.accept_source_route", "conf.all.disable_ipv6",
        "conf.all.forwarding", "conf.default.accept_ra", "conf.default.accept_redirects",
        "conf.default.accept_source_route", "conf.default.disable_ipv6",
    ),
    "user": ("max_user_namespaces",),
    "vm": (
        "dirty_background_ratio", "dirty_ratio", "max_map_count", "mmap_min_addr", "mmap_rnd_bits", "nr_hugepages",
        "overcommit_memory", "overcommit_ratio", "panic_on_oom", "swappiness", "unprivileged_userfaultfd",
        "vfs_cache_pressure",
    ),
}  # fmt: skip


def collect(host: Host) -> dict[str, Any]:
    """`sysctl.*` of `schema.traits`; what the kernel does not have, or tells to root alone, is left out."""
    found = {}
    for group, names in _NAMES.items():
        for name in names:
            place = f"{group}.{name}".replace(".", "/")
            if value := sources.kernel_readable(host, f"/proc/sys/{place}"):
                found[f"{group}.{name}"] = " ".join(value.split())
    return found
