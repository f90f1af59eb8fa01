"""`vigo-agent`: enrol, run, once, status, dry-run, owned, undo, release, pin, traits, service, place.

Exit codes: 0 done, 1 something failed (a resource, the server, the disk), 2 wrong use or an unusable state, 3 a
conflict (an agent runs already, an identity is there already). Each command imports what it needs when it runs: `once`
never loads asyncio or the network unless it is told to fetch.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

from agent import DEFAULT_STATE, VERSION, sparing
from schema.errors import Conflict, Fault, Invalid

if TYPE_CHECKING:
    from socket import socket

    from agent.runs import Runs
    from agent.separation import Ids
    from agent.state import State
    from schema.protocol.reports import Report, Trigger

OK: Final = 0
ERROR: Final = 1
INVALID: Final = 2
CONFLICT: Final = 3

TOKEN_VARIABLE: Final = "VIGO_TOKEN"  # noqa: S105 - its name, not a token
FETCH_TIMEOUT_S: Final = 60.0
TELL_TIMEOUT_S: Final = 15.0
MAX_TOKEN_BYTES: Final = 1024
DEFAULT_WIDTH: Final = 80
DEFAULT_HOME: Final = "/opt/vigo-agent"
_HOME_HELP: Final = f"where the agent is installed ({DEFAULT_HOME})"


class WrongRoot(Invalid):
    """The root is no directory, or not the one that the agent was enrolled for."""

    code = "agent.root"


class WrongHome(Invalid):
    """An agent cannot be installed there, or is not."""

    code = "agent.home"


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run a command and end this process with its code."""
    sparing.end(command(arguments))


def command(arguments: Sequence[str] | None = None) -> int:
    """Run a command; the answer is its exit code."""
    options = _parser().parse_args(arguments)
    sparing.begin()
    act: Callable[[argparse.Namespace], int] = options.act
    return _answered(options, lambda: act(options))


def _answered(options: argparse.Namespace, act: Callable[[], int]) -> int:
    """The exit code of an act that logs and may fail."""
    from agent import logs

    logs.configure(verbose=options.verbose)
    try:
        return act()
    except Fault as fault:
        print(f"vigo-agent: {logs.plain(fault.message)}", file=sys.stderr)
        return CONFLICT if isinstance(fault, Conflict) else INVALID if isinstance(fault, Invalid) else ERROR
    except OSError as error:
        print(f"vigo-agent: {logs.plain(str(error))}", file=sys.stderr)
        return ERROR
    except KeyboardInterrupt:
        return ERROR


class _Help(argparse.HelpFormatter):
    """As wide as `COLUMNS` says, or the terminal is. One is made for each argument, and `shutil`, which would be asked
    for it, loads what unpacks archives."""

    def __init__(self, prog: str) -> None:
        said, width = os.environ.get("COLUMNS", ""), 0
        if said.isascii() and said.isdigit():
            width = int(said[:5])
        if not width:
            with suppress(OSError):
                width = os.get_terminal_size(1).columns
        super().__init__(prog, width=(width or DEFAULT_WIDTH) - 2)


