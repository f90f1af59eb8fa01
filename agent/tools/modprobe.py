"""modprobe(8), and what the kernel says of its modules: one read for all of them."""

from __future__ import annotations

from typing import Final

from agent.hosts import Host, HostFault

LOADED: Final = "/proc/modules"
_MEMO: Final = "modules"
_TIMEOUT_S: Final = 60.0


def loaded(host: Host) -> frozenset[str]:
    """Names of the modules that are loaded, with underscores; none where the kernel has no modules."""
    known: frozenset[str] | None = host.memo.get(_MEMO)
    if known is None:
        try:
            text = host.read(LOADED).decode("utf-8", "replace")
        except FileNotFoundError:
            text = ""
        known = host.memo[_MEMO] = frozenset(line.partition(" ")[0] for line in text.splitlines())
    return known


def shown_in(module: str) -> str:
    """Where it shows that a module is loaded: `agent.places`."""
    return f"/sys/module/{module.replace('-', '_')}"


def is_builtin(host: Host, module: str) -> bool:
    """Whether it is part of the kernel itself: it is there, and was never loaded."""
    name = module.replace("-", "_")
    return name not in loaded(host) and host.lstat(f"/sys/module/{name}") is not None


def load(host: Host, module: str) -> None:
    """Load it, with what it needs.

    Raises:
        HostFault: it cannot be loaded.
    """
    _run(host, ["modprobe", "--", module])


def unload(host: Host, module: str) -> None:
    """Unload it, with what only it needed.

    Raises:
        HostFault: it is in use.
    """
    _run(host, ["modprobe", "-r", "--", module])


def _run(host: Host, argv: list[str]) -> None:
    ran = host.run(argv, timeout_s=_TIMEOUT_S)
    if ran.code != 0:
        raise HostFault(f"{' '.join(argv)}: {ran.complaint}")
