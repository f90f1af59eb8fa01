"""Parameters of resources, as far as they can be judged before they are rendered."""

from __future__ import annotations

import subprocess
import sys

import pytest

from reconciler.documents import resources


@pytest.mark.parametrize(
    ("package", "messages"),
    [
        ("{{ item }}", []),
        (["{{ item }}", "nginx"], []),
        (["{{ item }}", "{{ item }}"], ["a package is named twice"]),
    ],
)
def test_one_template_is_a_list_of_one_to_the_rules_of_its_type(package: object, messages: list[str]) -> None:
    crate = {"resources": [{"type": "package", "package": package}]}
    assert [flaw.message for flaw in resources.check(crate)] == messages


@pytest.mark.parametrize("kind", ["sysctl", "file"])
def test_who_writes_a_mode_of_an_agent_is_told_the_word_for_it(kind: str) -> None:
    given = {"sysctl": {"key": "net.ipv4.ip_forward", "value": "1"}, "file": {"path": "/etc/motd"}}[kind]
    (flaw,) = resources.check({"resources": [{"type": kind, **given, "mode": "audit"}]})
    assert flaw.path == ("resources", 0, "mode")
    assert "audit: true" in flaw.hint


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        ({"type": "git", "path": "/srv/a", "url": "http://h/a.git", "revision": "main"}, "`https://…`, `ssh://…` or"),
        ({"type": "reboot", "reboot": "a", "window": "25:00-26:00"}, "`02:00-04:30`"),
        ({"type": "ssh_key", "user": "a", "key": "AAAA"}, "`ssh-ed25519 AAAA… comment`"),
        ({"type": "user", "user": "a b"}, "it must match ^"),
    ],
)
def test_what_nobody_reads_in_a_pattern_is_said_in_words(given: dict[str, str], hint: str) -> None:
    (flaw,) = resources.check({"resources": [given]})
    assert hint in flaw.hint


def test_what_is_deferred_is_found_however_deep() -> None:
    assert resources.deferred({"a": [1, {"b": ["x", "{{ vars.c }}"]}]})
    assert resources.deferred(["secret:a"])
    assert not resources.deferred({"a": [1, None, True, {"b": ["{x}", "}}"]}]})


def test_a_crate_loads_the_types_that_it_has_and_no_others() -> None:
    text = (
        "import sys; from reconciler.documents import resources;"
        "assert not resources.check({'defaults': {'owner': 'root'}, 'resources': [{'type': 'file', 'path': '/a'}]});"
        "print(*(name for name in sys.modules if name.startswith('schema.resources.')))"
    )
    loaded = subprocess.run([sys.executable, "-c", text], check=True, capture_output=True, text=True, timeout=60)
    assert "schema.resources.file" in loaded.stdout.split()
    assert "schema.resources.cron" not in loaded.stdout.split()
