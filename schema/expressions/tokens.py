"""Text → data and tags, tags → tokens. Jinja2's lexical grammar, with `trim_blocks` and `lstrip_blocks`.

A line that holds nothing but a statement or a comment leaves nothing behind; `-` eats all white space on its side of a
tag, `+` keeps it. Line endings and the last newline stay as they are: what comes out may be a file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from schema.expressions.errors import ExpressionError, Kind

MAX_TEXT: Final = 4 * 1024 * 1024
"""Characters of one template."""
MAX_TOKENS: Final = 20_000
"""Words in all tags of one template: what its compiled form takes depends on these, not on its text."""


class Token(NamedTuple):
    """One word of a tag."""

    kind: str
    """name, string, integer, float, operator, or end"""
    value: str
    at: int
    """Offset in the whole text."""


class Piece(NamedTuple):
    """One part of a template: `data` (text to copy), `output` (`{{ }}`), `statement` (`{% %}`), or `path`.

    A `path` is an output of names and dots alone, as most are: it has one token, all of it.
    """

    kind: str
    text: str
    tokens: list[Token]
    at: int


_OPEN: Final = re.compile(r"\{(?:(?P<raw>%([-+]?)\s*raw\s*(?P<rawtrim>-%\}\s*|%\}))|(?P<tag>[{%#])(?P<sign>[-+]?))")
_COMMENT_END: Final = re.compile(r"\+#\}|-#\}\s*|#\}(?:\r?\n)?")
_ENDRAW: Final = re.compile(r"\{%(?P<sign>[-+]?)\s*endraw\s*(?:\+%\}|-%\}\s*|%\}(?:\r?\n)?)")
_OUTPUT_END: Final = re.compile(r"-\}\}\s*|\}\}")
_STATEMENT_END: Final = re.compile(r"\+%\}|-%\}\s*|%\}(?:\r?\n)?")
_TOKEN: Final = re.compile(
    r"""\s*(?:
        (?P<float>(?<!\.)\d+(?:_\d+)*(?:(?:\.\d+(?:_\d+)*)?[eE][+-]?\d+(?:_\d+)*|\.\d+(?:_\d+)*))
      | (?P<integer>\d+(?:_\d+)*)
      | (?P<name>[^\W\d]\w*)
      | (?P<string>'[^'\\]*(?:\\.[^'\\]*)*'|"[^"\\]*(?:\\.[^"\\]*)*")
      | (?P<operator>//|\*\*|==|!=|>=|<=|[-+/*%~\[\](){}<>=.:|,;])
      | (?P<last>\Z))""",
    re.VERBOSE | re.DOTALL,
)
PATH: Final = r"""(?!(?:[Tt]rue|[Ff]alse|[Nn]one|and|or|not|if|else|in|is)\b)
        [A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*){0,15}"""
"""Names and dots alone; a pattern that is verbose, of ASCII."""
_PATH: Final = re.compile(rf"[ ]*(?P<path>{PATH})[ ]*\}}\}}", re.VERBOSE | re.ASCII)
_ENDING: Final = frozenset("-+%}")
"""What the end of a tag begins with."""
_CLOSER: Final = {"(": ")", "[": "]", "{": "}"}


def pieces(text: str) -> Iterator[Piece]:
    """The parts of a template, white space already trimmed.

    Raises:
        ExpressionError: a tag that does not end, or a character that no word begins with.
    """
    at = 0
    words = 0
    line_start = True  # whether `at` is the first place of a line, as far as lstrip is concerned
    while found := _OPEN.search(text, at):
        raw = found["raw"] is not None
        tag = "%" if raw else found["tag"]
        sign = found[2] if raw else found["sign"]
        if data := _lead(text[at : found.start()], sign, strips=tag != "{", line_start=line_start):
            yield Piece("data", data, [], at)
        start = found.start()
        if raw:
            closing = _ENDRAW.search(text, found.end())
            if closing is None:
                raise ExpressionError("{% raw %} has no {% endraw %}", Kind.SYNTAX, at=start)
            inner = text[found.end() : closing.start()]
            if inner := _lead(inner, closing["sign"], strips=True, line_start=found["rawtrim"].endswith("\n")):
                yield Piece("data", inner, [], found.end())
            at = closing.end()
        elif tag == "#":
            closing = _COMMENT_END.search(text, found.end())
            if closing is None:
                raise ExpressionError("{# has no #}", Kind.SYNTAX, at=start)
            at = closing.end()
        elif tag == "{" and (path := _PATH.match(text, found.end())) is not None:
            names = path["path"]
            words += 2 * names.count(".") + 2
            if words > MAX_TOKENS:
                raise ExpressionError(f"more than {MAX_TOKENS} words in tags", Kind.LIMIT, at=start)
            yield Piece("path", "", [Token("name", names, path.start("path"))], start)
            at = path.end()
        else:
            tokens, at = _tag(text, found.end(), _OUTPUT_END if tag == "{" else _STATEMENT_END, start)
            words += len(tokens)
            if words > MAX_TOKENS:
                raise ExpressionError(f"more than {MAX_TOKENS} words in tags", Kind.LIMIT, at=start)
            yield Piece("output" if tag == "{" else "statement", "", tokens, start)
        line_start = text[at - 1] == "\n"
    if at < len(text):
        yield Piece("data", text[at:], [], at)


def expression(text: str) -> list[Token]:
    """The tokens of a bare expression.

    Raises:
        ExpressionError: a character that no word begins with.
    """
    tokens, _ = _tag(text, 0, None, 0)
    return tokens


def _lead(data: str, sign: str, *, strips: bool, line_start: bool) -> str:
    if sign == "-":
        return data.rstrip()
    if strips and sign != "+":
        last = data.rfind("\n") + 1
        if (last or line_start) and data[last:].isspace():
            return data[:last]
    return data


def _tag(text: str, at: int, end: re.Pattern[str] | None, start: int) -> tuple[list[Token], int]:
    """Tokens up to the end of the tag, which does not count within brackets; and the offset behind it."""
    tokens: list[Token] = []
    open_brackets: list[str] = []
    length = len(text)
    while at < length:
        found = _TOKEN.match(text, at)
        if found is None:
            at = length - len(text[at:].lstrip())
            raise ExpressionError(f"unexpected character {text[at]!r}", Kind.SYNTAX, at=at)
        kind = found.lastgroup or ""
        value, at = found[kind], found.start(kind)
        if kind == "operator":
            if end is not None and not open_brackets and value in _ENDING and (closing := end.match(text, at)):
                tokens.append(Token("end", "", at))
                return tokens, closing.end()
            if closer := _CLOSER.get(value):
                open_brackets.append(closer)
            elif value in (")", "]", "}") and (not open_brackets or open_brackets.pop() != value):
                raise ExpressionError(f"unexpected {value!r}", Kind.SYNTAX, at=at)
        elif kind == "last":
            break
        tokens.append(Token(kind, value, at))
        if len(tokens) > MAX_TOKENS:
            raise ExpressionError(f"more than {MAX_TOKENS} words in a tag", Kind.LIMIT, at=start)
        at = found.end()
    if end is not None:
        raise ExpressionError("the tag has no end", Kind.SYNTAX, at=start)
    if open_brackets:
        raise ExpressionError(f"{open_brackets[-1]!r} is missing", Kind.SYNTAX, at=length)
    tokens.append(Token("end", "", length))
    return tokens, length
