"""Whether the clock is set by others, and by whom: adjtimex(2), and the configuration of the usual programs."""

from __future__ import annotations

import ctypes
import struct
from typing import Any, Final

from agent.hosts import Host
from agent.traits import sources

_STA_UNSYNC: Final = 0x40
_TIME_ERROR: Final = 5
_STATUS: Final = struct.Struct("@i4xlllli")
"""The beginning of struct timex: modes, offset, freq, maxerror, esterror, status."""
_TIMEX_BYTES: Final = 512
_SERVICES: Final = (
    (
        "chrony",
        ("/etc/chrony/chrony.conf", "/etc/chrony.conf"),
        ("/etc/chrony/conf.d", "/etc/chrony/sources.d", "/etc/chrony.d"),
    ),
    ("ntpsec", ("/etc/ntpsec/ntp.conf",), ("/etc/ntpsec/ntp.d",)),
    ("ntpd", ("/etc/ntp.conf",), ()),
    ("openntpd", ("/etc/openntpd/ntpd.conf", "/etc/ntpd.conf"), ()),
    (
        "systemd-timesyncd",
        ("/etc/systemd/timesyncd.conf",),
        ("/etc/systemd/timesyncd.conf.d", "/run/systemd/timesyncd.conf.d"),
    ),
)
_ASKED: Final = frozenset({"server", "pool", "peer", "servers"})


def collect(host: Host) -> dict[str, Any]:
    """`ntp.*` of `schema.traits`."""
    found: dict[str, Any] = {"synchronized": _synchronized(), "servers": []}
    for name, files, directories in _SERVICES:
        texts = [text for path in files if (text := sources.text(host, path)) is not None]
        if not texts:
            continue
        texts += [
            sources.readable(host, f"{directory}/{each}")
            for directory in directories
            for each in sources.names(host, directory)
        ]
        found["service"] = name
        found["servers"] = sorted({server for text in texts for server in _servers(text)})
        break
    return found


def _servers(content: str) -> set[str]:
    """`server NAME ...` of ntp.conf(5) and its kin, or `NTP=NAME NAME` of timesyncd.conf(5)."""
    found = set()
    for line in sources.meaningful(content, "#;!%"):
        key, equals, value = line.partition("=")
        if equals and key.strip() in ("NTP", "FallbackNTP"):
            found.update(value.split())
        words = line.split()
        if len(words) > 1 and words[0] in _ASKED:
            found.add(words[1])
    return found


def _synchronized() -> bool:
    """As the kernel of the machine has it, which is all that is said without asking whoever keeps the clock."""
    raw = ctypes.create_string_buffer(_TIMEX_BYTES)
    try:
        answer = ctypes.CDLL(None).adjtimex(raw)
    except (OSError, AttributeError):
        return False
    if answer in (-1, _TIME_ERROR):
        return False
    return not _STATUS.unpack_from(raw)[5] & _STA_UNSYNC
