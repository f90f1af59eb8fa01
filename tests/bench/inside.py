"""An executor in a process of its own, that does on its standard input's word what a running agent does by itself.

`python -m tests.bench.inside STATE`, then a line each: `whole` reads all anew, `interval` is a run of the schedule, `keep`
signs and spools the last report. The answer is a JSON object: seconds, and `sync_s` of it spent to make it durable.
`python -m tests.bench.inside STATE once` is `vigo-agent once` that makes nothing durable, to be put beside tools that
never do.
"""

from __future__ import annotations

import contextlib
import gc
import io
import json
import sys
import time
from pathlib import Path

from agent import cli, sparing
from agent.hosts.machine import Machine


def main(state: Path) -> None:
    from agent.clock import SystemClock
    from agent.executor import LocalExecutor
    from agent.hosts import RealHost
    from agent.state import State
    from agent.watch import WatchedHost
    from schema.protocol.reports import RunStatus, Trigger

    class Host(WatchedHost):
        sync_s = 0.0

        def sync_pending(self) -> None:
            began = time.perf_counter()
            super().sync_pending()
            self.sync_s = time.perf_counter() - began

    host = Host("/")
    executor = LocalExecutor(State.open(state), host, RealHost("/"), clock=SystemClock())
    gc.collect()
    gc.freeze()
    report = None
    for line in sys.stdin:
        word = line.strip()
        began, host.sync_s = time.perf_counter(), 0.0
        if word == "keep":
            assert report is not None
            executor.keep(report)
        else:
            report = executor.run(Trigger.INTERVAL if word == "interval" else Trigger.START)
        took = time.perf_counter() - began
        assert report is not None
        assert report.status is RunStatus.CONVERGED, [each for each in report.resources if each.error][:3]
        print(json.dumps({"s": took, "sync_s": host.sync_s}), flush=True)
    executor.close()


def once(state: Path) -> int:
    Machine.sync_pending = lambda self: self._unsynced.clear()  # type: ignore[method-assign]
    with contextlib.redirect_stdout(io.StringIO()):
        return cli.command(["once", "--state", str(state)])


if __name__ == "__main__":
    if sys.argv[2:] == ["once"]:
        sparing.end(once(Path(sys.argv[1])))
    main(Path(sys.argv[1]))
