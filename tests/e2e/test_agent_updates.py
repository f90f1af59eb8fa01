"""An agent comes onto a fresh host from a real build, becomes a newer one, and comes back from one that is broken."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent import separation
from api.cli import packing
from api.services.bootstrap import publish
from api.services.pki import Pki
from tests.e2e.site import BASE, ROOT, Site, until
from tests.factories import builds

HOST = "web01.example.com"
BROKEN = (
    "def _run(options: argparse.Namespace) -> int:\n",
    "def _run(options: argparse.Namespace) -> int:\n    return 7\n",
)

pytestmark = pytest.mark.skipif(
    subprocess.run(["sh", "-c", "command -v curl && command -v openssl"], capture_output=True).returncode != 0,
    reason="curl and openssl are needed, as on a host",
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site whose server offers agents what is built for them."""
    made = Site(tmp_path_factory.mktemp("updates"), forked=True)
    made.environment = {"VIGO_AGENT_UPDATE": "auto"}
    commit = made.commit({**BASE, "configcrates/motd.vgo": BASE["configcrates/motd.vgo"].replace(
        "/etc/site", str(made.path / "managed"))}, "our baseline")  # fmt: skip
    made.start()
    made.in_force(commit)
    yield made
    made.end()


def sign(site: Site, build: Path) -> None:
    done = site.command("api", "agent", "sign", str(build), "--data-dir", str(site.data), environment=os.environ)
    assert done.returncode == 0, done.stderr


def bootstrap(site: Site, prefix: Path, token: str, **environment: str) -> subprocess.CompletedProcess[str]:
    script = subprocess.run(
        ["curl", "-fsS", "--cacert", site.ca, f"{site.url}/bootstrap"], capture_output=True, check=True
    )
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(("VIGO_", "PIP_", "PYTHON"))}
    return subprocess.run(
        ["sh"],
        input=script.stdout.decode(),
        capture_output=True,
        text=True,
        timeout=120,
        env=inherited
        | {
            "VIGO_ENROLMENT_TOKEN": token,
            "VIGO_PREFIX": str(prefix),
            "VIGO_STATE": str(prefix.with_name("state")),
            "VIGO_PYTHON": sys.executable,
            "VIGO_NO_SERVICE": "1",
        }
        | environment,
    )


