"""Types about who and where the host is, with the real programs: visudo, in a directory that stands for the machine."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from agent.hosts import RealHost
from agent.resources import TYPES
from agent.resources.types import Converged
from schema.protocol.reports import Outcome
from tests.strategies.machines import ACCOUNTS

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: files of root")


def converge(host: RealHost, name: str, **spec: object) -> Converged:
    """Converge; after a change, once more, which must find nothing to do."""
    kind = TYPES[name]
    ready = kind.prepare(kind.spec.model_validate(spec), lambda path: pytest.fail(path))
    host.memo.clear()
    result: Converged = kind.converge(host, ready, dry_run=False)
    if result.outcome is Outcome.CHANGED:
        again = kind.converge(host, ready, dry_run=False)
        assert again.outcome is Outcome.UNCHANGED, again
    return result


class Programs(RealHost):
    """Beneath a directory, and yet with the programs of this machine, which get real paths instead."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.confined = False  # type: ignore[misc]

    def run(self, argv: object, **options: object) -> object:  # type: ignore[override]
        words = [str(word) for word in argv]  # type: ignore[attr-defined]
        return super().run([words[0], *(f"{self.root}{word}" if word[0] == "/" else word for word in words[1:])])


@pytest.fixture
def host(tmp_path: Path) -> Programs:
    (tmp_path / "etc").mkdir()
    for path, text in ACCOUNTS.items():
        (tmp_path / path[1:]).write_text(text)
    return Programs(tmp_path)


@as_root
@pytest.mark.skipif(shutil.which("visudo") is None, reason="needs sudo: apt-get install sudo")
def test_visudo_says_what_is_a_rule(host: Programs) -> None:
    rule = "deploy ALL=(root) NOPASSWD: /usr/bin/systemctl restart app"
    made = converge(host, "sudoers", sudoers="deploy", rules=[rule, "Defaults:deploy !requiretty"])
    assert (made.outcome, made.action) == (Outcome.CHANGED, "create")
    place = host.root / "etc/sudoers.d/deploy"
    assert place.stat().st_mode & 0o7777 == 0o440
    before = place.read_bytes()
    refused = converge(host, "sudoers", sudoers="deploy", rules=["deploy ALL=(root NOPASSWD"])
    assert refused.outcome is Outcome.FAILED
    assert refused.error.startswith("visudo: exit 1:")
    assert place.read_bytes() == before
    assert [path.name for path in place.parent.iterdir()] == ["deploy"]
