"""Filters that write a value in another notation."""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import json
import shlex
from typing import Any, Final
from urllib.parse import quote as url_quote

from schema.expressions.errors import ExpressionError, Kind
from schema.expressions.filters.blocks import yaml_text
from schema.expressions.filters.texts import bounded_width
from schema.expressions.running import Run, extent, plain, wrong_type

_ADDRESS_PARTS: Final = {
    "address": lambda interface: str(interface.ip),
    "network": lambda interface: str(interface.network.network_address),
    "netmask": lambda interface: str(interface.netmask),
    "hostmask": lambda interface: str(interface.hostmask),
    "broadcast": lambda interface: str(interface.network.broadcast_address),
    "prefix": lambda interface: interface.network.prefixlen,
    "subnet": lambda interface: str(interface.network),
    "version": lambda interface: interface.version,
    "reverse": lambda interface: interface.ip.reverse_pointer,
}


def to_json(run: Run, value: Any, indent: int | None = None) -> str:
    """As JSON, keys sorted; nothing is escaped for HTML."""
    if indent is not None and bounded_width(indent) > 16:
        raise ExpressionError("to_json: an indent of at most 16", Kind.TYPE)
    value = _written(run, value, 8 + (indent or 0) * 4)
    try:
        return json.dumps(value, indent=indent, sort_keys=True, ensure_ascii=False, allow_nan=False)
    except ValueError as error:
        raise ExpressionError("to_json: a number that JSON does not have", Kind.TYPE) from error


def to_yaml(run: Run, value: Any, indent: int = 2) -> str:
    """As YAML, one entry a line, keys sorted, with a newline at the end."""
    if not 1 <= bounded_width(indent) <= 8:
        raise ExpressionError("to_yaml: an indent from 1 to 8", Kind.TYPE)
    return yaml_text(_written(run, value, 8 + indent * 4), indent)


def b64encode(run: Run, value: Any) -> str:
    """In base64, of its UTF-8."""
    text = run.text(value)
    run.take(len(text) * 6)
    return base64.b64encode(text.encode()).decode()


def sha256(run: Run, value: Any) -> str:
    """The SHA-256 of its UTF-8, in hex."""
    text = run.text(value)
    run.take(len(text) * 4)
    return hashlib.sha256(text.encode()).hexdigest()


def quote(run: Run, value: Any) -> str:
    """As one word of a shell command."""
    text = run.text(value)
    run.take(len(text) * 5 + 2)
    return shlex.quote(text)


def urlencode(run: Run, value: Any) -> str:
    """For a URL: a string with `/` left as it is, a map as a query."""
    if isinstance(value, dict):
        return "&".join(f"{_percent(run, key)}={_percent(run, item)}" for key, item in value.items()).replace(
            "%20", "+"
        )
    if isinstance(value, list):
        raise wrong_type("urlencode: a string or map", value)
    return _percent(run, value, "/")


def ipaddr(run: Run, value: Any, part: str = "") -> Any:
    """An IP address (with a prefix length or not) in its one spelling, or a part of it: address, network, netmask,
    hostmask, broadcast, prefix, subnet, version or reverse."""
    if not isinstance(value, str) or len(value) > 100:
        raise wrong_type("ipaddr: an address as a string", value)
    run.step(10)
    try:
        interface = ipaddress.ip_interface(value)
    except ValueError as error:
        raise ExpressionError("ipaddr: not an IP address", Kind.TYPE) from error
    if part == "":
        return str(interface) if "/" in value else str(interface.ip)
    if part not in _ADDRESS_PARTS:
        raise ExpressionError(f"ipaddr: one of {', '.join(_ADDRESS_PARTS)}", Kind.TYPE)
    return _ADDRESS_PARTS[part](interface)  # type: ignore[no-untyped-call]


def _percent(run: Run, value: Any, safe: str = "") -> str:
    text = run.text(value)
    run.take(len(text) * 12)
    return url_quote(text, safe)


def _written(run: Run, value: Any, factor: int) -> Any:
    """The value, once its written form is paid for: an escape takes six characters, an entry its indent."""
    run.take(extent(value, run.room) * factor)
    return plain(value)
