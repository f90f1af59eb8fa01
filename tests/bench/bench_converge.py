"""Converge 1,000 files that need nothing, inside a running agent; beside cf-agent's whole run over the same files."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path

from tests.bench.desired import desired_files, runner
from tests.bench.figures import Figure, best, middle

FILES = 1_000
SIZE = 512


def run() -> Iterable[Figure]:
    with tempfile.TemporaryDirectory(prefix="vigo-bench-") as place:
        root = Path(place)
        again = runner(root / "state", desired_files(root / "ours", FILES, SIZE))
        first = best(again, times=1)
        yield Figure(name=f"{FILES} files, first convergence", value=first * 1e3, unit="ms", note="inside the agent")
        no_op = middle(again, times=15)
        peer = _cf_agent(root)
        yield Figure(
            name=f"{FILES} files, nothing to do",
            value=no_op * 1e3,
            unit="ms",
            peer="cf-agent, whole run" if peer else "cf-agent is not installed",
            peer_value=peer * 1e3 if peer else None,
            ratio_target=0.1,
            note="inside the agent: check, diff, report",
        )


def _cf_agent(root: Path) -> float | None:
    """Median seconds of a no-op run of cf-agent that holds content and mode of the same number of files."""
    if shutil.which("cf-agent") is None:
        return None
    work = root / "cfengine"
    (work / "inputs").mkdir(parents=True)
    (work / "files").mkdir()
    promises = "\n".join(
        f'      "{work}/files/{n // 100}-{n}" create => "true", perms => m644,\n'
        f'        edit_defaults => empty, edit_line => text("{"x" * (SIZE - 5)}{n:04}");'
        for n in range(FILES)
    )
    policy = work / "inputs" / "promises.cf"
    policy.write_text(
        "body common control { bundlesequence => { main }; }\n"
        'body perms m644 { mode => "644"; }\n'
        'body edit_defaults empty { empty_file_before_editing => "true"; edit_backup => "false"; }\n'
        'bundle edit_line text(t) { insert_lines: "$(t)"; }\n'
        f"bundle agent main {{\n  files:\n{promises}\n}}\n"
    )
    policy.chmod(0o600)
    (work / "bin").mkdir()
    for program in ("cf-promises", "cf-agent"):
        (work / "bin" / program).symlink_to(str(shutil.which(program)))
    (work / "ppkeys").mkdir(mode=0o700)
    subprocess.run(
        ["cf-key", "--output-file", str(work / "ppkeys" / "localhost")], check=True, capture_output=True, timeout=60
    )
    argv = ["cf-agent", "--no-lock", "--workdir", str(work), "--file", str(policy)]

    def once() -> None:
        subprocess.run(argv, check=True, capture_output=True, timeout=120)

    once()
    return middle(once, times=5)
