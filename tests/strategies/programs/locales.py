"""locale, locale-gen and localedef: names as lines of a file."""

from __future__ import annotations

from collections.abc import Sequence

from agent.hosts import MemoryHost, Ran
from agent.hosts.memory import Program
from agent.tools.locales import plain
from tests.strategies.programs import files
from tests.strategies.programs.files import OK, refuse

MADE = "/model/locales"


def reads(run: Sequence[str]) -> bool:
    """Asking."""
    return run[0] == "locale"


def _locale(host: MemoryHost, args: Sequence[str], _input: bytes) -> Ran:
    assert list(args) == ["-a"]
    return Ran(0, "".join(f"{name}\n" for name in ["C", "C.utf8", "POSIX", *files.lines(host, MADE)]).encode(), b"")


def _locale_gen(host: MemoryHost, _args: Sequence[str], _input: bytes) -> Ran:
    names = [line.split()[0] for line in files.lines(host, "/etc/locale.gen") if line.strip() and line[0] != "#"]
    _put(host, names)
    return OK


def _localedef(host: MemoryHost, args: Sequence[str], _input: bytes) -> Ran:
    made = files.lines(host, MADE)
    if args[0] == "--delete-from-archive":
        _put(host, [name for name in made if name != args[1]])
    elif args[0] == "--inputfile=xx_XX":
        return refuse("[error] cannot open locale definition file `xx_XX': No such file or directory", 4)
    else:
        _put(host, [*made, args[-1]])
    return OK


def _put(host: MemoryHost, names: Sequence[str]) -> None:
    files.put(host, MADE, "".join(f"{name}\n" for name in dict.fromkeys(map(plain, names))))


PROGRAMS: dict[str, Program] = {"locale": _locale, "locale-gen": _locale_gen, "localedef": _localedef}
