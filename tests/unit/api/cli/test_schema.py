"""`vigo schema`: what an editor is given."""

from __future__ import annotations

import json
from collections.abc import Callable

from reconciler.documents import schemas
from reconciler.documents.kinds import Kind

Vigo = Callable[..., "tuple[int, str, str]"]


def test_it_prints_the_schema_of_one_kind(vigo: Vigo) -> None:
    code, out, err = vigo("schema", "roles")

    assert (code, err) == (0, "")
    assert json.loads(out) == schemas.schema(Kind.ROLES)


def test_with_no_kind_it_prints_all_with_the_globs_of_their_files(vigo: Vigo) -> None:
    code, out, err = vigo("schema")

    found = json.loads(out)
    assert (code, err, list(found)) == (0, "", [kind.value for kind in Kind])
    assert found["configcrate"] == {"files": "configcrates/**/*.vgo", "schema": schemas.schema(Kind.CONFIGCRATE)}


def test_a_kind_that_is_none_is_an_error_that_lists_the_kinds(vigo: Vigo) -> None:
    code, out, err = vigo("schema", "playbook")

    assert (code, out) == (1, "")
    assert "playbook" in err
    assert "configcrate" in err
