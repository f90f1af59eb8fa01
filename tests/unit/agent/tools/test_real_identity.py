"""Types about who and where the host is, with real homes and the real programs: visudo, ssh-keygen, the kernel."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from agent.hosts import RealHost
from agent.resources import TYPES
from agent.resources.types import Converged
from schema.protocol.reports import Outcome
from tests.strategies import certificates, keys
from tests.strategies.machines import ACCOUNTS

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: files of root")


def converge(host: RealHost, name: str, /, **spec: object) -> Converged:
    """Converge; after a change, once more, which must find nothing to do."""
    kind = TYPES[name]
    ready = kind.prepare(kind.spec.model_validate(spec), lambda path: pytest.fail(path))
    host.memo.clear()
    result: Converged = kind.converge(host, ready, dry_run=False)
    if result.outcome is Outcome.CHANGED:
        again = kind.converge(host, ready, dry_run=False)
        assert again.outcome is Outcome.UNCHANGED, again
    return result


class Programs(RealHost):
    """Beneath a directory, and yet with the programs of this machine, which get real paths instead."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.confined = False  # type: ignore[misc]

    def run(self, argv: object, **options: object) -> object:  # type: ignore[override]
        words = [str(word) for word in argv]  # type: ignore[attr-defined]
        return super().run([words[0], *(f"{self.root}{word}" if word[0] == "/" else word for word in words[1:])])


@pytest.fixture
def host(tmp_path: Path) -> Programs:
    (tmp_path / "etc").mkdir()
    for path, text in ACCOUNTS.items():
        (tmp_path / path[1:]).write_text(text)
    return Programs(tmp_path)


@as_root
@pytest.mark.skipif(shutil.which("visudo") is None, reason="needs sudo: apt-get install sudo")
def test_visudo_says_what_is_a_rule(host: Programs) -> None:
    rule = "deploy ALL=(root) NOPASSWD: /usr/bin/systemctl restart app"
    made = converge(host, "sudoers", sudoers="deploy", rules=[rule, "Defaults:deploy !requiretty"])
    assert (made.outcome, made.action) == (Outcome.CHANGED, "create")
    place = host.root / "etc/sudoers.d/deploy"
    assert place.stat().st_mode & 0o7777 == 0o440
    before = place.read_bytes()
    refused = converge(host, "sudoers", sudoers="deploy", rules=["deploy ALL=(root NOPASSWD"])
    assert refused.outcome is Outcome.FAILED
    assert refused.error.startswith("visudo: exit 1:")
    assert place.read_bytes() == before
    assert [path.name for path in place.parent.iterdir()] == ["deploy"]


@as_root
def test_a_users_key_is_theirs_and_their_links_lead_nowhere(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_text("jane:x:61001:61002::/home/jane:/bin/sh\n")
    home = tmp_path / "home/jane"
    home.mkdir(parents=True)
    os.chown(home, 61001, 61002)
    (tmp_path / "root/.ssh").mkdir(parents=True)
    host = RealHost(tmp_path)
    assert converge(host, "ssh_key", user="jane", key=f"{keys.ONE} jane").action == "create"
    place = home / ".ssh/authorized_keys"
    assert [(path.stat().st_uid, path.stat().st_mode & 0o777) for path in (place.parent, place)] == [
        (61001, 0o700),
        (61001, 0o600),
    ]
    for target in ("root/.ssh", "home/joe/.ssh"):
        shutil.rmtree(place.parent) if not place.parent.is_symlink() else place.parent.unlink()
        place.parent.symlink_to(tmp_path / target)
        refused = converge(host, "ssh_key", user="jane", key=keys.ONE)
        assert refused.outcome is Outcome.FAILED
        assert "/home/jane/.ssh is a symbolic link" in refused.error
    assert not any((tmp_path / "root/.ssh").iterdir())
    place.parent.unlink()
    place.parent.mkdir()
    os.chown(place.parent, 61003, 61003)
    assert "belongs to user 61003" in converge(host, "ssh_key", user="jane", key=keys.ONE).error
    os.chown(place.parent, 61001, 61002)
    (tmp_path / "etc/secret").write_text("secret\n")
    (tmp_path / "etc/secret").chmod(0o600)
    os.link(tmp_path / "etc/secret", place)
    assert "hard links" in converge(host, "ssh_key", user="jane", key=keys.ONE).error
    assert (tmp_path / "etc/secret").read_text() == "secret\n"


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="needs ssh-keygen: apt-get install openssh-client")
def test_ssh_keygen_finds_the_host_by_its_hash(tmp_path: Path) -> None:
    host = RealHost(tmp_path)
    spec = {"host": "[git.example.com]:2222", "key": keys.ONE}
    assert converge(host, "known_host", **spec, hashed=True).action == "create"
    place = tmp_path / "etc/ssh/ssh_known_hosts"
    assert "git" not in place.read_text()
    argv = ["ssh-keygen", "-F", "[git.example.com]:2222", "-f", str(place)]
    assert keys.ONE in subprocess.run(argv, check=True, capture_output=True, text=True).stdout
    place.write_text(place.read_text().replace("|1|", "|1|A"))
    assert subprocess.run(argv, check=False, capture_output=True).returncode == 1
    argv = ["ssh-keygen", "-H", "-f", str(place)]
    place.write_text(f"[git.example.com]:2222 {keys.ONE}\n")
    subprocess.run(argv, check=True, capture_output=True)
    assert converge(host, "known_host", **spec).outcome is Outcome.UNCHANGED


