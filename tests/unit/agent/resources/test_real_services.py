"""The real programs of sysvinit and OpenRC, on scripts of ours, in a place of their own."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.factories import namespaces

SCRIPT = """
mkfifo /run/initctl
rm -f /etc/init.d/*
cat >/etc/init.d/toy <<'X'
#!/bin/sh
### BEGIN INIT INFO
# Provides: toy
# Required-Start:
# Required-Stop:
# Default-Start: 2 3 4 5
# Default-Stop: 0 1 6
# Short-Description: a toy
### END INIT INFO
case "$1" in
start|restart) touch /run/toy ;;
stop) rm -f /run/toy ;;
status) [ -e /run/toy ] && echo running && exit 0; exit 3 ;;
*) exit 2 ;;
esac
X
chmod 755 /etc/init.d/toy
"""


@namespaces.as_root
@pytest.mark.skipif(
    not (shutil.which("update-rc.d", path="/usr/sbin:/sbin") and shutil.which("service", path="/usr/sbin:/sbin")),
    reason="needs init-system-helpers",
)
def test_a_service_of_sysvinit_is_started_enabled_and_stopped(tmp_path: Path) -> None:
    started, restarted, stopped, ghost = namespaces.converge(
        tmp_path,
        [
            ("service", {"service": "toy", "state": "running", "enabled": True}),
            ("service", {"service": "toy", "state": "reloaded"}),
            ("service", {"service": "toy", "state": "stopped", "enabled": False}),
            ("service", {"service": "no-such-toy", "state": "running"}),
        ],
        before=SCRIPT,
    )
    assert (started["outcome"], started["again"]) == ("changed", "unchanged"), started
    assert started["diff"] == "enabled: disabled → yes\nstate: inactive → running"
    assert restarted["outcome"] == "changed"  # it has no reload
    assert (stopped["outcome"], stopped["again"]) == ("changed", "unchanged"), stopped
    assert ghost["error"] == "there is no unit no-such-toy on this host"
    assert [path.name for path in (tmp_path / "etc" / "rc2.d").glob("*toy")] == ["K01toy"]


OPENRC = """
mkdir -p run/openrc
echo default >run/openrc/softlevel
rm -f etc/init.d/* etc/runlevels/*/*
: >etc/insserv.conf
cat >etc/init.d/toy <<'X'
#!/sbin/openrc-run
start() { : >/run/toy; }
stop() { rm -f /run/toy; }
X
cat >etc/init.d/broken <<'X'
#!/sbin/openrc-run
start() { echo "no luck" >&2; return 1; }
X
chmod 755 etc/init.d/*
"""


@namespaces.needs_debian
def test_a_service_of_openrc_is_started_enabled_and_stopped(tmp_path: Path) -> None:
    started, reloaded, stopped, broken, ghost = namespaces.converge_in_debian(
        tmp_path,
        [
            ("service", {"service": "toy", "state": "running", "enabled": True}),
            ("service", {"service": "toy", "state": "reloaded"}),
            ("service", {"service": "toy", "state": "stopped", "enabled": False}),
            ("service", {"service": "broken", "state": "running"}),
            ("service", {"service": "no-such-toy", "state": "running"}),
        ],
        before=OPENRC,
    )
    assert (started["outcome"], started["again"]) == ("changed", "unchanged"), started
    assert started["diff"] == "enabled: disabled → yes\nstate: inactive → running"
    assert reloaded["outcome"] == "changed", reloaded  # it has no reload
    assert (stopped["outcome"], stopped["again"]) == ("changed", "unchanged"), stopped
    assert stopped["diff"] == "enabled: enabled → no\nstate: active → stopped"
    assert broken["outcome"] == "failed"
    assert "ERROR: broken failed to start" in broken["error"]
    assert ghost["error"] == "there is no unit no-such-toy on this host"


@namespaces.needs_debian
def test_logrotate_itself_says_whether_it_can_read_a_rotation(tmp_path: Path) -> None:
    fine = {"rotation": "shop", "paths": ["/var/log/shop/*.log", "/var/log/a b.log"], "max_age_days": 9, "size": "1M"}
    every = {"create": "0640 root adm", "date_ext": True, "min_size": "1k", "max_size": "2G", "su": "root adm"}
    good, bad = namespaces.converge_in_debian(
        tmp_path,
        [
            ("logrotate", {**fine, **every, "prerotate": ["true"], "postrotate": ["echo x"]}),
            ("logrotate", {**fine, "rotation": "bad", "su": "nobody-like-that adm"}),
        ],
    )
    assert (good["outcome"], good["again"]) == ("changed", "unchanged"), good
    assert bad["outcome"] == "failed"
    assert "nobody-like-that" in bad["error"]
