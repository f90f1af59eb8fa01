"""Locales of glibc: which there are, and how one is made: locale-gen(8) of Debian and Arch, or localedef(1)."""

from __future__ import annotations

from typing import Final

from agent.hosts import Host, HostFault

TIMEOUT_S: Final = 600.0
_LISTED: Final = "locales"


def plain(name: str) -> str:
    """A name as `locale -a` writes it: `en_GB.UTF-8` is `en_GB.utf8` there."""
    language, dot, charset = name.partition(".")
    return f"{language}{dot}{charset.lower().replace('-', '')}"


def listed(host: Host) -> frozenset[str]:
    """Those there are, by their plain names; one query for all resources.

    Raises:
        HostFault: locale(1) does not answer.
    """
    known: frozenset[str] | None = host.memo.get(_LISTED)
    if known is None:
        ran = host.run(["locale", "-a"])
        if ran.code != 0:
            raise HostFault(f"locale: {ran.complaint}")
        known = host.memo[_LISTED] = frozenset(plain(line.strip()) for line in ran.text.splitlines())
    return known


def generate(host: Host) -> None:
    """Make all that /etc/locale.gen lists, and on Debian no others.

    Raises:
        HostFault: it fails.
    """
    _run(host, "locale-gen")


def define(host: Host, name: str) -> None:
    """Make one, where there is no locale-gen.

    Raises:
        HostFault: it fails: the sources of locales are not installed.
    """
    language, _, charset = name.partition(".")
    _run(host, "localedef", f"--inputfile={language}", f"--charmap={charset}", name)


def remove(host: Host, name: str) -> None:
    """Take one out of the archive, where there is no locale-gen.

    Raises:
        HostFault: it fails.
    """
    _run(host, "localedef", "--delete-from-archive", plain(name))


def _run(host: Host, *argv: str) -> None:
    ran = host.run(argv, timeout_s=TIMEOUT_S)
    if ran.code != 0:
        raise HostFault(f"{argv[0]}: {ran.complaint}")
