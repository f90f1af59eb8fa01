"""A preview for a pull request: one comment of Markdown, however much changes.

What comes from a branch stands in fenced blocks and `<code>` alone, each longer fenced than anything in it: it can
neither end its block nor mention anybody, nor draw a link or an image.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import Any, Final

from api.cli import output, preview_text

MAX_COMMENT: Final = 65_536
"""Characters that GitHub takes; GitLab takes more."""
MAX_CLASS: Final = 16_000
_RESERVED: Final = 400
"""For what is said of classes that did not fit."""
_BACKTICKS: Final = re.compile("`+")
_ACTING: Final = re.compile(r"[|\\`*_\[\]~#@!:]")
_WORDS: Final = {"change": "", "maybe": "perhaps: ", "none": "nothing visible: "}


def written(found: dict[str, Any]) -> str:
    """The comment."""
    head = [
        f"### Vigo preview: {found['summary']}",
        "",
        "| | revision | commit | plan root |",
        "|---|---|---|---|",
        *(_row(side, found[side]) for side in ("base", "other")),
        "",
        f"{preview_text.counted(found)}.",
        "",
    ]
    if found.get("traits"):
        head += [f"What if: {_code(preview_text.value(found['traits']))}", ""]
    text = "\n".join(head)
    left = found.get("left_out") or 0
    shown = 0
    for each in found["classes"]:
        block = _class(each, found["subject"])
        if len(text) + len(block) > MAX_COMMENT - _RESERVED:
            break
        text += block
        shown += 1
    left += len(found["classes"]) - shown
    notes = [_escaped(note) for note in found["notes"]][:3]
    if left:
        notes.append(f"{left:,} more kinds of change do not fit here; `vigo preview --json` has them")
    return text + "".join(f"\n> {note}\n" for note in notes)


def _row(name: str, side: dict[str, Any]) -> str:
    commit = _code(side["commit"][:12]) if side["commit"] else ""
    return f"| {name} | {_code(side['rev'])} | {commit} | {_code(side['plan_root'])} |"


def _class(each: dict[str, Any], subject: str) -> str:
    rows = list(_rows(each, subject))
    body = "\n".join(output.visible(row, lines=True) for row in rows)
    if len(body) > MAX_CLASS:
        body = body[:MAX_CLASS].rpartition("\n")[0] + "\n# ... the rest does not fit here"
    fence = "`" * max(3, 1 + max((len(run) for run in _BACKTICKS.findall(body)), default=0))
    what = "host" if subject == "hosts" else "match block"
    count = f"{each['count']:,} {what}{'' if each['count'] == 1 else 's'}"
    title = f"{_WORDS[each['certainty']]}{_code(each['title'])}, {count}"
    return f"<details><summary>{title}</summary>\n\n{fence}diff\n{body}\n{fence}\n\n</details>\n"


def _rows(each: dict[str, Any], subject: str) -> Iterator[str]:
    yield f"# {_line(preview_text.hosts_of(each, subject, 10))}"
    for fact in preview_text.facts(each):
        yield f"# {_line(fact)}"
    for whose in preview_text.example(each):
        yield f"# {_line(whose)}"
    for change in each["resources"]:
        yield ""
        yield f"! {_line(preview_text.heading(change))}"
        for aside in preview_text.asides(change):
            yield f"# {_line(aside)}"
        for attribute in preview_text.attributes(change):
            yield from _attribute(attribute)
    if each.get("resources_left_out"):
        yield f"# and {each['resources_left_out']:,} more resources"


def _attribute(attribute: dict[str, Any]) -> Iterator[str]:
    name, note = _line(preview_text.attribute_name(attribute)), attribute.get("note")
    if note:
        yield f"# {name}: {_line(note)}"
    if attribute.get("diff"):
        yield from (f" {name}:", *attribute["diff"].splitlines())
        return
    for sign, side in (("-", "base"), ("+", "other")):
        if attribute.get(side) is not None:
            yield f"{sign} {name}: {_line(preview_text.value(attribute[side]))}"


def _line(text: str) -> str:
    return output.visible(text)


def _code(text: str) -> str:
    """Text that stays text in HTML and in a table's cell, and that mentions nobody."""
    return f"<code>{_escaped(text)}</code>"


def _escaped(text: str) -> str:
    # Within HTML Markdown still acts: these characters are what it acts on.
    return _ACTING.sub(lambda found: f"&#{ord(found[0])};", html.escape(output.visible(text), quote=False))
