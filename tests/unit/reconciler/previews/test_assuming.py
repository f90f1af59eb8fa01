"""`os.version=13`: traits of a what-if, each of its declared type."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.previews import BadTrait, assumed
from reconciler.previews.jobs import overridden
from schema.previews import MAX_OVERRIDES


@pytest.mark.parametrize(
    ("text", "path", "value"),
    [
        ("os.version=13", ("os", "version"), "13"),
        ("traits.os.version=13", ("os", "version"), "13"),
        ("hardware.cpu_count=16", ("hardware", "cpu_count"), 16),
        ("hardware.container=yes", ("hardware", "container"), True),
        ("network.nameservers=10.0.0.1, 10.0.0.2", ("network", "nameservers"), ["10.0.0.1", "10.0.0.2"]),
        ("loadavg.one=0.5", ("loadavg", "one"), 0.5),
        ("packages.python3.11=3.11.2=x", ("packages", "python3.11"), "3.11.2=x"),
        ("os.name=", ("os", "name"), ""),
    ],
)
def test_a_trait_is_assumed_with_its_type(text: str, path: tuple[str, ...], value: Any) -> None:
    assert assumed([text]) == {("traits", *path): value}


@pytest.mark.parametrize(
    ("text", "said", "hint"),
    [
        ("os.version", "a trait is assumed as path=value", "os.version=13"),
        ("=13", "a trait is assumed as path=value", "os.version=13"),
        ("os.verison=13", "there is no trait os.verison", "did you mean os.version?"),
        ("hardware.cpu_count=many", "hardware.cpu_count is a trait of type int, not 'many'", ""),
        ("hardware.container=perhaps", "hardware.container is a trait of type bool, not 'perhaps'", ""),
        ("packages=x", "packages is a map", "assume a trait below it"),
        (f"os.name={'x' * 5000}", "a trait is assumed as path=value", "os.version=13"),
    ],
)
def test_what_is_no_trait_is_told(text: str, said: str, hint: str) -> None:
    with pytest.raises(BadTrait) as caught:
        assumed([text])
    assert (str(caught.value), caught.value.hint) == (said, hint)


def test_there_are_only_so_many() -> None:
    many = [f"packages.p{number}=1" for number in range(MAX_OVERRIDES + 1)]
    assert len(assumed(many[:-1])) == MAX_OVERRIDES
    with pytest.raises(BadTrait):
        assumed(many)


def test_what_is_assumed_changes_nothing_else_and_not_what_was_seen() -> None:
    seen = {"os": {"family": "debian", "version": "12"}, "users": {"root": {"uid": 0}}}
    given = {("traits", "os", "version"): "13", ("traits", "users", "bob", "uid"): 7}
    assert overridden(seen, given) == {
        "os": {"family": "debian", "version": "13"},
        "users": {"root": {"uid": 0}, "bob": {"uid": 7}},
    }
    assert seen == {"os": {"family": "debian", "version": "12"}, "users": {"root": {"uid": 0}}}
