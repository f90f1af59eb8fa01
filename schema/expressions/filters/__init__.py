"""The filters of the language: those of Jinja2 that only compute, and a few of our own.

A filter is `f(run, value, …)`. It pays the meters of its run for what it makes before it makes it, and knows nothing of
the host. The names of its parameters are Jinja2's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from schema.expressions.filters import encodings, lists, numbers, texts

FILTERS: Final[Mapping[str, Callable[..., Any]]] = {
    "abs": numbers.absolute,
    "b64encode": encodings.b64encode,
    "batch": lists.batch,
    "capitalize": texts.capitalize,
    "center": texts.center,
    "count": lists.length,
    "dictsort": lists.dictsort,
    "first": lists.first,
    "float": numbers.to_float,
    "format": texts.printf,
    "groupby": lists.groupby,
    "indent": texts.indent,
    "int": numbers.to_int,
    "ipaddr": encodings.ipaddr,
    "items": lists.pairs,
    "join": lists.join,
    "last": lists.last,
    "length": lists.length,
    "lines": texts.lines,
    "list": lists.to_list,
    "lower": texts.lower,
    "max": lists.greatest,
    "min": lists.least,
    "quote": encodings.quote,
    "replace": texts.replace,
    "reverse": lists.reverse,
    "round": numbers.rounded,
    "sha256": encodings.sha256,
    "slice": lists.sliced,
    "sort": lists.sort,
    "split": texts.split,
    "string": texts.string,
    "sum": lists.total,
    "title": texts.title,
    "to_json": encodings.to_json,
    "to_yaml": encodings.to_yaml,
    "tojson": encodings.to_json,
    "trim": texts.trim,
    "truncate": texts.truncate,
    "unique": lists.unique,
    "upper": texts.upper,
    "urlencode": encodings.urlencode,
}
"""Name → function. `default`, `map`, `select` and their like are forms: the compiler knows them."""
