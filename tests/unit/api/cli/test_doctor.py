"""`vigo doctor` says what this machine has and lacks."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from api.cli import doctor

Vigo = Callable[..., "tuple[int, str, str]"]


@pytest.fixture
def free_ports() -> tuple[str, ...]:
    found = []
    for option in ("--port", "--gateway-port"):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            found += [option, str(probe.getsockname()[1])]
    return tuple(found)


def checks(out: str) -> dict[str, dict[str, str]]:
    return {item["name"]: item for item in json.loads(out)["checks"]}


def test_a_machine_with_nothing_yet_is_not_unhealthy(vigo: Vigo, free_ports: tuple[str, ...]) -> None:
    code, out, _ = vigo("doctor", "--json", *free_ports)

    found = checks(out)
    assert code == 0
    assert json.loads(out)["status"] in {"healthy", "degraded"}
    assert {
        "python",
        "sqlite",
        "libgit2",
        "pango",
        "data_dir",
        "certificates",
        "clock",
        "port",
        "gateway_port",
        "server",
    } == (set(found))
    assert {item["status"] for item in found.values()} <= {"pass", "warn", "skip"}
    assert {item["scope"] for item in found.values()} == {"server"}


def test_a_data_directory_that_others_can_reach_fails(vigo: Vigo, free_ports: tuple[str, ...], tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    folder.chmod(0o755)

    code, out, _ = vigo("doctor", "--data-dir", str(folder), *free_ports)

    assert code == 1
    assert f"data_dir: chmod 700 {folder}" in out
    assert out.endswith("unhealthy\n")


def test_a_port_that_something_else_has_is_told(vigo: Vigo, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])

        _, out, _ = vigo("doctor", "--json", "--port", port, "--gateway-port", port)

    found = checks(out)
    assert (found["port"]["status"], found["gateway_port"]["status"]) == ("warn", "warn")
    assert found["gateway_port"]["hint"] == "choose another with VIGO_GATEWAY_PORT"


@pytest.mark.parametrize(
    ("version", "safe"),
    [
        ((3, 40, 1), False),
        ((3, 44, 5), False),
        ((3, 44, 6), True),
        ((3, 50, 6), False),
        ((3, 50, 7), True),
        ((3, 51, 2), False),
        ((3, 51, 3), True),
        ((3, 52, 0), False),
        ((3, 53, 4), True),
    ],
)
def test_a_sqlite_that_can_corrupt_a_database_is_known(version: tuple[int, int, int], safe: bool) -> None:
    assert doctor.sqlite_is_safe(version) is safe


def test_a_certificate_that_soon_expires_is_told(certificate: tuple[Path, Path], tmp_path: Path) -> None:
    folder = tmp_path / "pki"
    folder.mkdir()
    (folder / "api.pem").write_bytes(certificate[0].read_bytes())

    [found] = doctor._certificates(tmp_path)

    assert (found.name, found.status) == ("certificate:api", "warn")  # the test's own lives an hour


def test_a_check_that_breaks_is_a_failed_check_not_a_traceback() -> None:
    def _odd() -> None:
        raise OSError("no")

    [found] = doctor._guarded(_odd)  # type: ignore[arg-type]

    assert (found.name, found.status, found.message) == ("odd", "fail", "OSError: no")
