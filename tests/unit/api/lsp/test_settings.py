"""The settings in docs/howto/editors.md are what editors can read."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[4] / "docs" / "howto" / "editors.md").read_text()


def snippets(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, flags=re.M | re.S)


def test_the_settings_of_vs_code_are_json_and_start_the_server() -> None:
    starting, schema = (json.loads(each) for each in snippets("json"))
    assert starting["glspc.server.command"] == "vigo"
    assert starting["glspc.server.commandArguments"] == ["lsp"]
    assert starting["files.associations"] == schema["files.associations"] == {"*.vgo": "yaml"}
    assert list(schema["yaml.schemas"]) == [".vscode/configcrate.json"]


def test_the_settings_of_helix_are_toml_and_start_the_server() -> None:
    (settings,) = (tomllib.loads(each) for each in snippets("toml"))
    assert settings["language-server"]["vigo"] == {"command": "vigo", "args": ["lsp"]}
    (language,) = settings["language"]
    assert (language["file-types"], language["language-servers"]) == (["vgo"], ["vigo"])


def test_the_settings_of_neovim_are_lua(tmp_path: Path) -> None:
    found = snippets("lua")
    assert len(found) == 2
    assert all('cmd = { "vigo", "lsp" }' in each for each in found)
    neovim = shutil.which("nvim")
    if neovim is None:
        pytest.skip("Neovim, which would read the Lua, is not installed")
    for number, each in enumerate(found):
        script = tmp_path / f"{number}.lua"
        script.write_text(each)
        read = f"lua print(loadfile('{script}') ~= nil and 'read')"
        done = subprocess.run(
            [neovim, "-u", "NONE", "--headless", "-c", read, "-c", "qa!"],
            capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip
        assert "read" in done.stdout + done.stderr
