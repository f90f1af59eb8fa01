"""OpenSSH's file of allowed signers, read whole or not at all. Source: ssh-keygen(1), ALLOWED SIGNERS.

Narrower than ssh-keygen: a line names one person, not a pattern of them, and no certificate authority. A time without
`Z` is UTC here and the local time there.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final, NamedTuple

from reconciler.repository.signatures.commits import SignatureRefused
from reconciler.repository.signatures.sshkeys import SshKey
from reconciler.repository.signatures.sshsig import NAMESPACE
from schema.errors import Invalid
from schema.time import Instant

MAX_BYTES: Final = 512 * 1024
MAX_LINES: Final = 2_000
_MAX_SHOWN: Final = 20

_OPTION: Final = re.compile(r'([a-z-]+)(?:="([^"]*)")?(?:,|\s|$)')
_OPTIONS: Final = frozenset({"namespaces", "valid-after", "valid-before", "cert-authority"})
_FORMS: Final = {8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}


class AllowedSignersRefused(Invalid):
    """A file of allowed signers with lines that cannot be taken over; the message names them."""

    code = "signers.file_refused"


class Allowed(NamedTuple):
    """One line."""

    principal: str
    key: SshKey
    valid_after: Instant | None
    valid_before: Instant | None


def read(text: str) -> list[Allowed]:
    """The lines of such a file that are for git.

    Raises:
        AllowedSignersRefused: too large, or a line that means something else here than for ssh-keygen.
    """
    lines = text.splitlines()
    if len(text.encode("utf-8", "replace")) > MAX_BYTES or len(lines) > MAX_LINES:
        raise AllowedSignersRefused(f"the file has more than {MAX_LINES} lines or {MAX_BYTES} bytes")
    found: list[Allowed] = []
    complaints: list[str] = []
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            one = _line(line.strip())
        except (SignatureRefused, ValueError) as error:
            complaints.append(f"line {number}: {getattr(error, 'message', error)}")
        else:
            found += [one] if one is not None else []
    if complaints:
        more = f"; and {len(complaints) - _MAX_SHOWN} more" if len(complaints) > _MAX_SHOWN else ""
        raise AllowedSignersRefused("; ".join(complaints[:_MAX_SHOWN]) + more)
    return found


def _line(line: str) -> Allowed | None:
    """None where it is for other namespaces than git's."""
    principal, _, rest = line.partition(" ")
    principal = principal.strip('"')
    if set(principal) & set(",*?!"):
        raise ValueError(f"{principal[:80]!r} names more than one person; write a line for each")
    options, rest = _options(rest.strip())
    if "cert-authority" in options:
        raise ValueError("signatures by certificates are not verified; name the keys themselves")
    namespaces = options.get("namespaces")
    if namespaces is not None and not {NAMESPACE, "*"} & set(namespaces.split(",")):
        return None
    after, before = _time(options.get("valid-after")), _time(options.get("valid-before"))
    return Allowed(principal, SshKey.parse(rest), after, before)


def _options(text: str) -> tuple[dict[str, str], str]:
    options: dict[str, str] = {}
    while True:
        found = _OPTION.match(text)
        if found is None or (found[1] not in _OPTIONS and found[2] is None):
            return options, text
        if found[1] not in _OPTIONS or found[1] in options:
            raise ValueError(f"the option {found[1]} is unknown, or stands twice")
        options[found[1]] = found[2] or ""
        text = text[found.end() :].lstrip()


def _time(text: str | None) -> Instant | None:
    if text is None:
        return None
    digits = text.removesuffix("Z")
    form = _FORMS.get(len(digits))
    if form is None or not digits.isdigit():
        raise ValueError(f"{text[:40]!r} is not a time: YYYYMMDD, YYYYMMDDHHMM or YYYYMMDDHHMMSS, then Z")
    return round(datetime.strptime(digits, form).replace(tzinfo=UTC).timestamp()) * 1_000_000
