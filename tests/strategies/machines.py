"""Machines of memory from plain data, as test cases write them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from agent.hosts import Kind, MemoryHost
from agent.hosts.memory import Node, Program
from agent.resources.types import Content, ResourceFailed, Sources
from schema.ids import sha256

ACCOUNTS = {
    "/etc/passwd": "root:x:0:0:root:/root:/bin/bash\nweb:x:990:991:Web:/srv:/usr/sbin/nologin\n",
    "/etc/group": "root:x:0:\nweb:x:991:\nadm:x:4:\n",
}


def machine(paths: Mapping[str, Any], programs: Mapping[str, Program] | None = None, **options: Any) -> MemoryHost:
    """A host with these paths: text, or {content, mode, uid, gid}, {link}, {directory: true}, {special: true},
    {same_as: PATH} for another name of a file; {attributes: {name: bytes}} of a file or directory beside the rest.

    Parents are made; /etc/passwd and /etc/group know root and web unless given (None: they are not there).
    """
    host = MemoryHost(programs, **options)
    given = {**ACCOUNTS, **paths}
    for path, value in given.items():
        if value is not None and not _is_second(value):
            _plant(host, path, value)
    for number, (path, value) in enumerate(given.items(), 1):
        if _is_second(value):
            host.nodes[value["same_as"]] = host.nodes[path] = replace(host.nodes[value["same_as"]], inode=number)
    return host


def describe(host: MemoryHost, path: str) -> Any:
    """What stands at a path, in the form that `machine` takes; None for nothing."""
    node = host.nodes.get(path)
    if node is None:
        return None
    ids = {name: number for name, number in (("uid", node.uid), ("gid", node.gid)) if number}
    if node.kind is Kind.SYMLINK:
        return {"link": node.target}
    if node.kind is Kind.DIRECTORY:
        return {"directory": True, "mode": f"{node.mode:04o}", **ids}
    try:
        content: Any = node.data.decode()
    except UnicodeDecodeError:
        content = node.data
    return {"content": content, "mode": f"{node.mode:04o}", **ids}


def sources(content: Mapping[str, str | bytes]) -> Sources:
    """Content by path, as a catalog would have it."""

    def load(path: str) -> Content:
        if path not in content:
            raise ResourceFailed(f"no source {path}")
        value = content[path]
        data = value.encode() if isinstance(value, str) else value
        return Content(sha256(data), len(data), lambda: data)

    return load


def _is_second(value: Any) -> bool:
    return isinstance(value, dict) and "same_as" in value


def _plant(host: MemoryHost, path: str, value: Any) -> None:
    parent = ""
    for part in path.split("/")[1:-1]:
        parent += "/" + part
        host.nodes.setdefault(parent, Node(Kind.DIRECTORY))
    if isinstance(value, str | bytes):
        value = {"content": value}
    ids = {"uid": value.get("uid", 0), "gid": value.get("gid", 0)}
    more = {"attributes": value.get("attributes", {})}
    if "link" in value:
        host.nodes[path] = Node(Kind.SYMLINK, 0o777, target=value["link"])
    elif value.get("directory"):
        host.nodes[path] = Node(Kind.DIRECTORY, int(value.get("mode", "0755"), 8), **ids, **more)
    elif value.get("special"):
        host.nodes[path] = Node(Kind.OTHER, 0o600)
    else:
        content = value["content"]
        data = content.encode() if isinstance(content, str) else content
        host.nodes[path] = Node(Kind.FILE, int(value.get("mode", "0644"), 8), data=data, **ids, **more)
