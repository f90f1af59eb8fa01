"""Texts that have a host keep an agent: the launcher, systemd's unit, OpenRC's and sysvinit's scripts, the link's user.

Whoever installs an agent writes them; nothing of a running agent reads them. What they take away is what neither half
nor any program of a resource needs: the executor must be able to change the host, so the halves give up their rights
themselves (`agent.halves`), each its own.
"""

from __future__ import annotations

import re
from typing import Final

from agent.separation import RESTART
from agent.updating import MAX_STARTS, WINDOW_S

UNIT_NAME: Final = "vigo-agent.service"
STATE_NAME: Final = "vigo-agent"
"""Below /var/lib: where the agent looks if nothing else is said."""

_PLAIN: Final = re.compile(r"/[A-Za-z0-9._+@:/-]*")

_UNIT: Final = """\
[Unit]
Description=Vigo agent: keeps this host in the state its server signs
After=network.target local-fs.target time-sync.target
StartLimitIntervalSec=0

[Service]
Type=exec
ExecStart={program} run
WorkingDirectory=/
StateDirectory={state}
StateDirectoryMode=0700
UMask=0077
Restart=always
RestartSec=5
# 2: not enrolled, or the state cannot be trusted. Another start would say the same.
RestartPreventExitStatus=2
TimeoutStopSec=20
# Programs that the agent has started, a package manager in the middle of its work, are not ended with it.
KillMode=process
OOMPolicy=continue
MemoryAccounting=yes
MemoryHigh=384M
MemoryMax=768M
TasksMax=1024
CPUWeight=50
IOWeight=50
LimitCORE=0
LimitNOFILE=16384
LimitMEMLOCK=0
KeyringMode=private
# The halves give up more, each what it does not need; programs of resources start as from a shell of root.
NoNewPrivileges=no
PrivateTmp=no
ProtectSystem=no

[Install]
WantedBy=multi-user.target
"""

SYSUSERS: Final = 'u vigo-agent - "Vigo agent, its network half" / /usr/sbin/nologin\n'
"""For sysusers.d(5): without this user the link runs as a number of systemd's dynamic range."""


_OPENRC: Final = """\
#!/sbin/openrc-run
# Vigo agent: keeps this host in the state its server signs.

name="Vigo agent"
supervisor=supervise-daemon
command="{program}"
command_args="run"
umask=0077
respawn_delay=5
respawn_max=0
retry="TERM/20/KILL/5"
output_log="/var/log/vigo-agent.log"
error_log="/var/log/vigo-agent.log"

depend() {{
    need localmount
    after net bootmisc clock
}}
"""

_SYSVINIT: Final = """\
#!/bin/sh
### BEGIN INIT INFO
# Provides:          vigo-agent
# Required-Start:    $local_fs $remote_fs
# Required-Stop:     $local_fs $remote_fs
# Should-Start:      $network $time $syslog
# Default-Start:     2 3 4 5
# Default-Stop:      0 1 6
# Short-Description: Vigo agent: keeps this host in the state its server signs
### END INIT INFO

PATH=/usr/sbin:/usr/bin:/sbin:/bin
program={program}
pidfile=${{VIGO_AGENT_PIDFILE:-/run/vigo-agent.pid}}
log=${{VIGO_AGENT_LOG:-/var/log/vigo-agent.log}}

# The number of the launcher that keeps the agent; a number that is somebody else's by now does not count.
runs() {{
    pid=$(cat "$pidfile" 2>/dev/null) && [ -n "$pid" ] && kill -0 "$pid" 2>/dev/null &&
        tr '\\0' ' ' <"/proc/$pid/cmdline" | grep -qF "$program keep"
}}

start() {{
    runs && return 0
    (umask 077 && : >>"$log")
    (
        umask 077
        cd / || exit 1
        exec "$program" keep run </dev/null >>"$log" 2>&1 &
        echo $! >"$pidfile"
    )
}}

stop() {{
    runs || return 0
    kill -TERM "$pid"
    waited=0
    while runs && [ "$waited" -lt 25 ]; do
        sleep 1
        waited=$((waited + 1))
    done
    ! runs || kill -KILL "$pid"
    rm -f "$pidfile"
}}

case ${{1:-}} in
    start) start ;;
    stop) stop ;;
    restart | force-reload) stop; start ;;
    status) if runs; then echo "vigo-agent runs, pid $pid"; else echo "vigo-agent does not run"; exit 3; fi ;;
    *) echo "usage: $0 start|stop|restart|force-reload|status" >&2; exit 2 ;;
esac
"""

