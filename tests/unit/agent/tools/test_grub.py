"""GRUB by grubby, as Fedora's prints it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from agent.hosts import MemoryHost, Ran
from agent.resources import TYPES
from agent.tools import grub
from schema.protocol.reports import Outcome
from tests.strategies import machines

INFO = """index={index}
kernel="/boot/vmlinuz-6.{index}.x86_64"
args="ro rhgb {words}"
root="UUID=1"
id="abc-6.{index}"
"""


def grubby(host: MemoryHost, args: Sequence[str], _input: bytes) -> Ran:
    """Keeps the words of all kernels in one file."""
    words = host.read("/words").decode().split()
    if args[0] == "--info=ALL":
        return Ran(0, "".join(INFO.format(index=index, words=" ".join(words)) for index in (0, 1)).encode(), b"")
    assert args[0] == "--update-kernel=ALL"
    option, _, value = args[1].partition("=")
    words = [word for word in words if word.partition("=")[0] != value.partition("=")[0]]
    host.write("/words", " ".join([*words, *([value] if option == "--args" else [])]).encode(), mode=0o644)
    return Ran(0, b"", b"")


def converge(host: MemoryHost, **spec: Any) -> Any:
    kind = TYPES["kernel_parameter"]
    ready = kind.spec.model_validate(spec)
    result = kind.converge(host, ready, dry_run=False)
    if result.outcome is Outcome.CHANGED:
        assert kind.converge(host, ready, dry_run=False).outcome is Outcome.UNCHANGED
    return result


def test_a_parameter_of_every_entry_is_set_and_taken() -> None:
    host = machines.machine({"/words": "quiet", "/proc/cmdline": "ro quiet audit=1\n"}, {"grubby": grubby})
    assert grub.commands(host) == [("ro", "rhgb", "quiet"), ("ro", "rhgb", "quiet")]
    host.memo.clear()
    assert converge(host, parameter="audit", value="1").diff == "parameter: (none) → audit=1"
    assert host.read("/words") == b"quiet audit=1"
    gone = converge(host, parameter="quiet", state="absent")
    assert (gone.diff, gone.reason) == ("parameter: quiet → (none)", "counts from the next start of the host")
    assert host.read("/words") == b"audit=1"
    assert converge(host, parameter="quiet", state="absent").outcome is Outcome.UNCHANGED


def test_a_host_with_neither_is_skipped() -> None:
    host = machines.machine({}, {})
    assert (
        TYPES["kernel_parameter"].skipped(host)
        == "needs GRUB with update-grub or grubby, which this host does not have"
    )


def test_what_the_shell_would_work_out_is_left_alone() -> None:
    line = 'GRUB_CMDLINE_LINUX="$(cat /words) quiet" # mine\n'
    assert grub.without(line, "quiet") == line
    assert grub.without('export GRUB_CMDLINE_LINUX="quiet  a=1"\nX="quiet"', "quiet") == (
        'export GRUB_CMDLINE_LINUX="a=1"\nX="quiet"'
    )
