"""What stood at a path before it was changed: taken down, and put back.

An origin is a small map that can be written as JSON: `kind` (of `agent.hosts.Kind`, `absent`, or `unknown` where it
could not be kept), `mode`, `uid`, `gid`, for a link `target`, for a file `sha256`: what the content is kept under,
apart. Of one extended attribute it is `attribute` with its `name` and the `mode` of the file, of a file of the kernel's
`kernel`: both have no more than a content beside that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from agent.hosts import Host, Kind
from agent.resources.types import ResourceFailed

ABSENT: Final = "absent"
UNKNOWN: Final = "unknown"
ATTRIBUTE: Final = "attribute"
KERNEL: Final = "kernel"

Origin = Mapping[str, Any]


def take(host: Host, path: str, *, limit: int, attribute: str = "") -> tuple[Origin, bytes | None]:
    """What stands at a path, and the content of a regular file.

    Args:
        attribute: an extended attribute, to take nothing but that; `KERNEL`: the path is a file of the kernel's.

    Raises:
        HostFault: it is a file of more than `limit` bytes, or no path.
        OSError: it cannot be read.
    """
    if attribute == KERNEL:
        return {"kind": KERNEL}, host.read(path, limit=limit)
    if attribute:
        found = host.lstat(path)
        return {"kind": ATTRIBUTE, "name": attribute, "mode": found and found.mode}, host.attribute(path, attribute)
    stat = host.lstat(path)
    if stat is None:
        return {"kind": ABSENT}, None
    origin: dict[str, Any] = {"kind": stat.kind.value, "mode": stat.mode, "uid": stat.uid, "gid": stat.gid}
    if stat.kind is Kind.SYMLINK:
        origin["target"] = host.readlink(path)
    return origin, host.read(path, limit=limit) if stat.kind is Kind.FILE else None


def put_back(host: Host, path: str, origin: Origin, load: Callable[[str], bytes | None]) -> None:
    """Make the path what it was.

    Args:
        load: from the digest of a content to the content; None when it is no longer kept.

    Raises:
        ResourceFailed: it cannot be put back, and why.
        HostFault, OSError: the host refuses.
    """
    stat = host.lstat(path)
    if origin["kind"] == ABSENT:
        if stat is not None:
            remove(host, path, stat.kind)
        return
    if origin["kind"] == UNKNOWN:
        raise ResourceFailed(f"what was at {path} before is not known")
    if origin["kind"] in (ATTRIBUTE, KERNEL):
        _tell(host, path, origin, load)
        return
    mode, uid, gid = int(origin["mode"]), int(origin["uid"]), int(origin["gid"])
    kind = Kind(origin["kind"])
    if stat is not None and (stat.kind is Kind.DIRECTORY) != (kind is Kind.DIRECTORY):
        remove(host, path, stat.kind)
        stat = None
    if kind is Kind.FILE:
        content = load(str(origin.get("sha256", "")))
        if content is None:
            raise ResourceFailed(f"what was in {path} before is no longer kept")
        host.write(path, content, mode=mode, uid=uid, gid=gid)
    elif kind is Kind.SYMLINK:
        host.symlink(path, str(origin["target"]))
    elif kind is Kind.DIRECTORY and stat is None:
        host.mkdir(path, mode=mode, uid=uid, gid=gid)
    elif kind is Kind.DIRECTORY:
        host.chown(path, uid, gid)
        host.chmod(path, mode)
    else:
        raise ResourceFailed(f"{path} was a {kind}: it cannot be put back")


def _tell(host: Host, path: str, origin: Origin, load: Callable[[str], bytes | None]) -> None:
    value = load(str(origin["sha256"])) if "sha256" in origin else None
    if "sha256" in origin and value is None:
        raise ResourceFailed(f"what was in {path} before is no longer kept")
    if origin["kind"] == ATTRIBUTE:
        host.set_attribute(path, str(origin["name"]), value)
        # An access control list that goes leaves in the mode what it had put there.
        found, mode = host.lstat(path), origin.get("mode")
        if found is not None and isinstance(mode, int) and found.mode != mode:
            host.chmod(path, mode)
    else:
        host.poke(path, value or b"")


def remove(host: Host, path: str, kind: Kind) -> None:
    """Remove what stands there; a directory only when it is empty."""
    if kind is Kind.DIRECTORY:
        host.rmdir(path)
    else:
        host.remove(path)
