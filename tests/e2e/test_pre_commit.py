"""The pre-commit hook keeps a bad configcrate out of a commit, and lets a good one in. Real pre-commit, real git."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from api.cli.init import starter

ROOT = Path(__file__).parents[2]
BAD = "name: bad\nresources:\n  - name: motd2\n    type: file\n    path: /etc/motd2\n    contnet: hello\n"
GOOD = BAD.replace("contnet", "content").replace("name: bad", "name: good")
INSTALL_S = 180


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The test's own pre-commit store, and no git identity, hook or setting of the user's."""
    folder = tmp_path_factory.mktemp("pre-commit")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "PRE_COMMIT"))}
    identity = {
        f"GIT_{who}_{what}": "test@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
    }
    return (
        kept
        | identity
        | {
            "PRE_COMMIT_HOME": str(folder),
            "GIT_CONFIG_GLOBAL": os.devnull,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        }
    )


@pytest.fixture
def fleet(tmp_path: Path, environment: dict[str, str]) -> Path:
    """The starter repository, committed; its own hook is not installed yet."""
    for name, content in starter().items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    run(tmp_path, environment, "git", "init", "-q", "-b", "main")
    run(tmp_path, environment, "git", "add", "-A")
    assert run(tmp_path, environment, "git", "commit", "-q", "-m", "start").returncode == 0
    return tmp_path


def run(folder: Path, environment: dict[str, str], *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=INSTALL_S, check=False
    )


def stage(folder: Path, environment: dict[str, str], name: str, text: str) -> None:
    (folder / name).write_text(text)
    assert run(folder, environment, "git", "add", name).returncode == 0


def provided(extra: str) -> set[str]:
    """Names of all that is installed with vigo and this extra, as pip follows what each says that it needs."""
    found: set[str] = set()
    asked = [Requirement(f"vigo[{extra}]")]
    while asked:
        wanted = asked.pop()
        name = canonicalize_name(wanted.name)
        found.add(name)
        for line in metadata.requires(name) or []:
            needed = Requirement(line)
            extras = wanted.extras or {""}
            applies = needed.marker is None or any(needed.marker.evaluate({"extra": each}) for each in extras)
            if applies and canonicalize_name(needed.name) not in found:
                asked.append(needed)
    return found


def test_the_hooks_of_this_checkout_block_a_bad_configcrate_with_its_place_and_need_what_their_extra_has(
    fleet: Path, environment: dict[str, str]
) -> None:
    """As others name them, but in this environment; `pre-commit try-repo` installs one of their own, in a soak."""
    manifest = ROOT / ".pre-commit-hooks.yaml"
    assert run(fleet, environment, "pre-commit", "validate-manifest", str(manifest)).returncode == 0
    hooks = yaml.safe_load(manifest.read_text())
    assert {hook["id"]: hook["additional_dependencies"] for hook in hooks} == {
        "vigo-validate": [".[validate]"],
        "vigo-test": [".[validate]"],
    }
    here = [hook | {"language": "system", "additional_dependencies": []} for hook in hooks]
    config = fleet / ".git" / "hooks.yaml"
    config.write_text(json.dumps({"repos": [{"repo": "local", "hooks": here}]}))
    stage(fleet, environment, "configcrates/bad.vgo", BAD)

    done = run(fleet, environment, "pre-commit", "run", "--config", str(config), "vigo-validate")

    assert done.returncode == 1, done.stdout + done.stderr
    assert "- exit code: 2" in done.stdout
    assert "configcrates/bad.vgo:6:5: error[resource.unknown-key]: unknown key contnet" in done.stdout
    assert "   6 |     contnet: hello\n     |     ^\n     = hint: did you mean content?" in done.stdout

    program = (
        "import json, sys\nbefore = set(sys.modules)\nfrom api.cli import main\nmain.run(sys.argv[1:])\n"
        "print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules if name not in before})))"
    )
    distributions = metadata.packages_distributions()
    for hook in hooks:
        ran = run(
            fleet, environment | {"PYTHONPATH": str(ROOT)}, sys.executable, "-c", program, *hook["entry"].split()[1:]
        )
        loaded = json.loads(ran.stdout.splitlines()[-1])
        needed = {canonicalize_name(name) for module in loaded for name in distributions.get(module, [])}
        assert "pygit2" in needed, ran.stderr
        assert needed <= provided("validate") | {"vigo"}, hook["id"]


