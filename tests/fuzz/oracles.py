"""What must be true whatever bytes come: one function a target, which raises when it is not.

The same functions are run by atheris (guided by coverage), by Hypothesis, and over all that was ever found.
"""

from __future__ import annotations

import atexit
import json
import os
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, Final

import pydantic
import pygit2
from pygit2.enums import ObjectType
from starlette.datastructures import QueryParams

from api.http.binding import Binding
from api.http.errors import BadInput
from api.services.work import Work
from reconciler import expressions, graph
from reconciler.documents import DocumentCache, formatting, load, marks
from reconciler.documents.compose import MAX_INTEGER, Composed, compose, compose_events
from reconciler.documents.kinds import Kind, place
from reconciler.expressions import EACH, Analysis
from reconciler.graph import Cache, Compilation
from reconciler.repository.faults import RepositoryDamaged
from reconciler.repository.packs import Packs
from reconciler.repository.signatures import Kind as SigningProgram
from reconciler.repository.signatures import SignatureRefused, SshKey, verify_ssh
from reconciler.repository.signatures import read as read_commit
from schema.diagnostics import Diagnostic
from schema.expressions import ExpressionError, Renderer, nodes
from schema.expressions import Kind as Failure
from schema.expressions.grammar import parse_expression
from schema.expressions.statements import parse_template
from schema.expressions.walking import expressions as expressions_of
from schema.expressions.walking import walk
from schema.protocol.messages import AGENT_MESSAGE, SERVER_MESSAGE
from tests.factories.trees import MemoryTree, tree
from tests.unit.reconciler.graph.test_incremental import VARIANTS
from tests.unit.schema.expressions.corpus import SCOPE

MAX_MESSAGE: Final = 500
PLACES: Final = (
    "web.vgo",
    "common.vgo",
    "roles.vgo",
    "environments.vgo",
    "configcrates/a.vgo",
    "usercrates/u.vgo",
    "tasks/t.vgo",
    "workflows/w.vgo",
    "waivers.vgo",
    "compliance.vgo",
    "vigo.vgo",
    "tests/t.vgo",
)
"""One of each kind: the first byte of an input chooses."""


def composer(data: bytes) -> None:
    """Bytes → data: never an exception, every place within the file, nothing but plain data, however it was read."""
    found = compose(data)
    _within(data, [(each.line, each.column, each.message) for each in found.complaints])
    assert len(found.complaints) <= 101
    again = compose_events(data)
    assert found.complaints == again.complaints
    assert repr(found.data) == repr(again.data)
    _plain(found.data, 0)
    if not found.complaints:
        _marked(data, found)


def loader(data: bytes) -> None:
    """A file of any kind, loaded: never an exception; each diagnostic is about it and within it."""
    path, text = _chosen(data)
    files = tree({path: text})
    found = load(files, DocumentCache())
    _judged(found.diagnostics, {**_ROOT, path: text})
    kind = place(path)
    if isinstance(kind, Kind):
        try:
            laid_out = formatting.canonical(text, kind)
        except formatting.NotFormattable:
            return
        assert formatting.canonical(laid_out, kind) == laid_out
        assert repr(_sorted(compose(laid_out).data)) == repr(_sorted(compose(text).data))
        assert _codes(path, laid_out) == _codes(path, text), "another layout, other mistakes"


def expression(data: bytes) -> None:
    """A bare expression: judged and evaluated, and both say the same of it."""
    text = _text(data)
    analysis = expressions.analyse(text, template=False)
    _analysed(text, analysis)
    try:
        Renderer().evaluate(text, SCOPE)
    except ExpressionError as error:
        _failed(text, error)
        _agree(analysis, error, lambda: list(walk(parse_expression(text))))
    else:
        assert not analysis.problems or _lazy(analysis), "what is evaluated was a problem to the compiler"


def template(data: bytes) -> None:
    """A template: judged and rendered, and both say the same of it."""
    text = _text(data)
    analysis = expressions.analyse(text, template=True)
    _analysed(text, analysis)
    try:
        Renderer().render(text, SCOPE)
    except ExpressionError as error:
        _failed(text, error)
        _agree(analysis, error, lambda: list(expressions_of(parse_template(text).body)))
    else:
        assert not analysis.problems or _lazy(analysis), "what is rendered was a problem to the compiler"


def compiler(data: bytes) -> None:
    """A history of edits of a whole tree: what was compiled before changes nothing, and every place is in its file."""
    files, cache = dict(_start()), Cache()
    graph.compile_tree(MemoryTree(files), cache)
    for edit in data.split(b"\0\0")[:4]:
        _edit(files, edit)
        quick, cold = graph.compile_tree(MemoryTree(files), cache), graph.compile_tree(MemoryTree(files))
        assert [str(each) for each in quick.diagnostics] == [str(each) for each in cold.diagnostics]
        assert _meaning(quick) == _meaning(cold)
        _judged(cold.diagnostics, files)
        assert cold.graph is not None or cold.diagnostics


