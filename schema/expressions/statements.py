"""Pieces → tree: a template's statements, of which there are three: `if`, `for` and `set`.

What could hide a loop or reach outside the template (macros, imports, inheritance, recursive loops, namespaces) is no
part of the language and is refused here, for every reader of it alike.
"""

from __future__ import annotations

from typing import Final

from schema.expressions import nodes
from schema.expressions.errors import ExpressionError, Kind
from schema.expressions.grammar import MAX_DEPTH, RESERVED, Parser, check_length
from schema.expressions.nodes import Expression
from schema.expressions.tokens import Piece, Token, pieces

REFUSED: Final = {
    "macro": "write the text where it is needed, or loop over a list",
    "call": "there are no macros",
    "import": "a template stands alone",
    "from": "a template stands alone",
    "include": "a template stands alone",
    "extends": "a template stands alone",
    "block": "a template stands alone",
    "filter": "apply the filter to a value: {{ value|filter }}",
    "autoescape": "nothing is escaped",
    "with": "use {% set %}",
    "do": "an expression changes nothing",
    "break": "use a condition: {% for x in xs if … %}",
    "continue": "use a condition: {% for x in xs if … %}",
    "debug": "",
    "trans": "",
}
"""Statements of Jinja2 that are no part of the language → what to do instead."""


def parse_template(text: str) -> nodes.Template:
    """The tree of a template.

    Raises:
        ExpressionError: kind syntax or limit, with its offset.
    """
    check_length(text)
    return _Parser(text).template()


class _Parser:
    """Statements over the pieces of a template."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.pieces = iter(pieces(text))
        self.depth = 0

    def template(self) -> nodes.Template:
        body, _ = self._body(None)
        return nodes.Template(self.text, body)

    def _body(self, opened: tuple[str, int] | None) -> tuple[nodes.Body, Parser | None]:
        """Statements up to one that belongs to the open `if` or `for`; and the parser of that one, behind its word."""
        found: list[nodes.Statement] = []
        for piece in self.pieces:
            if piece.kind == "data":
                found.append(nodes.Data(piece.at, piece.text))
            elif piece.kind == "path":
                found.append(nodes.Output(piece.at, _path(piece.tokens[0])))
            elif piece.kind == "output":
                parser = Parser(piece.tokens)
                found.append(nodes.Output(piece.at, parser.bare_sequence()))
                parser.finish()
            else:
                parser = Parser(piece.tokens)
                word = parser.expect_name("a statement")
                if word.value in ("elif", "else", "endif", "endfor"):
                    if opened is None or (word.value[:3] == "end" and word.value != f"end{opened[0]}"):
                        raise parser.fault(f"{word.value} closes nothing here", word.at)
                    parser.index -= 1
                    parser.token = word
                    return tuple(found), parser
                found.append(self._statement(parser, word, piece))
        if opened is not None:
            raise ExpressionError(f"{{% {opened[0]} %}} has no {{% end{opened[0]} %}}", Kind.SYNTAX, at=opened[1])
        return tuple(found), None

    def _statement(self, parser: Parser, word: Token, piece: Piece) -> nodes.Statement:
        if word.value == "set":
            return self._set(parser, piece.at)
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise ExpressionError(f"nested deeper than {MAX_DEPTH}", Kind.LIMIT, at=piece.at)
        if word.value == "if":
            node: nodes.Statement = self._if(parser, piece.at)
        elif word.value == "for":
            node = self._for(parser, piece.at)
        elif word.value in REFUSED:
            hint = REFUSED[word.value]
            raise parser.fault(f"{word.value} is no part of the language" + (f": {hint}" if hint else ""), word.at)
        else:
            raise parser.fault(f"unknown statement {word.value}", word.at)
        self.depth -= 1
        return node

    def _if(self, parser: Parser, at: int) -> nodes.If:
        branches: list[tuple[Expression, nodes.Body]] = []
        test = parser.expression()
        parser.finish()
        while True:
            body, closing = self._body(("if", at))
            branches.append((test, body))
            assert closing is not None
            word = closing.advance()
            if word.value == "elif":
                test = closing.expression()
                closing.finish()
                continue
            closing.finish()
            otherwise: nodes.Body = ()
            if word.value == "else":
                otherwise = self._last("if", at)
            return nodes.If(at, tuple(branches), otherwise)

    def _last(self, word: str, at: int) -> nodes.Body:
        body, closing = self._body((word, at))
        assert closing is not None
        end = closing.advance()
        if end.value != f"end{word}":
            raise closing.fault(f"{end.value} behind else", end.at)
        closing.finish()
        return body

    def _for(self, parser: Parser, at: int) -> nodes.For:
        targets, unpack = self._targets(parser, "in")
        iterable = parser.expression(conditional=False)
        if parser.is_operator(","):
            items = [iterable]
            while parser.skip(","):
                items.append(parser.expression(conditional=False))
            iterable = nodes.Sequence(iterable.at, tuple(items))
        condition = parser.expression() if parser.skip("if") else None
        if parser.is_name("recursive"):
            raise parser.fault("recursive loops are no part of the language")
        parser.finish()
        body, closing = self._body(("for", at))
        assert closing is not None
        word = closing.advance()
        if word.value == "elif":
            raise closing.fault("elif belongs to if", word.at)
        closing.finish()
        otherwise = self._last("for", at) if word.value == "else" else ()
        return nodes.For(at, targets, unpack, iterable, condition, body, otherwise)

    def _set(self, parser: Parser, at: int) -> nodes.Assign:
        targets, unpack = self._targets(parser, "=")
        value = parser.bare_sequence()
        parser.finish()
        return nodes.Assign(at, targets, unpack, value)

    def _targets(self, parser: Parser, closer: str) -> tuple[tuple[str, ...], bool]:
        wrapped = parser.skip("(")
        targets = []
        unpack = False
        while True:
            token = parser.expect_name("a name")
            if token.value in RESERVED or token.value == "loop":
                raise parser.fault(f"{token.value} cannot be set", token.at)
            targets.append(token.value)
            if not parser.skip(","):
                break
            unpack = True
            if parser.is_operator(")") or parser.token.value == closer:
                break
        if wrapped:
            parser.expect(")")
        if parser.is_operator("."):
            raise parser.fault("only plain names can be set: namespaces are no part of the language")
        if closer == "=" and not parser.is_operator("="):
            raise parser.fault("write {% set name = value %}; set blocks are no part of the language")
        parser.expect(closer)
        return tuple(targets), unpack


def _path(token: Token) -> Expression:
    """What the parser would make of names and dots."""
    first, *keys = token.value.split(".")
    at = token.at
    node: Expression = nodes.Name(at, first)
    at += len(first) + 1
    for key in keys:
        node = nodes.Attribute(at, node, key)
        at += len(key) + 1
    return node
