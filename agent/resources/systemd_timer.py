"""A periodic job of systemd: a timer and its service, two files that come and go together. See `SystemdTimerSpec`.

Texts that systemd would expand (`%`, `$`) are doubled, those that it would unquote are escaped: see systemd.service(5).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final, NamedTuple

from agent.hosts import Host
from agent.hosts.host import forget
from agent.resources.types import Change, ResourceType
from agent.tools import owned_file, systemctl, units
from agent.tools.owned_file import HEADER, OwnedFile
from agent.tools.systemctl import Unit
from schema.resources.systemd_timer import SystemdTimerSpec

_KINDS: Final = ("service", "timer")


class SystemdTimerState(NamedTuple):
    """Both files, and both units as systemd sees them."""

    files: tuple[OwnedFile, OwnedFile]
    service: Unit
    timer: Unit
    note: str = ""


def check(host: Host, spec: SystemdTimerSpec) -> SystemdTimerState:
    """See `ResourceType`."""
    service, timer = (owned_file.read(host, path) for path in paths(spec))
    names = _names(spec)
    systemctl.load(host, names)
    return SystemdTimerState(
        (service, timer), systemctl.unit(host, names[0]), systemctl.unit(host, names[1]), service.note
    )


def diff(spec: SystemdTimerSpec, state: SystemdTimerState) -> Sequence[Change]:
    """See `ResourceType`."""
    found = [
        change._replace(field=kind if change.field == "unit" else f"{kind} {change.field}")
        for kind, file, text in zip(_KINDS, state.files, texts(spec), strict=True)
        for change in owned_file.changes(file, text, field="unit")
    ]
    if not found and (state.service.outdated or state.timer.outdated):
        found.append(Change("loaded", "an older file", "this file"))
    if spec.state == "absent":
        return found
    return [*found, *units.changes(state.timer, enabled=spec.enabled, running=spec.enabled)]


def apply(host: Host, spec: SystemdTimerSpec, state: SystemdTimerState) -> None:
    """The service first: a timer never stands without what it starts, and goes before it."""
    names = _names(spec)
    if spec.state == "absent" and state.timer.load == "loaded":
        units.make_so(host, names[1], enabled=False, running=False)
    pairs = list(zip(names, paths(spec), state.files, texts(spec), strict=True))
    written = False
    for name, path, file, text in pairs if spec.state == "present" else pairs[::-1]:
        if owned_file.changes(file, text, field="unit"):
            written = True
            owned_file.put(host, path, file, text, check=partial(units.verify, host, name=name))
    if written or state.service.outdated or state.timer.outdated:
        systemctl.act(host, "daemon-reload")
        forget(host)
    if spec.state == "present":
        units.make_so(host, names[1], enabled=spec.enabled, running=spec.enabled)


def action(spec: SystemdTimerSpec, state: SystemdTimerState) -> str:
    """See `ResourceType`."""
    if spec.state == "absent":
        return "remove"
    return "create" if all(file.stat is None for file in state.files) else "update"


def unsupported(host: Host) -> str | None:
    """See `ResourceType`."""
    return None if systemctl.booted(host) else f"{units.LACKING} (cron does the same)"


def prefetch(host: Host, specs: Sequence[SystemdTimerSpec]) -> None:
    """All units of the catalog in one call."""
    systemctl.load(host, [name for spec in specs for name in _names(spec)])


def paths(spec: SystemdTimerSpec) -> Sequence[str]:
    """See `ResourceType`."""
    return tuple(f"{units.DIRECTORY}/{name}" for name in _names(spec))


def texts(spec: SystemdTimerSpec) -> tuple[bytes | None, bytes | None]:
    """Both files; None when they are to be absent."""
    if spec.state == "absent":
        return None, None
    description = f"Description={_plain(spec.description or spec.timer)}"
    service = [
        "[Unit]",
        description,
        "",
        "[Service]",
        "Type=oneshot",
        f"User={spec.user}",
        *(f"Environment={_quoted(f'{name}={value}')}" for name, value in spec.environment.items()),
        *([f"WorkingDirectory={_plain(spec.working_directory)}"] if spec.working_directory else []),
        *([f"TimeoutStartSec={spec.timeout_s}"] if spec.timeout_s else ["TimeoutStartSec=infinity"]),
        f"ExecStart=/bin/sh -c {_quoted(spec.command).replace('$', '$$')}",
    ]
    timer = [
        "[Unit]",
        description,
        "",
        "[Timer]",
        *(f"OnCalendar={event}" for event in spec.on_calendar),
        f"Persistent={'true' if spec.persistent else 'false'}",
        f"RandomizedDelaySec={spec.random_delay_s}",
        f"AccuracySec={spec.accuracy_s}",
        "",
        "[Install]",
        "WantedBy=timers.target",
    ]
    return _text(service), _text(timer)


def shows_in(host: Host, spec: SystemdTimerSpec) -> Sequence[str]:
    """See `ResourceType`."""
    return [place for name in _names(spec) for place in systemctl.shown_in(host, name)]


SYSTEMD_TIMER: Final = ResourceType(
    spec=SystemdTimerSpec,
    check=check,
    diff=diff,
    apply=apply,
    action=action,
    unsupported=unsupported,
    prefetch=prefetch,
    paths=paths,
    of_machine=True,
    shows_in=shows_in,
)


def _names(spec: SystemdTimerSpec) -> tuple[str, str]:
    return f"{spec.timer}.service", f"{spec.timer}.timer"


def _text(lines: Sequence[str]) -> bytes:
    return (HEADER + "\n".join(lines) + "\n").encode("utf-8", "surrogateescape")


def _plain(text: str) -> str:
    """Text of a setting: `%` begins a specifier, and a backslash at the end would go on in the next line."""
    return text.replace("\\", "\\\\").replace("%", "%%")


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("\t", "\\t")
    return f'"{escaped}"'