class _Parser(argparse.ArgumentParser):
    def __init__(self, **options: Any) -> None:
        super().__init__(**options, formatter_class=_Help)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="vigo-agent", description="Keeps this host in the state its server signs.")
    parser.add_argument("--version", action="version", version=f"vigo-agent {VERSION}")
    common = _Parser(add_help=False)
    common.add_argument(
        "--state", type=Path, default=Path(DEFAULT_STATE), metavar="DIR", help=f"state directory ({DEFAULT_STATE})"
    )
    common.add_argument("--root", type=Path, metavar="DIR", help="confine every path to this directory")
    common.add_argument("-v", "--verbose", action="store_true", help="log more")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    enrol = commands.add_parser("enrol", parents=[common], help="become an envoy, with a one-time token")
    enrol.add_argument("--server", required=True, metavar="URL", help="https://HOST[:PORT] of the server's API")
    token = enrol.add_mutually_exclusive_group()
    token.add_argument("--token", metavar="TOKEN", help=f"the token; - reads standard input; else ${TOKEN_VARIABLE}")
    token.add_argument("--token-file", type=Path, metavar="FILE", help="a file that holds the token")
    enrol.add_argument("--replace", action="store_true", help="take another identity than the one that is there")
    enrol.add_argument("--require-approval", action="store_true", help="take approved plans alone; see `pin`")
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

    owned = commands.add_parser(
        "owned", parents=[common], help="say what this agent manages, and what was there before"
    )
    owned.add_argument("--json", action="store_true", help="print JSON")
    owned.set_defaults(act=_owned)

    undo = commands.add_parser("undo", parents=[common], help="put back what a run replaced, and hold it")
    undo.add_argument("run", nargs="?", metavar="RUN", help="id of the run, or its end; without it they are listed")
    undo.add_argument("--dry-run", action="store_true", help="say what would be put back")
    undo.add_argument("--force", action="store_true", help="put back also what has changed since")
    undo.add_argument("--json", action="store_true", help="print JSON")
    undo.set_defaults(act=_undo)

    release = commands.add_parser("release", parents=[common], help="let what was undone be applied again")
    release.add_argument("resource", nargs="*", metavar="RESOURCE", help="its id (CRATE/NAME); without any: all")
    release.set_defaults(act=_release)

    pin = commands.add_parser("pin", parents=[common], help="take approved plans alone; the host's own word")
    pin.add_argument("--off", action="store_true", help="take again whatever the server signs")
    pin.set_defaults(act=_pin)

    traits = commands.add_parser("traits", help="say what this host is; needs no enrolment, changes nothing")
    traits.add_argument("--root", type=Path, default=Path("/"), metavar="DIR", help="what stands for its root (/)")
    traits.add_argument("-v", "--verbose", action="store_true", help="log more")
    traits.add_argument("--json", action="store_true", help="print JSON, for `vigo import host --traits`")
    traits.add_argument("name", nargs="*", metavar="NAME", help="of a trait: memory, ports ... ; without any: all")
    traits.set_defaults(act=_traits)

    service = commands.add_parser("service", help="print what has this host's service manager keep the agent")
    service.add_argument("what", choices=["systemd", "openrc", "sysvinit", "sysusers"], help="for which")
    service.add_argument("--home", type=Path, default=Path(DEFAULT_HOME), metavar="DIR", help=_HOME_HELP)
    service.add_argument("-v", "--verbose", action="store_true", help="log more")
    service.set_defaults(act=_service)

    place = commands.add_parser("place", help="put an unpacked version in force; what the bootstrap script does")
    place.add_argument("version", metavar="NAME", help="its directory below `versions`")
    place.add_argument("--sequence", type=int, required=True, metavar="N", help="of its signed manifest")
    place.add_argument("--home", type=Path, default=Path(DEFAULT_HOME), metavar="DIR", help=_HOME_HELP)
    place.add_argument("-v", "--verbose", action="store_true", help="log more")
    place.set_defaults(act=_place)
    return parser


def _enrol(options: argparse.Namespace) -> int:
    from agent import enrol, pinning
    from agent.clock import SystemClock
    from schema.time import to_rfc3339

    token = enrol.read_token(_token_text(options))
    root = options.root.resolve() if options.root else Path("/")
    if not root.is_dir():
        raise WrongRoot(f"{root} is not a directory: make it, and it will stand for the host's root")
    from agent.state import State

    state = State.open(options.state)
    with state.lock():
        if options.require_approval:
            pinning.write(state, pinned=True)  # first: never enrolled without it
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

    try:
        ids = separation.ids(confined=not separation.whole(options.state), wanted=not options.one_process)
    except separation.Impossible as why:
        return _run_together(options, str(why))
    from agent import supervisor

    return supervisor.run(ids, lambda end, parent: _answered(options, lambda: _run_executor(options, ids, end, parent)))


def _run_together(options: argparse.Namespace, why: str) -> int:
    from agent import daemon
    from agent.separation import RESTART, begin_anew

    state = _enrolled_state(options)
    with state.lock():
        code = daemon.run(state, _root(options, state), together=why)
    if code == RESTART:
        begin_anew()
    return code


def _run_executor(options: argparse.Namespace, ids: Ids, end: socket, parent: int) -> int:
    from agent import halves

    state = _enrolled_state(options)
    with state.lock():
        return halves.executor(end, state, _root(options, state), parent=parent, link=ids.name)


def _once(options: argparse.Namespace) -> int:
    sparing.garbage()
    from schema.protocol.reports import Trigger

    state = _enrolled_state(options)
    with state.lock():
        if not options.fetch:
            with closing(_runs(options, state)) as runs:
                return _converge(options, runs, Trigger.ONCE)
        return _fetched_once(options, state)


def _fetched_once(options: argparse.Namespace, state: State) -> int:
    from agent import daemon
    from agent.clock import SystemClock
    from agent.executor import LocalExecutor
    from agent.hosts import RealHost
    from schema.protocol.reports import Trigger

    root = _root(options, state)
    with closing(LocalExecutor(state, RealHost(root), RealHost(root), clock=SystemClock())) as executor:
        fetched = daemon.exchange(executor, timeout_s=FETCH_TIMEOUT_S)
        code = _converge(options, executor, Trigger.ONCE)
        if fetched:
            daemon.exchange(executor, timeout_s=TELL_TIMEOUT_S)
        return code if fetched else ERROR


