"""Traits of accounts: who is known, who may become whom, whose keys open what; and never what must stay secret."""

from __future__ import annotations

import base64
import struct

import pytest

from agent.hosts import Kind, MemoryHost
from agent.hosts.memory import Node
from agent.traits import authorized_keys, groups, sources, ssh, sudo, users
from tests.factories.hosts import host, says

PASSWD = (
    "root:x:0:0:root:/root:/bin/bash\njane:x:1000:1000::/home/jane:/bin/zsh\nnobody:x:65534:65534::/:/sbin/nologin\n"
)
SHADOW = "root:*:19000:0:99999:7:::\njane:$y$j9T$salt$hash:20000:0:99999:7::21000:\nold::0:::::99999999:\n"


def test_a_password_is_there_or_not_and_never_told() -> None:
    found = users.collect(host({"/etc/passwd": PASSWD + "old:x:5:5::/:/bin/sh\n", "/etc/shadow": SHADOW}))
    assert found["root"]["password"] == "locked"
    assert (found["jane"]["password"], found["jane"]["password_changed"], found["jane"]["expires"]) == (
        "set",
        "2024-10-04",
        "2027-07-01",
    )
    assert found["old"]["password"] == "none"
    assert {"password_changed", "expires"}.isdisjoint(found["old"])
    assert "password" not in found["nobody"]
    assert "salt" not in str(found)


def test_groups_with_their_members() -> None:
    found = groups.collect(host({"/etc/group": "root:x:0:\nsudo:x:27:jane,ann,jane\nodd:x:y:\n+nis\n"}))
    assert found == {"root": {"gid": 0, "members": []}, "sudo": {"gid": 27, "members": ["ann", "jane"]}}


SUDOERS = """# /etc/sudoers
Defaults	env_reset
Defaults	secure_path="/usr/sbin:/usr/bin"
User_Alias	ADMINS = jane, \\
		%wheel : OPS = ann
Cmnd_Alias WEB = /usr/bin/systemctl restart nginx, RELOAD
Cmnd_Alias RELOAD = /usr/bin/systemctl reload nginx
Cmnd_Alias LOOP = LOOP, /bin/true
root	ALL=(ALL:ALL) ALL
ADMINS	ALL = (ALL) NOPASSWD: ALL
OPS, bob web01, web02 = (www-data) NOPASSWD: WEB, PASSWD: /usr/bin/tail /var/log/x
%dev ALL=/usr/bin/deploy --password=hunter2
eve ALL=LOOP
#1001 ALL=ALL
nonsense
@includedir /etc/sudoers.d
#include local
"""


def test_who_may_do_what_with_aliases_resolved() -> None:
    found = sudo.collect(
        host(
            {
                "/etc/sudoers": SUDOERS,
                "/etc/sudoers.d/90-cloud": "cloud ALL=(ALL) NOPASSWD:ALL\n",
                "/etc/sudoers.d/off.conf": "never ALL=ALL\n",
                "/etc/local": "@include /etc/sudoers\nlocal ALL=(root) /bin/ls\n",
            }
        )
    )
    assert found["everything"] == ["#1001", "%wheel", "cloud", "jane", "root"]
    assert found["nopasswd"] == ["%wheel", "ann", "bob", "cloud", "jane"]
    web = [each for each in found["rules"] if "ann" in each["who"]][:2]
    assert [(each["who"], each["hosts"], each["runas"], each["commands"], each["nopasswd"]) for each in web] == [
        (
            ["ann", "bob"],
            ["web01", "web02"],
            "www-data",
            ["/usr/bin/systemctl restart nginx", "/usr/bin/systemctl reload nginx"],
            True,
        ),
        (["ann", "bob"], ["web01", "web02"], "www-data", ["/usr/bin/tail /var/log/x"], False),
    ]
    assert found["defaults"][0] == "Defaults\tenv_reset"
    assert next(each for each in found["rules"] if each["who"] == ["%dev"])["commands"] == [
        "/usr/bin/deploy --password=***"
    ]
    assert next(each for each in found["rules"] if each["who"] == ["eve"])["commands"] == ["/bin/true"]
    assert next(each for each in found["rules"] if each["who"] == ["local"])["file"] == "/etc/local"
    assert not any("never" in each["who"] for each in found["rules"])
    assert "hunter2" not in str(found)
    assert sudo.collect(MemoryHost())["rules"] == []


def blob(kind: str, *fields: bytes) -> str:
    parts = [kind.encode(), *fields]
    return base64.b64encode(b"".join(struct.pack(">I", len(part)) + part for part in parts)).decode()


