"""A tree made from the one before it is what it would be from nothing, refused entries and all."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pygit2.enums import ObjectType

from reconciler import repository
from reconciler.repository import write
from reconciler.repository.repository import Repository
from tests.effort import tries

MODES = {"file": 0o100644, "program": 0o100755, "link": 0o120000, "submodule": 0o160000, "odd": 0o104755}
NAMES = [b"a", b"A", b"b", b"b.vgo", b"B.vgo", b".GIT", b"git~1", b"e\xcc\x81", b"\xc3\xa9", b"x" * 300, b"z\xff"]

leaves = st.tuples(st.sampled_from([*["file"] * 4, *MODES]), st.integers(0, 3))
directories = st.recursive(
    leaves, lambda below: st.dictionaries(st.sampled_from(NAMES), below, min_size=1, max_size=5), max_leaves=14
).filter(lambda made: isinstance(made, dict))


def put(target: Repository, made: Mapping[bytes, Any]) -> str:
    rows = []
    for name, below in made.items():
        if isinstance(below, dict):
            rows.append((name + b"/", b"40000 %b\0" % name + bytes.fromhex(put(target, below))))
        else:
            kind, content = below
            blob = str(target.git.odb.write(ObjectType.BLOB, b"%d" % content))
            rows.append((name, b"%o %b\0" % (MODES[kind], name) + bytes.fromhex(blob)))
    return str(target.git.odb.write(ObjectType.TREE, b"".join(row for _, row in sorted(rows))))


@settings(max_examples=tries(20), suppress_health_check=list(HealthCheck))
@given(st.lists(directories, min_size=2, max_size=4))
def test_any_tree_after_any_other_is_what_it_is_alone(history: list[dict[bytes, Any]]) -> None:
    with tempfile.TemporaryDirectory(prefix="vigo-like-") as folder:
        lasting = write.init(Path(folder) / "bare", bare=True)
        for made in (*history, history[0]):
            oid = put(lasting, made)
            found, alone = lasting.objects.tree(oid, None), repository.open(lasting.path).objects.tree(oid, None)
            assert list(found.entries().items()) == list(alone.entries().items())
            assert dict(found.subtrees()) == dict(alone.subtrees())
            assert dict(found.refused()) == dict(alone.refused())