def _dry_run(options: argparse.Namespace) -> int:
    sparing.garbage()
    from schema.protocol.reports import Trigger

    state = _enrolled_state(options)
    # What another agent is about to change cannot be foretold: locked, though nothing is written.
    with state.lock(), closing(_runs(options, state)) as runs:
        return _converge(options, runs, Trigger.ONCE, dry_run=True)


def _converge(options: argparse.Namespace, runs: Runs, trigger: Trigger, *, dry_run: bool = False) -> int:
    from agent import show
    from schema.protocol.reports import RunStatus

    if runs.problem:
        print(f"vigo-agent: {runs.problem}", file=sys.stderr)
    report: Report | None = runs.run(trigger, dry_run=dry_run)
    if report is None:
        print("vigo-agent: no target was accepted yet; `once --fetch` or `run` asks the server", file=sys.stderr)
        return ERROR
    if not dry_run:
        runs.keep(report)
    print(report.model_dump_json(indent=2) if options.json else show.run(report, runs.identity.hostname))
    return OK if report.status is RunStatus.CONVERGED else ERROR


def _status(options: argparse.Namespace) -> int:
    from agent import show, standing
    from agent.clock import SystemClock

    found = standing.read(_enrolled_state(options), SystemClock())
    print(found.model_dump_json(indent=2) if options.json else show.status(found))
    return OK


def _owned(options: argparse.Namespace) -> int:
    from agent import regret

    return regret.owned(options, _enrolled_state(options))


def _undo(options: argparse.Namespace) -> int:
    from agent import regret

    state = _enrolled_state(options)
    if options.run is None or options.dry_run:
        return regret.look(options, state)
    # The agent that runs would not know: it is stopped first, and started again afterwards.
    with state.lock(), closing(_runs(options, state)) as runs:
        return regret.undo(options, state, runs)


def _release(options: argparse.Namespace) -> int:
    from agent import regret

    state = _enrolled_state(options)
    with state.lock(), closing(_runs(options, state)) as runs:
        return regret.release(options, runs)


def _pin(options: argparse.Namespace) -> int:
    from agent import pinning

    state = _enrolled_state(options)
    # The agent that runs would not know: it is stopped first, and started again afterwards.
    with state.lock():
        pinning.write(state, pinned=not options.off)
    print("takes whatever the server signs" if options.off else "takes approved plans alone; keeps what is in force")
    return OK


def _traits(options: argparse.Namespace) -> int:
    from agent import portrait

    root = options.root.resolve()
    if not root.is_dir():
        raise WrongRoot(f"{root} is not a directory")
    painted = portrait.of(root, options.name, as_json=options.json)
    for complaint in painted.complaints:
        print(f"vigo-agent: {complaint}", file=sys.stderr)
    print(painted.text)
    return ERROR if painted.lacking else OK


def _service(options: argparse.Namespace) -> int:
    from agent import service_files

    program = f"{options.home}/launch"
    texts: dict[str, Callable[[], str]] = {
        "systemd": lambda: service_files.systemd_unit(program),
        "openrc": lambda: service_files.openrc_script(program),
        "sysvinit": lambda: service_files.sysvinit_script(program),
        "sysusers": lambda: service_files.SYSUSERS,
    }
    sys.stdout.write(_plain(texts[options.what]))
    return OK


def _place(options: argparse.Namespace) -> int:
    from agent import durable, service_files
    from agent.installation import Installation

    home: Path = options.home
    if "/" in options.version or not (home / "versions" / options.version).is_dir():
        raise WrongHome(f"there is no version {options.version} in {home}")
    durable.write(home / "launch", _plain(lambda: service_files.launcher(str(home))).encode(), mode=0o755)
    Installation(home).put_in_force(options.version, options.sequence, trial=False)
    return OK


def _plain(text: Callable[[], str]) -> str:
    try:
        return text()
    except ValueError as error:
        raise WrongHome(str(error)) from error


def _enrolled_state(options: argparse.Namespace) -> State:
    """The state of an agent that is enrolled for the root that was asked for."""
    from agent.state import State

    state = State.open(options.state, create=False)
    _root(options, state)
    return state


def _root(options: argparse.Namespace, state: State) -> Path:
    enrolled_for = Path(state.identity().root)
    if options.root is not None and options.root.resolve() != enrolled_for:
        raise WrongRoot(f"this agent was enrolled for {enrolled_for}, not for {options.root}")
    return enrolled_for


def _runs(options: argparse.Namespace, state: State) -> Runs:
    """For a run by hand, which no link asks for anything."""
    from agent.clock import SystemClock
    from agent.hosts import RealHost
    from agent.runs import Runs

    root = _root(options, state)
    return Runs(state, RealHost(root), RealHost(root), clock=SystemClock())
