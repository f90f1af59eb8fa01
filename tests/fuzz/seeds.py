"""Where the targets begin: the examples, the cases, the bombs, and what each target once failed on."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from schema.protocol.messages import AGENT_MESSAGE, SERVER_MESSAGE
from tests.cases.test_h_parsers import BODIES
from tests.fuzz.oracles import PLACES
from tests.unit.reconciler.documents.test_hostile import CASES as HOSTILE
from tests.unit.reconciler.graph.test_cases import CASES, read
from tests.unit.schema.expressions.corpus import EXPRESSIONS, TEMPLATES
from tests.unit.schema.expressions.test_sandbox import ESCAPES

ROOT = Path(__file__).parents[2]
FOUND = Path(__file__).parent / "found"
LONGEST = 4096


def found(target: str) -> list[Path]:
    """Inputs on which a target failed before it was mended."""
    return sorted((FOUND / target).glob("*"))


def seeds(target: str) -> list[bytes]:
    """Inputs to begin with, none longer than `LONGEST`."""
    known = [path.read_bytes() for path in found(target)]
    return [data for data in (*known, *_SOURCES[target]()) if len(data) <= LONGEST]


def _files() -> Iterator[bytes]:
    yield from (path.read_bytes() for path in sorted((ROOT / "examples/repo").rglob("*.vgo")))
    for case in sorted(CASES.glob("*.txt")):
        yield from read(case)[0].values()
    yield from (source for source, _ in HOSTILE.values())


def _placed() -> Iterator[bytes]:
    for number, data in enumerate(_files()):
        yield bytes([number % len(PLACES)]) + data
    for case in sorted(CASES.glob("*.txt")):
        for path, data in read(case)[0].items():
            if path in PLACES or (path.startswith("configcrates/") and path.endswith(".vgo")):
                yield bytes([PLACES.index(path if path in PLACES else "configcrates/a.vgo")]) + data


def _expressions() -> Iterator[bytes]:
    yield from (text.encode() for text in EXPRESSIONS)
    yield from (text.removeprefix("{{").removesuffix("}}").strip().encode() for text in ESCAPES if text[:2] == "{{")


def _templates() -> Iterator[bytes]:
    yield from (text.encode() for text in (*TEMPLATES, *ESCAPES))
    yield from (path.read_bytes() for path in sorted((ROOT / "examples/repo").rglob("*.j2")))


def _edits() -> Iterator[bytes]:
    pieces = (b"\nvars: {x+: [1]}\n", b"{{ vars.gone }}", b"when: false\n", b"- ", b"name: z\n", b"")
    for number, piece in itertools.product(range(0, 24, 3), pieces):
        one = bytes([number, number % 6, 0, number * 7 % 256]) + piece
        yield b"\0\0".join([one, bytes([number + 1, (number + 3) % 6, 1, 9]) + piece])


def _commits() -> Iterator[bytes]:
    from tests.factories.commits import ecdsa_key, ed25519_key, signed, touched_key, unsigned

    for raw in (unsigned(), unsigned(parents=("2" * 40, "3" * 40), author="Zoë <z@example.com>")):
        yield raw
        for key in (ed25519_key(), ecdsa_key(), touched_key()):
            yield signed(raw, key.sign(raw))


def _packs() -> Iterator[bytes]:
    from tests.fuzz.packs import good

    yield from good()


def _messages() -> Iterator[bytes]:
    """One of each kind as far as its fields can be guessed; which are wrong is for the fuzzer to find out."""
    kinds = set()
    for adapter in (AGENT_MESSAGE, SERVER_MESSAGE):
        schema = adapter.json_schema()
        for name, about in schema.get("$defs", {}).items():
            kind = about.get("properties", {}).get("type", {}).get("const")
            if kind is not None and name not in kinds:
                kinds.add(name)
                fields = {key: _example(field) for key, field in about["properties"].items()}
                yield json.dumps({**fields, "type": kind}).encode()


def _example(field: Mapping[str, Any]) -> Any:
    if "default" in field or "const" in field:
        return field.get("const", field.get("default"))
    return {"string": "a" * 64, "integer": 1, "number": 1, "boolean": True, "array": [], "object": {}}.get(
        field.get("type", "object"), {}
    )


def _bodies() -> Iterator[bytes]:
    yield from (data for data in BODIES.values() if len(data) <= LONGEST)
    yield from (b"{}", b'{"name": "x", "number": 1.5e3}', b'{"a": [1, {"b": null}], "name": "\\u00e9\\ud83d\\ude00"}')


_SOURCES = {
    "composer": _files,
    "loader": _placed,
    "expression": _expressions,
    "template": _templates,
    "compiler": _edits,
    "packs": _packs,
    "commits": _commits,
    "messages": _messages,
    "bodies": _bodies,
}
