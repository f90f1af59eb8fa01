"""The story: each step does something real, then looks whether it came true."""

from __future__ import annotations

import difflib
import json
import os
import secrets
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

from api.cli.access import READY_FILE, discover
from api.cli.client import Client
from api.cli.demo.processes import Processes
from api.cli.demo.scenario import SCENARIO, repository
from api.cli.demo.screen import Screen, Stopwatch
from api.cli.exits import Problem
from reconciler import graph
from reconciler.documents import edit
from reconciler.repository import write
from schema.errors import Fault

T = TypeVar("T")

PATIENCE_S: Final = 60.0
GLANCE_S: Final = 0.02
AUTHOR: Final = write.Author("Vigo demo", "demo@example.com")


class StepFailed(Exception):
    """A step did not hold."""

    def __init__(self, step: str, why: str) -> None:
        super().__init__(f"{step}: {why}")
        self.step: Final = step
        self.why: Final = why


class Story:
    """One telling, in one directory, told to one screen."""

    def __init__(self, stage: Path, processes: Processes, screen: Screen) -> None:
        self._stage: Final = stage
        self._processes: Final = processes
        self._screen: Final = screen
        self._data: Final = stage / "data"
        self._repository: Final = write.init(stage / "repo")
        self._client: Final = Client(lambda: discover(data_dir=self._data))
        self._cache: Final = graph.Cache()
        self._step_name = "start"
        self._commit = ""
        self._secrets: dict[str, str] = {}

    def tell(self) -> None:
        """Tell the whole story.

        Raises:
            StepFailed: at the first step that does not hold.
        """
        self._screen.title(
            "Vigo: a commit becomes a converged fleet",
            f"a server and three agents on this machine, all of it below {self._stage}",
        )
        clock = Stopwatch()
        self._commit_the_repository()
        self._start_the_server()
        self._set_the_secrets()
        self._enrol_three_hosts()
        self._wait_until_all_converged()
        self._change_one_value()
        self._damage_a_file()
        self._trace_a_value()
        self._check_the_record()
        self._screen.end(f"every step held, in {clock}")

    def stay(self) -> None:
        """Say where everything is, and stay until somebody ends it.

        Raises:
            StepFailed: the server or an agent ended by itself.
        """
        made = self._client.post("/api/v1/auth/tokens", {"name": "demo", "user": "admin", "expires_in": "12h"})
        address = self._client.access.server
        self._screen.closing(
            (
                ("explorer", f"{address}/graphiql"),
                ("REST", f"{address}/api/v1/envoys"),
                ("token", made["token"]),
                ("CA", str(self._client.access.ca)),
                ("command line", f"vigo envoys list --data-dir {self._data}"),
                ("repository", f"{self._stage / 'repo'}   (edit, commit, and watch)"),
                ("hosts", str(self._stage / "hosts")),
                ("end", "Ctrl-C; everything is removed"),
            )
        )
        with self._step("stay"):
            while True:
                self._refuse_ended()
                time.sleep(0.5)

    # The steps.

    def _commit_the_repository(self) -> None:
        with self._told("An example company's configuration is committed", "committing"):
            source = repository()
            content = {
                str(path.relative_to(source)): path.read_bytes() for path in sorted(source.rglob("*")) if path.is_file()
            }
            self._commit = write.commit(self._repository, write.DEFAULT_BRANCH, content, AUTHOR, "Our baseline")
            compiled = self._compiled()
            self._screen.done(f"{len(content)} files, commit {self._commit[:12]}, valid")
            self._screen.say(f"{len(compiled.profiles)} kinds of host are described")

    def _start_the_server(self) -> None:
        with self._told("A server starts, with a certificate authority and a database of its own", "starting"):
            clock = Stopwatch()
            loopback = ("--host", "127.0.0.1", "--port", "0", "--gateway-host", "127.0.0.1", "--gateway-port", "0")
            self._start(
                "server",
                ("api", "serve", "--repo", str(self._stage / "repo"), "--data-dir", str(self._data), *loopback),
            )
            self._until("the server answers", self._answers)
            status = self._until("the commit is in force", lambda: self._in_force(self._commit))
            self._screen.done(f"{self._client.access.server} answers over TLS after {clock}")
            self._screen.done(f"version {status['version']} is in force")

    def _set_the_secrets(self) -> None:
        names = sorted({name for host in SCENARIO.hosts for name in self._profile(host).secrets})
        if not names:
            return
        with self._told("The secrets that git only names are set", "setting"):
            for name in names:
                self._secrets[name] = secrets.token_urlsafe(24)
                self._client.put(f"/api/v1/secrets/{name}", {"value": self._secrets[name]})
            known = {item["name"] for item in self._client.get("/api/v1/secrets")["secrets"]}
            self._expect(set(names) <= known, f"the server knows {sorted(known)}")
            self._screen.done(f"{', '.join(names)}: stored sealed, shown to nobody again")

    def _enrol_three_hosts(self) -> None:
        with self._told("Three hosts enrol, each with a token that works once", "enrolling"):
            for host in SCENARIO.hosts:
                token = self._client.post("/api/v1/bootstrap/tokens", {"hostname": host})["token"]
                self._host(host).mkdir(parents=True)
                self._start(f"enrol-{host}", ("agent", "enrol", *self._enrolment(host)), VIGO_TOKEN=token)
                self._until(f"{host} is enrolled", partial(self._processes.finished, f"enrol-{host}"))
                self._start(host, ("agent", "run", *self._confined(host)))
                where = self._host(host).relative_to(self._stage)
                self._screen.done(f"{host} has a certificate and runs; its root is {where}")

    def _wait_until_all_converged(self) -> None:
        with self._told("Each becomes what the commit says", "converging"):
            runs = {host: self._until_converged(host) for host in SCENARIO.hosts}
            rows = [
                (
                    host,
                    run["status"],
                    run["total"],
                    run["changed"],
                    run["skipped"],
                    f"{run['duration_us'] / 1000:.0f} ms",
                )
                for host, run in runs.items()
            ]
            self._screen.table(("host", "status", "resources", "changed", "skipped", "took"), rows)
            for host in SCENARIO.hosts:
                self._expect(self._read(host, SCENARIO.damaged) != "", f"{SCENARIO.damaged} on {host} is empty")
            self._screen.done(
                "all three are converged; packages and services are skipped, as the hosts are directories"
            )
            for name, value in self._secrets.items():
                self._secret_reached_its_hosts_alone(name, value, runs)

    def _secret_reached_its_hosts_alone(self, name: str, value: str, runs: dict[str, dict[str, Any]]) -> None:
        entitled = {host for host in SCENARIO.hosts if name in self._profile(host).secrets}
        for host, run in runs.items():
            files = (path for path in self._host(host).rglob("*") if path.is_file())
            found = [path for path in files if value.encode() in path.read_bytes()]
            self._expect(bool(found) == (host in entitled), f"{name} is in {len(found)} files of {host}")
            report = json.dumps(self._client.get(f"/api/v1/runs/{run['id']}"))
            self._expect(value not in report, f"the report of {host} shows the value of {name}")
        self._screen.done(f"the secret {name} is on {', '.join(sorted(entitled))} alone, and masked in its report")

    def _change_one_value(self) -> None:
        before = self._catalogs()
        files = {host: self._read(host, SCENARIO.watched) for host in SCENARIO.hosts}
        with self._told(f"One value is committed: {SCENARIO.path[-1]} in {SCENARIO.file}", "converging"):
            source = (self._stage / "repo" / SCENARIO.file).read_text("utf-8")
            changed = edit.set_value(source, SCENARIO.path, SCENARIO.value)
            self._screen.diff(_diff(source, changed, SCENARIO.file))
            clock = Stopwatch()
            self._commit = write.commit(
                self._repository,
                write.DEFAULT_BRANCH,
                {SCENARIO.file: changed.encode()},
                AUTHOR,
                f"Set {SCENARIO.path[-1]} to {SCENARIO.value}",
            )
            after = self._catalogs()
            reached = [pattern for pattern in after if after[pattern] != before.get(pattern)]
            here = [host for host in SCENARIO.hosts if self._profile(host).match_pattern in reached]
            for host in here:
                self._until_converged(host)
            took = str(clock)
            self._expect(bool(here), "the change reaches none of the three hosts")
            self._screen.done(f"it reaches {len(reached)} of {len(after)} kinds of host: {', '.join(reached)}")
            self._screen.done(f"commit → all of them converged: {took}")
            for host in SCENARIO.hosts:
                differs = self._read(host, SCENARIO.watched) != files[host]
                self._expect(differs == (host in here), f"{SCENARIO.watched} on {host}: changed is {differs}")
            self._screen.say(f"on the disk of {', '.join(here)}:")
            self._screen.diff(_diff(files[here[0]], self._read(here[0], SCENARIO.watched), SCENARIO.watched))
            untouched = [host for host in SCENARIO.hosts if host not in here]
            self._screen.done(f"{', '.join(untouched)}: not touched")

    def _damage_a_file(self) -> None:
        host = SCENARIO.hosts[0]
        target = self._host(host) / SCENARIO.damaged.lstrip("/")
        with self._told(f"Somebody damages {SCENARIO.damaged} on {host}", "damaging"):
            good = target.read_bytes()
            seen = {run["id"] for run in self._runs(host)}
            clock = Stopwatch()
            target.write_text(SCENARIO.damage)
            self._until("the file is as it was", lambda: target.read_bytes() == good)
            took = str(clock)
            run = self._until("the repair is reported", lambda: self._corrective(host, seen))
            self._screen.done(f"seen through the kernel and repaired after {took}")
            fixed = [item for item in run["resources"] if item["corrective"]]
            self._screen.done(f"reported as drift: {', '.join(item['id'] for item in fixed)}, run {run['id']}")
            self._screen.diff(fixed[0]["diff"])

    def _trace_a_value(self) -> None:
        host = SCENARIO.hosts[0]
        with self._told(f"Why does {host} have that value?", "tracing"):
            trace = self._client.get("/api/v1/config/trace", hostname=host, places="true")
            found = next(
                (var for var in trace["var_sources"] if var["key"] == SCENARIO.path[-1] and var.get("place")), None
            )
            if found is None:
                raise StepFailed(self._step_name, f"the trace of {host} does not place {SCENARIO.path[-1]}")
            place = found["place"]
            line = (self._stage / "repo" / place["file"]).read_text("utf-8").splitlines()[place["line"] - 1]
            self._expect(found["value"] == SCENARIO.value, f"the trace says {found['value']!r}")
            self._expect(str(SCENARIO.value) in line, f"{place['file']}:{place['line']} is {line!r}")
            self._screen.done(f"{found['key']} = {found['value']!r} comes from {found['source']}")
            self._screen.done(f"{place['file']}:{place['line']}:{place['column']}  {line.strip()}")

    def _check_the_record(self) -> None:
        with self._told("Who did what is on record", "verifying"):
            verdict = self._client.get("/api/v1/audit/verify")
            self._expect(verdict["valid"], verdict["error"])
            self._screen.done(f"the hash chain of {verdict['entry_count']} audit entries is whole")

    # What the steps are made of.

    @contextmanager
    def _told(self, title: str, doing: str) -> Iterator[None]:
        with self._screen.step(title, doing), self._step(title):
            yield

    @contextmanager
    def _step(self, name: str) -> Iterator[None]:
        self._step_name = name
        try:
            yield
        except (Problem, Fault) as error:
            raise StepFailed(name, error.message) from error
        except OSError as error:
            raise StepFailed(name, str(error)) from error

    def _expect(self, holds: bool, otherwise: str) -> None:
        if not holds:
            raise StepFailed(self._step_name, otherwise)

    def _until(self, what: str, look: Callable[[], T | None]) -> T:
        """Look until there is something true to see."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            found = look()
            if found:
                return found
            self._refuse_ended()
            self._expect(time.monotonic() < deadline, f"waited {PATIENCE_S:.0f} s in vain until {what}")
            time.sleep(GLANCE_S)

    def _refuse_ended(self) -> None:
        for name, code in self._processes.ended().items():
            self._expect(code == 0 and name.startswith("enrol-"), f"{name} ended by itself, with exit code {code}")

    def _start(self, name: str, module_and_arguments: tuple[str, ...], **variables: str) -> None:
        # Only what a program needs: the demo's children see none of the user's VIGO_* settings.
        kept = {key: os.environ[key] for key in ("PATH", "LANG", "LC_ALL", "TZ", "TMPDIR") if key in os.environ}
        source = [str(Path(__file__).resolve().parents[3]), *filter(None, [os.environ.get("PYTHONPATH")])]
        python = {"PYTHONPATH": os.pathsep.join(source), "PYTHONUNBUFFERED": "1"}
        environment = kept | python | {"HOME": str(self._stage)} | variables
        command = (sys.executable, "-m", *module_and_arguments)
        self._processes.start(name, command, environment=environment, cwd=self._stage)

    def _host(self, host: str) -> Path:
        return self._stage / "hosts" / host / "root"

    def _confined(self, host: str) -> tuple[str, ...]:
        return ("--root", str(self._host(host)), "--state", str(self._stage / "hosts" / host / "state"))

    def _enrolment(self, host: str) -> tuple[str, ...]:
        return ("--server", self._client.access.server, *self._confined(host))

    def _read(self, host: str, path: str) -> str:
        target = self._host(host) / path.lstrip("/")
        return target.read_text("utf-8", "replace") if target.exists() else ""

    def _profile(self, host: str) -> graph.Profile:
        found = self._compiled().match(host)
        if found is None:
            raise StepFailed(self._step_name, f"no match block names {host}")
        return found

    def _catalogs(self) -> dict[str, str]:
        """Match pattern → digest of what its hosts are to be."""
        return {item.match_pattern: item.catalog_sha256 for item in self._compiled().profiles.values()}

    def _compiled(self) -> graph.Graph:
        compilation = graph.compile_tree(self._repository.tree(self._commit), self._cache)
        if compilation.graph is None:
            raise StepFailed(self._step_name, "\n".join(map(str, compilation.diagnostics)))
        return compilation.graph

    def _answers(self) -> bool:
        if not (self._data / READY_FILE).exists():
            return False
        try:
            self._client.get("/healthz")
        except Problem:
            return False
        return True

    def _in_force(self, commit: str) -> dict[str, Any] | None:
        status: dict[str, Any] = self._client.get("/api/v1/config/status")
        return status if status.get("commit") == commit else None

    def _runs(self, host: str) -> list[dict[str, Any]]:
        return list(self._client.get("/api/v1/runs", hostname=host, limit=20)["runs"])

    def _until_converged(self, host: str) -> dict[str, Any]:
        def look() -> dict[str, Any] | None:
            run = next((run for run in self._runs(host) if run["commit"] == self._commit), None)
            self._expect(run is None or run["status"] == "converged", f"{host}: {run and self._why(run)}")
            return run

        return self._until(f"{host} is converged on {self._commit[:12]}", look)

    def _why(self, run: dict[str, Any]) -> str:
        detail = self._client.get(f"/api/v1/runs/{run['id']}")
        failed = [f"{item['id']}: {item['error']}" for item in detail["resources"] if item["outcome"] == "failed"]
        return f"{run['status']} {run['error']} {'; '.join(failed)}"

    def _corrective(self, host: str, seen: set[str]) -> dict[str, Any] | None:
        for run in self._runs(host):
            if run["id"] not in seen and run["corrective"]:
                detail: dict[str, Any] = self._client.get(f"/api/v1/runs/{run['id']}")
                return detail
        return None


def _diff(before: str, after: str, name: str) -> str:
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), name, name, lineterm="", n=1)
    return "\n".join(lines)
