"""A server that writes to a git repository, without agents: what is committed is in force as soon as it is looked at."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from api.services import revisions
from api.services.pki import keyfiles
from api.services.signers import Judge
from api.workers.archive import Archive
from api.workers.committer import GitCommitter, open_signing_key
from reconciler import graph, repository
from reconciler.repository import write
from reconciler.repository.repository import Repository
from schema.diagnostics import Severity
from tests.server import Server

AUTHOR = write.Author("Jane Doe", "jane@example.com")
START = {
    "vigo.vgo": b"language: 1\n",
    "common.vgo": b"# what all hosts have\nvars:\n  port: 80  # plain\nconfigcrates: [motd]\n",
    "web.vgo": b'envoys:\n  - match: "web*.example.com"\n',
    "configcrates/motd.vgo": b"name: motd\nresources:\n  - {name: dir, type: directory, path: /srv/motd}\n",
}


class WritingServer(Server):
    """A server over a repository of this machine, or the copy of a remote."""

    def __init__(
        self, folder: Path, url: Path | str, *, access: repository.Access | None = None, **options: Any
    ) -> None:
        super().__init__(folder / "data", **options)
        cache = folder / "cache"
        self.git = repository.open(url, cache_dir=cache, access=access)
        self.looks = 0
        self.blind = False
        """Whether the loop looks away: nothing comes into force."""
        keyfiles.make_private(folder / "data/pki")
        self.committer = GitCommitter(
            repository.open(url, cache_dir=cache, access=access),
            "main",
            open_signing_key(folder / "data/pki"),
            graph.Cache,
            protected=self.services.settings.protected,
            reload=self.look,
            judge=Judge(self.services, "main"),
        )
        self.services.committer = self.committer
        self.services.archive = Archive(repository.open(url, cache_dir=cache, access=access), graph.Cache)
        self.services.reload = self.look

    async def look(self) -> None:
        """Bring the tip into force, or say why not."""
        self.looks += 1
        if self.blind:
            return
        await asyncio.to_thread(self._look)

    def _look(self) -> None:
        self.git.fetch()
        commit = self.git.resolve("main")
        compiled = graph.compile_tree(self.git.tree(commit))
        errors = [each for each in compiled.diagnostics if each.severity is Severity.ERROR]
        info = self.git.commit_info(commit)
        author = f"{info.author} <{info.email}>"
        made = compiled.graph

        def judge(work: Any) -> None:
            if made is None:
                revisions.record_failure(work, commit=commit, diagnostics=errors)
            else:
                revisions.record_in_force(
                    work, commit=commit, plan_root=made.plan_root, compiled_ms=1.0, author=author, summary=info.summary
                )

        self.services.write_now(self.system, judge)
        if made is not None:
            self.services.graph = made


def start(path: Path, files: Mapping[str, bytes | None] = START, *, bare: bool = True) -> Repository:
    """A repository with these files on `main`."""
    made = write.init(path, bare=bare)
    write.commit(made, "main", dict(files), AUTHOR, "start")
    return made


def contents(git: Repository, rev: str = "main") -> dict[str, bytes]:
    """The files of a revision."""
    tree = git.tree(git.resolve(rev))
    return {path: tree.read(entry.oid) for path, entry in tree.entries().items()}
