"""`just docs`: the pages that are written from the code. A test compares them, so that they cannot lie.

Field descriptions are the docstrings under the fields, read from the source: the agent, which imports the same models,
is spared Pydantic's own reading of them at import.
"""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from pydantic import BaseModel, SecretStr

from agent.resources import TYPES
from agent.resources.types import ResourceType
from api.settings import Settings
from reconciler.documents import codes
from reconciler.documents.docstrings import field_docstrings
from schema import errors
from schema.access import GRANTS, Permission, Role
from schema.expressions import grammar, running, tokens
from schema.expressions.filters import FILTERS
from schema.expressions.functions import FUNCTIONS, MAX_RANGE, METHODS
from schema.expressions.predicates import TESTS
from schema.expressions.statements import REFUSED
from schema.expressions.vocabulary import INSTEAD
from schema.resources import RESOURCES
from schema.traits import SECTIONS, TRAITS

DOCS: Final = Path(__file__).resolve().parents[1] / "docs"
RESOURCE_DOCS: Final = DOCS / "resources"
NOTE: Final = "<!-- Written by `just docs` from the code; edit it there. -->\n"

LIMITS: Final[Mapping[str, int]] = {
    "steps of one rendering": running.MAX_STEPS,
    "characters and list entries (16 each) that it makes": running.MAX_ROOM,
    "bytes of what comes out": running.MAX_OUTPUT,
    "a whole number": running.MAX_INT,
    "numbers of a `range`": MAX_RANGE,
    "characters of a text": tokens.MAX_TEXT,
    "words in the tags of a text": tokens.MAX_TOKENS,
    "brackets or statements within each other": grammar.MAX_DEPTH,
    "operators, filters or keys behind each other": grammar.MAX_CHAIN,
}


def pages() -> dict[Path, str]:
    """Path → text of every generated page."""
    found = {DOCS / "resources" / f"{name}.md": _resource(name) for name in sorted(RESOURCES)}
    found[DOCS / "resources" / "index.md"] = _resources()
    found[DOCS / "traits.md"] = _traits()
    found[DOCS / "expressions.md"] = _expressions()
    found[DOCS / "errors.md"] = _errors()
    found[DOCS / "settings.md"] = _settings()
    found[DOCS / "permissions.md"] = _permissions()
    return found


def _resources() -> str:
    rows = [(f"[{name}]({name}.md)", _about(sys.modules[spec.__module__])) for name, spec in sorted(RESOURCES.items())]
    return f"{NOTE}# Resource types\n\n{_table(('type', 'manages'), rows)}"


def _resource(name: str) -> str:
    spec = RESOURCES[name]
    owned = f"It owns its {spec.OWNS} whole: two resources of one host may not.\n\n" if spec.OWNS else ""
    return (
        f"{NOTE}# {name}\n\n{_about(sys.modules[spec.__module__])}\n\n{inspect.cleandoc(spec.__doc__ or '')}\n\n{owned}"
        f"```yaml\n{(RESOURCE_DOCS / 'examples' / f'{name}.yaml').read_text()}```\n\n{_fields(spec)}{_note(name)}"
        f"\n{_seen(TYPES[name])}"
    )


def _seen(kind: ResourceType[Any, Any]) -> str:
    """What the agent is told of at once, and what waits for the full check."""
    if not kind.shows_somewhere:
        return f"## When drift is seen\n\nAt the full check: {kind.unseen}.\n"
    waits = f"; at the full check: {kind.unseen}" if kind.unseen else ""
    return f"## When drift is seen\n\nAt once{waits}. [How](../agent.md#drift).\n"


def _note(name: str) -> str:
    """What a person has written about a type: platforms, what is not tested."""
    path = RESOURCE_DOCS / "notes" / f"{name}.md"
    return f"\n{path.read_text()}" if path.exists() else ""


def _traits() -> str:
    rows = [
        (f"`{path}`", str(info.type), "every host" if info.always else "some hosts", info.summary)
        for path, info in sorted(TRAITS.items())
    ]
    classes = [(f"`{name}`", str(each.cls), each.summary) for name, each in sorted(SECTIONS.items())]
    return (
        f"{NOTE}# Traits\n\nWhat a host says it is; [how they are collected and told](areas/traits.md).\n\n"
        f"{_table(('trait', 'class', 'is'), classes)}\n"
        f"## Paths\n\n{_table(('path', 'type', 'on', 'is'), rows)}"
    )


