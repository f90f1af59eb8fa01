"""git itself, against a server over TLS on loopback: a checkout follows, and a hostile repository does nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.hosts import RealHost
from agent.resources import TYPES
from agent.resources.types import Converged
from agent.tools.git import CONFIG
from schema.protocol.reports import Outcome
from tests.factories.servers import Served, served
from tests.strategies import machines

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: files of other owners")
ENV = {
    "PATH": os.environ["PATH"],
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_AUTHOR_NAME": "a",
    "GIT_AUTHOR_EMAIL": "a@example.org",
    "GIT_COMMITTER_NAME": "a",
    "GIT_COMMITTER_EMAIL": "a@example.org",
}


class Origin:
    """A repository, and its bare copy that is served."""

    def __init__(self, place: Path) -> None:
        self.work = place / "work"
        self.bare = place / "web/x.git"
        self.bare.parent.mkdir(parents=True)
        self.git("init", "--quiet", "--initial-branch=main", str(self.work), cwd=place)
        self.git("init", "--quiet", "--bare", "--initial-branch=main", str(self.bare), cwd=place)

    def git(self, *args: str, cwd: Path | None = None, stdin: bytes = b"") -> str:
        ran = subprocess.run(
            ["git", *args], cwd=cwd or self.work, env=ENV, input=stdin, capture_output=True, check=True, timeout=60
        )
        return ran.stdout.decode().strip()

    def commit(self, **files: str | None) -> str:
        """Commit files; None removes one. The commit's id."""
        for name, text in files.items():
            path = self.work / name.replace("__", "/").replace("dot_", ".")
            if text is None:
                path.unlink()
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message=x")
        return self.publish("main")

    def publish(self, name: str, commit: str = "HEAD") -> str:
        self.git("push", "--quiet", "--force", str(self.bare), f"{commit}:refs/heads/{name}")
        self.git("update-server-info", cwd=self.bare)
        return self.git("rev-parse", commit)


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    return Origin(tmp_path)


@pytest.fixture
def server(origin: Origin, tmp_path: Path) -> Iterator[Served]:
    with served(origin.bare.parent, tmp_path) as running:
        yield running


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "checkout"


def converge(server: Served, path: Path, revision: str = "main", *, trusted: bool = True, **spec: Any) -> Converged:
    kind = TYPES["git"]
    spec = {"path": str(path), "url": f"{server.url}/x.git", "revision": revision, "timeout_s": 60, **spec}
    if trusted:
        spec["ca_file"] = str(server.ca_file)
    ready = kind.prepare(kind.spec.model_validate(spec), machines.sources({}))
    host = RealHost("/")
    result: Converged = kind.converge(host, ready, dry_run=False)
    if result.outcome is Outcome.CHANGED:
        again = kind.converge(host, ready, dry_run=False)
        assert (again.outcome, again.error) == (Outcome.UNCHANGED, "")
    host.close()
    return result


def test_a_checkout_follows_its_branch(origin: Origin, server: Served, path: Path) -> None:
    first = origin.commit(a="1\n", d__b="b\n")
    result = converge(server, path)
    assert (result.outcome, result.error) == (Outcome.CHANGED, "")
    assert ((path / "a").read_text(), (path / "d/b").read_text()) == ("1\n", "b\n")
    (path / "own").write_text("stays")
    second = origin.commit(a="2\n", d__b=None)
    result = converge(server, path)
    assert result.diff == f"commit: {first} → {second}"
    assert ((path / "a").read_text(), (path / "d").exists(), (path / "own").read_text()) == ("2\n", False, "stays")
    assert (path / ".git/config").read_bytes() == CONFIG
    assert origin.git("rev-parse", "--abbrev-ref", "HEAD", cwd=path) == "HEAD"


