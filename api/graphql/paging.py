"""Pages: how many at once, and where the next begins."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Final

import strawberry

from api.graphql.limits import MAX_PAGE
from schema.errors import Invalid

First = Annotated[int, strawberry.argument(description=f"How many, 1 to {MAX_PAGE}.")]
Before = Annotated[int | None, strawberry.argument(description="Continue below this one.")]
After = Annotated[str | None, strawberry.argument(description="Continue after this `endCursor`.")]

_MARK: Final = "v1:"


class BadPage(Invalid):
    """The page's size is out of range, or the cursor is not one of ours."""

    code = "graphql.bad_page"


def page_size(first: int) -> int:
    """`first`, in range.

    Raises:
        BadPage: it is not.
    """
    if not 1 <= first <= MAX_PAGE:
        raise BadPage(f"a page has 1 to {MAX_PAGE} items")
    return first


def cursor(position: str) -> str:
    """An opaque cursor for a position in an order."""
    return base64.urlsafe_b64encode((_MARK + position).encode()).decode("ascii")


def position(text: str | None) -> str | None:
    """The position that a cursor is for.

    Raises:
        BadPage: not a cursor.
    """
    if text is None:
        return None
    try:
        value = base64.b64decode(text, altchars=b"-_", validate=True).decode("utf-8")
    except (binascii.Error, UnicodeError) as error:
        raise BadPage("`after` is not a cursor") from error
    if not value.startswith(_MARK) or len(value) > 512:
        raise BadPage("`after` is not a cursor")
    return value.removeprefix(_MARK)