ED25519 = blob("ssh-ed25519", b"k" * 32)
RSA = blob("ssh-rsa", b"\x01\x00\x01", b"\x00" + b"\xff" * 384)


def test_host_keys_and_what_the_server_does() -> None:
    files = {
        "/etc/ssh/ssh_host_ed25519_key.pub": f"ssh-ed25519 {ED25519} root@web01\n",
        "/etc/ssh/ssh_host_bad_key.pub": "ssh-rsa !!!\n",
        "/etc/ssh/sshd_config": "# c\nInclude sshd_config.d/*.conf\nPermitRootLogin yes\nPort=2222\nMatch User x\nX11Forwarding no\n",
        "/etc/ssh/sshd_config.d/50-own.conf": 'PermitRootLogin no\nPasswordAuthentication "no"\n',
        "/etc/ssh/sshd_config.d/notes": "Port 1\n",
    }
    found = ssh.collect(host(files))
    assert found["source"] == "sshd_config"
    assert found["settings"] == {"permitrootlogin": "no", "passwordauthentication": "no", "port": "2222"}
    assert found["host_keys"] == {
        "ssh-ed25519": {
            "fingerprint": ssh.fingerprint(base64.b64decode(ED25519)),
            "file": "/etc/ssh/ssh_host_ed25519_key.pub",
        }
    }
    said = "port 22\nlistenaddress 0.0.0.0:22\nlistenaddress [::]:22\npermitrootlogin without-password\n"
    effective = ssh.collect(host(files, programs={"sshd": says(said)}))
    assert effective["source"] == "sshd -T"
    assert effective["settings"]["listenaddress"] == "0.0.0.0:22,[::]:22"
    broken = ssh.collect(host(files, programs={"sshd": says("no hostkeys available", 1)}))
    assert broken["source"] == "sshd_config"
    assert ssh.collect(MemoryHost()) == {"host_keys": {}, "settings": {}}


KEYS = f"""# mine
ssh-ed25519 {ED25519} jane@laptop with blanks
no-pty,from="192.0.2.0/24,!x",command="echo \\"hunter2\\" , now" ssh-rsa {RSA}
ssh-rsa {ED25519} a lie
ssh-dss AAAA
garbage
"""


def test_keys_that_open_accounts_with_the_names_of_their_options() -> None:
    machine = host({"/etc/passwd": PASSWD, "/home/jane/.ssh/authorized_keys": KEYS, "/root/.ssh/authorized_keys2": ""})
    for path in ("/home/jane", "/home/jane/.ssh", "/home/jane/.ssh/authorized_keys"):
        node = machine.nodes[path]
        machine.nodes[path] = Node(node.kind, node.mode, 1000, 1000, node.data)
    found = authorized_keys.collect(machine)
    assert [(each["user"], each["type"], each["bits"], each["comment"], each["options"]) for each in found["keys"]] == [
        ("jane", "ssh-ed25519", 256, "jane@laptop with blanks", []),
        ("jane", "ssh-rsa", 3072, "", ["command", "from", "no-pty"]),
    ]
    assert (found["count"], found["users"], found["revoked"]) == (2, ["jane"], 3)
    assert found["keys"][0]["fingerprint"].startswith("SHA256:")
    assert "hunter2" not in str(found)


def test_a_home_is_a_trap_and_costs_no_other() -> None:
    machine = host(
        {"/etc/passwd": PASSWD, "/etc/shadow": SHADOW, "/root/.ssh/authorized_keys": f"ssh-ed25519 {ED25519}\n"},
        links={"/home/jane/.ssh/authorized_keys": "/etc/shadow"},
    )
    for path in ("/home/jane", "/home/jane/.ssh"):
        machine.nodes[path] = Node(Kind.DIRECTORY, 0o755, 1000, 1000)
    with pytest.raises(sources.Partly, match="1 files may not be read") as told:
        authorized_keys.collect(machine)
    assert told.value.values["users"] == ["root"]


def test_keys_are_looked_for_where_the_server_looks() -> None:
    machine = host(
        {
            "/etc/passwd": PASSWD,
            "/etc/ssh/sshd_config": "AuthorizedKeysFile /etc/ssh/keys/%u .ssh/own none\n",
            "/etc/ssh/keys/jane": f"ssh-ed25519 {ED25519} x\n",
        }
    )
    assert [each["file"] for each in authorized_keys.collect(machine)["keys"]] == ["/etc/ssh/keys/jane"]
