"""Whatever a text asks for, it ends soon and takes little; what real files need still goes through."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from schema.expressions import ExpressionError, Kind, NoHost, Renderer
from schema.expressions.renderer import CACHED_CHARACTERS
from schema.expressions.running import MAX_OUTPUT
from tests.unit.schema.expressions.bombs import BOMBS, HARMLESS
from tests.unit.schema.expressions.corpus import SCOPE

ROOT = Path(__file__).resolve().parents[4]
MEMORY_BYTES = 256 * 1024 * 1024
CPU_S = 2.0

_CHILD = """
import json, resource, sys, time
from schema.expressions import ExpressionError, NoHost, Renderer
from tests.unit.schema.expressions.bombs import BOMBS, HARMLESS
from tests.unit.schema.expressions.corpus import SCOPE

class Host(NoHost):
    def file_exists(self, path):
        return True

resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[1]),) * 2)
renderer, results = Renderer(Host()), {}
for name, text in {**BOMBS, **HARMLESS}.items():
    started = time.process_time()
    try:
        outcome = "rendered " + str(len(renderer.render(text, SCOPE)))
    except ExpressionError as error:
        outcome = str(error.kind)
    except BaseException as error:
        outcome = type(error).__name__
    results[name] = (outcome, time.process_time() - started)
print(json.dumps(results))
"""


@pytest.fixture(scope="module")
def results() -> dict[str, tuple[str, float]]:
    """Each text rendered by one process that may have 256 MiB of address space in all."""
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, str(MEMORY_BYTES)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    found: dict[str, tuple[str, float]] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("name", sorted(BOMBS))
def test_a_bomb_ends_in_an_error_within_two_seconds_and_256_mebibytes(
    results: dict[str, tuple[str, float]], name: str
) -> None:
    outcome, seconds = results[name]
    assert outcome in (Kind.LIMIT, Kind.TYPE, Kind.SYNTAX)
    assert seconds < CPU_S


@pytest.mark.parametrize("name", sorted(HARMLESS))
def test_what_real_files_need_is_rendered_beside_the_bombs(results: dict[str, tuple[str, float]], name: str) -> None:
    outcome, seconds = results[name]
    assert outcome.startswith("rendered ")
    assert seconds < CPU_S


HEAVY = (
    "vars.users|to_json",
    "vars.users|to_yaml",
    "'10.0.0.1/8'|ipaddr('network')",
    "vars.text|title",
    "version_ge('1.2.3-4', '1.2.3-5')",
    "vars.users|sort(attribute='name')",
    "vars.text|urlencode",
    "has_trait('a.b.c.d.e.f')",
    "vars.users|selectattr('uid', 'gt', 1)|list",
)


@pytest.mark.parametrize("expression", HEAVY)
def test_the_dearest_words_in_the_longest_loop_take_less_than_two_seconds(expression: str) -> None:
    import time

    loop = "{% for i in range(100000) %}{% set x = " + expression + " %}{% endfor %}"
    started = time.process_time()
    with pytest.raises(ExpressionError) as caught:
        Renderer().render(loop * 8, SCOPE)
    assert caught.value.kind is Kind.LIMIT
    assert time.process_time() - started < CPU_S


def test_the_rendered_text_is_at_most_four_mebibytes_in_utf8() -> None:
    renderer = Renderer()
    assert len(renderer.render("{{ 'a' * n }}", {"n": MAX_OUTPUT})) == MAX_OUTPUT
    with pytest.raises(ExpressionError) as caught:
        renderer.render("{{ 'a' * n }}", {"n": MAX_OUTPUT + 1})
    assert caught.value.kind is Kind.LIMIT
    with pytest.raises(ExpressionError) as caught:
        renderer.render("{{ 'é' * n }}", {"n": MAX_OUTPUT // 2 + 1})
    assert caught.value.kind is Kind.LIMIT


def test_one_rendering_does_not_use_up_the_next_ones_work() -> None:
    renderer = Renderer()
    text = "{% for i in range(60000) %}{{ i }}{% endfor %}"
    lengths = {len(renderer.render(text, {})) for _ in range(4)}
    assert len(lengths) == 1


def test_a_bomb_leaves_the_renderer_fit_for_use() -> None:
    renderer = Renderer()
    for text in (
        "{{ 'a' * 10**9 }}",
        "{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}",
    ):
        with pytest.raises(ExpressionError):
            renderer.render(text, SCOPE)
        assert renderer.render("{{ vars.port }}", SCOPE) == "8443"


def test_compiled_texts_are_forgotten_when_there_are_too_many() -> None:
    renderer = Renderer()
    for number in range(CACHED_CHARACTERS // 200):
        renderer.render(f"{number} {{{{ 1 }}}}", {})
    assert 0 < len(renderer._templates) < CACHED_CHARACTERS // 200


@pytest.mark.parametrize(
    "expression",
    [
        "9223372036854775807 + 1",
        "9223372036854775807 * 2",
        "2 ** 63",
        "-9223372036854775807 - 2",
        "99999999999999999999",
        "1e308 * 10",
        "1e999",
        "'inf'|float",
        "'nan'|float",
        "10.0 ** 308 * 10",
        "[9223372036854775807, 1]|sum",
        "1e300|int",
    ],
)
def test_numbers_stay_within_what_json_and_64_bits_have(expression: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        Renderer().evaluate(expression, {})
    assert caught.value.kind is Kind.LIMIT


def test_asking_the_host_is_dear() -> None:
    class Counting(NoHost):
        calls = 0

        def command_succeeds(self, command: str) -> bool:
            self.calls += 1
            return True

    host = Counting()
    with pytest.raises(ExpressionError) as caught:
        Renderer(host).render("{% for i in range(1000) %}{{ command_succeeds('true') }}{% endfor %}", {})
    assert caught.value.kind is Kind.LIMIT
    assert host.calls <= 25


def test_a_value_shared_many_times_is_paid_for_as_often_as_it_is_written() -> None:
    scope: dict[str, Any] = {"vars": {"text": "x" * 100_000}}
    assert len(Renderer().evaluate("[vars.text] * 100", scope)) == 100
    with pytest.raises(ExpressionError) as caught:
        Renderer().evaluate("[vars.text] * 1000", scope)
    assert caught.value.kind is Kind.LIMIT