def packs(data: bytes) -> None:
    """The pack and index of a repository: looked through, or refused as damaged; in time that is bounded by them."""
    index, _, pack = data.partition(b"PACK")
    with tempfile.TemporaryDirectory(prefix="vigo-fuzz-", dir=_MEMORY) as folder:
        home = Path(folder) / "pack"
        home.mkdir()
        (home / "pack-1.idx").write_bytes(index)
        (home / "pack-1.pack").write_bytes(b"PACK" + pack)
        with suppress(RepositoryDamaged):
            Packs(Path(folder)).check()


def commits(data: bytes) -> None:
    """A commit object: refused, or read as git reads it, and signed over all but its one signature."""
    with suppress(SignatureRefused):
        signed = read_commit(data)
        git = _bare()
        found = git[git.odb.write(ObjectType.COMMIT, data)].peel(pygit2.Commit)
        assert (str(found.tree_id), tuple(map(str, found.parent_ids))) == (signed.tree, signed.parents)
        assert len(signed.payload) < len(data)
        headers = signed.payload.partition(b"\n\n")[0].split(b"\n")
        assert not any(line.partition(b" ")[0] in {b"gpgsig", b"gpgsig-sha256"} for line in headers)
        if signed.kind is SigningProgram.SSH:
            key = verify_ssh(signed.signature, signed.payload)
            assert key == SshKey.parse(key.line)


def messages(data: bytes) -> None:
    """A frame: a message that says the same when it is written and read again, or no message."""
    for read in (AGENT_MESSAGE, SERVER_MESSAGE):
        try:
            found: Any = read.validate_json(data)
        except pydantic.ValidationError:
            continue
        assert read.validate_json(found.model_dump_json()) == found


class _Body(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="allow")

    name: str = ""
    number: int | float | None = None


def _take(work: Work, body: _Body) -> None:
    """What a request's body is bound to."""


_BINDING: Final = Binding.of(_take, "/x")


def bodies(data: bytes) -> None:
    """A request's body: taken, and every strict reader reads it alike, or refused with its place."""
    try:
        taken = _BINDING.arguments({}, QueryParams(""), data)["body"]
    except BadInput as fault:
        errors = fault.details["errors"]
    else:
        _read_alike(taken, data)
        return
    assert errors
    assert all(each["place"].startswith("body") and len(each["message"]) <= 200 for each in errors)


def _read_alike(taken: _Body, data: bytes) -> None:
    # What Pydantic's reader took is what Python's takes, and JavaScript could.
    assert taken == _Body.model_validate(json.loads(data))
    assert "\0" not in repr(taken)
    json.dumps(taken.model_dump(), ensure_ascii=False, allow_nan=False).encode("utf-8")


TARGETS: Final[Mapping[str, Callable[[bytes], None]]] = {
    "composer": composer,
    "loader": loader,
    "expression": expression,
    "template": template,
    "compiler": compiler,
    "packs": packs,
    "commits": commits,
    "messages": messages,
    "bodies": bodies,
}

_MEMORY: Final = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
_ROOT: Final = {"vigo.vgo": b"language: 1\n"}


@cache
def _bare() -> pygit2.Repository:
    """A repository for this process, in which commits are written down to have git read them."""
    folder = tempfile.TemporaryDirectory(prefix="vigo-fuzz-", dir=_MEMORY)
    atexit.register(folder.cleanup)
    return pygit2.init_repository(folder.name, bare=True)


def _text(data: bytes) -> str:
    # What stands in a file is UTF-8 without half surrogates; expressions are never given anything else.
    return data.decode("utf-8", "replace")


def _chosen(data: bytes) -> tuple[str, bytes]:
    return (PLACES[data[0] % len(PLACES)], data[1:]) if data else (PLACES[0], b"")


def _codes(path: str, text: bytes) -> list[str]:
    return sorted(each.code for each in load(tree({path: text}), DocumentCache()).diagnostics)


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return [(key, _sorted(value[key])) for key in sorted(value)]
    return [_sorted(item) for item in value] if isinstance(value, list) else value


# places


def _within(data: bytes, found: list[tuple[int, int, str]]) -> None:
    lines = data.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for line, column, message in found:
        assert 1 <= line <= len(lines) + 1, f"line {line} of {len(lines)}: {message}"
        longest = len(lines[line - 1]) if line <= len(lines) else 0
        assert 1 <= column <= longest + 2, f"column {column} of {longest}: {message}"
        assert message
        assert len(message) < MAX_MESSAGE, message


def _judged(found: list[Diagnostic], files: Mapping[str, bytes]) -> None:
    for each in found:
        assert each.file in files or (each.line, each.column) == (1, 1), each
        assert each.message.isprintable(), f"a message holds control characters: {each!r}"
        assert each.hint.isprintable(), f"a hint holds control characters: {each!r}"
        _within(files.get(each.file, b""), [(each.line, each.column, each.message)])


