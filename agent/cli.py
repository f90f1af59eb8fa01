"""`vigo-agent`: enrol, run, once, status, dry-run, traits.

Exit codes: 0 done, 1 something failed (a resource, the server, the disk), 2 wrong use or an unusable state, 3 a
conflict (an agent runs already, an identity is there already). Each command imports what it needs when it runs: `once`
never loads asyncio or the network unless it is told to fetch.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Final

from agent import VERSION
from agent.state import DEFAULT, State
from schema.errors import Conflict, Fault, Invalid

if TYPE_CHECKING:
    from agent.executor import LocalExecutor
    from schema.protocol.reports import Report, Trigger

OK: Final = 0
ERROR: Final = 1
INVALID: Final = 2
CONFLICT: Final = 3

TOKEN_VARIABLE: Final = "VIGO_TOKEN"  # noqa: S105 - its name, not a token
FETCH_TIMEOUT_S: Final = 60.0
TELL_TIMEOUT_S: Final = 15.0
MAX_TOKEN_BYTES: Final = 1024


class WrongRoot(Invalid):
    """The root is no directory, or not the one that the agent was enrolled for."""

    code = "agent.root"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and exit with its code."""
    sys.exit(command(arguments))


def command(arguments: Sequence[str] | None = None) -> int:
    """Run a command; the answer is its exit code."""
    options = _parser().parse_args(arguments)
    from agent import logs

    logs.configure(verbose=options.verbose)
    try:
        code: int = options.act(options)
    except Fault as fault:
        print(f"vigo-agent: {logs.plain(fault.message)}", file=sys.stderr)
        return CONFLICT if isinstance(fault, Conflict) else INVALID if isinstance(fault, Invalid) else ERROR
    except OSError as error:
        print(f"vigo-agent: {logs.plain(str(error))}", file=sys.stderr)
        return ERROR
    except KeyboardInterrupt:
        return ERROR
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="vigo-agent", description="Keeps this host in the state its server signs.")
    parser.add_argument("--version", action="version", version=f"vigo-agent {VERSION}")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--state", type=Path, default=DEFAULT, metavar="DIR", help=f"state directory ({DEFAULT})")
    common.add_argument("--root", type=Path, metavar="DIR", help="confine every path to this directory")
    common.add_argument("-v", "--verbose", action="store_true", help="log more")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    enrol = commands.add_parser("enrol", parents=[common], help="become an envoy, with a one-time token")
    enrol.add_argument("--server", required=True, metavar="URL", help="https://HOST[:PORT] of the server's API")
    token = enrol.add_mutually_exclusive_group()
    token.add_argument("--token", metavar="TOKEN", help=f"the token; - reads standard input; else ${TOKEN_VARIABLE}")
    token.add_argument("--token-file", type=Path, metavar="FILE", help="a file that holds the token")
    enrol.add_argument("--replace", action="store_true", help="take another identity than the one that is there")
    enrol.set_defaults(act=_enrol)

    run = commands.add_parser("run", parents=[common], help="stay connected, converge, watch for drift")
    run.add_argument("--one-process", action="store_true", help="do not part network and root, though it can be done")
    run.set_defaults(act=_run)

    once = commands.add_parser("once", parents=[common], help="converge once to what was accepted last, then exit")
    once.add_argument("--fetch", action="store_true", help="ask the server for the newest target first")
    once.add_argument("--json", action="store_true", help="print the report as JSON")
    once.set_defaults(act=_once)

    dry_run = commands.add_parser("dry-run", parents=[common], help="say what a run would change; change nothing")
    dry_run.add_argument("--json", action="store_true", help="print the report as JSON")
    dry_run.set_defaults(act=_dry_run)

    status = commands.add_parser("status", parents=[common], help="say how this agent stands")
    status.add_argument("--json", action="store_true", help="print JSON")
    status.set_defaults(act=_status)

    traits = commands.add_parser("traits", help="say what this host is; needs no enrolment, changes nothing")
    traits.add_argument("--root", type=Path, default=Path("/"), metavar="DIR", help="what stands for its root (/)")
    traits.add_argument("-v", "--verbose", action="store_true", help="log more")
    traits.add_argument("--json", action="store_true", help="print JSON, for `vigo import host --traits`")
    traits.set_defaults(act=_traits)
    return parser


