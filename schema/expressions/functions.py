"""The functions of the language, and the few methods of strings and maps.

What can be answered from traits is answered from traits; the rest asks the host.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from itertools import zip_longest
from typing import Any, Final

from schema.expressions.errors import ExpressionError, Kind
from schema.expressions.filters import lists, texts
from schema.expressions.running import CELL, MISSING, Run, wrong_type

MAX_RANGE: Final = 100_000
DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

_ASKS_FILE: Final = 200
_ASKS_PROCESS: Final = 2_000
_ASKS_COMMAND: Final = 20_000
"""Steps: what is asked of the host takes longer than what is computed."""

_RUNS: Final = re.compile(r"(\D*)(\d*)")


def file_exists(run: Run, path: str) -> bool:
    """Whether a regular file, or a link to one, is at this path on the host."""
    run.step(_ASKS_FILE)
    return run.host.file_exists(_string(path))


def dir_exists(run: Run, path: str) -> bool:
    """Whether a directory, or a link to one, is at this path on the host."""
    run.step(_ASKS_FILE)
    return run.host.dir_exists(_string(path))


def process_running(run: Run, name: str) -> bool:
    """Whether a process of this name runs on the host."""
    run.step(_ASKS_PROCESS)
    return run.host.process_running(_string(name))


def command_succeeds(run: Run, command: str) -> bool:
    """Whether the shell command ends with 0 on the host."""
    run.step(_ASKS_COMMAND)
    return run.host.command_succeeds(_string(command))


def os_family(run: Run, *names: str) -> Any:
    """`os_family()` is traits.os.family; `os_family('debian', 'redhat')` whether it is one of these."""
    return _named(run, ("os", "family"), names)


def distro(run: Run, *names: str) -> Any:
    """`distro()` is traits.os.distro; `distro('debian', 'ubuntu')` whether it is one of these."""
    return _named(run, ("os", "distro"), names)


def arch(run: Run, *names: str) -> Any:
    """`arch()` is traits.hardware.arch; `arch('x86_64')` whether it is one of these."""
    return _named(run, ("hardware", "arch"), names)


def is_container(run: Run) -> bool:
    """Whether the host is a container: traits.hardware.container."""
    return bool(_trait(run, ("hardware", "container")))


def has_trait(run: Run, path: str) -> bool:
    """Whether the host has this trait: a path below `traits`, such as 'packages.nginx'."""
    return _walk(_traits(run), _string(path).split("."))


def version_ge(run: Run, version: Any, least: Any) -> bool:
    """Whether a version is the other or later, in the order that Debian gives versions."""
    first, second = _string(run.text(version)), _string(run.text(least))
    run.step(10 + (len(first) + len(second)) // 4)
    return compare_versions(first, second) >= 0


def hour_range(run: Run, start: int, end: int) -> bool:
    """Whether the host's clock is at or past hour `start` and before hour `end`; the range may cross midnight."""
    for hour in (start, end):
        if type(hour) is not int or not 0 <= hour <= 24:
            raise ExpressionError("hour_range: hours from 0 to 24", Kind.TYPE)
    hour = run.host.now().hour
    return start <= hour < end if start <= end else hour >= start or hour < end


def day_of_week(run: Run, *days: str) -> Any:
    """`day_of_week()` is the host's day, as 'monday'; `day_of_week('sat', 'sun')` whether it is one of these."""
    wanted = []
    for day in days:
        found = [name for name in DAYS if len(_string(day)) >= 3 and name.startswith(day.lower())]
        if not found:
            raise ExpressionError("day_of_week: a day is 'monday' or 'mon'", Kind.TYPE)
        wanted += found
    today = DAYS[run.host.now().weekday()]
    return today in wanted if days else today


def number_range(run: Run, start: int, stop: int | None = None, step: int = 1) -> list[int]:
    """Whole numbers from `start` (or 0) up to, but not including, `stop`."""
    if stop is None:
        start, stop = 0, start
    for bound in (start, stop, step):
        if type(bound) is not int:
            raise wrong_type("range: whole numbers", bound)
    if step == 0:
        raise ExpressionError("range: a step other than 0", Kind.TYPE)
    found = range(start, stop, step)
    if len(found) > MAX_RANGE:
        raise ExpressionError(f"range: more than {MAX_RANGE} numbers", Kind.LIMIT)
    run.take(CELL * len(found))
    return list(found)


FUNCTIONS: Final[Mapping[str, Callable[..., Any]]] = {
    "arch": arch,
    "command_succeeds": command_succeeds,
    "day_of_week": day_of_week,
    "dir_exists": dir_exists,
    "distro": distro,
    "file_exists": file_exists,
    "has_trait": has_trait,
    "hour_range": hour_range,
    "is_container": is_container,
    "os_family": os_family,
    "process_running": process_running,
    "range": number_range,
    "version_ge": version_ge,
}

CLOCK_FUNCTIONS: Final = frozenset({"day_of_week", "hour_range"})
"""What depends on these never counts as drift."""

TRAIT_FUNCTIONS: Final = frozenset({"arch", "distro", "has_trait", "is_container", "os_family"})
"""Answered from traits alone."""


def keys(run: Run, value: Any) -> list[Any]:
    """The keys of a map."""
    return lists.items_of(run, value)


