"""Expressions and templates, beside minijinja and Jinja2's sandbox on the same scope: warm, and seen for the first time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

import jinja2
import minijinja
from jinja2.sandbox import ImmutableSandboxedEnvironment

from schema.expressions import Renderer
from tests.bench.figures import Figure, best

SCOPE: Final[dict[str, Any]] = {
    "vars": {
        "port": 443,
        "names": ["www.example.com", "shop.example.com"],
        "upstreams": [{"host": f"app{number:02}", "port": 8080, "backup": number > 5} for number in range(8)],
    },
    "traits": {"os": {"family": "debian"}, "hardware": {"memory_mb": 16000}},
    "item": {"name": "www"},
    "host": {"hostname": "web01.prod.example.com", "environment": "production", "roles": ["webserver"]},
}
LINE: Final = "server { listen {{ vars.port }}; server_name {{ item.name }}; }"
CONDITION: Final = "traits.os.family == 'debian' and vars.port > 80"
FILE: Final = """# {{ host.hostname }}
upstream {{ item.name }} {
{% for upstream in vars.upstreams %}
    server {{ upstream.host }}:{{ upstream.port }}{% if upstream.backup %} backup{% endif %};
{% endfor %}
}
server {
    server_name {{ vars.names|join(' ') }};
    worker_rlimit_nofile {{ traits.hardware.memory_mb // 4 }};
    include {{ item.name|upper|lower|replace('w', 'v') }}.conf;
}
"""
ROUNDS: Final = 2_000


def run() -> Iterable[Figure]:
    ours = Renderer()
    mini = minijinja.Environment(
        undefined_behavior="strict", debug=False, fuel=100_000, templates={"line": LINE, "file": FILE}
    )
    sandbox = ImmutableSandboxedEnvironment(undefined=jinja2.StrictUndefined)
    line, file = sandbox.from_string(LINE), sandbox.from_string(FILE)
    condition = sandbox.compile_expression(CONDITION)
    yield from _beside(
        "render one line", lambda: ours.render(LINE, SCOPE), lambda: mini.render_template("line", **SCOPE), line.render
    )
    yield from _beside(
        "render a file", lambda: ours.render(FILE, SCOPE), lambda: mini.render_template("file", **SCOPE), file.render
    )
    yield from _beside(
        "a condition", lambda: ours.holds(CONDITION, SCOPE), lambda: mini.eval_expr(CONDITION, **SCOPE), condition
    )
    yield from _beside(
        "a file never seen before",
        lambda: Renderer().render(FILE, SCOPE),
        lambda: mini.render_str(FILE, **SCOPE),
        lambda **scope: sandbox.from_string(FILE).render(**scope),
        rounds=100,
    )
    yield Figure(
        name="a text without tags",
        value=_micros(lambda: ours.render("/etc/motd", SCOPE), ROUNDS),
        unit="µs",
        target=1.0,
    )


def _beside(
    name: str,
    ours: Callable[[], object],
    mini: Callable[[], object],
    sandbox: Callable[..., object],
    rounds: int = ROUNDS,
) -> Iterable[Figure]:
    value = _micros(ours, rounds)
    yield Figure(name=name, value=value, unit="µs", peer="minijinja", peer_value=_micros(mini, rounds))
    jinja = _micros(lambda: sandbox(**SCOPE), rounds)
    yield Figure(name=name, value=value, unit="µs", peer="Jinja2 sandbox", peer_value=jinja, ratio_target=1.0)


def _micros(work: Callable[[], object], rounds: int) -> float:
    def repeated() -> None:
        for _ in range(rounds):
            work()

    return best(repeated, times=5) / rounds * 1e6
