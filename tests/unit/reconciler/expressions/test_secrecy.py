"""Which texts compute with a secret, of which only the name is known here."""

from __future__ import annotations

import pytest

from reconciler.expressions.secrecy import derived, derived_in

KNOWN = {
    "vars": {
        "pw": "secret:a/b",
        "db": {"password": "secret:c", "port": 1},
        "users": [{"name": "ada", "key": "secret:d"}],
        "sites": ["x", "y"],
    },
    "item": {"name": "ada", "key": "secret:d"},
    "host": {"hostname": "web01"},
}


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("{{ vars.pw | sha256 }}", ["a/b"]),
        ("{{ vars['pw'] | length }}", ["a/b"]),
        ("{{ vars[host.hostname] | sha256 }}", ["a/b", "c", "d"]),
        ("{{ vars.db.password == 'x' }}", ["c"]),
        ("{{ 'secret:e' | upper }}", ["e"]),
        ("{{ item.key[:4] }}", ["d"]),
        ("{{ (vars.pw ~ ':' ~ vars.db.port) | b64encode }}", ["a/b"]),
        ("{% set x = vars.pw %}{% set y = x %}{{ y | sha256 }}", ["a/b"]),
        ("{% for user in vars.users %}{% if true %}{{ user.key | upper }}{% endif %}{% endfor %}", ["d"]),
        ("{% for item in vars.users %}{{ item.key | upper }}{% endfor %}", ["d"]),
    ],
)
def test_what_computes_with_a_secret_names_it(text: str, names: list[str]) -> None:
    assert derived(text, KNOWN, template=True) == names
    assert derived_in({"a": [{"b": text}], "c": "{{ 1 + 1 }}"}, KNOWN) == names


@pytest.mark.parametrize(
    "text",
    [
        "{{ vars.pw }}",
        "{{ vars.pw | default('x') }} {{ vars.users | list }}",
        "{{ vars.db.port + 1 }} {{ vars.db.password }}",
        "{{ item.name | upper }} {{ item.key }}",
        "{{ vars.pw }}{% for site in vars.sites %}{{ site | upper }}{{ loop.index + 1 }}{% endfor %}",
        "{{ vars.pw }} {{ host.hostname | upper }}",
        "no template: vars.pw | sha256",
        "{{ vars.pw | ",
    ],
)
def test_what_hands_a_secret_on_or_lets_it_be_derives_nothing(text: str) -> None:
    assert derived(text, KNOWN, template=True) == []


def test_an_expression_is_no_template() -> None:
    assert derived("vars.pw.split()", KNOWN, template=False) == ["a/b"]
    assert derived("vars.users", KNOWN, template=False) == []
