"""What cron runs: crontab(5). Of a command its program alone, since arguments may hold secrets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from agent.hosts import Host
from agent.traits import sources

_SYSTEM: Final = ("/etc/crontab", "/etc/cron.d")
_OF_USERS: Final = ("/var/spool/cron/crontabs", "/var/spool/cron", "/etc/crontabs")
_SCRIPTS: Final = ("hourly", "daily", "weekly", "monthly")
_WORDS: Final = frozenset({"@reboot", "@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"})


def collect(host: Host) -> dict[str, Any]:
    """`cron.*` of `schema.traits`.

    Raises:
        sources.Partly: what users have set up may not be read.
    """
    files = ["/etc/crontab", *(f"/etc/cron.d/{name}" for name in sources.names(host, "/etc/cron.d") if _counts(name))]
    jobs = [job for path in files for job in _jobs(path, sources.readable(host, path), "")]
    why = ""
    for directory in _OF_USERS:
        try:
            users = [name for name in sources.names(host, directory) if _counts(name)]
            jobs += [
                job
                for user in users
                for job in _jobs(f"{directory}/{user}", sources.readable(host, f"{directory}/{user}"), user)
            ]
        except OSError as error:
            why = f"{directory}: {error.strerror}"
    found = {"jobs": jobs, "scripts": {each: _scripts(host, each) for each in _SCRIPTS}}
    if why:
        raise sources.Partly(found, why)
    return found


def _counts(name: str) -> bool:
    """Whether cron(8) reads a file of this name."""
    return "." not in name and not name.endswith("~") and name != "crontabs"


def _scripts(host: Host, every: str) -> list[str]:
    names = set(sources.names(host, f"/etc/cron.{every}")) | set(sources.names(host, f"/etc/periodic/{every}"))
    return sorted(name for name in names if not name.startswith("."))


def _jobs(path: str, content: str, user: str) -> Iterator[dict[str, str]]:
    """The jobs of a table: one of the system's names the user in each line, one of a user's does not."""
    for line in sources.meaningful(content):
        words = line.split()
        fields = 1 if words[0] in _WORDS else 5
        first = fields + (0 if user else 1)
        if len(words) <= first or (fields == 5 and not _schedules(words[:5])):
            continue
        whose = user or words[fields]
        yield {
            "file": path,
            "user": whose,
            "schedule": " ".join(words[:fields]),
            "program": next((word for word in words[first:] if "=" not in word.partition("/")[0]), "").strip("'\"()"),
        }


def _schedules(words: list[str]) -> bool:
    return all(word[0] in "*0123456789" or word[:3].isalpha() for word in words) and "=" not in words[0]