_IN_A_NAMESPACE = """
import socket, sys
from pathlib import Path
from agent.hosts import RealHost
from agent.resources import TYPES

class Both(RealHost):
    machine = RealHost(Path("/"))

    def read(self, path, **options):
        return self.machine.read(path, **options) if path.startswith("/proc") else super().read(path, **options)

    def poke(self, path, data):
        self.machine.poke(path, data)

host = Both(Path(sys.argv[1]))
host.confined = False
kind = TYPES["hostname"]
spec = kind.spec.model_validate({"hostname": "web01.example.com"})
for _ in range(2):
    host.memo.clear()
    result = kind.converge(host, spec, dry_run=False)
    print(result.outcome, result.error, socket.gethostname())
"""


@as_root
@pytest.mark.skipif(shutil.which("unshare") is None, reason="needs unshare: apt-get install util-linux")
def test_the_kernel_is_told_the_name_in_a_namespace_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/hosts").write_text("127.0.0.1 localhost\n127.0.1.1 debian\n")
    before = socket.gethostname()
    argv = ["unshare", "--uts", sys.executable, "-c", _IN_A_NAMESPACE, str(tmp_path)]
    if subprocess.run(["unshare", "--uts", "true"], check=False, capture_output=True).returncode:
        pytest.skip("needs the right to make a UTS namespace")
    ran = subprocess.run(argv, check=True, capture_output=True, text=True, cwd=Path(__file__).parents[4])
    assert ran.stdout == "changed  web01.example.com\nunchanged  web01.example.com\n"
    assert (tmp_path / "etc/hostname").read_text() == "web01.example.com\n"
    assert "127.0.1.1\tweb01.example.com web01\n" in (tmp_path / "etc/hosts").read_text()
    assert socket.gethostname() == before


_BEHIND_A_WALL = """
import json, subprocess, sys
from pathlib import Path
from agent.hosts import RealHost
from agent.resources import TYPES

class Both(RealHost):
    def run(self, argv, **options):
        return super().run([f"{self.root}{word}" if word.startswith("/etc/") else word for word in argv], **options)

host = Both(Path(sys.argv[1]))
host.confined = False
kind = TYPES["firewall"]
for text in sys.stdin:
    if text.startswith("!"):
        subprocess.run(text[1:].split(), check=True)
        continue
    host.memo.clear()
    result = kind.converge(host, kind.spec.model_validate(json.loads(text)), dry_run=False)
    print(result.outcome, result.error)
print(subprocess.run(["nft", "list", "ruleset"], check=True, capture_output=True, text=True).stdout)
"""


