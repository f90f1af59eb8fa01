"""What passwords must be: three files of settings, edited where they are. See `PasswordPolicySpec`.

A setting that stands in a file more than once is made the same everywhere, for the three programs differ in which one
they take. A report says so when no service of PAM asks for the module that reads a file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from agent.hosts import Host, HostFault
from agent.resources.types import Change, ResourceType
from agent.tools import parts
from agent.tools.parts import Whole
from schema.resources.base import PartSpec
from schema.resources.password_policy import PasswordPolicySpec

_PAM: Final = "/etc/pam.d"
_MAX_SERVICES: Final = 200


class _Kind(NamedTuple):
    """One of the files: how it is written, and what a field is called in it."""

    part: PartSpec
    separator: str
    names: Mapping[str, str]
    root: str = ""
    """The word that makes it hold for root."""
    module: str = ""
    """Of PAM, that reads it."""


_KINDS: Final = (
    _Kind(
        PartSpec(path="/etc/login.defs", create=True),
        "\t",
        {
            "max_days": "PASS_MAX_DAYS",
            "min_days": "PASS_MIN_DAYS",
            "warn_days": "PASS_WARN_AGE",
            "umask": "UMASK",
            "encrypt_method": "ENCRYPT_METHOD",
        },
    ),
    _Kind(
        PartSpec(path="/etc/security/pwquality.conf", create=True),
        " = ",
        {
            "min_length": "minlen",
            "min_classes": "minclass",
            "min_digits": "dcredit",
            "min_upper": "ucredit",
            "min_lower": "lcredit",
            "min_other": "ocredit",
            "min_different": "difok",
            "max_repeat": "maxrepeat",
            "max_sequence": "maxsequence",
            "dictionary_check": "dictcheck",
        },
        "enforce_for_root",
        "pam_pwquality",
    ),
    _Kind(
        PartSpec(path="/etc/security/faillock.conf", create=True),
        " = ",
        {"lock_after": "deny", "lock_interval_s": "fail_interval", "unlock_after_s": "unlock_time"},
        "even_deny_root",
        "pam_faillock",
    ),
)
_CREDITS: Final = frozenset({"min_digits", "min_upper", "min_lower", "min_other"})
"""A negative credit is how pwquality says 'at least so many'."""


class PasswordPolicyState(NamedTuple):
    """The files that something is given for."""

    files: Mapping[str, Whole]
    note: str = ""


def check(host: Host, spec: PasswordPolicySpec) -> PasswordPolicyState:
    """See `ResourceType`."""
    kinds = list(_given(spec))
    unused = [kind.module for kind in kinds if kind.module and not _asked_for(host, kind.module)]
    return PasswordPolicyState(
        {kind.part.path: parts.read(host, kind.part) for kind in kinds},
        f"no service in {_PAM} asks for {' or '.join(unused)}, which reads this" if unused else "",
    )


def diff(spec: PasswordPolicySpec, state: PasswordPolicyState) -> Sequence[Change]:
    """See `ResourceType`."""
    found = []
    for kind in _given(spec):
        lines = state.files[kind.part.path].lines
        for field, name, value in _settings(spec, kind):
            held = [_value(line, name) for line in lines]
            values = dict.fromkeys(each for each in held if each is not None)
            if set(values) != ({value} if value is not None else set()):
                found.append(Change(field, ", ".join(each or "yes" for each in values) or None, value or _yes(value)))
    return found


def apply(host: Host, spec: PasswordPolicySpec, state: PasswordPolicyState) -> None:
    """One write a file."""
    for kind in _given(spec):
        whole = state.files[kind.part.path]
        lines = desired(spec, kind, whole.lines)
        if lines != whole.lines:
            parts.write(host, kind.part, whole, whole.joined(lines))


def desired(spec: PasswordPolicySpec, kind: _Kind, lines: Sequence[str]) -> list[str]:
    """The lines of one file as they should be."""
    result = list(lines)
    for _, name, value in _settings(spec, kind):
        if value is None:
            result = [line for line in result if _value(line, name) is None]
            continue
        wanted = f"{name}{kind.separator}{value}" if value else name
        result = [wanted if _value(line, name) not in (None, value) else line for line in result]
        if all(_value(line, name) is None for line in result):
            result.append(wanted)
    return result


def paths(spec: PasswordPolicySpec) -> Sequence[str]:
    """See `ResourceType`."""
    return [kind.part.path for kind in _given(spec)]


PASSWORD_POLICY: Final = ResourceType(
    spec=PasswordPolicySpec, check=check, diff=diff, apply=apply, paths=paths, confinable=True, of_machine=True
)


def _given(spec: PasswordPolicySpec) -> Iterator[_Kind]:
    return (kind for kind in _KINDS if any(getattr(spec, field) is not None for field in kind.names))


def _settings(spec: PasswordPolicySpec, kind: _Kind) -> Iterator[tuple[str, str, str | None]]:
    """Field, name in the file, and value: empty for a word that stands alone, None for one that is not to be there."""
    for field, name in kind.names.items():
        value = getattr(spec, field)
        if value is not None:
            yield field, name, str(-value if field in _CREDITS else int(value) if isinstance(value, bool) else value)
    if kind.root:
        yield "policy", kind.root, "" if spec.policy == "everyone" else None


def _value(line: str, name: str) -> str | None:
    """What a line says of a setting; None when it is about another, or a comment."""
    match = re.match(rf"\s*{name}(?:\s*=\s*|\s+|$)(.*)$", line)
    return None if match is None else match[1].partition("#")[0].strip()


def _yes(value: str | None) -> str | None:
    return None if value is None else "yes"


def _asked_for(host: Host, module: str) -> bool:
    known: dict[str, str] | None = host.memo.get(_PAM)
    if known is None:
        known = host.memo[_PAM] = {"": "\n".join(_services(host))}
    return f"{module}.so" in known[""]


def _services(host: Host) -> Iterator[str]:
    """The lines of PAM's services that are no comments."""
    stat = host.lstat(_PAM)
    for name in [] if stat is None else host.listdir(_PAM)[:_MAX_SERVICES]:
        try:
            text = host.read(f"{_PAM}/{name}").decode("utf-8", "replace")
        except (OSError, HostFault):
            continue  # a link, as Fedora's are: what it leads to is here too
        yield from (line for line in text.splitlines() if not line.lstrip().startswith("#"))
