"""INI text, line by line: where an option stands, and the text with one option changed. Comments and order stay."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

_SECTION: Final = re.compile(r"\s*\[([^\]]*)\]\s*([#;].*)?$")
_OPTION: Final = re.compile(r"(\s*)([^\s=:#;\[][^=:]*?)(?:(\s*[=:]\s*)(.*))?$", re.DOTALL)
_DEFAULT_SEPARATOR: Final = " = "


class Option(NamedTuple):
    """One option: lines `start` to `end` (not included)."""

    section: str
    name: str
    value: str | None
    separator: str | None
    indent: str
    start: int
    end: int


class Section(NamedTuple):
    """The lines of one section, its heading included; that before the first heading has none and no name."""

    name: str
    start: int
    end: int


def read(lines: Sequence[str]) -> tuple[list[Section], list[Option]]:
    """All sections and options, in order."""
    sections, options = [Section("", 0, 0)], list[Option]()
    for at, line in enumerate(lines):
        stripped = line.strip()
        if heading := _SECTION.match(line):
            sections.append(Section(heading[1].strip(), at, at + 1))
            continue
        if stripped and stripped[0] not in "#;":
            _read_option(line, at, sections[-1].name, options)
        sections[-1] = sections[-1]._replace(end=at + 1)
    return sections, options


def _read_option(line: str, at: int, section: str, options: list[Option]) -> None:
    indent = line[: len(line) - len(line.lstrip())]
    if options and options[-1].end == at and options[-1].section == section and len(indent) > len(options[-1].indent):
        last = options[-1]
        options[-1] = last._replace(value=f"{last.value or ''}\n{line.strip()}", end=at + 1)
        return
    if found := _OPTION.match(line):
        value = None if found[4] is None else found[4].strip()
        options.append(Option(section, found[2].strip(), value, found[3], found[1], at, at + 1))


def found(lines: Sequence[str], section: str, name: str) -> list[Option]:
    """Where an option stands; the last counts."""
    return [option for option in read(lines)[1] if (option.section, option.name) == (section, name)]


def with_option(lines: Sequence[str], section: str, name: str, value: str | None, separator: str | None) -> list[str]:
    """The lines with this option."""
    sections, options = read(lines)
    result = list(lines)
    standing = [option for option in options if (option.section, option.name) == (section, name)]
    if standing:
        last = standing[-1]
        between = separator or last.separator or _usual(options)
        result[last.start : last.end] = [last.indent + _written(name, value, between)]
        return result
    between = separator or _usual(options)
    mine = [each for each in sections if each.name == section]
    if not mine:
        return [
            *result,
            *([""] if result and result[-1].strip() else []),
            f"[{section}]",
            _written(name, value, between),
        ]
    at = mine[-1].end
    # Behind the last line of the section that says something; blank lines part it from the next.
    while at > mine[-1].start + bool(section) and not result[at - 1].strip():
        at -= 1
    siblings = [option for option in options if option.section == section]
    result.insert(at, (siblings[-1].indent if siblings else "") + _written(name, value, between))
    return result


def without(lines: Sequence[str], section: str, name: str | None) -> list[str]:
    """The lines without an option, wherever it stands; or without the sections of this name."""
    sections, options = read(lines)
    spans = (
        [each for each in sections if each.name == section and section]
        if name is None
        else [option for option in options if (option.section, option.name) == (section, name)]
    )
    gone = {at for span in spans for at in range(span.start, span.end)}
    return [line for at, line in enumerate(lines) if at not in gone]


def _usual(options: Sequence[Option]) -> str:
    return next((option.separator for option in options if option.separator), _DEFAULT_SEPARATOR)


def _written(name: str, value: str | None, separator: str) -> str:
    return name if value is None else f"{name}{separator}{value}".rstrip()
