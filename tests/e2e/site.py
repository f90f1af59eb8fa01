"""A site of real processes: a server, agents each confined to a directory, and a git repository between them.

Everything lies in one directory of the test; logs of all processes too, so that a story can look into them, and so that
nothing of it outlives the test.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from typing import Any, TypeVar

import httpx

from reconciler.repository import write
from tests import ports, warm

ROOT = Path(__file__).parents[2]
AUTHOR = write.Author("Jane", "jane@example.com")
PATIENCE_S = 90.0

T = TypeVar("T")

BASE = {
    "vigo.vgo": "language: 1\n",
    "environments.vgo": "environments:\n  production: {}\n",
    "hosts.vgo": """
envoys:
  - match: "web*.example.com"
    environment: production
    configcrates: [motd]
""",
    "configcrates/motd.vgo": """
name: motd
vars: {greeting: hello}
resources:
  - name: dir
    type: directory
    path: /etc/site
    mode: "0755"
  - name: motd
    type: file
    path: /etc/site/motd
    mode: "0644"
    content: |
      {{ vars.greeting }} from {{ host.hostname }}
    depends_on: [dir]
""",
}


def until(what: str, look: Callable[[], T | None], *, patience_s: float = PATIENCE_S) -> T:
    """Look until there is something true to see."""
    deadline = time.monotonic() + patience_s
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < deadline, f"waited {patience_s:.0f} s in vain until {what}"
        time.sleep(0.02)


class Process:
    """One child process with a log of its own.

    Args:
        forked: have it forked with all that it imports, if that is possible; see `tests.warm`.
    """

    def __init__(
        self,
        name: str,
        command: list[str],
        log: Path,
        environment: Mapping[str, str] | None = None,
        *,
        forked: bool = False,
    ) -> None:
        self.name = name
        self.log = log
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("VIGO_")}
        env = inherited | {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1"} | dict(environment or {})
        self._child: subprocess.Popen[bytes] | warm.Warm
        with log.open("ab") as file, Path(os.devnull).open("rb") as nothing:
            given: dict[str, Any] = {"stdin": nothing.fileno(), "stdout": file.fileno(), "stderr": file.fileno()}
            if forked and command[0] == "-m" and "LD_PRELOAD" not in env:
                self._child = warm.Warm(command[1], command[2:], cwd=ROOT, env=env, **given)
            else:
                self._child = subprocess.Popen(
                    [sys.executable, *command], cwd=ROOT, env=env, start_new_session=True, **given
                )

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def code(self) -> int | None:
        """Its exit code; None while it runs."""
        return self._child.poll()

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal to the whole session; what is killed is gone then, with its ports and its locks."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._child.pid, number)
        if number is signal.SIGKILL:
            self._child.wait(PATIENCE_S)

    def wait(self, timeout_s: float = 10.0) -> int:
        return self._child.wait(timeout_s)

    def end(self) -> int:
        """End it politely, or else not."""
        self.kill(signal.SIGTERM)
        try:
            return self.wait(8.0)
        except subprocess.TimeoutExpired:
            return -1
        finally:
            self.kill()
            self._child.wait()


class Agent:
    """One agent: its state and the directory that stands for its host."""

    def __init__(self, site: Site, hostname: str, name: str = "") -> None:
        self.site = site
        self.hostname = hostname
        self.name = name or hostname
        self.root = site.path / "hosts" / self.name
        self.state = site.path / "agents" / self.name
        self.root.mkdir(parents=True)
        self.process: Process | None = None

    def path(self, name: str) -> Path:
        """Where a path of the host lies."""
        return self.root / name.lstrip("/")

    def read(self, name: str) -> str | None:
        """A file of the host; None while it is not there."""
        with contextlib.suppress(OSError):
            return self.path(name).read_text()
        return None

    def damage(self, name: str, text: str) -> None:
        """Have another content in a file of the host, in one step: emptied first, it would be repaired twice."""
        new = self.root.with_name(f"{self.root.name}.new")
        new.write_text(text)
        new.replace(self.path(name))

    def call(self, *arguments: str, environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """Run one command of the agent to its end."""
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("VIGO_")}
        done = self.site.command(
            "agent",
            *arguments,
            "--state",
            str(self.state),
            "--root",
            str(self.root),
            environment=inherited | {"PYTHONDONTWRITEBYTECODE": "1"} | dict(environment or {}),
        )
        with (self.site.path / "logs" / f"{self.name}.log").open("a") as log:
            log.write(done.stdout + done.stderr)
        return done

    def enrol(self, token: str | None = None, *, options: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
        """Enrol, with a fresh token unless one is given."""
        text = self.site.token(self.hostname) if token is None else token
        return self.call("enrol", "--server", self.site.url, *options, environment={"VIGO_TOKEN": text})

    def run(self) -> Process:
        """Start the agent."""
        log = self.site.path / "logs" / f"{self.name}.log"
        command = ["-m", "agent", "run", "--state", str(self.state), "--root", str(self.root)]
        self.process = Process(self.name, command, log, forked=self.site.forked)
        self.site.processes.append(self.process)
        return self.process

    def joined(self) -> Agent:
        """Enrolled and running."""
        done = self.enrol()
        assert done.returncode == 0, done.stderr
        self.run()
        return self

    @property
    def log(self) -> str:
        """All that it said."""
        return (self.site.path / "logs" / f"{self.name}.log").read_text()


class Site:
    """The whole site.

    Args:
        forked: its processes are forked, not executed, where that is the same but for the time it takes; not for
            figures of a process.
    """

    def __init__(self, path: Path, *, forked: bool = False) -> None:
        self.path = path
        self.forked = forked
        self.data = path / "data"
        self.processes: list[Process] = []
        self.server: Process | None = None
        self.environment: dict[str, str] = {}
        self.address = "127.0.0.1"
        """Where the server listens."""
        self.followed = str(path / "repo")
        """What the server follows: the repository here, or as what somebody serves it."""
        self._repository = write.init(path / "repo")
        self._ports = (ports.lasting(), ports.lasting())
        self._access: dict[str, str] = {}
        self._context: ssl.SSLContext | None = None
        self._client: httpx.Client | None = None
        (path / "logs").mkdir()

    # the repository

    def commit(
        self,
        changes: Mapping[str, str | bytes | None],
        message: str = "a change",
        *,
        branch: str = write.DEFAULT_BRANCH,
    ) -> str:
        """Commit; None removes a file."""
        encoded = {name: text.encode() if isinstance(text, str) else text for name, text in changes.items()}
        return write.commit(self._repository, branch, encoded, AUTHOR, message)

    def point(self, ref: str, commit: str | None) -> None:
        """Make a full ref name a commit, whatever it named before; None removes it."""
        if commit is None:
            self._repository.git.references.delete(ref)
        else:
            self._repository.git.references.create(ref, commit, force=True)

    # the server

    def start(self, *, wrapper: list[str] | None = None) -> Process:
        """Start the server, on the same ports each time. Returns when it is ready."""
        self.begin(wrapper=wrapper)
        ready = until("the server is ready", self._ready)
        self._ports = (int(ready["api"].rpartition(":")[2]), int(ready["gateway"].rpartition(":")[2]))
        self._access = json.loads((self.data / "local-access.json").read_text())
        self._context = ssl.create_default_context(cafile=self._access["ca"])
        self._forget()
        nothing = CookieJar(DefaultCookiePolicy(allowed_domains=()))
        self._client = httpx.Client(verify=self._context, timeout=60, trust_env=False, cookies=nothing)
        assert self.server is not None
        return self.server

    def begin(self, *, wrapper: list[str] | None = None) -> None:
        """Begin to start the server, and do not wait for it."""
        (self.data / "ready.json").unlink(missing_ok=True)
        api, gateway = self._ports
        command = ["-m", "api", "serve", "--repo", self.followed, "--data-dir", str(self.data)]
        command += ["--host", self.address, "--port", str(api), "--gateway-host", self.address]
        command += ["--gateway-port", str(gateway)]
        self.server = Process(
            "server", [*(wrapper or []), *command], self.server_log, self.environment, forked=self.forked
        )
        self.processes.append(self.server)

    def in_force_at_start(self) -> None:
        """Start with the base committed, and wait until it is in force."""
        commit = self.commit(BASE, "our baseline")
        self.start()
        self.in_force(commit)

    def back_to_base(self) -> None:
        """Bring the base into force again after another story, with nobody left of it."""
        self.end_agents()
        self.in_force(self.commit(BASE, "back to the baseline"))

    def _ready(self) -> dict[str, str] | None:
        assert self.server is not None
        assert self.server.code is None, self.server_log.read_text()[-4_000:]
        with contextlib.suppress(OSError, ValueError):
            return dict(json.loads((self.data / "ready.json").read_text()))
        return None

    @property
    def server_log(self) -> Path:
        return self.path / "logs" / "server.log"

    @property
    def url(self) -> str:
        """Of the API."""
        return self._access["server"]

    @property
    def credential(self) -> str:
        """The local administrator's, of this life of the server."""
        return self._access["token"]

    @property
    def ca(self) -> str:
        """Path of the CA's certificate."""
        return self._access["ca"]

    @property
    def gateway_port(self) -> int:
        return self._ports[1]

    def ask(self, method: str, path: str, *, token: str | None = None, **options: Any) -> httpx.Response:
        """Ask the API, as the local administrator unless a token is given ("" for nobody)."""
        assert self._client is not None
        shown = self._access["token"] if token is None else token
        headers = {"Authorization": f"Bearer {shown}"} if shown else {}
        return self._client.request(method, f"{self.url}{path}", headers=headers, **options)

    def _forget(self) -> None:
        """No connection is kept to a server that may be gone."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def command(
        self, module: str, *arguments: str, environment: Mapping[str, str], stdin: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Run `python -m` to its end, within a minute."""
        if self.forked:
            return warm.run(module, *arguments, cwd=ROOT, env=environment, timeout=60, stdin=stdin)
        return subprocess.run(
            [sys.executable, "-m", module, *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            cwd=ROOT,
            env=environment,
        )

    def get(self, path: str) -> Any:
        """JSON of a GET that succeeds."""
        answer = self.ask("GET", path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def token(self, hostname: str, **options: Any) -> str:
        """A fresh enrolment token."""
        answer = self.ask("POST", "/api/v1/bootstrap/tokens", json={"hostname": hostname, **options})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["token"])

    def set_secret(self, name: str, value: str) -> None:
        answer = self.ask("PUT", f"/api/v1/secrets/{name}", json={"value": value})
        assert answer.status_code == 200, answer.text

    def envoy(self, hostname: str) -> dict[str, Any]:
        return dict(self.get(f"/api/v1/envoys/{hostname}"))

    def runs(self, hostname: str) -> list[dict[str, Any]]:
        """Newest first."""
        return list(self.get(f"/api/v1/runs?hostname={hostname}&limit=200")["runs"])

    def audit(self, action: str) -> list[dict[str, Any]]:
        """Entries of one action, newest first."""
        return list(self.get(f"/api/v1/audit?type={action}&limit=200")["events"])

    def in_force(self, commit: str) -> None:
        """Wait until a commit is in force."""
        until(f"{commit[:12]} is in force", lambda: self.get("/api/v1/config/status")["commit"] == commit)

    def converged(self, agent: Agent, commit: str | None = None) -> dict[str, Any]:
        """Wait until a host is what it should be, under this commit; its newest run."""

        def look() -> dict[str, Any] | None:
            envoy = self.envoy(agent.hostname)
            if envoy["convergence"] != "converged" or (commit is not None and envoy["commit"] != commit):
                return None
            return self.runs(agent.hostname)[0]

        return until(f"{agent.hostname} is converged", look)

    def agent(self, hostname: str, name: str = "") -> Agent:
        return Agent(self, hostname, name)

    def end_agents(self) -> None:
        """End all agents that still run."""
        for process in reversed(self.processes):
            if process is not self.server and process.code is None:
                process.end()

    def end(self) -> None:
        """End all that still runs."""
        self._forget()
        for process in reversed(self.processes):
            if process.code is None:
                process.end()

    def artifacts(self) -> Iterator[Path]:
        """Every file that anybody has written, but for the keys and the state of agents."""
        for folder in (self.data, self.path / "logs", self.path / "agents"):
            yield from (path for path in sorted(folder.rglob("*")) if path.is_file())