def test_a_commit_that_is_checked_out_asks_nobody(origin: Origin, server: Served, path: Path) -> None:
    first = origin.commit(a="1\n")
    origin.commit(a="2\n")
    assert converge(server, path, first).outcome is Outcome.CHANGED
    assert (path / "a").read_text() == "1\n"
    server.asked.clear()
    assert converge(server, path, first).outcome is Outcome.UNCHANGED
    assert server.asked == []
    assert "has commit" in converge(server, path, "0" * 40).error


def test_a_tag_is_the_commit_that_it_names(origin: Origin, server: Served, path: Path) -> None:
    origin.commit(a="1\n")
    origin.git("tag", "--annotate", "--message=x", "v1")
    origin.commit(a="2\n")
    origin.git("push", "--quiet", str(origin.bare), "v1")
    origin.git("push", "--quiet", str(origin.bare), "v1^{}:refs/heads/both", "v1:refs/tags/both")
    origin.git("update-server-info", cwd=origin.bare)
    assert converge(server, path, "v1").outcome is Outcome.CHANGED
    assert (path / "a").read_text() == "1\n"
    assert "write refs/heads/both" in converge(server, path, "both").error
    assert converge(server, path, "refs/heads/main").outcome is Outcome.CHANGED
    assert converge(server, path, "refs/heads/both").outcome is Outcome.CHANGED


def test_what_was_changed_is_put_back_unless_it_is_to_stay(origin: Origin, server: Served, path: Path) -> None:
    origin.commit(a="1\n", b="1\n")
    converge(server, path)
    (path / "a").write_text("hacked")
    (path / "b").unlink()
    assert converge(server, path, keep_local=True).outcome is Outcome.UNCHANGED
    result = converge(server, path)
    assert result.diff == "changed: a → (none)\nchanged: b → (none)"
    assert ((path / "a").read_text(), (path / "b").read_text()) == ("1\n", "1\n")
    (path / "a").write_text("hacked")
    origin.commit(a="2\n")
    refused = converge(server, path, keep_local=True)
    assert (refused.outcome, (path / "a").read_text()) == (Outcome.FAILED, "hacked")


def test_what_a_kill_left_is_cleared_away(origin: Origin, server: Served, path: Path) -> None:
    origin.commit(a="1\n")
    converge(server, path)
    (path / ".git/index.lock").write_text("")
    (path / "a").write_text("2")
    assert converge(server, path).outcome is Outcome.CHANGED
    (path / ".git/HEAD").unlink()
    assert converge(server, path).outcome is Outcome.CHANGED


def test_a_server_that_is_not_trusted_is_not_asked(origin: Origin, server: Served, path: Path) -> None:
    origin.commit(a="1\n")
    result = converge(server, path, trusted=False)
    assert result.outcome is Outcome.FAILED
    assert "certificate" in result.error
    assert not path.exists()


def test_hooks_filters_and_configuration_do_nothing(origin: Origin, server: Served, path: Path, tmp_path: Path) -> None:
    origin.commit(a="1\n", dot_gitattributes="* filter=evil diff=evil\n")
    converge(server, path)
    marks = tmp_path / "marks"
    marks.mkdir()
    program = tmp_path / "evil"
    program.write_text(f'#!/bin/sh\ntouch {marks}/"$(basename "$0")" {marks}/ran\ncat\n')
    program.chmod(0o755)
    for hook in ("post-checkout", "reference-transaction", "post-index-change", "pre-auto-gc"):
        (path / ".git/hooks").mkdir(exist_ok=True)
        (path / ".git/hooks" / hook).symlink_to(program)
    with (path / ".git/config").open("a") as config:
        config.write(f"[core]\n\thooksPath = {path}/.git/hooks\n\tfsmonitor = {program}\n\tsshCommand = {program}\n")
        config.write(f'[filter "evil"]\n\tclean = {program}\n\tsmudge = {program}\n\tprocess = {program}\n')
        config.write(
            f'[diff "evil"]\n\ttextconv = {program}\n\texternal = {program}\n[credential]\n\thelper = !{program}\n'
        )
        config.write(f"[include]\n\tpath = {tmp_path}/other\n[gc]\n\tauto = 1\n")
    (path / "a").write_text("hacked")
    result = converge(server, path)
    assert (result.outcome, result.error) == (Outcome.CHANGED, "")
    assert (path / "a").read_text() == "1\n"
    origin.commit(a="2\n")
    assert converge(server, path).outcome is Outcome.CHANGED
    assert list(marks.iterdir()) == []


