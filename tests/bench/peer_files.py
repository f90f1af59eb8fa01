"""A thousand files, written for each tool in its own words: the same paths, contents, modes and owners.

Each peer makes the files of one directory; the content of a file is 512 bytes, of its own.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from tests.bench.figures import BUILD

SIZE: Final = 512
A_DIRECTORY: Final = 100
MODE: Final = "0644"
OWNER: Final = "root" if os.geteuid() == 0 else str(os.geteuid())
GROUP: Final = "root" if os.geteuid() == 0 else str(os.getegid())
PEERS: Final = BUILD / "peers"
TIMEOUT_S: Final = 900


class Peer(NamedTuple):
    """A tool with its files written down, ready to be run."""

    argv: list[str]
    environment: dict[str, str]
    files: Path
    """Where it makes them."""

    def __call__(self) -> None:
        """Converge; an error of the tool is ours."""
        own = {key: value for key, value in os.environ.items() if not key.startswith(("ANSIBLE_", "SALT_", "VIGO_"))}
        done = subprocess.run(
            self.argv, env={**own, **self.environment}, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )
        assert done.returncode == 0, (self.argv[:3], done.stdout[-1_000:], done.stderr[-1_000:])


def content(number: int) -> str:
    return "x" * (SIZE - 6) + f"{number:05}\n"


def folders(count: int) -> Iterator[str]:
    return (str(number) for number in range((count + A_DIRECTORY - 1) // A_DIRECTORY))


def named(count: int) -> Iterator[tuple[str, str]]:
    """Name below the directory → content."""
    return ((f"{number // A_DIRECTORY}/{number}", content(number)) for number in range(count))


def vigo(place: Path, count: int) -> list[dict[str, object]]:
    """Resources of one crate."""
    found: list[dict[str, object]] = [
        {"name": f"d{name}", "type": "directory", "path": f"{place}/{name}"} for name in folders(count)
    ]
    for number, (name, text) in enumerate(named(count)):
        own = {"mode": MODE, "owner": OWNER, "group": GROUP}
        found.append({"name": f"f{number}", "type": "file", "path": f"{place}/{name}", "content": text, **own})
    return found


def cfengine(place: Path, count: int) -> Peer | None:
    if shutil.which("cf-agent") is None:
        return None
    work = place / "cfengine"
    files = work / "files"
    (work / "inputs").mkdir(parents=True)
    files.mkdir()
    promises = [f'    "{files}/{name}/." create => "true";' for name in folders(count)]
    promises += [
        f'    "{files}/{name}" create => "true", perms => owned, edit_defaults => empty, edit_line => text("{text[:-1]}");'
        for name, text in named(count)
    ]
    policy = work / "inputs" / "promises.cf"
    policy.write_text(
        "body common control { bundlesequence => { main }; }\n"
        f'body perms owned {{ mode => "{MODE}"; owners => {{ "{OWNER}" }}; groups => {{ "{GROUP}" }}; }}\n'
        'body edit_defaults empty { empty_file_before_editing => "true"; edit_backup => "false"; }\n'
        'bundle edit_line text(t) { insert_lines: "$(t)"; }\n'
        "bundle agent main {\n  files:\n" + "\n".join(promises) + "\n}\n"
    )
    policy.chmod(0o600)
    (work / "bin").mkdir()
    for program in ("cf-promises", "cf-agent"):
        (work / "bin" / program).symlink_to(str(shutil.which(program)))
    (work / "ppkeys").mkdir(mode=0o700)
    key = ["cf-key", "--output-file", str(work / "ppkeys" / "localhost")]
    subprocess.run(key, check=True, capture_output=True, timeout=60)
    return Peer(["cf-agent", "--no-lock", "--workdir", str(work), "--file", str(policy)], {}, files)


def puppet(place: Path, count: int) -> Peer | None:
    program = shutil.which("puppet")
    if program is None:
        return None
    work = place / "puppet"
    files = work / "files"
    files.mkdir(parents=True)
    lines = [f"file {{ '{files}/{name}': ensure => directory }}" for name in folders(count)]
    lines += [
        f"file {{ '{files}/{name}': ensure => file, mode => '{MODE}', owner => '{OWNER}', group => '{GROUP}',"
        f' content => "{text[:-1]}\\n" }}'
        for name, text in named(count)
    ]
    (work / "site.pp").write_text("\n".join(lines) + "\n")
    own = ["--confdir", str(work / "conf"), "--vardir", str(work / "var"), "--logdir", str(work / "log")]
    return Peer([program, "apply", *own, str(work / "site.pp")], {}, files)


def salt(place: Path, count: int) -> Peer | None:
    program = PEERS / "salt" / "bin" / "salt-call"
    if not program.exists():
        return None
    work = place / "salt"
    files = work / "files"
    (work / "states").mkdir(parents=True)
    files.mkdir()
    states: dict[str, object] = {f"{files}/{name}": {"file.directory": []} for name in folders(count)}
    for name, text in named(count):
        own = [{"contents": text}, {"mode": MODE}, {"user": OWNER}, {"group": GROUP}]
        states[f"{files}/{name}"] = {"file.managed": own}
    # JSON is YAML.
    (work / "states" / "bench.sls").write_text("#!json\n" + json.dumps(states))
    (work / "minion").write_text(
        json.dumps(
            {
                "root_dir": str(work),
                "file_client": "local",
                "file_roots": {"base": [str(work / "states")]},
                "id": "bench",
                "log_file": str(work / "log"),
            }
        )
    )
    argv = [str(program), "--local", "--config-dir", str(work), "--retcode-passthrough", "--out", "quiet"]
    return Peer([*argv, "state.apply", "bench"], {}, files)


def ansible(place: Path, count: int) -> Peer | None:
    program = PEERS / "ansible" / "bin" / "ansible-playbook"
    if not program.exists():
        return None
    work = place / "ansible"
    files = work / "files"
    (work / "tmp").mkdir(parents=True)
    files.mkdir()
    tasks: list[dict[str, object]] = [
        {"ansible.builtin.file": {"path": f"{files}/{name}", "state": "directory"}} for name in folders(count)
    ]
    for name, text in named(count):
        own = {"mode": MODE, "owner": OWNER, "group": GROUP}
        tasks.append({"ansible.builtin.copy": {"dest": f"{files}/{name}", "content": text, **own}})
    play = [{"hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": tasks}]
    (work / "site.yml").write_text(json.dumps(play))
    environment = {
        "ANSIBLE_LOCALHOST_WARNING": "0",
        "ANSIBLE_HOME": str(work),
        "ANSIBLE_LOCAL_TEMP": str(work / "tmp"),
        "ANSIBLE_REMOTE_TMP": str(work / "tmp"),
        "ANSIBLE_PYTHON_INTERPRETER": str(program.with_name("python")),
        "LC_ALL": "C.UTF-8",
    }
    return Peer([str(program), "-i", "localhost,", str(work / "site.yml")], environment, files)


def pyinfra(place: Path, count: int) -> Peer | None:
    program = PEERS / "pyinfra" / "bin" / "pyinfra"
    if not program.exists():
        return None
    work = place / "pyinfra"
    files = work / "files"
    files.mkdir(parents=True)
    data = {"folders": [f"{files}/{name}" for name in folders(count)], "files": dict(named(count))}
    (work / "data.json").write_text(json.dumps(data))
    (work / "deploy.py").write_text(
        "import io, json\n"
        "from pyinfra.operations import files\n"
        f"data = json.load(open({str(work / 'data.json')!r}))\n"
        "for folder in data['folders']:\n"
        "    files.directory(path=folder)\n"
        "for name, text in data['files'].items():\n"
        f"    files.put(src=io.StringIO(text), dest={str(files)!r} + '/' + name, mode={MODE[1:]!r},\n"
        f"        user={OWNER!r}, group={GROUP!r})\n"
    )
    return Peer([str(program), "-y", "@local", str(work / "deploy.py")], {}, files)


ALL: Final[dict[str, Callable[[Path, int], Peer | None]]] = {
    "cf-agent": cfengine,
    "puppet apply": puppet,
    "salt-call --local": salt,
    "ansible-playbook": ansible,
    "pyinfra": pyinfra,
}


def check(files: Path, count: int) -> None:
    """The files are what was asked for: a tool that did something else is not compared."""
    for name, text in named(count):
        path = files / name
        assert path.read_text().rstrip("\n") == text.rstrip("\n"), path
        assert oct(path.stat().st_mode)[-3:] == MODE[1:], path
