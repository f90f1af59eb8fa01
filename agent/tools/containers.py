"""docker(1) and podman(1), which take the same words: containers and images, many of them read in one call.

Free text never stands where an option could be: options have the form `--name=value`, and `--` comes before names.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from agent.hosts import Host, HostFault, Ran

QUERY_TIMEOUT_S: Final = 60.0
PULL_TIMEOUT_S: Final = 1800.0
CHANGE_TIMEOUT_S: Final = 300.0
_PER_CALL: Final = 40
"""What is told of one takes about 10 KiB, and a program's output is cut at 1 MiB."""
_MEMO: Final = "containers"
_UNKNOWN: Final = ("no such", "not known", "no container with name", "not found")


def runtime(host: Host, asked: str | None) -> str:
    """The runtime that is meant: `docker` or `podman`.

    Raises:
        HostFault: the host does not have it.
    """
    found = next((each for each in ([asked] if asked else ("docker", "podman")) if host.which(each)), None)
    if found is None:
        raise HostFault(f"there is no {asked or 'docker or podman'} on this host")
    return found


def unsupported(host: Host) -> str | None:
    """Why there can be no containers on this host; None when there can."""
    there = any(map(host.which, ("docker", "podman")))
    return None if there else "needs docker or podman, neither of which this host has"


def load(host: Host, program: str, kind: str, names: Iterable[str]) -> None:
    """Read these containers or images (`kind`) into the memo, those that it lacks, in one call.

    Raises:
        HostFault: the runtime does not answer.
    """
    known: dict[str, Mapping[str, Any] | None] = host.memo.setdefault((_MEMO, program, kind), {})
    lacking = sorted(set(names) - known.keys())
    for start in range(0, len(lacking), _PER_CALL):
        asked = lacking[start : start + _PER_CALL]
        found = _inspect(host, program, kind, asked)
        named = {name: each for each in found for name in _names(kind, each)}
        for name in asked:
            known[name] = named.get(name if kind == "container" else whole(name))


def one(host: Host, program: str, kind: str, name: str) -> Mapping[str, Any] | None:
    """What the runtime says of one container or image; None where there is none. Raises as `load`."""
    load(host, program, kind, [name])
    found: Mapping[str, Any] | None = host.memo[_MEMO, program, kind][name]
    return found


def whole(image: str) -> str:
    """The whole name of an image, with its registry and its tag or digest: all names of one image compare equal."""
    name, at, digest = image.partition("@")
    first, slash, _ = name.partition("/")
    if not slash or not ("." in first or ":" in first or first == "localhost"):
        name = f"docker.io/{name}" if slash else f"docker.io/library/{name}"
    if at:  # a tag beside a digest says nothing
        before, _, last = name.rpartition("/")
        return f"{before}/{last.partition(':')[0]}@{digest}"
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"


def pull(host: Host, program: str, image: str) -> None:
    """Fetch an image. Raises `HostFault`, as do all below."""
    _change(host, [program, "pull", "--quiet", "--", image], timeout_s=PULL_TIMEOUT_S)


def tag(host: Host, program: str, image: str, name: str) -> None:
    """Give an image another name."""
    _change(host, [program, "tag", image, name])


def remove_image(host: Host, program: str, image: str) -> None:
    """Remove an image, unless a container uses it."""
    _change(host, [program, "image", "rm", "--", image])


def create(
    host: Host, program: str, options: Sequence[str], words: Sequence[str], environment: Mapping[str, str]
) -> None:
    """Make a container; its environment goes through standard input."""
    lines = "".join(f"{name}={value}\n" for name, value in environment.items())
    argv = [program, "create", *options, *(["--env-file=/dev/stdin"] if lines else []), "--", *words]
    _change(host, argv, stdin=lines.encode("utf-8", "surrogateescape"))


def start(host: Host, program: str, name: str) -> None:
    """Start a container."""
    _change(host, [program, "start", "--", name])


def unpause(host: Host, program: str, name: str) -> None:
    """Let a container go on."""
    _change(host, [program, "unpause", name])


def stop(host: Host, program: str, name: str, *, timeout_s: int) -> None:
    """Ask a container to end, and end it when it has not after that time."""
    argv = [program, "stop", f"--time={timeout_s}", "--", name]
    _change(host, argv, timeout_s=timeout_s + CHANGE_TIMEOUT_S)


def rename(host: Host, program: str, old: str, new: str) -> None:
    """Give a container another name."""
    _change(host, [program, "rename", old, new])


def remove(host: Host, program: str, name: str) -> None:
    """Remove a container; its named volumes stay. None of that name is no error."""
    ran = host.run([program, "rm", "--force", "--", name], timeout_s=CHANGE_TIMEOUT_S)
    if ran.code != 0 and not _is_unknown(ran):
        raise HostFault(f"{program} rm: {ran.complaint}")


def _inspect(host: Host, program: str, kind: str, names: Sequence[str]) -> list[Mapping[str, Any]]:
    ran = host.run([program, kind, "inspect", "--", *names], timeout_s=QUERY_TIMEOUT_S)
    if ran.code != 0 and not _is_unknown(ran):
        raise HostFault(f"{program} {kind} inspect: {ran.complaint}")
    try:
        found = json.loads(ran.text or "[]")
    except ValueError as error:
        raise HostFault(f"{program} {kind} inspect answered something else than JSON") from error
    return [each for each in found if isinstance(each, dict)]


def _is_unknown(ran: Ran) -> bool:
    """Whether all that it complains of is that there is none of a name."""
    said = ran.stderr.decode("utf-8", "replace").lower().splitlines()
    return ran.code > 0 and all(any(word in line for word in _UNKNOWN) for line in said if line.strip())


def _names(kind: str, found: Mapping[str, Any]) -> list[str]:
    if kind == "container":
        return [str(found.get("Name", "")).removeprefix("/")]  # docker has it as a path
    return [whole(name) for key in ("RepoTags", "RepoDigests") for name in found.get(key) or () if "<none>" not in name]


def _change(host: Host, argv: Sequence[str], *, stdin: bytes = b"", timeout_s: float = CHANGE_TIMEOUT_S) -> None:
    ran = host.run(argv, input=stdin, timeout_s=timeout_s)
    if ran.code != 0:
        raise HostFault(f"{argv[0]} {argv[1]}: {ran.complaint}")
