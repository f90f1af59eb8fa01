"""What the docstring under a field of a model says of it: for schemas, hints and pages."""

from __future__ import annotations

import ast
import inspect
from itertools import pairwise

from pydantic import BaseModel


def field_docstrings(model: type[BaseModel]) -> dict[str, str]:
    """Field → the docstring under it, in one line, read from the source of the model and of what it inherits from."""
    found: dict[str, str] = {}
    for kind in reversed(model.__mro__):
        if not issubclass(kind, BaseModel) or kind.__module__.startswith("pydantic") or "[" in kind.__name__:
            continue  # Pydantic's own, and what it makes of a generic: without source
        body = ast.parse(inspect.cleandoc("\n" + inspect.getsource(kind))).body[0]
        members = body.body if isinstance(body, ast.ClassDef) else []
        for field, text in pairwise(members):
            if (
                isinstance(field, ast.AnnAssign)
                and isinstance(field.target, ast.Name)
                and isinstance(text, ast.Expr)
                and isinstance(text.value, ast.Constant)
            ):
                found[field.target.id] = " ".join(str(text.value.value).split())
    return found
