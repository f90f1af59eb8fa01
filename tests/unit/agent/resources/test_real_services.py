"""sysvinit's real programs, on a script of ours, in a place of its own."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.factories import namespaces

SCRIPT = """
mkfifo /run/initctl
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
