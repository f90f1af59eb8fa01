"""git(1), for a checkout whose repository nobody here trusts.

Nothing of a repository, of the machine or of a user configures it: hooks, filters, helpers, pagers and submodules do
nothing, and only https and ssh are spoken. The URL, which may hold a secret, and the means to reach it go in through
the environment. Objects are checked as they come, so that no tree has `.git` or `..` in it.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from agent.hosts import Host, HostFault, Ran

CONFIG: Final = (
    b"[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = false\n\tlogallrefupdates = false\n"
)
"""All that the configuration of a checkout holds."""
REMOTE: Final = "vigo"
_LOCAL_TIMEOUT_S: Final = 600.0
_SAFE: Final = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.attributesFile=/dev/null",
    "core.excludesFile=/dev/null",
    "core.protectHFS=true",
    "core.protectNTFS=true",
    "core.pager=cat",
    "core.editor=false",
    "credential.helper=",
    "diff.external=",
    "fetch.fsckObjects=true",
    "fetch.recurseSubmodules=false",
    "gc.autoDetach=false",
    "http.lowSpeedLimit=100",
    "http.lowSpeedTime=60",
    "http.sslVerify=true",
    "init.defaultBranch=main",
    "protocol.allow=never",
    "protocol.https.allow=always",
    "protocol.ssh.allow=always",
    "safe.directory=*",
    "submodule.recurse=false",
    "transfer.fsckObjects=true",
)
_ENVIRONMENT: Final = {
    "GIT_ALLOW_PROTOCOL": "https:ssh",
    "GIT_ASKPASS": "/bin/false",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_LFS_SKIP_SMUDGE": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "SSH_ASKPASS": "/bin/false",
}
_SSH: Final = "ssh -oBatchMode=yes -oStrictHostKeyChecking=yes -oPermitLocalCommand=no -oClearAllForwardings=yes"


class Repository(NamedTuple):
    """A checkout, and how its server is reached."""

    path: str
    url: str
    user: str | None
    key_file: str | None
    ca_file: str | None
    timeout_s: float


def commit_of(host: Host, repository: Repository, revision: str) -> str:
    """The commit that a branch or tag of the server is now. Asked once until the host changes.

    Raises:
        HostFault: it cannot be reached, has no such name, or has two.
    """
    return _found(host, repository, revision)[1]


def head(host: Host, repository: Repository) -> str | None:
    """The commit that is checked out; None: there is none yet."""
    ran = _local(host, repository, ["rev-parse", "--verify", "--quiet", "HEAD^{commit}"])
    return ran.text.strip() if ran.code == 0 else None


def changed(host: Host, repository: Repository) -> list[str]:
    """Files of the checkout that are not as its commit has them."""
    ran = _local(
        host,
        repository,
        ["status", "--porcelain=v1", "-z", "--untracked-files=no", "--no-renames", "--ignore-submodules=all"],
    )
    _succeeded("status", ran)
    return sorted(entry[3:].decode("utf-8", "replace") for entry in ran.stdout.split(b"\0") if len(entry) > 3)


def create(host: Host, repository: Repository) -> None:
    """An empty repository, with nothing from a template."""
    _succeeded("init", _local(host, repository, ["init", "--quiet", "--template="]))


def fetch(host: Host, repository: Repository, revision: str, commit: str) -> None:
    """Have a commit at hand: of the name, or where it was asked for by its id, among all branches and tags.

    Raises:
        HostFault: it is not to be had, or what came is not sound.
    """
    if _has(host, repository, commit):
        return
    if revision == commit:
        refs = [f"+refs/{kind}/*:refs/{REMOTE}/{kind}/*" for kind in ("heads", "tags")]
    else:
        refs = [f"+{ref}:refs/{REMOTE}/desired" for ref in [_found(host, repository, revision)[0]]]
    words = ["fetch", "--quiet", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head", "--refmap=", "--"]
    ran = _local(host, repository, [*words, REMOTE, *refs], timeout_s=repository.timeout_s)
    _succeeded("fetch", ran)
    if not _has(host, repository, commit):
        raise HostFault(f"no branch or tag of the repository has commit {commit}")


def checkout(host: Host, repository: Repository, commit: str, *, force: bool) -> None:
    """Make the directory that commit; with `force`, whatever was changed in it."""
    words = [
        "checkout",
        "--quiet",
        "--detach",
        "--no-recurse-submodules",
        *(["--force"] if force else []),
        commit,
        "--",
    ]
    _succeeded("checkout", _local(host, repository, words))


def _has(host: Host, repository: Repository, commit: str) -> bool:
    return _local(host, repository, ["cat-file", "-e", f"{commit}^{{commit}}"]).code == 0


def _found(host: Host, repository: Repository, revision: str) -> tuple[str, str]:
    """(whole name, commit) of a branch or tag of the server."""
    key = ("git", repository._replace(path=""), revision)
    known: tuple[str, str] | None = host.memo.get(key)
    if known is None:
        known = host.memo[key] = _looked_up(host, repository, revision)
    return known


def _looked_up(host: Host, repository: Repository, revision: str) -> tuple[str, str]:
    names = [revision] if revision.startswith("refs/") or revision == "HEAD" else []
    names = names or [f"refs/heads/{revision}", f"refs/tags/{revision}"]
    asked = [pattern for name in names for pattern in (name, f"{name}^{{}}")]
    ran = _run(host, repository, ["ls-remote", "--quiet", "--", REMOTE, *asked], timeout_s=repository.timeout_s)
    _succeeded("ls-remote", ran)
    lines: dict[str, str] = {}
    for line in ran.text.splitlines():
        shown, _, name = line.partition("\t")
        lines[name] = shown
    there = [name for name in names if name in lines]
    if len(there) != 1:
        how = (
            f"no branch or tag {revision}"
            if not there
            else f"a branch and a tag {revision}: write refs/heads/{revision}"
        )
        raise HostFault(f"the repository has {how}")
    commit = lines.get(f"{there[0]}^{{}}", lines[there[0]])
    if len(commit) not in (40, 64) or not set(commit) <= set("0123456789abcdef"):
        raise HostFault("the server answered with what is no commit")
    return there[0], commit


def _local(host: Host, repository: Repository, words: list[str], *, timeout_s: float = _LOCAL_TIMEOUT_S) -> Ran:
    place = [f"--git-dir={repository.path}/.git", f"--work-tree={repository.path}"]
    return _run(host, repository, [*place, *words], timeout_s=timeout_s)


def _run(host: Host, repository: Repository, words: list[str], *, timeout_s: float) -> Ran:
    config = [word for setting in _SAFE for word in ("-c", setting)]
    ssh = _SSH if repository.key_file is None else f"{_SSH} -oIdentitiesOnly=yes -i {_quoted(repository.key_file)}"
    env = {
        **_ENVIRONMENT,
        "GIT_SSH_COMMAND": ssh,
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"remote.{REMOTE}.url",
        "GIT_CONFIG_VALUE_0": repository.url,
    }
    if repository.ca_file is not None:
        env["GIT_SSL_CAINFO"] = repository.ca_file
    return host.run(["git", *config, *words], timeout_s=timeout_s, env=env, cwd="/", user=repository.user)


def _quoted(path: str) -> str:
    """For the shell through which git starts ssh."""
    return "'" + path.replace("'", "'\\''") + "'"


def _succeeded(what: str, ran: Ran) -> None:
    if ran.timed_out or ran.code != 0:
        raise HostFault(f"git {what} failed: {ran.complaint}")
