"""Which server a command talks to, and as whom."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from api.cli.access import ACCESS_FILE, Access, discover
from api.cli.exits import Problem


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """An environment whose home and data directory are empty."""
    return {"HOME": str(tmp_path / "home"), "VIGO_DATA_DIR": str(tmp_path / "data")}


def configure(home: dict[str, str], text: str, mode: int = 0o600) -> Path:
    path = Path(home["HOME"]) / ".config" / "vigo" / "cli.toml"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    path.chmod(mode)
    return path


def local_server(home: dict[str, str]) -> Path:
    folder = Path(home["VIGO_DATA_DIR"])
    folder.mkdir(mode=0o700)
    path = folder / ACCESS_FILE
    path.write_text(json.dumps({"server": "https://127.0.0.1:1", "token": "local", "ca": "/data/ca.pem"}))
    path.chmod(0o600)
    return folder


def test_without_any_place_the_hint_names_them_all(home: dict[str, str]) -> None:
    with pytest.raises(Problem, match="which server") as caught:
        discover(environment=home)

    assert all(word in caught.value.hint for word in ("--server", "VIGO_SERVER", "cli.toml", "--data-dir"))


def test_the_environment_is_enough(home: dict[str, str]) -> None:
    found = discover(server="https://a:1/", ca=Path("ca.pem"), environment={**home, "VIGO_TOKEN": "t"})

    assert found == Access("https://a:1", "t", Path("ca.pem"))


def test_the_users_file_is_enough(home: dict[str, str]) -> None:
    configure(home, 'server = "https://a:1"\ntoken = "t"\nca = "/x/ca.pem"\n')

    assert discover(environment=home) == Access("https://a:1", "t", Path("/x/ca.pem"))


def test_the_users_file_may_name_a_file_with_the_token(home: dict[str, str], tmp_path: Path) -> None:
    secret = tmp_path / "token"
    secret.write_text("t\n")
    secret.chmod(0o600)
    configure(home, f'server = "https://a:1"\ntoken_file = "{secret}"\n', mode=0o644)

    assert discover(environment=home).token == "t"


def test_on_the_servers_host_its_access_file_is_enough(home: dict[str, str]) -> None:
    local_server(home)

    assert discover(environment=home) == Access("https://127.0.0.1:1", "local", Path("/data/ca.pem"))


def test_a_named_data_directory_beats_the_environment(home: dict[str, str]) -> None:
    folder = local_server(home)

    found = discover(data_dir=folder, environment={"HOME": home["HOME"], "VIGO_TOKEN": "mine"})

    assert found.token == "local"


def test_a_token_of_one_server_is_never_sent_to_another(home: dict[str, str]) -> None:
    configure(home, 'server = "https://a:1"\ntoken = "t"\nca = "/x/ca.pem"\n')

    assert discover(server="https://b:1", environment=home) == Access("https://b:1", None, None)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604])
def test_a_token_that_others_may_read_is_refused(home: dict[str, str], mode: int) -> None:
    path = configure(home, 'server = "https://a:1"\ntoken = "secret-word"\n', mode)

    with pytest.raises(Problem, match="others may read it") as caught:
        discover(environment=home)

    assert caught.value.hint == f"chmod 600 {path}"
    assert "secret-word" not in caught.value.message


def test_a_token_is_not_sent_over_http(home: dict[str, str]) -> None:
    with pytest.raises(Problem, match="not sent over http"):
        discover(server="http://vigo.example.com", environment=home)


@pytest.mark.parametrize("address", ["vigo.example.com", "ftp://a", "https://user:pw@a", "https://", "https://a/?q"])
def test_what_is_no_address_is_refused(home: dict[str, str], address: str) -> None:
    with pytest.raises(Problem, match="is not a server's address"):
        discover(server=address, environment=home)


def test_an_unknown_key_in_the_users_file_is_an_error_not_a_guess(home: dict[str, str]) -> None:
    configure(home, 'sevrer = "https://a:1"\n')

    with pytest.raises(Problem, match="sevrer"):
        discover(environment=home)


def test_access_does_not_show_its_token() -> None:
    assert "secret-word" not in repr(Access("https://a:1", "secret-word", None))