_LAUNCHER: Final = """\
#!/bin/sh
# Vigo agent: starts the version that `current` names. A version on trial must be greeted by the server within the
# window, or what `previous` names is in force again. This is a script so that it works when no version does.
#   launch COMMAND ...        as vigo-agent COMMAND ...
#   launch keep COMMAND ...   the same, and again when it ends: for what starts services and does not look after them
set -u
home={home}
max_starts={starts}
window=${{VIGO_AGENT_WINDOW_S:-{window}}}
export VIGO_AGENT_HOME="$home"
child='' ended=''

say() {{ printf 'vigo-agent launch: %s\\n' "$*" >&2; }}

# Become it. Its real path, since `current` may be another version while it runs.
become() {{
    at=$(cd -P "$home/current" && pwd -P) || at=$(cd -P "$home/previous" && pwd -P) || exit 1
    if [ -x "$at/bin/python" ]; then exec "$at/bin/python" -I -m agent "$@"; fi
    exec "$at/vigo-agent" "$@"
}}

end() {{
    ended=1
    [ -z "$child" ] || kill -TERM "$child" 2>/dev/null
}}

# The exit code of the child, however often a signal comes between.
await() {{
    wait "$child"
    code=$?
    while kill -0 "$child" 2>/dev/null; do
        wait "$child"
        code=$?
    done
    child=''
}}

back() {{
    before=$(readlink "$home/previous") || before=''
    if [ -z "$before" ] || [ ! -d "$home/$before/" ]; then
        say "there is nothing to go back to"
        rm -f "$home/trial"
        return
    fi
    readlink "$home/current" | sed 's|.*/||' >"$home/returned"
    rm -f "$home/.new-current"
    ln -s "$before" "$home/.new-current" && mv -fT "$home/.new-current" "$home/current" 2>/dev/null ||
        ln -sfn "$before" "$home/current"
    rm -f "$home/trial" "$home/.new-current"
    say "$(cat "$home/returned") did not check in: $before is in force again"
}}

# Run what is on trial until it ends or is given up. Returns when it was given up.
try_out() {{
    trap end TERM INT HUP
    while [ -e "$home/trial" ]; do
        starts=$(cat "$home/trial")
        case $starts in '' | *[!0-9]*) starts=$max_starts ;; esac
        if [ "$starts" -ge "$max_starts" ] || ! count $((starts + 1)); then
            back
            break
        fi
        (VIGO_AGENT_TRIAL=1; export VIGO_AGENT_TRIAL; become "$@") &
        child=$!
        waited=0
        while kill -0 "$child" 2>/dev/null && [ -e "$home/trial" ] && [ -z "$ended" ]; do
            if [ "$waited" -ge "$window" ]; then
                say "the server has not greeted it within $window s"
                kill -TERM "$child" 2>/dev/null
                (sleep 20; kill -KILL "$child") >/dev/null 2>&1 &
                killer=$!
                await
                kill "$killer" 2>/dev/null
                back
                break 2
            fi
            sleep 1
            waited=$((waited + 1))
        done
        await
        if [ -n "$ended" ]; then
            [ ! -e "$home/trial" ] || count "$starts"
            exit "$code"
        fi
        [ "$code" -ne {restart} ] || exec "$home/launch" "$@"
        [ -e "$home/trial" ] || exit "$code"
        say "it ended with $code before the server greeted it"
    done
    trap - TERM INT HUP
}}

count() {{ echo "$1" >"$home/.new-trial" && mv -f "$home/.new-trial" "$home/trial"; }}

keep() {{
    trap end TERM INT HUP
    while [ -z "$ended" ]; do
        "$home/launch" "$@" &
        child=$!
        await
        # 2: not enrolled, or the state cannot be trusted. Another start would say the same.
        [ -z "$ended" ] && [ "$code" -ne 2 ] || exit "$code"
        sleep 5
    done
}}

case ${{1:-}} in
    keep) shift; keep "$@" ;;
    run) [ ! -e "$home/trial" ] || try_out "$@" ;;
esac
become "$@"
"""


def launcher(home: str) -> str:
    """The script that starts what is installed in this directory, an absolute path that a shell takes as it is.

    Raises:
        ValueError: it is not.
    """
    return _LAUNCHER.format(home=_plain(home), starts=MAX_STARTS, window=WINDOW_S, restart=RESTART)


def openrc_script(program: str) -> str:
    """The script for /etc/init.d of a host with OpenRC; raises as `systemd_unit` does."""
    return _OPENRC.format(program=_plain(program))


def sysvinit_script(program: str) -> str:
    """The script for /etc/init.d of a host with sysvinit, where `program` is a launcher; raises as `systemd_unit`."""
    return _SYSVINIT.format(program=_plain(program))


def systemd_unit(program: str, *, state: str = STATE_NAME) -> str:
    """The unit that runs this program (an absolute path without blanks) as the host's agent.

    Raises:
        ValueError: the path is none that a unit can name as it is.
    """
    return _UNIT.format(program=_plain(program), state=state)


def _plain(path: str) -> str:
    if not _PLAIN.fullmatch(path):
        raise ValueError(f"{path!r} is no absolute path that a unit can name as it is")
    return path