def _expressions() -> str:
    forms = {
        "default(default_value='', boolean=False)": "The value where a path ends early or a list is empty; with `true` also for"
        " what is false. `d` is the same.",
        "map": "`map('upper')` applies a filter to each item; `map(attribute='name', default=…)` takes a key of each.",
        "select": "The items for which a test holds: `select('odd')`; with no test, those that are true.",
        "reject": "The items for which a test does not hold.",
        "selectattr": "The items of which a key passes a test: `selectattr('uid', 'ge', 1000)`.",
        "rejectattr": "The items of which a key does not pass a test.",
    }
    filters = [(f"`{_call(name, given, 2)}`", _about(given)) for name, given in FILTERS.items()]
    filters += [(f"`{name}`", text) for name, text in forms.items()]
    tests = [(f"`{_call(name, given, 2)}`", _about(given)) for name, given in TESTS.items()]
    tests += [("`defined`, `undefined`", "Whether a path leads anywhere, or not.")]
    functions = [(f"`{_call(name, given, 1, '()')}`", _about(given)) for name, given in FUNCTIONS.items()]
    methods = [
        (f"`{_call(name, given, 2, '()')}`", {str: "string", dict: "map"}.get(owner, "loop"), _about(given))
        for name, (owner, given) in METHODS.items()
    ]
    refused = [(f"`{name}`", hint.replace("|", r"\|")) for name, hint in {**REFUSED, **INSTEAD}.items() if hint]
    return (
        f"{NOTE}# Expressions\n\nWhat may stand in `when`, `foreach` and `{{{{ }}}}`; [the language](language.md) says how."
        " Names of arguments are Jinja2's.\n\n"
        f"## Filters\n\n{_table(('filter', 'gives'), sorted(filters))}\n"
        f"## Tests\n\n{_table(('is …', 'asks'), sorted(tests))}\n"
        f"## Functions\n\n{_table(('function', 'gives'), sorted(functions))}\n"
        f"## Methods\n\n{_table(('method', 'of a', 'gives'), sorted(methods))}\n"
        f"## Limits\n\n{_table(('of', 'at most'), [(name, f'{value:,}') for name, value in LIMITS.items()])}\n"
        f"## Not here\n\n{_table(('word', 'instead'), sorted(refused))}"
    )


def _call(name: str, function: Callable[..., Any], given: int, nothing: str = "") -> str:
    """How a word is written, with the arguments that it takes behind the first ones; `nothing` where it takes none."""
    taken = list(inspect.signature(function).parameters.values())[given:]
    names = [("*" if each.kind is each.VAR_POSITIONAL else "") + each.name for each in taken]
    defaults = [
        "" if each.default is each.empty or each.default is running.MISSING else f"={each.default!r}" for each in taken
    ]
    return name + (f"({', '.join(map(str.__add__, names, defaults))})" if taken else nothing)


def _errors() -> str:
    diagnostics = [(f"`{code}`", text) for code, text in sorted(codes.CODES.items())]
    kinds = [
        (f"`{kind.code}`", str(kind.status), kind.next.value, inspect.cleandoc(kind.__doc__ or "").splitlines()[0])
        for kind in _below(errors.Fault)
        if kind.__module__ == "schema.errors"
    ]
    return (
        f"{NOTE}# Errors\n\n## Diagnostics of a config repository\n\n{_table(('code', 'says'), diagnostics)}"
        f"\n## Kinds of fault\n\nEvery error body is `{{message, error, statusCode, code}}`, with `details` where there are any."
        f"\n\n{_table(('kind', 'HTTP', 'again', 'means'), kinds)}"
    )


def _settings() -> str:
    return f"{NOTE}# Settings of the server\n\nEach is an environment variable, `VIGO_` and the name in capitals.\n\n{_fields(Settings)}"


def _permissions() -> str:
    rows = [
        (f"`{permission}`", *("yes" if permission in GRANTS[role] else "" for role in Role))
        for permission in Permission
    ]
    return f"{NOTE}# Permissions\n\n{_table(('permission', *(role.value for role in Role)), rows)}"


def _fields(model: type[BaseModel]) -> str:
    docstrings = field_docstrings(model)
    schema = model.model_json_schema()
    required = set(schema.get("required", ()))
    rows = []
    for name, field in model.model_fields.items():
        shown = field.alias or name
        described = schema["properties"][shown]
        default = "required" if shown in required else f"`{_default(field)}`"
        rows.append((f"`{shown}`", _type(described), default, field.description or docstrings.get(name, "")))
    return _table(("name", "type", "default", "is"), rows)


def _default(field: Any) -> str:
    value = field.get_default(call_default_factory=True, validated_data={})
    if value is None:
        return "none"
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    return str(value) if isinstance(value, Path) else json.dumps(value)


def _type(schema: Mapping[str, Any]) -> str:
    """A JSON Schema in a few words."""
    if "anyOf" in schema:
        words = [_type(one) for one in schema["anyOf"] if one.get("type") != "null"]
        return " or ".join(dict.fromkeys(words))
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    match schema.get("type"):
        case "array":
            return f"list of {_type(schema.get('items', {}))}"
        case "object":
            return "map"
        case str() as name:
            return {"string": "text", "boolean": "true or false", "integer": "whole number"}.get(name, name)
        case _:
            return "any"


def _about(documented: ModuleType | Callable[..., Any]) -> str:
    return inspect.cleandoc(documented.__doc__ or "").split("\n\n")[0].replace("\n", " ")


def _below(kind: type[errors.Fault]) -> Iterable[type[errors.Fault]]:
    for child in kind.__subclasses__():
        yield child
        yield from _below(child)


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    lines = [list(head)]
    lines += [["---"] * len(lines[0])] + [[cell.replace("\n", " ") for cell in row] for row in rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def main(write: Callable[[Path, str], object] = Path.write_text) -> None:
    for path, text in pages().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        write(path, text)
    print(f"wrote {len(pages())} pages under {DOCS}")


if __name__ == "__main__":
    main()
