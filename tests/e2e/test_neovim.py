"""Neovim itself and `vigo lsp`, where Neovim is installed."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.site import ROOT
from tests.factories.typed import SITE

SCRIPT = """
local said = {}
local id = vim.lsp.start_client({ name = "vigo", cmd = { %(python)s, "-m", "api", "lsp" }, cmd_cwd = %(code)s, root_dir = %(root)s })
vim.cmd("edit " .. %(leaf)s)
vim.lsp.buf_attach_client(0, id)
local function diagnostics()
  local found = {}
  for _, each in ipairs(vim.diagnostic.get(0)) do
    found[#found + 1] = { each.lnum, each.col, each.end_col, each.code, each.message }
  end
  return found
end
said.told = vim.wait(60000, function() return #vim.diagnostic.get(0) > 0 end, 50)
said.diagnostics = diagnostics()
vim.api.nvim_buf_set_lines(0, 3, 4, false, { "    roles: [web]" })
said.mended = vim.wait(60000, function() return #vim.diagnostic.get(0) == 0 end, 50)
vim.api.nvim_win_set_cursor(0, { 4, 12 })
local function ask(method, more)
  local params = vim.tbl_extend("force", vim.lsp.util.make_position_params(), more or {})
  local answers = vim.lsp.buf_request_sync(0, method, params, 60000) or {}
  for _, each in pairs(answers) do return each.result end
end
said.hover = ask("textDocument/hover").contents.value
said.definition = ask("textDocument/definition")[1].uri
said.completion = vim.tbl_map(function(each) return each.label end, ask("textDocument/completion").items)
local edit = ask("textDocument/rename", { newName = "front" })
vim.lsp.util.apply_workspace_edit(edit, "utf-16")
said.renamed = vim.api.nvim_buf_get_lines(0, 3, 4, false)[1]
vim.fn.writefile({ vim.json.encode(said) }, %(said)s)
vim.lsp.stop_client(id)
"""


@pytest.mark.skipif(shutil.which("nvim") is None, reason="Neovim is not installed")
def test_neovim_is_served(tmp_path: Path) -> None:
    repo = tmp_path / "repo"
    for path, source in {"vigo.vgo": "language: 1\n", **SITE}.items():
        (repo / path).parent.mkdir(parents=True, exist_ok=True)
        (repo / path).write_text(source)
    leaf = repo / "production" / "web.vgo"
    leaf.write_text(leaf.read_text().replace("[web]", "[wep]"))
    named = {"python": sys.executable, "code": ROOT, "root": repo, "leaf": leaf, "said": tmp_path / "said.json"}
    script = tmp_path / "story.lua"
    script.write_text(SCRIPT % {key: json.dumps(str(value)) for key, value in named.items()})
    done = subprocess.run(
        ["nvim", "-u", "NONE", "-i", "NONE", "-n", "--headless", "-c", f"luafile {script}", "-c", "qa!"],
        cwd=tmp_path, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert (tmp_path / "said.json").exists(), done.stderr
    said = json.loads((tmp_path / "said.json").read_text())
    assert said["told"]
    assert said["diagnostics"] == [[3, 12, 15, "role.unknown", "there is no role wep\ndid you mean web?"]]
    assert said["mended"]
    assert said["hover"].startswith("**web** (role)")
    assert said["definition"] == (repo / "roles.vgo").as_uri()
    assert said["completion"] == ["base", "web"]
    assert said["renamed"] == "    roles: [front]"