@pytest.mark.slow  # it installs all that the hook needs: 20 s of processor time, and minutes on a busy machine
def test_try_repo_of_this_checkout_blocks_a_bad_configcrate_with_its_place_and_a_hint(
    fleet: Path, environment: dict[str, str]
) -> None:
    stage(fleet, environment, "configcrates/bad.vgo", BAD)

    done = run(fleet, environment, "pre-commit", "try-repo", str(ROOT), "vigo-validate")

    assert done.returncode == 1, done.stdout + done.stderr
    assert "- exit code: 2" in done.stdout
    assert "configcrates/bad.vgo:6:5: error[resource.unknown-key]: unknown key contnet" in done.stdout
    assert "   6 |     contnet: hello\n     |     ^\n     = hint: did you mean content?" in done.stdout


def test_the_starter_repositorys_own_hook_judges_what_is_staged_and_lets_a_good_commit_in(
    fleet: Path, environment: dict[str, str]
) -> None:
    assert run(fleet, environment, "pre-commit", "install").returncode == 0
    stage(fleet, environment, "configcrates/good.vgo", BAD.replace("name: bad", "name: good"))

    refused = run(fleet, environment, "git", "commit", "-m", "one")
    (fleet / "configcrates/good.vgo").write_text(GOOD)
    unstaged = run(fleet, environment, "git", "commit", "-m", "two")
    stage(fleet, environment, "configcrates/good.vgo", GOOD)
    accepted = run(fleet, environment, "git", "commit", "-m", "three")

    assert refused.returncode == 1, refused.stdout + refused.stderr
    assert "configcrates/good.vgo:6:5: error[resource.unknown-key]" in refused.stderr + refused.stdout
    assert unstaged.returncode == 1
    assert accepted.returncode == 0, accepted.stdout + accepted.stderr
    assert run(fleet, environment, "git", "log", "--format=%s").stdout.split() == ["three", "start"]


@pytest.mark.slow  # another installation; the hook itself is in the starter repository's story
def test_the_hook_for_tests_refuses_a_commit_with_which_one_fails_and_says_where(
    fleet: Path, environment: dict[str, str]
) -> None:
    stage(
        fleet,
        environment,
        "roles.vgo",
        "roles:\n  webserver:\n    configcrates: [nginx]\n    vars: {http_port: 8080}\n",
    )
    failed = run(fleet, environment, "pre-commit", "try-repo", str(ROOT), "vigo-test")

    assert failed.returncode == 1, failed.stdout + failed.stderr
    assert "- exit code: 1" in failed.stdout
    assert "tests/hosts.vgo:12:25: failed: web servers serve" in failed.stdout
    assert "vars.http_port: expected 80, found 8080\n     = from: roles.vgo:4:23 (role:webserver)" in failed.stdout


def test_the_starter_repositorys_own_hooks_refuse_a_valid_commit_that_breaks_a_promise(
    fleet: Path, environment: dict[str, str]
) -> None:
    assert run(fleet, environment, "pre-commit", "install").returncode == 0
    stage(fleet, environment, "common.vgo", "vars:\n  organisation: Example Ltd\n")

    refused = run(fleet, environment, "git", "commit", "-m", "one")
    told = refused.stdout + refused.stderr

    assert refused.returncode == 1
    assert "vigo validate............................................................Passed" in told
    assert "tests/hosts.vgo:6:22: failed: every host says what it is" in told
    assert "expected includes motd, found nothing brings it" in told
