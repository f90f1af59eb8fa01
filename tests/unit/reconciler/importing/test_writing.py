"""What is written reads back as the same data, in the layout of the formatter."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.documents import formatting
from reconciler.documents.compose import MAX_INTEGER, compose
from reconciler.documents.kinds import Kind
from reconciler.importing import writing
from reconciler.importing.proposals import Crate, ImportRefused
from tests.effort import tries

TEXTS = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        [
            "yes",
            "NO",
            "null",
            "~",
            "1",
            "0o7",
            "1e3",
            ".5",
            "a: b",
            "- a",
            "#",
            "a #b",
            "a\nb\n",
            "a\n\nb\n",
            " a\nb\n",
            "a\nb",
            "&a",
            "*a",
            "!a",
            "{{ a }}",
            "a\tb\nc\n",
            "<<",
            "=",
            "a\x85b",
            "\u2028",
            "\ufeff",
            "🦊",
            "'",
            '"',
            "\\",
            "|",
            ">",
            "%a",
            "@",
            "`",
            "a\n#b\n",
            "---\na\n",
            "...\na\n",
        ]
    ),
)
LEAVES = st.one_of(
    TEXTS,
    st.none(),
    st.booleans(),
    st.integers(-MAX_INTEGER, MAX_INTEGER),
    st.floats(allow_nan=False, allow_infinity=False),
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS.filter(bool), inner, max_size=3),
    max_leaves=12,
)


def _printable(value: Any) -> bool:
    """Whether all texts are UTF-8: a lone surrogate is refused long before."""
    try:
        str(value).encode()
    except UnicodeEncodeError:
        return False
    return True


@settings(max_examples=tries(100))
@given(st.dictionaries(TEXTS.filter(bool), VALUES, min_size=1, max_size=4).filter(_printable))
def test_any_vars_read_back_as_they_were(data: dict[str, Any]) -> None:
    written = writing.document(Kind.INHERITED, {"vars": data}, comment="One.\n\nTwo.")
    read = compose(written)
    assert (read.data, read.complaints) == ({"vars": data}, [])


def test_the_layout_is_the_formatters() -> None:
    data = {
        "vars": {
            "plain": "two words",
            "quoted": "yes",
            "block": "one\n  two\n\nthree\n",
            "nested": {"list": [{"a": 1, "b": [1, [2, 3]]}, "x\ny\n", {}, []]},
            "nothing": None,
        }
    }
    written = writing.document(Kind.INHERITED, data, comment="From somewhere.")
    assert formatting.canonical(written, Kind.INHERITED) == written
    assert written.decode().startswith(
        '# From somewhere.\nvars:\n  plain: two words\n  quoted: "yes"\n  block: |\n    one\n'
    )


def test_a_document_too_large_for_the_formatter_has_its_layout_all_the_same() -> None:
    blocks = [{"match": f"h{n}.example.com", "vars": {"a": {"b": [n, "yes"]}, "t": "x\ny\n"}} for n in range(4_000)]
    written = writing.document(Kind.LEAF, {"envoys": blocks})
    assert len(written) > writing.MAX_FORMATTED_BYTES
    small = writing.document(Kind.LEAF, {"envoys": blocks[:3]})
    assert written.startswith(small)


def test_a_crate_has_its_comments_above_its_resources() -> None:
    crate = Crate(
        "a",
        "A crate.",
        [({"type": "package", "package": "nginx"}, "From\x1b[1m afar."), ({"type": "group", "group": "x"}, "")],
    )
    assert writing.crate(crate).decode() == (
        "name: a\ndescription: A crate.\nresources:\n  # From?[1m afar.\n  - type: package\n    package: nginx\n"
        "  - type: group\n    group: x\n"
    )


def test_what_the_language_has_no_form_for_is_refused() -> None:
    with pytest.raises(ImportRefused):
        writing.document(Kind.INHERITED, {"vars": {"a": object()}})
    with pytest.raises(ImportRefused):
        writing.document(Kind.INHERITED, {"vars": {"a": float("inf")}})