def offered(site: Site, build: Path) -> None:
    """A build is there when the server starts anew: agents are told as they come back, not at some heartbeat."""
    assert site.server is not None
    site.server.end()
    pki = Pki.open(site.data / "pki", now=time.time_ns() // 1000)
    publish(site.data / "artifacts", build, packing.draft_of(build.name), pki.signing_key, now=time.time_ns() // 1000)
    site.start()


def between(site: Site, match: str, then: str) -> dict[str, str]:
    """A PATH on which curl does something to the answers to some requests."""
    folder = site.path / f"bin-{len(list(site.path.glob('bin-*')))}"
    folder.mkdir()
    real = subprocess.run(["sh", "-c", "command -v curl"], capture_output=True, text=True, check=True).stdout.strip()
    (folder / "curl").write_text(
        f'#!/bin/sh\n{real} "$@" || exit\nfor last; do :; done\ncase $last in {match})\n'
        f'while [ "$1" != -o ]; do shift; done; {then};; esac\n'
    )
    (folder / "curl").chmod(0o755)
    return {"PATH": f"{folder}:{os.environ['PATH']}"}


def version_of(site: Site) -> str:
    return str(site.envoy(HOST)["agentVersion"])


def test_an_agent_is_installed_from_a_build_becomes_a_newer_one_and_comes_back_from_a_broken_one(site: Site) -> None:
    prefix = site.path / "fresh" / "opt"
    prefix.parent.mkdir()
    first = builds.zipapp()
    sign(site, first)
    token = site.token(HOST)

    # Nothing is unpacked that was tampered with, or that another key has signed.
    for environment, complaint in (
        (between(site, "*artifact*", 'printf x >>"$2"'), "not the one that was signed"),
        (between(site, "*signing-key", f'printf {"ab" * 32} >"$2"'), "signature over the agent does not match"),
        (
            between(site, "*release*", """sed -i 's/"size":/"size":1/' "$2" """),
            "signature over the agent does not match",
        ),
    ):
        done = bootstrap(site, prefix, token, **environment)
        assert done.returncode != 0
        assert complaint in done.stderr
        assert not prefix.exists()

    done = bootstrap(site, prefix, token)
    assert done.returncode == 0, done.stdout + done.stderr
    assert token not in done.stdout + done.stderr
    here = (prefix / "current").resolve()
    assert here.parent == (prefix / "versions").resolve()
    assert not (prefix / "trial").exists()

    log = site.path / "logs" / "installed.log"
    with log.open("ab") as file:
        agent = subprocess.Popen(
            [str(prefix / "launch"), "run", "--state", str(prefix.with_name("state"))],
            stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT, start_new_session=True, cwd="/",
        )  # fmt: skip
    try:
        until("it converges", lambda: site.envoy(HOST)["convergence"] == "converged", patience_s=60)
        until("its version is known", lambda: version_of(site) == first.name.split("-")[2])
        assert (site.path / "managed" / "motd").read_text() == f"hello from {HOST}\n"
        two = separation_is_possible()
        assert ("two processes" in status(prefix)) is two

        # A newer one is built: it is offered, verified, unpacked and in force, and the process goes on as that.
        offered(site, builds.variant(first, site.path / "second", "7.1.0"))
        until("it is the newer one", lambda: version_of(site) == "7.1.0", patience_s=90)
        until("it has checked in", lambda: not (prefix / "trial").exists())
        second = (prefix / "current").resolve()
        assert second != here
        assert (prefix / "previous").resolve() == here

        # One that does not run is put in force and taken back; it is not tried again.
        offered(site, builds.variant(first, site.path / "third", "7.2.0", cli=BROKEN))
        until(
            "it was taken back",
            lambda: (prefix / "returned").exists() and not (prefix / "trial").exists(),
            patience_s=90,
        )
        until("the one before is there", lambda: site.audit("envoy.update_returned"), patience_s=60)
        assert (prefix / "current").resolve() == second
        assert version_of(site) == "7.1.0"
        assert (prefix / "returned").read_text().startswith("7.2.0-")
        assert agent.poll() is None
        assert log.read_text().count("ended with 7 before the server greeted it") == 3
    finally:
        agent.terminate()
        agent.wait(30)


def separation_is_possible() -> bool:
    try:
        separation.ids(confined=False)
    except separation.Impossible:
        return False
    return True


def status(prefix: Path) -> str:
    return subprocess.run(
        [str(prefix / "launch"), "status", "--state", str(prefix.with_name("state"))],
        capture_output=True, text=True, timeout=30,
    ).stdout  # fmt: skip


@pytest.mark.slow
def test_a_self_contained_build_is_installed_where_no_python_is_wanted(site: Site) -> None:
    """Half a minute of processor time to build; the same script, unpacking and enrolment otherwise."""
    folder = site.path / "self-contained"
    done = subprocess.run(
        [sys.executable, "-m", "api", "agent", "build", "--self-contained", "--data-dir", str(site.data)],
        capture_output=True, text=True, cwd=ROOT, timeout=900,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    prefix = folder / "opt"
    folder.mkdir()
    hostname = "web09.example.com"
    (folder / "host").mkdir()
    installed = bootstrap(site, prefix, site.token(hostname), VIGO_PYTHON="none", VIGO_ROOT=str(folder / "host"))
    assert installed.returncode == 0, installed.stdout + installed.stderr
    program = prefix / "current" / "vigo-agent"
    assert program.read_bytes()[:4] == b"\x7fELF"
    ran = subprocess.run(
        [str(prefix / "launch"), "once", "--fetch", "--state", str(folder / "state")],
        capture_output=True, text=True, timeout=60, cwd="/",
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr
    # Every resource type is in it, and what is a Python for its children.
    asked = "import importlib; from schema.resources import NAMES; from agent.tools import fetch; fetch._source();"
    asked += " [importlib.import_module(f'{side}.resources.{name}') for name in NAMES for side in ('agent', 'schema')]"
    checked = subprocess.run([str(program), "-I", "-S", "-c", asked], capture_output=True, text=True, timeout=60)
    assert checked.returncode == 0, checked.stderr
