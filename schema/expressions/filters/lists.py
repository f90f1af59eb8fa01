"""Filters over lists and maps. They make new lists; nothing is changed in place, and nothing is lazy."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from schema.expressions.errors import ExpressionError, Kind
from schema.expressions.running import CELL, MISSING, Run, number, wrong_type


def length(_run: Run, value: Any) -> int:
    """How many characters, items or keys."""
    if not isinstance(value, str | list | dict):
        raise wrong_type("length: a string, list or map", value)
    return len(value)


def first(run: Run, value: Any) -> Any:
    """The first item; not there when it is empty."""
    return next(iter(items_of(run, value)), MISSING)


def last(run: Run, value: Any) -> Any:
    """The last item; not there when it is empty."""
    found = items_of(run, value)
    return found[-1] if found else MISSING


def to_list(run: Run, value: Any) -> list[Any]:
    """Characters, items or keys as a list."""
    return items_of(run, value)


def pairs(run: Run, value: Any) -> list[Any]:
    """The [key, value] pairs of a map."""
    if not isinstance(value, dict):
        raise wrong_type("items: a map", value)
    run.take(3 * CELL * len(value))
    return [list(pair) for pair in value.items()]


def reverse(run: Run, value: Any) -> Any:
    """Backwards."""
    if isinstance(value, str):
        run.take(len(value))
        return value[::-1]
    return items_of(run, value)[::-1]


def join(run: Run, value: Any, d: Any = "", attribute: str | int | None = None) -> str:
    """The items as one text, `d` between them."""
    separator = run.text(d)
    texts = [run.text(item) for item in attributes_of(run, value, attribute)]
    run.take(sum(map(len, texts)) + len(separator) * len(texts))
    return separator.join(texts)


def sort(
    run: Run,
    value: Any,
    reverse: bool = False,  # noqa: FBT001, FBT002 - Jinja2's signature
    case_sensitive: bool = False,  # noqa: FBT001, FBT002 - Jinja2's signature
    attribute: str | int | None = None,
) -> list[Any]:
    """In order; text without regard to case unless `case_sensitive`. Several attributes may be joined by commas."""
    found = items_of(run, value)
    _pay_order(run, found)
    names: list[Any] = attribute.split(",") if isinstance(attribute, str) else [attribute]
    return sorted(
        found,
        key=lambda item: [folded(attribute_of(run, item, name), case_sensitive) for name in names],
        reverse=reverse,
    )


def unique(
    run: Run,
    value: Any,
    case_sensitive: bool = False,  # noqa: FBT001, FBT002 - Jinja2's signature
    attribute: str | int | None = None,
) -> list[Any]:
    """Each item once, in the order of their first appearance."""
    found = items_of(run, value)
    run.scan(found)
    seen: set[Any] = set()
    kept = []
    for item in found:
        key = _hashable(folded(attribute_of(run, item, attribute), case_sensitive))
        if key not in seen:
            seen.add(key)
            kept.append(item)
    return kept


def least(run: Run, value: Any, case_sensitive: bool = False, attribute: str | int | None = None) -> Any:  # noqa: FBT001, FBT002 - Jinja2's signature
    """The smallest item; not there when it is empty."""
    return _extreme(run, value, case_sensitive, attribute, min)


def greatest(run: Run, value: Any, case_sensitive: bool = False, attribute: str | int | None = None) -> Any:  # noqa: FBT001, FBT002 - Jinja2's signature
    """The largest item; not there when it is empty."""
    return _extreme(run, value, case_sensitive, attribute, max)


def total(run: Run, value: Any, attribute: str | int | None = None, start: int | float = 0) -> int | float:
    """The sum of the items."""
    result = start
    for item in attributes_of(run, value, attribute):
        if not isinstance(item, int | float):
            raise wrong_type("sum: numbers", item)
        result = number(result + item)
    return result


def dictsort(
    run: Run,
    value: Any,
    case_sensitive: bool = False,  # noqa: FBT001, FBT002 - Jinja2's signature
    by: str = "key",
    reverse: bool = False,  # noqa: FBT001, FBT002 - Jinja2's signature
) -> list[Any]:
    """The [key, value] pairs of a map, in order of `key` or `value`."""
    if by not in ("key", "value"):
        raise ExpressionError("dictsort: by key or value", Kind.TYPE)
    found = pairs(run, value)
    _pay_order(run, found)
    position = 0 if by == "key" else 1
    return sorted(found, key=lambda pair: folded(pair[position], case_sensitive), reverse=reverse)


def groupby(
    run: Run,
    value: Any,
    attribute: str | int,
    default: Any = MISSING,
    case_sensitive: bool = False,  # noqa: FBT001, FBT002 - Jinja2's signature
) -> list[Any]:
    """[key, items] pairs, one for each value of the attribute, in order."""
    found = [(attribute_of(run, item, attribute, default), item) for item in items_of(run, value)]
    _pay_order(run, [key for key, _ in found])
    groups: list[list[Any]] = []
    for key, item in sorted(found, key=lambda pair: folded(pair[0], case_sensitive)):
        if not groups or folded(groups[-1][0], case_sensitive) != folded(key, case_sensitive):
            groups.append([key, []])
        groups[-1][1].append(item)
    return groups


def batch(run: Run, value: Any, linecount: int, fill_with: Any = None) -> list[Any]:
    """Lists of `linecount` items each; the last filled up with `fill_with` when that is given."""
    if type(linecount) is not int or linecount < 1:
        raise wrong_type("batch: a positive number", linecount)
    found = items_of(run, value)
    run.take(CELL * len(found))
    rows = [found[start : start + linecount] for start in range(0, len(found), linecount)]
    if rows and fill_with is not None:
        lacking = linecount - len(rows[-1])
        run.take(CELL * lacking)
        rows[-1] += [fill_with] * lacking
    return rows


def sliced(run: Run, value: Any, slices: int, fill_with: Any = None) -> list[Any]:
    """`slices` lists of nearly equal length; the shorter ones filled up with `fill_with` when that is given."""
    if type(slices) is not int or slices < 1:
        raise wrong_type("slice: a positive number", slices)
    found = items_of(run, value)
    run.take(CELL * (len(found) + 2 * slices))
    each, longer = divmod(len(found), slices)
    rows = []
    start = 0
    for index in range(slices):
        end = start + each + (1 if index < longer else 0)
        row = found[start:end]
        if fill_with is not None and index >= longer:
            row.append(fill_with)
        rows.append(row)
        start = end
    return rows


def items_of(run: Run, value: Any) -> list[Any]:
    """A new list of what a loop over the value would give, paid for.

    Raises:
        ExpressionError: it cannot be looped over.
    """
    if not isinstance(value, str | list | dict):
        raise wrong_type("a list, map or string", value)
    run.step(len(value) // 8)
    run.take(CELL * len(value))
    return list(value)


def attribute_of(run: Run, item: Any, attribute: str | int | None, default: Any = MISSING) -> Any:
    """The item, or what stands in it at a dotted path.

    Raises:
        ExpressionError: nothing is there, and no default is given.
    """
    if attribute is None:
        return item
    for part in attribute.strip().split(".") if isinstance(attribute, str) else (attribute,):
        key: Any = int(part) if isinstance(part, str) and part.isdigit() and isinstance(item, list) else part
        run.step(1)
        found = MISSING
        if isinstance(item, dict):
            found = item.get(key, MISSING)
        elif isinstance(item, list) and type(key) is int and -len(item) <= key < len(item):
            found = item[key]
        if found is not MISSING:
            item = found
        elif default is MISSING:
            raise ExpressionError("an item lacks the attribute", Kind.UNDEFINED)
        else:
            return default
    return item


def attributes_of(run: Run, value: Any, attribute: str | int | None) -> Iterable[Any]:
    """The items of a value, or what stands in each at a dotted path."""
    found = items_of(run, value)
    return found if attribute is None else [attribute_of(run, item, attribute) for item in found]


def folded(value: Any, case_sensitive: Any) -> Any:
    """A key for comparing without regard to case."""
    return value.lower() if isinstance(value, str) and not case_sensitive else value


def _extreme(run: Run, value: Any, case_sensitive: Any, attribute: str | int | None, choose: Callable[..., Any]) -> Any:
    found = items_of(run, value)
    run.scan(found)
    return choose(found, key=lambda item: folded(attribute_of(run, item, attribute), case_sensitive), default=MISSING)


def _pay_order(run: Run, found: list[Any]) -> None:
    run.scan(found)
    run.step(len(found) * len(found).bit_length() // 4)


def _hashable(value: Any) -> Any:
    if isinstance(value, list):
        return ("list", *map(_hashable, value))
    if isinstance(value, dict):
        return ("map", *sorted(((key, _hashable(item)) for key, item in value.items()), key=repr))
    return value
