"""Tokens → tree: Jinja2's grammar of expressions."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from schema.expressions import nodes
from schema.expressions.errors import ExpressionError, Kind
from schema.expressions.nodes import Expression
from schema.expressions.tokens import MAX_TEXT, Token, expression

MAX_DEPTH: Final = 32
"""Brackets, statements and conditions within each other."""
MAX_CHAIN: Final = 200
"""Operators, filters or keys behind each other."""

_ESCAPE: Final = re.compile(
    r"\\(?:([\\'\"abfnrtv\n])|([0-7]{1,3})|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8}))"
)
_ESCAPED: Final = dict(
    zip("\\'\"abfnrtv\n", ["\\", "'", '"', "\a", "\b", "\f", "\n", "\r", "\t", "\v", ""], strict=True)
)
_CONSTANTS: Final = {"true": True, "True": True, "false": False, "False": False, "none": None, "None": None}
RESERVED: Final = frozenset({*_CONSTANTS, "and", "or", "not", "if", "else", "in", "is"})
_STRENGTH: Final = {"+": 1, "-": 1, "~": 2, "*": 3, "/": 3, "//": 3, "%": 3, "**": 4}
_COMPARISONS: Final = frozenset({"==", "!=", "<", "<=", ">", ">="})


def parse_expression(text: str) -> Expression:
    """The tree of a bare expression, as in `when:`.

    Raises:
        ExpressionError: kind syntax or limit, with its offset.
    """
    check_length(text)
    parser = Parser(expression(text))
    node = parser.expression()
    parser.finish()
    return node


def check_length(text: str) -> None:
    if len(text) > MAX_TEXT:
        raise ExpressionError(f"longer than {MAX_TEXT} characters", Kind.LIMIT, at=0)


class Parser:
    """Recursive descent over the tokens of one tag."""

    def __init__(self, tokens: list[Token]) -> None:
        self.tokens = tokens
        self.index = 0
        self.token = tokens[0]
        self.depth = 0

    # words

    def advance(self) -> Token:
        token = self.token
        if token.kind != "end":
            self.index += 1
            self.token = self.tokens[self.index]
        return token

    def is_operator(self, value: str) -> bool:
        return self.token.kind == "operator" and self.token.value == value

    def is_name(self, value: str) -> bool:
        return self.token.kind == "name" and self.token.value == value

    def skip(self, value: str) -> bool:
        if self.token.value == value and self.token.kind in ("operator", "name"):
            self.advance()
            return True
        return False

    def expect(self, value: str) -> Token:
        if self.token.value == value and self.token.kind in ("operator", "name"):
            return self.advance()
        raise self.fault(f"expected {value!r}, found {_describe(self.token)}")

    def expect_name(self, what: str) -> Token:
        if self.token.kind != "name":
            raise self.fault(f"expected {what}, found {_describe(self.token)}")
        return self.advance()

    def finish(self) -> None:
        if self.token.kind != "end":
            raise self.fault(f"unexpected {_describe(self.token)}")

    def fault(self, message: str, at: int | None = None) -> ExpressionError:
        return ExpressionError(message, Kind.SYNTAX, at=self.token.at if at is None else at)

    def _chained(self, count: int) -> None:
        if count > MAX_CHAIN:
            raise ExpressionError(f"more than {MAX_CHAIN} in a row", Kind.LIMIT, at=self.token.at)

    # expressions, weakest binding first

    def expression(self, *, conditional: bool = True) -> Expression:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise ExpressionError(f"nested deeper than {MAX_DEPTH}", Kind.LIMIT, at=self.token.at)
        node = self._conditional() if conditional else self._or()
        self.depth -= 1
        return node

    def _conditional(self) -> Expression:
        node = self._or()
        count = 0
        while self.is_name("if"):
            at = self.advance().at
            test = self._or()
            no = self.expression() if self.skip("else") else None
            node = nodes.Conditional(at, test, node, no)
            self._chained(count := count + 1)
        return node

    def _or(self) -> Expression:
        return self._logic("or", lambda: self._logic("and", self._not))

    def _logic(self, word: str, operand: Callable[[], Expression]) -> Expression:
        at = self.token.at
        parts = [operand()]
        while self.is_name(word):
            self.advance()
            parts.append(operand())
        return parts[0] if len(parts) == 1 else nodes.Logic(at, word, tuple(parts))

    def _not(self) -> Expression:
        words = []
        while self.is_name("not"):
            words.append(self.advance().at)
            self._chained(len(words))
        node = self._compare()
        for at in reversed(words):
            node = nodes.Unary(at, "not", node)
        return node

    def _compare(self) -> Expression:
        at = self.token.at
        first = self._arithmetic()
        rest: list[tuple[str, Expression]] = []
        while True:
            if self.token.kind == "operator" and self.token.value in _COMPARISONS:
                rest.append((self.advance().value, self._arithmetic()))
            elif self.is_name("in"):
                self.advance()
                rest.append(("in", self._arithmetic()))
            elif self.is_name("not") and self.tokens[self.index + 1][:2] == ("name", "in"):
                self.advance()
                self.advance()
                rest.append(("not in", self._arithmetic()))
            else:
                return nodes.Compare(at, first, tuple(rest)) if rest else first

    def _arithmetic(self, least: int = 1) -> Expression:
        """Operators that bind at least so strongly; each groups to the left, `**` too, as in Jinja2."""
        node = self._unary()
        count = 0
        while self.token.kind == "operator" and (strength := _STRENGTH.get(self.token.value, 0)) >= least:
            token = self.advance()
            right = self._arithmetic(strength + 1)
            if token.value != "~":
                node = nodes.Binary(token.at, token.value, node, right)
            elif isinstance(node, nodes.Concat) and count:
                node = nodes.Concat(node.at, (*node.parts, right))
            else:
                node = nodes.Concat(token.at, (node, right))
            self._chained(count := count + 1)
        return node

    def _unary(self) -> Expression:
        signs = []
        while self.is_operator("-") or self.is_operator("+"):
            signs.append(self.advance())
            self._chained(len(signs))
        node = self._postfix(self._primary())
        for sign in reversed(signs):
            node = nodes.Unary(sign.at, sign.value, node)
        return self._filters(node)

    def _primary(self) -> Expression:
        token = self.advance()
        if token.kind == "name":
            if token.value in _CONSTANTS:
                return nodes.Literal(token.at, _CONSTANTS[token.value])
            if token.value in RESERVED:
                raise self.fault(f"unexpected {token.value!r}", token.at)
            return nodes.Name(token.at, token.value)
        if token.kind == "string":
            text = self._string(token)
            while self.token.kind == "string":
                text += self._string(self.advance())
            return nodes.Literal(token.at, text)
        if token.kind in ("integer", "float"):
            return nodes.Literal(token.at, self._number(token))
        if token.kind == "operator":
            if token.value == "(":
                return self._parenthesis(token.at)
            if token.value == "[":
                return nodes.Sequence(token.at, tuple(self._listed("]")))
            if token.value == "{":
                return self._map(token.at)
        raise self.fault(f"unexpected {_describe(token)}", token.at)

    def _string(self, token: Token) -> str:
        text = token.value[1:-1]
        if "\\" not in text:
            return text
        try:
            return _ESCAPE.sub(_unescaped, text)
        except ValueError as error:
            raise self.fault("an escape in this string names no character", token.at) from error

    def _number(self, token: Token) -> int | float:
        digits = token.value.replace("_", "")
        if token.kind == "float":
            if (value := float(digits)) == float("inf"):
                raise ExpressionError("the number is out of range", Kind.LIMIT, at=token.at)
            return value
        if len(digits) > 1 and digits[0] == "0":
            raise self.fault("a number does not begin with 0", token.at)
        if len(digits) > 19:
            raise ExpressionError("the number is out of range", Kind.LIMIT, at=token.at)
        return int(digits)

    def _parenthesis(self, at: int) -> Expression:
        if self.skip(")"):
            return nodes.Sequence(at, ())
        first = self.expression()
        if self.skip(")"):
            return first
        self.expect(",")
        return nodes.Sequence(at, (first, *self._listed(")")))

    def _listed(self, closer: str) -> list[Expression]:
        items: list[Expression] = []
        while not self.is_operator(closer):
            items.append(self.expression())
            if not self.skip(","):
                break
        self.expect(closer)
        return items

    def _map(self, at: int) -> Expression:
        pairs = []
        while not self.is_operator("}"):
            key = self.expression()
            self.expect(":")
            pairs.append((key, self.expression()))
            if not self.skip(","):
                break
        self.expect("}")
        return nodes.Map(at, tuple(pairs))

    # what may stand behind a value

    def _postfix(self, node: Expression) -> Expression:
        count = 0
        while self.token.kind == "operator" and self.token.value in (".", "[", "("):
            if self.token.value == ".":
                node = self._dotted(node)
            elif self.token.value == "[":
                node = self._subscript(node)
            else:
                node = self._call(node)
            self._chained(count := count + 1)
        return node

    def _dotted(self, node: Expression) -> Expression:
        at = self.advance().at
        token = self.advance()
        if token.kind == "integer":
            return nodes.Item(at, node, nodes.Literal(token.at, self._number(token)))
        if token.kind != "name":
            raise self.fault(f"expected a key behind the dot, found {_describe(token)}", token.at)
        return nodes.Attribute(token.at, node, token.value)

    def _subscript(self, node: Expression) -> Expression:
        at = self.advance().at
        start = None if self.is_operator(":") else self.expression()
        if start is not None and not self.is_operator(":"):
            self.expect("]")
            return nodes.Item(at, node, start)
        bounds: list[Expression | None] = []
        while self.skip(":"):
            bounds.append(None if self.is_operator(":") or self.is_operator("]") else self.expression())
        self.expect("]")
        if len(bounds) > 2:
            raise self.fault("a slice is [start:stop:step]", at)
        return nodes.Slice(at, node, start, bounds[0], bounds[1] if len(bounds) == 2 else None)

    def _call(self, node: Expression) -> Expression:
        at = self.token.at
        if isinstance(node, nodes.Name):
            return nodes.Call(node.at, node.name, self._arguments())
        if isinstance(node, nodes.Attribute):
            return nodes.Method(node.at, node.node, node.name, self._arguments())
        raise self.fault("only functions and methods can be called", at)

    def _arguments(self) -> nodes.Arguments:
        self.expect("(")
        positional: list[Expression] = []
        named: list[tuple[str, Expression]] = []
        while not self.is_operator(")"):
            if self.token.kind == "name" and self.tokens[self.index + 1][:2] == ("operator", "="):
                token = self.advance()
                self.advance()
                if any(token.value == name for name, _ in named):
                    raise self.fault(f"{token.value} is given twice", token.at)
                named.append((token.value, self.expression()))
            elif named:
                raise self.fault("a value without a name cannot follow one with a name")
            else:
                positional.append(self.expression())
            if not self.skip(","):
                break
        self.expect(")")
        return nodes.Arguments(tuple(positional), tuple(named))

    def _filters(self, node: Expression) -> Expression:
        count = 0
        while True:
            if self.skip("|"):
                token = self.expect_name("a filter's name")
                node = nodes.Filter(token.at, node, token.value, self._optional_arguments())
            elif self.is_name("is"):
                node = self._test(node)
            elif self.is_operator("("):
                node = self._call(node)
            else:
                return node
            self._chained(count := count + 1)

    def _optional_arguments(self) -> nodes.Arguments:
        return self._arguments() if self.is_operator("(") else nodes.Arguments()

    def _test(self, node: Expression) -> Expression:
        at = self.advance().at
        negated = self.skip("not")
        token = self.expect_name("a test's name")
        if self.is_operator("("):
            arguments = self._arguments()
        elif self._starts_value():
            arguments = nodes.Arguments((self._postfix(self._primary()),))
        else:
            arguments = nodes.Arguments()
        if self.is_name("is"):
            raise self.fault("tests cannot be chained; join them with `and`")
        test = nodes.Test(token.at, node, token.value, arguments)
        return nodes.Unary(at, "not", test) if negated else test

    def _starts_value(self) -> bool:
        if self.token.kind == "name":
            return self.token.value not in RESERVED or self.token.value in _CONSTANTS
        return self.token.kind in ("string", "integer", "float") or self.is_operator("[") or self.is_operator("{")

    def bare_sequence(self) -> Expression:
        """`a, b` without brackets, as behind `set x =`."""
        at = self.token.at
        node = self.expression()
        if not self.is_operator(","):
            return node
        items = [node]
        while self.skip(",") and self.token.kind != "end":
            items.append(self.expression())
        return nodes.Sequence(at, tuple(items))


def _describe(token: Token) -> str:
    return "the end" if token.kind == "end" else repr(token.value)


def _unescaped(found: re.Match[str]) -> str:
    single, octal, *hexes = found.groups()
    if single is not None:
        return _ESCAPED[single]
    code = int(octal, 8) if octal is not None else int(next(filter(None, hexes)), 16)
    if 0xD800 <= code <= 0xDFFF:
        raise ValueError("a surrogate is no character")
    return chr(code)
