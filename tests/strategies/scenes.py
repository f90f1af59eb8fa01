"""Scenes and contrasts: what the strategies of every resource type are made of.

A *scene* is a machine and a spec, drawn small enough that things meet often. A *contrast* is a machine on which two
values of one field of a spec come to two things.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from hypothesis import strategies as st


class Scene(NamedTuple):
    """Paths for `machines.machine`, and the attributes of a spec."""

    paths: dict[str, Any]
    spec: dict[str, Any]


class Contrast(NamedTuple):
    """A machine and two specs that differ in one field."""

    paths: dict[str, Any]
    one: dict[str, Any]
    other: dict[str, Any]


def vary(paths: dict[str, Any], base: dict[str, Any], field: str, one: Any, other: Any) -> Contrast:
    """Two values of one field; `...` leaves the field out."""
    specs = [{**base, **({} if value is ... else {field: value})} for value in (one, other)]
    return Contrast(paths, *specs)


def parts(paths: dict[str, Any], base: dict[str, Any], invalid: dict[str, Any]) -> dict[str, Contrast]:
    """Of what every type that changes a part of a file has; `invalid` makes it hold that word."""
    return {
        "validate_": vary(paths, invalid, "validate", ..., "checker %"),
        "backup": vary(paths, base, "backup", False, True),
        "sensitive": vary(paths, base, "sensitive", False, True),
    }


texts = st.sampled_from(["", "a\n", "b\n", "a\nb\n", "a\nb", "b\na\n", "x\r\ny\r\n", "#a\n#b\na\n", "ü\n"])
modes = st.sampled_from(["0644", "0600", "0755", "4755", "2770"])
owners = st.sampled_from(["root", "web", "0", "990"])
groups = st.sampled_from(["root", "adm", "991"])
owned = st.fixed_dictionaries({}, optional={"mode": modes, "owner": owners, "group": groups})
ids = st.sampled_from([0, 990, 991])
regular = st.fixed_dictionaries({"content": texts, "mode": modes, "uid": ids, "gid": ids})
nodes = st.one_of(
    st.none(),
    regular,
    st.fixed_dictionaries({"link": st.sampled_from(["/elsewhere", "x", "../x"])}),
    st.fixed_dictionaries({"directory": st.just(True), "mode": modes, "uid": ids, "gid": ids}),
    st.just({"special": True}),
)
maybe = st.booleans()
edited = st.fixed_dictionaries({}, optional={"backup": maybe, "sensitive": maybe, "validate": st.just("checker %")})


def around(path: str, node: Any) -> dict[str, Any]:
    return {"/d": {"directory": True}, "/elsewhere": "keep\n", path: node}