def values(run: Run, value: Any) -> list[Any]:
    """The values of a map."""
    run.take(CELL * len(value))
    return list(value.values())


def get(_run: Run, value: Any, key: Any, default: Any = None) -> Any:
    """What stands at a key; `default` where nothing does."""
    if isinstance(key, list | dict):
        raise wrong_type("a key is a string or a number", key)
    return value.get(key, default)


def startswith(_run: Run, value: str, prefix: str) -> bool:
    """Whether it begins with the prefix."""
    return value.startswith(_string(prefix))


def endswith(_run: Run, value: str, suffix: str) -> bool:
    """Whether it ends with the suffix."""
    return value.endswith(_string(suffix))


def strip_left(run: Run, value: str, chars: str | None = None) -> str:
    """Without white space (or the characters given) at its start."""
    run.take(len(value))
    return value.lstrip(chars)


def strip_right(run: Run, value: str, chars: str | None = None) -> str:
    """Without white space (or the characters given) at its end."""
    run.take(len(value))
    return value.rstrip(chars)


def joined(run: Run, value: str, items: Any) -> str:
    """The items as one text, this string between them."""
    return lists.join(run, items, value)


def cycle(_run: Run, value: Any, *choices: Any) -> Any:
    """One of the choices after the other, by the loop's index."""
    if not choices:
        raise ExpressionError("cycle: something to choose from", Kind.TYPE)
    return choices[value["index0"] % len(choices)]


class Loop(dict[str, Any]):
    """`loop` within a `for`."""

    __slots__ = ()


METHODS: Final[Mapping[str, tuple[type, Callable[..., Any]]]] = {
    "cycle": (Loop, cycle),
    "endswith": (str, endswith),
    "get": (dict, get),
    "items": (dict, lists.pairs),
    "join": (str, joined),
    "keys": (dict, keys),
    "lower": (str, texts.lower),
    "lstrip": (str, strip_left),
    "replace": (str, texts.replace),
    "rstrip": (str, strip_right),
    "split": (str, texts.split),
    "splitlines": (str, texts.lines),
    "startswith": (str, startswith),
    "strip": (str, texts.trim),
    "title": (str, texts.title),
    "upper": (str, texts.upper),
    "values": (dict, values),
}
"""Name → the type it belongs to, and the function."""


def compare_versions(first: str, second: str) -> int:
    """Less than, equal to or more than 0, in Debian's order of versions (deb-version(7)): epoch, upstream version,
    revision; runs of digits as numbers, `~` before everything, even the end."""
    epoch_a, upstream_a, revision_a = _version_parts(first)
    epoch_b, upstream_b, revision_b = _version_parts(second)
    if epoch_a != epoch_b:
        return epoch_a - epoch_b
    return _compare_part(upstream_a, upstream_b) or _compare_part(revision_a, revision_b)


def _version_parts(version: str) -> tuple[int, str, str]:
    version = version.strip()[:256]
    epoch, colon, rest = version.partition(":")
    if not (colon and epoch.isascii() and epoch.isdigit()):
        epoch, rest = "0", version
    upstream, _, revision = rest.rpartition("-") if "-" in rest else (rest, "", "")
    return int(epoch), upstream, revision


def _compare_part(first: str, second: str) -> int:
    runs = zip_longest(_RUNS.findall(first), _RUNS.findall(second), fillvalue=("", ""))
    for (text_a, digits_a), (text_b, digits_b) in runs:
        order_a, order_b = _text_order(text_a), _text_order(text_b)
        if order_a != order_b:
            return -1 if order_a < order_b else 1
        if (number_a := int(digits_a or 0)) != (number_b := int(digits_b or 0)):
            return number_a - number_b
    return 0


def _text_order(text: str) -> list[int]:
    """Letters before other characters, `~` before the end (0)."""
    return [*(-1 if char == "~" else ord(char) if char.isalpha() else ord(char) + 0x110000 for char in text), 0]


def _named(run: Run, path: tuple[str, ...], names: tuple[str, ...]) -> Any:
    value = _trait(run, path)
    return value in names if names else value


def _traits(run: Run) -> dict[str, Any]:
    if not isinstance(run.traits, dict):
        raise ExpressionError("traits are known only on the host", Kind.UNKNOWN)
    return run.traits


def _trait(run: Run, path: tuple[str, ...]) -> Any:
    value: Any = _traits(run)
    for key in path:
        if not isinstance(value, dict) or key not in value:
            raise ExpressionError(f"traits.{'.'.join(path)} is undefined", Kind.UNDEFINED)
        value = value[key]
    return value


def _walk(value: Any, parts: list[str]) -> bool:
    """Whether the parts lead anywhere; a key may hold dots itself (packages.python3.11)."""
    if not parts:
        return value is not MISSING
    if not isinstance(value, dict) or len(parts) > 32:
        return False
    return any(
        key in value and _walk(value[key], parts[count:])
        for count in range(1, len(parts) + 1)
        if (key := ".".join(parts[:count]))
    )


def _string(value: Any) -> str:
    if not isinstance(value, str):
        raise wrong_type("a string", value)
    if len(value) > 65_536:
        raise ExpressionError("a string of at most 65536 characters", Kind.LIMIT)
    return value
