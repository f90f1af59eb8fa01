"""A first start that fails: what it made is told all the same."""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path

from tests import warm

ROOT = Path(__file__).resolve().parents[2]


def _serve(data: Path, port: int) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("VIGO_")}
    return warm.run(
        "api", "serve", "--data-dir", str(data), "--host", "127.0.0.1", "--port", str(port),
        "--gateway-host", "127.0.0.1", "--gateway-port", "0",
        cwd=ROOT, env=environment, timeout=60,
    )  # fmt: skip


def test_the_password_of_an_account_that_a_failed_start_made_is_not_lost(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        first = _serve(tmp_path / "data", port)
        second = _serve(tmp_path / "data", port)

    assert (first.returncode, second.returncode) == (1, 1)
    assert first.stdout.startswith("The first administrator is admin, the password ")
    assert "shown this once" in first.stdout
    assert second.stdout == ""
    assert f"error: 127.0.0.1:{port} cannot be listened on" in second.stderr