def test_submodules_are_not_fetched(origin: Origin, server: Served, path: Path) -> None:
    first = origin.commit(a="1\n")
    (origin.work / ".gitmodules").write_text('[submodule "m"]\n\tpath = m\n\turl = -u./evil\n')
    origin.git("update-index", "--add", "--cacheinfo", f"160000,{first},m")
    origin.git("add", ".gitmodules")
    origin.git("commit", "--quiet", "--message=x")
    origin.publish("main")
    assert converge(server, path).outcome is Outcome.CHANGED
    assert list((path / "m").iterdir()) == []


@pytest.mark.parametrize("name", [".GIT", "git~1", ".."])
def test_a_tree_with_a_name_that_is_gits_is_refused(origin: Origin, server: Served, path: Path, name: str) -> None:
    origin.commit(a="1\n")
    blob = origin.git("hash-object", "-w", "--stdin", stdin=b"evil\n")
    inner = b"100755 post-checkout\0" + bytes.fromhex(blob)
    below = origin.git("hash-object", "-t", "tree", "--literally", "-w", "--stdin", stdin=inner)
    tree = b"40000 " + name.encode() + b"\0" + bytes.fromhex(below)
    top = origin.git("hash-object", "-t", "tree", "--literally", "-w", "--stdin", stdin=tree)
    bad = origin.git("commit-tree", "-m", "x", top)
    origin.publish("bad", bad)
    result = converge(server, path, "bad")
    assert result.outcome is Outcome.FAILED
    assert not (path / "post-checkout").exists()
    assert not list(path.parent.glob("**/post-checkout"))


def test_nothing_is_written_through_a_link_of_the_tree(
    origin: Origin, server: Served, path: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (origin.work / "d").symlink_to(outside)
    origin.commit(a="1\n")
    converge(server, path)
    assert (path / "d").is_symlink()
    (origin.work / "d").unlink()
    origin.commit(d__x="evil\n")
    assert converge(server, path).outcome is Outcome.CHANGED
    assert list(outside.iterdir()) == []
    assert (path / "d/x").read_text() == "evil\n"


@as_root
def test_root_runs_no_git_in_what_another_has(origin: Origin, server: Served, path: Path) -> None:
    origin.commit(a="1\n")
    converge(server, path)
    for other in (path, path / ".git"):
        os.chown(other, 61_700, -1)
        result = converge(server, path)
        assert "in the hands of 61700" in result.error
        os.chown(other, 0, -1)
    path.chmod(0o777)
    assert "in the hands of others" in converge(server, path).error


def test_what_is_secret_is_no_argument(origin: Origin, server: Served, path: Path) -> None:
    first = origin.commit(a="1\n")
    asked: list[list[str]] = []

    class Noting(RealHost):
        def run(self, argv: Any, **options: Any) -> Any:
            asked.append(list(argv))
            return super().run(argv, **options)

    host = Noting("/")
    kind = TYPES["git"]
    url = f"{server.url}/x.git".replace("https://", "https://ada:hush@")
    spec = {"path": str(path), "url": url, "revision": first, "ca_file": str(server.ca_file)}
    result = kind.converge(host, kind.spec.model_validate(spec), dry_run=False)
    host.close()
    assert (result.outcome, result.error) == (Outcome.CHANGED, "")
    assert asked
    assert "hush" not in f"{asked} {result}"
    assert not any(b"hush" in each.read_bytes() for each in (path / ".git").rglob("*") if each.is_file())