def _enrol(options: argparse.Namespace) -> int:
    from agent import enrol
    from agent.clock import SystemClock
    from schema.time import to_rfc3339

    token = enrol.read_token(_token_text(options))
    root = options.root.resolve() if options.root else Path("/")
    if not root.is_dir():
        raise WrongRoot(f"{root} is not a directory: make it, and it will stand for the host's root")
    state = State.open(options.state)
    with state.lock():
        identity = enrol.enrol(
            state, options.server, token, clock=SystemClock(), root=str(root), replace=options.replace
        )
    print(f"enrolled as {identity.hostname} ({identity.envoy_id}); certificate until {to_rfc3339(identity.expires)}")
    return OK


def _token_text(options: argparse.Namespace) -> str:
    """The token, from where it was given. An argument is seen by every user of the host; the others are not."""
    if options.token_file is not None:
        with options.token_file.open(encoding="ascii", errors="replace") as file:
            return str(file.read(MAX_TOKEN_BYTES))
    if options.token == "-":  # noqa: S105
        return sys.stdin.read(MAX_TOKEN_BYTES)
    return options.token or os.environ.pop(TOKEN_VARIABLE, "")


def _run(options: argparse.Namespace) -> int:
    from agent import separation

    state = _enrolled_state(options)
    root = _root(options, state)
    with state.lock():
        try:
            ids = separation.ids(confined=root != Path("/"), wanted=not options.one_process)
        except separation.Impossible as why:
            from agent import daemon

            daemon.run(state, root, together=str(why))
            return OK
        from agent import supervisor

        return supervisor.run(state, root, ids)


def _once(options: argparse.Namespace) -> int:
    from schema.protocol.reports import Trigger

    state = _enrolled_state(options)
    with state.lock(), closing(_executor(options, state)) as executor:
        if not options.fetch:
            return _converge(options, executor, Trigger.ONCE)
        from agent import daemon

        fetched = daemon.exchange(executor, timeout_s=FETCH_TIMEOUT_S)
        code = _converge(options, executor, Trigger.ONCE)
        if fetched:
            daemon.exchange(executor, timeout_s=TELL_TIMEOUT_S)
        return code if fetched else ERROR


def _dry_run(options: argparse.Namespace) -> int:
    from schema.protocol.reports import Trigger

    state = _enrolled_state(options)
    # What another agent is about to change cannot be foretold: locked, though nothing is written.
    with state.lock(), closing(_executor(options, state)) as executor:
        return _converge(options, executor, Trigger.ONCE, dry_run=True)


def _converge(options: argparse.Namespace, executor: LocalExecutor, trigger: Trigger, *, dry_run: bool = False) -> int:
    from agent import show
    from schema.protocol.reports import RunStatus

    if executor.problem:
        print(f"vigo-agent: {executor.problem}", file=sys.stderr)
    report: Report | None = executor.run(trigger, dry_run=dry_run)
    if report is None:
        print("vigo-agent: no target was accepted yet; `once --fetch` or `run` asks the server", file=sys.stderr)
        return ERROR
    if not dry_run:
        executor.keep(report)
    print(report.model_dump_json(indent=2) if options.json else show.run(report, executor.identity.hostname))
    return OK if report.status is RunStatus.CONVERGED else ERROR


def _status(options: argparse.Namespace) -> int:
    from agent import show, standing
    from agent.clock import SystemClock

    found = standing.read(_enrolled_state(options), SystemClock())
    print(found.model_dump_json(indent=2) if options.json else show.status(found))
    return OK


def _traits(options: argparse.Namespace) -> int:
    import json

    from agent import logs, show
    from agent.hosts import RealHost
    from agent.traits import Collector

    root = options.root.resolve()
    if not root.is_dir():
        raise WrongRoot(f"{root} is not a directory")
    found = Collector(RealHost(root)).collect()
    for name, why in sorted(found.errors.items()):
        print(f"vigo-agent: {name}: {logs.plain(why)}", file=sys.stderr)
    print(json.dumps(found.values, indent=2, sort_keys=True) if options.json else show.traits(found.values))
    return OK


def _enrolled_state(options: argparse.Namespace) -> State:
    """The state of an agent that is enrolled for the root that was asked for."""
    state = State.open(options.state, create=False)
    _root(options, state)
    return state


def _root(options: argparse.Namespace, state: State) -> Path:
    enrolled_for = Path(state.identity().root)
    if options.root is not None and options.root.resolve() != enrolled_for:
        raise WrongRoot(f"this agent was enrolled for {enrolled_for}, not for {options.root}")
    return enrolled_for


def _executor(options: argparse.Namespace, state: State) -> LocalExecutor:
    from agent.clock import SystemClock
    from agent.executor import LocalExecutor
    from agent.hosts import RealHost

    root = _root(options, state)
    return LocalExecutor(state, RealHost(root), RealHost(root), clock=SystemClock())
