"""Plain templates: what most ask for, read off their tags without a parser.

A template is plain when each of its tags is one of these, spaces apart from each other: a path; a path with `default`;
`if` over a path, a path that is defined or one compared with a literal; `else`; `endif`; `for` over a path; `endfor`.
Any other is nothing here, and is parsed. A test holds the two together.
"""

from __future__ import annotations

import re
from typing import Final

from reconciler.expressions.uses import EACH, Analysis, Path, PathUse, Word
from schema.expressions.grammar import RESERVED
from schema.expressions.tokens import PATH

MAX_TAGS: Final = 100
_MAX_DEPTH: Final = 16
_LITERAL: Final = r"""(?:0|[1-9][0-9]{0,17}|'[^'\\{}\n]*'|"[^"\\{}\n]*"|[Tt]rue|[Ff]alse|[Nn]one|\[\])"""
_TAG: Final = re.compile(
    rf"""\{{\{{[ ]*(?P<output>{PATH})[ ]*
          (?:\|[ ]*(?P<filter>d|default)(?:\([ ]*(?:{_LITERAL}[ ]*)?\))?[ ]*)?\}}\}}
       | \{{%[+-]?[ ]*(?:
            if[ ]+(?P<test>{PATH})(?:[ ]+is[ ]+(?P<defined>defined)|[ ]*(?P<compared>[=!]=)[ ]*{_LITERAL})?
          | for[ ]+(?P<target>[A-Za-z_][A-Za-z0-9_]*)[ ]+in[ ]+(?P<items>{PATH})
          | (?P<word>else|endif|endfor)
         )[ ]*[+-]?%\}}""",
    re.VERBOSE | re.ASCII,
)


class _Local:
    """A name that a loop sets."""

    __slots__ = ("number", "path", "provided")

    def __init__(self, number: int, path: Path, provided: int) -> None:
        self.number: Final = number
        self.path: Final = path
        self.provided: Final = provided
        """How many parts of the path may be absent."""


class _NotPlain(Exception):
    """It has to be parsed."""


def analyse(text: str, roots: frozenset[str], given: frozenset[Path]) -> Analysis | None:
    """The analysis of a plain template, the same as a parser's; None of any other.

    Args:
        given: paths known to be there.
    """
    tags = list(_TAG.finditer(text))
    braces = text.count("{")
    if len(tags) > MAX_TAGS or len(tags) > braces:
        return None
    reading = _Reading(text, roots, given)
    try:
        for tag in tags:
            braces -= reading.tag(tag)
    except _NotPlain:
        return None
    if braces or reading.around:
        return None
    return Analysis(tuple(reading.paths), tuple(reading.filters), tuple(reading.tests))


class _Reading:
    """What the tags of a template have said so far."""

    __slots__ = ("around", "facts", "filters", "loops", "names", "paths", "roots", "tests", "text")

    def __init__(self, text: str, roots: frozenset[str], given: frozenset[Path]) -> None:
        self.text: Final = text
        self.roots: Final = roots
        self.paths: Final[list[PathUse]] = []
        self.filters: Final[list[Word]] = []
        self.tests: Final[list[Word]] = []
        self.names: dict[str, _Local] = {}
        self.facts = given
        """Paths that are there; of a name that a loop sets, they begin with its number."""
        self.around: Final[list[tuple[str, dict[str, _Local], frozenset[Path]]]] = []
        """What is open: its word, and the names and facts around it."""
        self.loops = 0

    def tag(self, tag: re.Match[str]) -> int:
        """Take up a tag; how many braces it opens with."""
        output, filter_, test, defined, compared, target, items, word = tag.groups()
        if output is not None:
            if filter_ is None:
                self.use(output, tag.end(1), guarded=False)
            else:
                self.filters.append(Word(filter_, *self.place(tag.start(2))))
                self.use(output, tag.end(1), guarded=True)
            return 2
        if test is not None:
            if defined is not None:
                self.tests.append(Word(defined, *self.place(tag.start(4))))
            known = self.use(test, tag.end(3), guarded=defined is not None)
            self.open("if")
            if compared is None:
                self.facts |= {known}
        elif target is not None:
            if target in RESERVED or target == "loop" or "__" in target:
                raise _NotPlain
            self.use(items, tag.end(7), guarded=False)
            listed = self.paths[-1]
            self.open("for")
            self.loops += 1
            self.names = {**self.names, target: _Local(self.loops, (*listed.path, EACH), listed.provided)}
        else:
            self.close(word)
        return 1

    def open(self, word: str) -> None:
        if len(self.around) >= _MAX_DEPTH:
            raise _NotPlain
        self.around.append((word, self.names, self.facts))

    def close(self, word: str) -> None:
        if not self.around:
            raise _NotPlain
        opened, self.names, self.facts = self.around.pop()
        if word == "else" and opened == "if":
            self.around.append((word, self.names, self.facts))
        elif word != ("endfor" if opened == "for" else "endif"):
            raise _NotPlain

    def use(self, dotted: str, end: int, *, guarded: bool) -> Path:
        """Note what a path that ends there asks for. Gives the path as facts know it."""
        if "__" in dotted:
            raise _NotPlain
        keys = dotted.split(".")
        path: Path = tuple(keys)
        known = path
        local = self.names.get(keys[0])
        if local is not None:
            path, known = (*local.path, *keys[1:]), (local.number, *keys[1:])
            there = self.there(known)
            provided = len(local.path) - 1 + there if there else local.provided
        elif keys[0] in self.roots:
            provided = self.there(known)
        else:
            raise _NotPlain
        self.paths.append(PathUse(path, *self.place(end - len(keys[-1])), len(path) if guarded else provided))
        return known

    def there(self, known: Path) -> int:
        """How many parts of a path are known to be there; of its first alone, none."""
        facts = self.facts
        return next((length for length in range(len(known), 1, -1) if known[:length] in facts), 0) if facts else 0

    def place(self, at: int) -> tuple[int, int]:
        """Line and column of an offset."""
        return self.text.count("\n", 0, at) + 1, at - self.text.rfind("\n", 0, at)
