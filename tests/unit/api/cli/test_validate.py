"""`vigo validate` and `vigo trace --repo`: no server, every mistake with its place."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from api.cli.init import starter

Vigo = Callable[..., "tuple[int, str, str]"]

ROOT = Path(__file__).parents[4]
BAD = "name: bad\nresources:\n  - name: a\n    type: file\n    path: /etc/a\n\t contnet: hello\n"


@pytest.fixture
def fleet(tmp_path: Path) -> Path:
    """The starter repository, as plain files."""
    folder = tmp_path / "fleet"
    for name, content in starter().items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def commit(folder: Path) -> None:
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", "-A")
    git(folder, "-c", "user.name=t", "-c", "user.email=t@example.com", "commit", "-q", "-m", "start")


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", "-C", folder, *arguments], check=True, timeout=20, capture_output=True)


def test_the_starter_repository_is_valid(vigo: Vigo, fleet: Path) -> None:
    assert vigo("validate", str(fleet)) == (0, "valid: 8 files\n", "")


def test_a_mistake_is_told_with_place_source_caret_and_hint(vigo: Vigo, fleet: Path) -> None:
    (fleet / "roles.vgo").write_text("roles:\n  webserver:\n    configcrates: [ngnix]\n    vars: {http_port: 80}\n")

    code, out, err = vigo("validate", str(fleet))

    assert (code, err) == (2, "")
    assert "roles.vgo:3:20: error[" in out
    assert "   3 |     configcrates: [ngnix]\n     |                    ^\n" in out
    assert "= hint: " in out
    assert "nginx" in out
    assert out.splitlines()[-1].startswith("not valid: 8 files, 1 error")


def test_json_has_the_same_diagnostics(vigo: Vigo, fleet: Path) -> None:
    (fleet / "configcrates" / "motd.vgo").write_text("name: motd\nresources: [}\n")

    code, out, _ = vigo("validate", str(fleet), "--format", "json")

    answer = json.loads(out)
    assert (code, answer["valid"], answer["commit"]) == (2, False, None)
    assert {"code", "severity", "file", "line", "column", "message", "hint"} == set(answer["diagnostics"][0])
    assert answer["diagnostics"][0]["file"] == "configcrates/motd.vgo"


def test_it_is_found_from_a_directory_inside(vigo: Vigo, fleet: Path) -> None:
    assert vigo("validate", str(fleet / "configcrates"))[0] == 0


def test_what_is_no_config_repository_ends_2_with_a_hint(vigo: Vigo, tmp_path: Path) -> None:
    code, out, err = vigo("validate", str(tmp_path))

    assert (code, out) == (2, "")
    assert "is no config repository" in err
    assert "hint: `vigo init DIR`" in err


def test_staged_judges_the_index_and_not_the_files(vigo: Vigo, fleet: Path) -> None:
    commit(fleet)
    good = (fleet / "configcrates" / "motd.vgo").read_text()
    (fleet / "configcrates" / "motd.vgo").write_text("name: [\n")

    assert vigo("validate", str(fleet))[0] == 2
    assert vigo("validate", str(fleet), "--staged")[0] == 0
    git(fleet, "add", "-A")
    (fleet / "configcrates" / "motd.vgo").write_text(good)
    assert vigo("validate", str(fleet))[0] == 0
    assert vigo("validate", str(fleet), "--staged")[0] == 2


def test_a_revision_is_judged_without_a_checkout(vigo: Vigo, fleet: Path) -> None:
    commit(fleet)
    (fleet / "vigo.vgo").write_text("language: 99\n")

    assert vigo("validate", str(fleet))[0] == 2
    assert vigo("validate", str(fleet), "--rev", "main")[0] == 0


@pytest.mark.parametrize("rev", ["nothing", "main~1", ":/start", "--upload-pack=x", "main\x1b"])
def test_a_revision_that_is_none_is_an_error(vigo: Vigo, fleet: Path, rev: str) -> None:
    commit(fleet)

    code, out, err = vigo("validate", str(fleet), f"--rev={rev}")

    assert (code, out) == (1, "")
    assert err.startswith("error: ")
    assert "\x1b" not in err


def test_rev_and_staged_exclude_each_other(vigo: Vigo, fleet: Path) -> None:
    assert vigo("validate", str(fleet), "--staged", "--rev", "main")[0] == 1


def test_source_that_could_act_in_a_terminal_is_shown_and_the_caret_still_fits(vigo: Vigo, fleet: Path) -> None:
    (fleet / "configcrates" / "motd.vgo").write_text('name: motd\nresources: [{name: "東\u202eX", typ: file}]\n')

    _, out, _ = vigo("validate", str(fleet))

    assert "\u202e" not in out
    source = next(line for line in out.splitlines() if line.startswith("   2 | "))
    assert "\\u202e" in source


def test_a_trace_is_the_apis_own(vigo: Vigo, fleet: Path) -> None:
    code, out, err = vigo("trace", "web01.example.com", "--repo", str(fleet), "--json")

    trace = json.loads(out)
    assert (code, err) == (0, "")
    assert list(trace) == [
        "hostname", "matched", "match_pattern", "pattern_type", "environment", "roles", "role_expansion", "inheritance",
        "configcrates", "configcrate_sources", "var_sources", "resource_count",
    ]  # fmt: skip
    assert trace["configcrate_sources"] == {"motd": "common.vgo", "nginx": "role:webserver"}
    port = next(item for item in trace["var_sources"] if item["key"] == "http_port")
    assert port == {"key": "http_port", "value": 80, "source": "role:webserver"}

    _, out, _ = vigo("trace", "web01.example.com", "--repo", str(fleet), "--json", "--places")
    port = next(item for item in json.loads(out)["var_sources"] if item["key"] == "http_port")
    assert (port["place"]["file"], port["place"]["line"]) == ("roles.vgo", 5)


def test_a_trace_names_file_line_and_column_of_each_value(vigo: Vigo, fleet: Path) -> None:
    _, out, _ = vigo("trace", "web01.example.com", "--repo", str(fleet))

    assert "matched      web*.example.com (glob)" in out
    assert any(row.split() == ["http_port", "80", "role:webserver", "roles.vgo:5:18"] for row in out.splitlines())


def test_a_host_that_nothing_matches_is_an_answer(vigo: Vigo, fleet: Path) -> None:
    assert vigo("trace", "db.example.org", "--repo", str(fleet), "--json") == (
        0, '{\n  "hostname": "db.example.org",\n  "matched": false\n}\n', "",
    )  # fmt: skip


def test_a_trace_of_an_invalid_repository_ends_2_with_its_mistakes(vigo: Vigo, fleet: Path) -> None:
    (fleet / "roles.vgo").write_text("roles: [\n")

    code, out, err = vigo("trace", "web01.example.com", "--repo", str(fleet))

    assert code == 2
    assert "roles.vgo:" in out
    assert "error: the configuration is not valid" in err


def test_validating_a_directory_loads_nothing_of_the_server_git_or_the_network() -> None:
    """Start-up is most of the time that `vigo validate` takes: 0.3 s, and each of these would add 0.03 to 0.6."""
    kept_out = {
        "alembic", "asyncio", "cryptography", "httpx", "minijinja", "pygit2", "rich", "ruamel", "sqlalchemy", "sqlmodel",
        "ssl", "starlette", "strawberry", "uvicorn", "watchfiles", "weasyprint", "websockets",
    }  # fmt: skip
    script = (
        "import sys\nfrom api.cli.main import run\nrun(['validate', sys.argv[1]])\n"
        "print(' '.join(sorted({name.partition('.')[0] for name in sys.modules})))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(ROOT / "api" / "cli" / "starter")],
        capture_output=True, text=True, timeout=60, check=True, cwd=ROOT,
    )  # fmt: skip

    assert kept_out & set(done.stdout.splitlines()[-1].split()) == set()


WAIVER = "waivers:\n  - {framework: nist, control: AC-1, reason: r, approved_by: jane, expires: 2026-12-31}\n"


def test_a_waiver_is_judged_by_the_day_it_is_asked_and_only_warned_of(vigo: Vigo, fleet: Path) -> None:
    (fleet / "compliance.vgo").write_text("nist: [AC-1]\n")
    (fleet / "waivers.vgo").write_text(WAIVER)

    before = vigo("validate", str(fleet), "--date", "2026-12-30")
    code, out, _ = vigo("validate", str(fleet), "--date", "2026-12-31")

    assert before == (0, "valid: 10 files\n", "")
    assert code == 0
    assert out == (
        "waivers.vgo:2:77: warning[waiver.expired]: the waiver of AC-1 of nist expired at 2026-12-31T00:00:00Z\n"
        "   2 |   - {framework: nist, control: AC-1, reason: r, approved_by: jane, expires: 2026-12-31}\n"
        f"     | {' ' * 76}^\n"
        "     = hint: have it approved anew, or take it away\n"
        "\nvalid: 10 files, 1 warning\n"
    )
    assert vigo("validate", str(fleet), "--date", "2026-12-31", "--strict")[0] == 2


def test_today_is_the_day_when_none_is_given_and_other_mistakes_hide_no_lapse(vigo: Vigo, fleet: Path) -> None:
    (fleet / "compliance.vgo").write_text("nist: [AC-1]\n")
    (fleet / "waivers.vgo").write_text(WAIVER.replace("2026-12-31", "2001-01-01"))
    (fleet / "roles.vgo").write_text("roles: [\n")

    code, out, _ = vigo("validate", str(fleet), "--json")

    assert code == 2
    assert {"yaml.syntax", "waiver.expired"} <= {each["code"] for each in json.loads(out)["diagnostics"]}
    assert vigo("validate", str(fleet), "--date", "tomorrow")[0] == 1


def test_the_secrets_that_are_named_are_noted_since_only_a_server_knows_them(vigo: Vigo, fleet: Path) -> None:
    (fleet / "common.vgo").write_text("configcrates: [motd]\nvars: {organisation: 'secret:a/b', other: 'secret:c'}\n")

    assert vigo("validate", str(fleet)) == (0, "valid: 8 files\n", "note: 2 secrets must be on the server: a/b, c\n")