@as_root
@pytest.mark.skipif(shutil.which("nft") is None, reason="needs nft: apt-get install nftables")
def test_nft_keeps_the_rules_in_a_network_of_its_own(tmp_path: Path) -> None:
    if subprocess.run(["unshare", "--net", "nft", "list", "ruleset"], check=False, capture_output=True).returncode:
        pytest.skip("needs the right to make a network namespace, and a kernel with nf_tables")
    ssh = {"rule": "ssh", "protocol": "tcp", "ports": 22, "source": ["10.0.0.0/8", "fd00::/8"], "order": 1}
    every = [
        {"rule": "the-rest", "action": "deny", "order": 999},
        ssh,
        {"rule": "many", "protocol": "udp", "ports": [53, "8000-8010"], "destination": "10.0.0.1", "interface": "eth0"},
        {"rule": "ping", "protocol": "icmp", "action": "reject", "direction": "out"},
        {"rule": "tcp", "protocol": "tcp", "action": "reject"},
    ]
    lines = [json.dumps(spec) for spec in (*every, *every)]
    lines += ["!nft add table inet other", "!nft flush table inet vigo", json.dumps(ssh), *map(json.dumps, every)]
    lines += [json.dumps({"rule": "tcp", "state": "absent"})] * 2
    argv = ["unshare", "--net", sys.executable, "-c", _BEHIND_A_WALL, str(tmp_path)]
    ran = subprocess.run(
        argv, check=True, capture_output=True, text=True, cwd=Path(__file__).parents[4], input="\n".join(lines)
    )
    said, _, ruleset = ran.stdout.partition("table ")
    outcomes = [line.split()[0] for line in said.splitlines()]
    assert outcomes[:10] == ["changed"] * 5 + ["unchanged"] * 5, said
    assert outcomes[-8:] == ["changed", *["unchanged"] * 5, "changed", "unchanged"], said
    assert ruleset.startswith("inet other {\n}\n")
    held = [line.strip() for line in ruleset.splitlines() if "vigo:" in line]
    assert [line.rpartition(" comment ")[2].split(":")[2] for line in held] == [
        "ssh",
        "ssh",
        "many",
        "the-rest",
        "ping",
    ]
    assert held[0].startswith("ip saddr 10.0.0.0/8 tcp dport 22 accept")


_IN_A_STORE = """
import sys
from pathlib import Path
from agent.hosts import RealHost
from agent.resources import TYPES

kind, host = TYPES["certificate"], RealHost(Path("/"))
for spec in ({"content": sys.argv[1]}, {"content": sys.argv[1]}, {"state": "absent"}):
    ready = kind.prepare(kind.spec.model_validate({"certificate": "vigo-test", **spec}), None)
    host.memo.clear()
    result = kind.converge(host, ready, dry_run=False)
    bundle = Path("/etc/ssl/certs/ca-certificates.crt").read_text()
    print(result.outcome, result.error, sys.argv[1] in bundle)
"""


@as_root
@pytest.mark.skipif(
    shutil.which("update-ca-certificates") is None or not Path("/etc/debian_version").exists(),
    reason="needs Debian's ca-certificates",
)
def test_a_certificate_is_trusted_by_debians_own_program(tmp_path: Path) -> None:
    (tmp_path / "certs").mkdir()
    (tmp_path / "own").mkdir()
    lines = Path("/etc/ca-certificates.conf").read_text().splitlines()
    one = next(line for line in lines if line.startswith("mozilla/"))
    (tmp_path / "few").write_text(f"{one}\n")  # hashing all of the system's certificates takes seconds
    places = {"own": "/usr/local/share/ca-certificates", "certs": "/etc/ssl/certs", "few": "/etc/ca-certificates.conf"}
    mounts = " && ".join(f"mount --bind {tmp_path / name} {place}" for name, place in places.items())
    if subprocess.run(["unshare", "--mount", "sh", "-c", mounts], check=False, capture_output=True).returncode:
        pytest.skip("needs the right to mount in a namespace of its own")
    argv = ["unshare", "--mount", "sh", "-c", f'{mounts} && exec "$@"', "sh"]
    argv += [sys.executable, "-c", _IN_A_STORE, certificates.CORP]
    ran = subprocess.run(argv, check=True, capture_output=True, text=True, cwd=Path(__file__).parents[4])
    assert ran.stdout == "changed  True\nunchanged  True\nchanged  False\n"
    assert not Path("/usr/local/share/ca-certificates/vigo-test.crt").exists()
