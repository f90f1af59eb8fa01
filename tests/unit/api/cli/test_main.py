"""Exit codes, and what a failure looks like."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from api.cli.exits import Exit

Vigo = Callable[..., "tuple[int, str, str]"]


def test_the_codes_are_stable() -> None:
    assert {code.name: code.value for code in Exit} == {"OK": 0, "ERROR": 1, "INVALID": 2, "CONFLICT": 3}


def test_help_states_them(vigo: Vigo) -> None:
    code, out, _ = vigo("--help")

    assert code == 0
    assert "0 done; 1 an error" in " ".join(out.split())


def test_wrong_usage_is_an_error_with_a_hint_and_not_an_invalid_config(vigo: Vigo) -> None:
    assert vigo("envoys", "lst") == (
        1,
        "",
        "error: No such command 'lst'. Did you mean 'list'?\nhint: `vigo envoys --help` tells how\n",
    )


def test_an_unknown_option_is_wrong_usage(vigo: Vigo) -> None:
    code, out, err = vigo("validate", "--hard")

    assert (code, out) == (1, "")
    assert err.splitlines() == ["error: No such option: --hard", "hint: `vigo validate --help` tells how"]


def test_without_a_server_the_message_says_how_to_name_one(vigo: Vigo) -> None:
    code, out, err = vigo("envoys", "list")

    assert (code, out) == (1, "")
    assert err.startswith("error: which server?\nhint: give --server URL or VIGO_SERVER")


def test_the_version_is_the_installed_one(vigo: Vigo) -> None:
    from importlib.metadata import version

    assert vigo("--version") == (0, f"vigo {version('vigo')}\n", "")


def test_a_hostile_argument_is_shown_and_does_not_act(vigo: Vigo) -> None:
    code, _, err = vigo("envoys", "\x1b[2J\r")

    assert code == 1
    assert "\x1b" not in err
    assert "\\x1b[2J\\r" in err or "x1b" in err


def test_a_closed_pipe_ends_quietly(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "api", "--help"], stdout=writer, stderr=subprocess.PIPE, timeout=30, check=False
        )
    finally:
        os.close(writer)

    assert done.stderr == b""


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_can_be_set_up_for_a_shell(shell: str) -> None:
    environment = {**os.environ, "_VIGO_COMPLETE": f"source_{shell}"}
    done = subprocess.run(
        [Path(sys.executable).with_name("vigo")],
        env=environment,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert done.returncode == 0
    assert "_VIGO_COMPLETE" in done.stdout


def test_completion_offers_nouns_and_verbs() -> None:
    environment = {**os.environ, "_VIGO_COMPLETE": "complete_bash", "COMP_WORDS": "vigo envoys ", "COMP_CWORD": "2"}
    done = subprocess.run(
        [Path(sys.executable).with_name("vigo")],
        env=environment,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert {"list", "show", "token", "revoke"} <= set(done.stdout.split())


def test_a_command_line_imports_the_command_that_it_names_and_no_other() -> None:
    code = (
        "import sys; from api.cli.main import application; application('fmt')\n"
        "print('api.cli.fmt' in sys.modules, 'api.cli.doctor' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)

    assert done.stdout == "True False\n"
