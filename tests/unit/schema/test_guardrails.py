"""What no config may do to a host."""

from __future__ import annotations

from typing import Any

import pytest

from schema import guardrails


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("rm -rf /", "removes all of /"),
        ("rm -rf /*", "removes all of /"),
        ("rm -fr -- /etc/", "removes all of /etc"),
        ("cd /tmp; /bin/rm --recursive --force /usr/lib", "removes all of /usr/lib"),
        ("if true; then rm -r /home; fi", "removes all of /home"),
        ("LANG=C sudo rm -Rf //var//lib", "removes all of /var/lib"),
        ("rm -rf /var/lib/vigo-agent/objects", "removes what is the agent's own"),
        ("chmod -R 777 /", "changes all of /"),
        ("chown -R web:web /etc", "changes all of /etc"),
        ("dd if=/dev/zero of=/dev/sda bs=1M", "writes over the disk /dev/sda"),
        ("cat image > /dev/nvme0n1", "writes over the disk /dev/nvme0n1"),
        ("shred /dev/vdb", "writes over the disk /dev/vdb"),
        (":(){ :|:& };:", "is a fork bomb"),
        ("systemctl disable --now vigo-agent.service", "stops the agent"),
        ("pkill -9 vigo-agent", "stops the agent"),
        ("apt-get purge -y vigo-agent", "removes the agent"),
        ("true\nfalse || rm -rf /boot", "removes all of /boot"),
        ("r\\m -rf /", "removes all of /"),
        ("'r'm -rf /", "removes all of /"),
        ('systemctl stop "vig"o-agent', "stops the agent"),
        ("a ()  { a | a & }; a", "is a fork bomb"),
    ],
)
def test_a_command_that_ends_a_host_is_told(command: str, says: str) -> None:
    assert guardrails.dangerous(command) == says


@pytest.mark.parametrize(
    "command",
    [
        "rm -rf /srv/app/cache/*",
        "rm /etc/nginx/sites-enabled/default",
        "chown -R web:web /srv/web",
        "dd if=/dev/zero of=/swapfile bs=1M count=64",
        "systemctl restart nginx",
        "echo rm -rf / is dangerous",
        "echo 'rm -rf /'",
        "mkfs.ext4 /dev/vdb1",
        "echo > /dev/null",
        "cat 'an open quotation",
        "",
    ],
)
def test_a_command_that_does_no_such_thing_passes(command: str) -> None:
    assert guardrails.dangerous(command) == ""


@pytest.mark.parametrize(
    ("attributes", "refused"),
    [
        ({"path": "/var/lib/vigo-agent"}, True),
        ({"path": "/var/lib/../lib//vigo-agent/x"}, True),
        ({"path": "/etc/init.d/vigo-agent"}, True),
        ({"path": "/lib/systemd/system/vigo-agent.service.d/a.conf"}, True),
        ({"path": "/var/lib", "purge": True}, True),
        ({"path": "/var/lib", "state": "absent", "force": True}, True),
        ({"path": "/var/lib", "state": "absent"}, False),
        ({"path": "/var/lib/vigorous"}, False),
        ({"dest": "/etc/vigo-agent/x", "url": "https://x"}, True),
        ({"service": "vigo-agent"}, True),
        ({"unit": "vigo-agent.timer"}, True),
        ({"package": "vigo-agent=1.2"}, True),
        ({"packages": ["nginx", "vigo-agent:amd64"], "state": "present"}, True),
        ({"process": "vigo-agent", "state": "absent"}, True),
        ({"process": "vigo-agent", "state": "present"}, False),
        ({"user": "vigo-agent", "state": "absent"}, True),
        ({"user": "vigo-agent", "shell": "/bin/false"}, False),
        ({"path": 7, "packages": None}, False),
    ],
)
def test_what_is_the_agents_is_left_alone(attributes: dict[str, Any], refused: bool) -> None:
    assert bool(guardrails.objection(attributes)) is refused


def test_the_agents_own_places_on_this_host_count_too() -> None:
    assert guardrails.objection({"path": "/srv/agent/state/journal"}) == ""
    assert "the agent's own" in guardrails.objection({"path": "/srv/agent/state/journal"}, own=["/srv/agent/state"])
    assert "holds" in guardrails.objection({"path": "/srv", "purge": True}, own=["/srv/agent/state"])


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["systemctl", "is-active", "nginx"], ""),
        (["systemctl", "is-active", "vigo-agent"], ""),
        (["systemctl", "stop", "vigo-agent"], "stops the agent"),
        (["rm", "-rf", "/"], "removes all of /"),
        (["echo", "rm -rf of what is no path"], ""),
        (["sh", "-c", "curl -sf http://localhost/ && rm -rf /etc"], "removes all of /etc"),
        (["bash", "-ec", "systemctl mask vigo-agent"], "stops the agent"),
    ],
)
def test_a_program_with_its_arguments_is_judged_as_a_shell_would_read_it(words: list[str], says: str) -> None:
    assert guardrails.dangerous_words(words) == says
