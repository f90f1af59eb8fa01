"""Types that work through paths, and commands, on the machine itself: what a machine of memory cannot show."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import pytest

from agent.hosts import RealHost
from agent.resources import TYPES
from agent.resources.types import Converged
from schema.protocol.reports import Outcome
from tests.strategies import machines

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: files of other owners")


@pytest.fixture
def host() -> RealHost:
    return RealHost("/")


def converge(host: RealHost, name: str, **spec: Any) -> Converged:
    kind = TYPES[name]
    ready = kind.prepare(kind.spec.model_validate(spec), machines.sources({}))
    host.memo.clear()
    result: Converged = kind.converge(host, ready, dry_run=False)
    if result.outcome is not Outcome.FAILED:
        assert kind.converge(host, ready, dry_run=False).outcome is Outcome.UNCHANGED
    return result


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_a_file_is_validated_by_a_real_program(host: RealHost, tmp_path: Path) -> None:
    path = tmp_path / "it's a $(file)"
    good = converge(host, "file", path=str(path), content="echo fine\n", validate="sh -n %", mode="0600")
    assert (good.outcome, good.error) == (Outcome.CHANGED, "")
    bad = converge(host, "file", path=str(path), content="if then\n", validate="sh -n %")
    assert bad.outcome is Outcome.FAILED
    assert bad.error.startswith("validate refused the new content: exit 2: ")
    assert path.read_text() == "echo fine\n"
    assert names(tmp_path) == [path.name]


def test_a_validator_can_read_the_candidate_as_it_will_be(host: RealHost, tmp_path: Path) -> None:
    path = tmp_path / "x"
    result = converge(
        host, "file", path=str(path), content="abc", mode="0640", validate='sh -c "test $(stat -c %%a) = 640"'
    )
    assert result.outcome is Outcome.FAILED  # `%` is always the candidate
    checked = converge(host, "file", path=str(path), content="abc", mode="0640", validate="grep -q abc %")
    assert checked.outcome is Outcome.CHANGED
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_hard_link_keeps_its_other_name_as_it_is(host: RealHost, tmp_path: Path) -> None:
    other, path = tmp_path / "other", tmp_path / "x"
    other.write_text("same")
    other.chmod(0o644)
    path.hardlink_to(other)
    result = converge(host, "file", path=str(path), content="same", mode="0600", backup=True)
    assert (result.outcome, result.diff) == (Outcome.CHANGED, "mode: 0644 → 0600")
    assert stat.S_IMODE(other.stat().st_mode) == 0o644
    assert other.stat().st_nlink == 1
    assert names(tmp_path) == ["other", "x"]  # the content has not changed: there is nothing to back up


def test_metadata_of_a_hard_link_whose_content_is_not_ours_is_left_alone(host: RealHost, tmp_path: Path) -> None:
    other, path = tmp_path / "other", tmp_path / "x"
    other.write_text("same")
    other.chmod(0o644)
    path.hardlink_to(other)
    result = converge(host, "file", path=str(path), mode="0600")
    assert result.outcome is Outcome.FAILED
    assert "has 2 hard links" in result.error
    assert stat.S_IMODE(other.stat().st_mode) == 0o644


@as_root
def test_owner_and_set_id_bits_come_out_right(host: RealHost, tmp_path: Path) -> None:
    path = tmp_path / "x"
    converge(host, "file", path=str(path), content="x", mode="4755", owner="nobody", group="root")
    assert (path.stat().st_uid, stat.S_IMODE(path.stat().st_mode)) == (host.uid("nobody"), 0o4755)
    result = converge(host, "file", path=str(path), content="x", mode="4755", owner="root")
    assert result.diff == "owner: nobody → root"
    assert (path.stat().st_uid, stat.S_IMODE(path.stat().st_mode)) == (0, 0o4755)
    converge(host, "directory", path=str(tmp_path / "d"), mode="2770", owner="nobody", group="nogroup")
    assert stat.S_IMODE((tmp_path / "d").stat().st_mode) == 0o2770


@as_root
def test_content_that_is_replaced_keeps_its_owner(host: RealHost, tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text("old")
    os.chown(path, 1234, 1235)
    path.chmod(0o640)
    converge(host, "file", path=str(path), content="new", backup=True)
    converge(host, "file_line", path=str(path), line="more")
    for each in (path, tmp_path / "x.vigo-backup"):
        found = each.stat()
        assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (1234, 1235, 0o640)


def test_a_directory_is_made_and_removed_with_what_is_in_it(host: RealHost, tmp_path: Path) -> None:
    where = tmp_path / "a/b/c"
    converge(host, "directory", path=str(where), mode="0700")
    (where / "link").symlink_to(tmp_path)
    assert converge(host, "directory", path=str(tmp_path / "a"), state="absent").outcome is Outcome.FAILED
    converge(host, "directory", path=str(tmp_path / "a"), state="absent", force=True)
    assert names(tmp_path) == []


def test_a_command_runs_where_and_with_what_it_asks_for(host: RealHost, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    command = 'printf "%s\\n" "$PWD" "$A" "$VIGO" > out'
    result = converge(
        host, "exec", command=command, creates=str(tmp_path / "out"), cwd=str(tmp_path), environment={"A": "it's $x"}
    )
    assert (result.outcome, result.error) == (Outcome.CHANGED, "")
    assert (tmp_path / "out").read_text() == f"{tmp_path}\nit's $x\n\n"


def test_guards_of_a_command_are_asked(host: RealHost, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert converge(host, "exec", command=f"echo x > {out}", unless=f"test -e {out}").outcome is Outcome.CHANGED
    assert converge(host, "exec", command=f"rm {out}", onlyif=f"test -e {out}").outcome is Outcome.CHANGED
    failed = converge(host, "exec", command="echo why >&2; exit 9", creates=str(out))
    assert failed.error == "the command ended with exit 9: why"
    slow = converge(host, "exec", command="sleep 60", creates=str(out), timeout_s=1)
    assert slow.error == "the command ended with timed out"


def test_a_command_has_the_umask_and_the_guards_it_was_given(host: RealHost, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert converge(host, "exec", command=f"echo x > {out}", creates=str(out), umask="027").outcome is Outcome.CHANGED
    assert stat.S_IMODE(out.stat().st_mode) == 0o640
    assert converge(host, "exec", command=f"rm {out}", removes=str(out)).outcome is Outcome.CHANGED


def test_no_argument_of_a_process_holds_the_command(host: RealHost, tmp_path: Path) -> None:
    out = tmp_path / "out"
    converge(host, "exec", command=f"cat /proc/$$/cmdline > {out}; : top-secret-word", creates=str(out))
    assert b"top-secret-word" not in out.read_bytes()


@as_root
def test_a_command_runs_as_another_user(host: RealHost, tmp_path: Path) -> None:
    ran = converge(host, "exec", command="id -un; exit 3", user="nobody", refreshonly=True)
    assert ran.error == "the command ended with exit 3: nobody"
    unknown = converge(host, "exec", command="true", user="no-such-user", refreshonly=True)
    assert unknown.error == "there is no user no-such-user on this host"


def test_a_service_without_systemd_is_skipped_with_the_reason(tmp_path: Path) -> None:
    root = RealHost("/")
    reason = TYPES["service"].skipped(root)
    booted = Path("/run/systemd/system").is_dir()
    assert reason == (None if booted else "needs systemd, OpenRC or sysvinit, none of which runs this host")
