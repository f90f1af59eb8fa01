"""apparmor_parser(8), and what the kernel has loaded."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from agent.hosts import Host, HostFault, Kind

LOADED: Final = "/sys/kernel/security/apparmor/profiles"
TIMEOUT_S: Final = 120.0
_MEMO: Final = "apparmor profiles"
_NAMED: Final = re.compile(r'^\s*profile\s+(?:"([^"]+)"|([^\s{(]+))', re.MULTILINE)
_PATH: Final = re.compile(
    r'^\s*(?:"(/[^"]+)"|(/[^\s(]+))(?:\s+\([^)]*\)|\s+flags=\([^)]*\)|\s+xattrs=\([^)]*\))*\s*\{\s*$', re.MULTILINE
)


def lacking(host: Host) -> str | None:
    """Why no profile can be loaded on this host; None when it can."""
    if host.which("apparmor_parser") is None:
        return "needs apparmor_parser, which this host does not have"
    return None if host.lstat(LOADED) is not None else "needs AppArmor, which is not on in this host's kernel"


def loaded(host: Host) -> Mapping[str, str]:
    """Profile → mode (`enforce`, `complain`, ...), as the kernel has it; read once for all resources.

    Raises:
        OSError: it does not say.
    """
    known: dict[str, str] | None = host.memo.get(_MEMO)
    if known is None:
        text = host.read(LOADED).decode("utf-8", "replace")
        pairs = (line.rpartition(" (") for line in text.splitlines() if line.endswith(")"))
        known = host.memo[_MEMO] = {name: mode[:-1] for name, _, mode in pairs}
    return known


def names(text: str) -> list[str]:
    """The profiles that a file is about, those of the first level: by name, or by the path of the program."""
    outer = _outermost(text)
    return [first or second for pattern in (_NAMED, _PATH) for first, second in pattern.findall(outer)]


def complains(text: str) -> bool:
    """Whether a profile says by itself that it only complains."""
    return re.search(r"flags=\([^)]*\bcomplain\b", _outermost(text)) is not None


def act(host: Host, option: str, path: str) -> None:
    """`--replace` or `--remove` the profiles of a file.

    Raises:
        HostFault: the parser refuses.
    """
    ran = host.run(["apparmor_parser", option, "--", path], timeout_s=TIMEOUT_S)
    if ran.code != 0:
        raise HostFault(f"apparmor_parser: {ran.complaint}")


def is_link(host: Host, path: str) -> bool:
    """Whether a link stands there: how profiles are turned off and down."""
    stat = host.lstat(path)
    return stat is not None and stat.kind is Kind.SYMLINK


def _outermost(text: str) -> str:
    """The text without what is between braces, which are kept: variables in paths (`{a,b}`) are no blocks."""
    kept, depth = [], 0
    for line in text.splitlines():
        if line.lstrip().startswith("#"):
            continue
        opens = line.rstrip().endswith("{")
        if depth == 0:
            kept.append(line)
        depth = max(0, depth + opens - (line.strip() in ("}", "},")))
    return "\n".join(kept)
