"""What every document is: frozen, closed to unknown keys, and strict: text is never taken for a number."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, StringConstraints

from schema.shapes import Name, OneOrMany


class Document(BaseModel):
    """Base of all that is read from a `.vgo` file."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


def _spelled(value: Any) -> Any:
    return ("true" if value else "false") if isinstance(value, bool) else value


Expression = Annotated[str, BeforeValidator(_spelled), StringConstraints(min_length=1, max_length=10_000)]
"""An expression, without braces. `when: false` is one too."""

Names = OneOrMany[Name]
"""Names of crates, roles, resources: a list, or one bare name."""

Vars = dict[str, Any]
"""Plain data by name. A key that ends in `+` appends to a list of the weaker levels."""

Claims = dict[str, OneOrMany[str]]
"""Framework → its controls."""