def _marked(data: bytes, found: Composed) -> None:
    """Every value has a place, and that place is in the file."""
    places = marks.read(data)
    lines = data.decode("utf-8").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    stack: list[tuple[tuple[str | int, ...], Any]] = [((), found.data)]
    for _ in range(200):
        if not stack:
            break
        path, value = stack.pop()
        mark = places.value(path)
        assert 1 <= mark.line <= len(lines) + 1, path
        if isinstance(value, dict):
            stack += [((*path, key), item) for key, item in value.items()]
        elif isinstance(value, list):
            stack += [((*path, index), item) for index, item in enumerate(value)]


def _plain(value: Any, depth: int) -> None:
    assert depth <= 64
    if type(value) is dict:
        for key, item in list(value.items())[:50]:
            assert type(key) is str
            _plain(item, depth + 1)
    elif type(value) is list:
        for item in value[:50]:
            _plain(item, depth + 1)
    elif type(value) is int:
        assert -MAX_INTEGER <= value <= MAX_INTEGER
    elif type(value) is float:
        assert value - value == 0, "not finite"
    else:
        assert value is None or type(value) in (bool, str), type(value)


# expressions


def _analysed(text: str, analysis: Analysis) -> None:
    lines = text.split("\n")
    for each in (*analysis.problems, *analysis.unknown, *analysis.paths, *analysis.filters, *analysis.functions):
        assert 1 <= each.line <= len(lines), each
        assert 1 <= each.column <= len(lines[each.line - 1]) + 1, each


def _failed(text: str, error: ExpressionError) -> None:
    lines = text.split("\n")
    assert 1 <= error.line <= len(lines)
    assert 1 <= error.column <= len(lines[error.line - 1]) + 1


def _agree(analysis: Analysis, error: ExpressionError, used: Callable[[], list[nodes.Expression]]) -> None:
    """What the compiler lets through does not fail on the host for a reason that the compiler can see."""
    if analysis.problems or analysis.unknown:
        return
    assert error.kind is not Failure.SYNTAX, f"no problem to the compiler: {error}"
    if error.kind is Failure.UNDEFINED and all(_there(use.path) or use.guarded for use in analysis.paths):
        assert not all(_plainly(node) for node in used()), f"every path is there: {error}"


def _plainly(node: nodes.Expression) -> bool:
    """Whether the paths of a node are all written out, so that the compiler knows them."""
    if isinstance(node, nodes.Item):
        written = isinstance(node.key, nodes.Literal) and isinstance(node.key.value, str | int)
        return written and isinstance(node.node, nodes.Item | nodes.Attribute | nodes.Name)
    if isinstance(node, nodes.Conditional):
        return node.no is not None
    if isinstance(node, nodes.Attribute):
        return isinstance(node.node, nodes.Attribute | nodes.Name)
    # Lists may be empty, maps lack a key that is computed, and locals stand for what only evaluation knows.
    return isinstance(node, nodes.Literal | nodes.Binary | nodes.Compare | nodes.Concat) or (
        isinstance(node, nodes.Name) and node.name in SCOPE
    )


def _there(path: tuple[str | int, ...]) -> bool:
    value: Any = SCOPE
    for part in path:
        if part == EACH:
            return True
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            return False
    return True


def _lazy(analysis: Analysis) -> bool:
    """Names set in some branches only and keys of `loop` are judged on every way, and run on one."""
    return all("in some branches" in each.message or "loop has no" in each.message for each in analysis.problems)


# trees


@cache
def _start() -> Mapping[str, bytes]:
    return {path: variants[0].encode() for path, variants in VARIANTS.items() if variants[0] is not None}


def _edit(files: dict[str, bytes], edit: bytes) -> None:
    """One commit: bytes that say which file, what is done to it, where, and with what."""
    if len(edit) < 4:
        return
    names = sorted(files)
    path, where, piece = names[edit[0] % len(names)], int.from_bytes(edit[2:4], "big"), edit[4:]
    at = where % (len(files[path]) + 1)
    kind = edit[1] % 8
    if kind == 0 and len(files) > 1:
        del files[path]
    elif kind == 1:
        files[f"{path.rpartition('.')[0]}-moved.{path.rpartition('.')[2]}"] = files.pop(path)
    elif kind == 2:
        files[names[where % len(names)]] = files[path]
    elif kind == 3:
        files[PLACES[where % len(PLACES)]] = piece
    elif kind == 4:
        changed = sorted(VARIANTS)[edit[0] % len(VARIANTS)]
        variant = VARIANTS[changed][where % len(VARIANTS[changed])]
        files.pop(changed, None)
        if variant is not None:
            files[changed] = variant.encode()
    elif kind == 5:
        files[path] = files[path][:at] + files[path][at + len(piece) + 1 :]
    else:
        files[path] = files[path][:at] + piece + files[path][at:]


def _meaning(found: Compilation) -> object:
    whole = found.graph
    return whole and (
        whole.plan_root,
        [(each.id, each.catalog_sha256, each.secrets) for each in whole.profiles.values()],
        sorted(whole.bodies),
        sorted(whole.blobs),
    )
