"""Tasks, workflows and waivers: what they name is held against the tree. What acts on them is not built yet.

Whether a waiver has expired depends on the day, and compiling never does: `lapses` is asked beside it. That a control
passes although it is waived can be told when controls are observed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from reconciler import expressions
from reconciler.documents import Document, Documents, Kind
from reconciler.documents.complaints import diagnostic, listed, nearest
from reconciler.documents.marks import Path
from reconciler.graph import patterns, selecting
from reconciler.graph.matching import Matcher
from schema import traits
from schema.diagnostics import Diagnostic
from schema.documents.claims import ComplianceClaims
from schema.documents.configcrates import Configcrate
from schema.documents.tasks import Task
from schema.documents.waivers import Waiver, Waivers
from schema.documents.workflows import Step, Workflow
from schema.expressions import has_tags
from schema.time import to_rfc3339

WAIVED: Final = frozenset({Kind.WAIVERS, Kind.CLAIMS, Kind.CONFIGCRATE, Kind.USERCRATE})
"""Kinds that decide what is wrong with waivers."""


def check(documents: Documents) -> list[Diagnostic]:
    """What is wrong with the tasks and workflows of a tree, beyond each file itself."""
    return [*_tasks(documents), *_workflows(documents)]


def check_waivers(documents: Documents) -> list[Diagnostic]:
    """What is wrong with the waivers of a tree, beyond each file itself."""
    return list(_waivers(documents))


class WaivedHosts(NamedTuple):
    """What is wrong with the hosts that waivers name, and all that it depends on."""

    documents: Sequence[Document]
    matcher: Matcher
    diagnostics: list[Diagnostic]


def check_waived_hosts(documents: Documents, matcher: Matcher, before: WaivedHosts | None) -> WaivedHosts:
    """A warning for each waiver whose pattern fits no match block; `before`, when nothing has changed."""
    waivers = documents.of(Kind.WAIVERS)
    if (
        before is not None
        and before.matcher is matcher
        and [id(each) for each in before.documents] == [id(each) for each in waivers]
    ):
        return before
    found = []
    for document, at, waiver in _each_waiver(documents):
        try:
            pattern = patterns.parse(waiver.match) if waiver.match is not None else None
        except patterns.BadPattern:
            continue  # which has been said
        if pattern is not None and not any(selecting.overlap(pattern, each) for each in matcher.patterns):
            message = f"no match block has a host that {waiver.match} matches: it waives nothing"
            found.append(_at(documents, document, (*at, "match"), "waiver.no-host", message))
    return WaivedHosts(waivers, matcher, found)


def lapses(documents: Documents, now: int) -> list[Diagnostic]:
    """A warning for each waiver that has expired.

    Args:
        now: microseconds since 1970, UTC.
    """
    return [
        _at(
            documents,
            document,
            (*at, "expires"),
            "waiver.expired",
            f"the waiver of {waiver.control} of {waiver.framework} expired at {to_rfc3339(waiver.expires)}",
            "have it approved anew, or take it away",
        )
        for document, at, waiver in _each_waiver(documents)
        if waiver.expires <= now
    ]


def _tasks(documents: Documents) -> Iterator[Diagnostic]:
    yield from _doubles(documents, documents.of(Kind.TASK))
    for document in documents.of(Kind.TASK):
        task = document.parsed.model
        if isinstance(task, Task):
            params = set(task.params)
            for key, text in (("command", task.command), ("health_check", task.health_check)):
                if text is not None:
                    yield from _text(documents, document, (key,), text, expressions.TASK_ROOTS, {"params": params})
            yield from _target(documents, document, ("target",), task.target)


def _workflows(documents: Documents) -> Iterator[Diagnostic]:
    yield from _doubles(documents, documents.of(Kind.WORKFLOW))
    tasks = {
        each.parsed.model.name: each.parsed.model
        for each in documents.of(Kind.TASK)
        if isinstance(each.parsed.model, Task)
    }
    unsound = {name for each in documents.of(Kind.TASK) if not each.parsed.whole for name in _names_of(each)}
    for document in documents.of(Kind.WORKFLOW):
        workflow = document.parsed.model
        if not isinstance(workflow, Workflow):
            continue
        steps: set[str] = set()
        every = {step.name for step in workflow.steps}
        below = {"inputs": set(workflow.inputs), "steps": every}
        for index, step in enumerate(workflow.steps):
            at: Path = ("steps", index)
            if step.name in steps:
                message = f"a second step is called {step.name}"
                yield _at(documents, document, (*at, "name"), "workflow.duplicate-step", message)
            steps.add(step.name)
            if step.task is not None and step.task not in tasks and step.task not in unsound:
                message, hint = f"there is no task {step.task}", nearest(step.task, tasks)
                yield _at(documents, document, (*at, "task"), "task.unknown", message, hint)
            if step.task in tasks:
                yield from _parameters(documents, document, at, step, tasks[step.task])
            yield from _target(documents, document, (*at, "target"), step.target)
            if step.on_failure is not None and step.on_failure not in every:
                message, hint = f"there is no step {step.on_failure}", nearest(step.on_failure, every)
                yield _at(documents, document, (*at, "on_failure"), "workflow.unknown-step", message, hint)
            roots = expressions.WORKFLOW_ROOTS | (expressions.TASK_ROOTS - {"params"})
            if step.command is not None:
                yield from _text(documents, document, (*at, "command"), step.command, roots, below)
            if step.when is not None:
                yield from _text(documents, document, (*at, "when"), step.when, roots, below, template=False)
            for path, _ in expressions.analyse_value(step.params, roots=roots):
                value: object = step.params
                for part in path:
                    value = value[part]  # type: ignore[index]
                yield from _text(documents, document, (*at, "params", *path), str(value), roots, below)


def _names_of(document: Document) -> Iterator[str]:
    """What a task that something else is wrong with may be called: that it is unknown would be untrue."""
    yield document.path.rpartition("/")[2].removesuffix(".vgo")
    data = document.parsed.data
    if isinstance(data, dict) and isinstance(data.get("name"), str):
        yield data["name"]


def _parameters(documents: Documents, document: Document, at: Path, step: Step, task: Task) -> Iterator[Diagnostic]:
    """What a step gives its task, held against what the task takes; templates are only known when it runs."""
    code = "task.parameter"
    for name, value in step.params.items():
        parameter, where = task.params.get(name), (*at, "params", name)
        if parameter is None:
            hint = nearest(name, task.params) or (f"it takes {listed(task.params)}" if task.params else "it takes none")
            yield _at(documents, document, where, code, f"{task.name} has no parameter {name}", hint, on_key=True)
        elif isinstance(value, str) and has_tags(value):
            continue
        elif not parameter.fits(value):
            yield _at(documents, document, where, code, f"{name} is of the type {parameter.type}")
        elif parameter.choices is not None and value not in parameter.choices:
            yield _at(documents, document, where, code, f"{name} is one of {listed(map(str, parameter.choices))}")
    for name, parameter in task.params.items():
        if parameter.required and name not in step.params:
            message, hint = f"{task.name} needs the parameter {name}", f"params: {{{name}: ...}}"
            yield _at(documents, document, (*at, "task"), code, message, hint)


def _target(documents: Documents, document: Document, where: Path, text: str | None) -> Iterator[Diagnostic]:
    """What is wrong with a target: names, globs and `trait.path=value`, with commas; a leading `-` excludes."""
    if text is None or has_tags(text):
        return
    at = 0
    for part in text.split(","):
        bare = part.strip().removeprefix("-").strip()
        column = at + part.find(bare) + 1
        at += len(part) + 1
        path, equals, _ = bare.partition("=")
        code, message, hint = "", "", ""
        if equals and traits.lookup(path.strip()) is None:
            near = traits.nearest(path.strip())
            code, message = "expression.unknown-trait", f"no host has a trait {path.strip()}"
            hint = f"did you mean {near}?" if near else ""
        elif not equals:
            try:
                patterns.parse(bare)
            except patterns.BadPattern as error:
                code, message, hint = "match.pattern", str(error), error.hint
        if code:
            line, found = documents.within(document, where, text, 1, column)
            yield diagnostic(code, document.path, line, found, message, hint)


def _text(
    documents: Documents,
    document: Document,
    where: Path,
    text: str,
    roots: frozenset[str],
    below: dict[str, set[str]],
    *,
    template: bool = True,
) -> Iterator[Diagnostic]:
    """What is wrong with an expression of a task or workflow; `below`: what stands under its own names."""
    analysis = expressions.analyse(text, template=template, roots=roots)
    found = [(each.line, each.column, "expression.invalid", each.message, each.hint) for each in analysis.problems]
    for word in analysis.unknown:
        hint = nearest(word.name, roots) or f"here: {listed(roots)}"
        found.append((word.line, word.column, "expression.unknown-name", f"there is no {word.name}", hint))
    for use in analysis.paths:
        root = str(use.path[0])
        if root in below and len(use.path) > 1 and use.path[1] not in below[root] and not use.guarded:
            hint = nearest(str(use.path[1]), below[root])
            message = f"{root} has no {use.path[1]}"
            found.append((use.line, use.column, "expression.unknown-name", message, hint))
    for line, column, code, message, hint in found:
        yield diagnostic(code, document.path, *documents.within(document, where, text, line, column), message, hint)


def _waivers(documents: Documents) -> Iterator[Diagnostic]:
    claimed = set(_claimed(documents)) if documents.of(Kind.WAIVERS) else set()
    for document, at, waiver in _each_waiver(documents):
        if waiver.match is not None:
            try:
                patterns.parse(waiver.match)
            except patterns.BadPattern as error:
                yield _at(documents, document, (*at, "match"), "match.pattern", str(error), error.hint)
        if (waiver.framework, waiver.control) not in claimed:
            message = f"nothing claims {waiver.control} of {waiver.framework}"
            hint = nearest(waiver.control, [control for framework, control in claimed if framework == waiver.framework])
            yield _at(documents, document, (*at, "control"), "waiver.no-control", message, hint)


def _each_waiver(documents: Documents) -> Iterator[tuple[Document, Path, Waiver]]:
    for document in documents.of(Kind.WAIVERS):
        model = document.parsed.model
        for index, waiver in enumerate(model.waivers if isinstance(model, Waivers) else ()):
            yield document, ("waivers", index), waiver


def _claimed(documents: Documents) -> Iterator[tuple[str, str]]:
    for document in (*documents.of(Kind.CONFIGCRATE), *documents.of(Kind.USERCRATE), *documents.of(Kind.CLAIMS)):
        model = document.parsed.model
        claims = model.compliance if isinstance(model, Configcrate) else None
        if isinstance(model, ComplianceClaims):
            claims = model.root
        for framework, controls in (claims or {}).items():
            for control in controls:
                yield framework, control


def _doubles(documents: Documents, of: Sequence[Document]) -> Iterator[Diagnostic]:
    first: dict[str, str] = {}
    for document in of:
        name = getattr(document.parsed.model, "name", None)
        if name is not None and first.setdefault(name, document.path) != document.path:
            message = f"{first[name]} is called {name}, too"
            yield _at(documents, document, ("name",), "task.duplicate", message, "names are one for each kind")


def _at(
    documents: Documents,
    document: Document,
    path: Iterable[str | int],
    code: str,
    message: str,
    hint: str = "",
    *,
    on_key: bool = False,
) -> Diagnostic:
    return diagnostic(code, document.path, *documents.place(document, tuple(path), on_key=on_key), message, hint)
