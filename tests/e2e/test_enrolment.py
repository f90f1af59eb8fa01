"""Enrolment: one token, one host, once; and the script that does it all, checks first and runs nothing it cannot trust."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from api.services.pki import Pki
from schema.protocol.enrolment import EnrolmentToken
from tests.e2e.site import Site, until


def test_a_token_that_is_wrong_used_or_of_another_server_enrols_nobody(shared_site: Site, tmp_path: Path) -> None:
    site = shared_site
    before = _live(site)
    web, other = site.agent("web01.example.com"), site.agent("web02.example.com")
    good = site.token(web.hostname)
    parsed = EnrolmentToken.parse(good)
    foreign = Pki.open(tmp_path / "other-pki", now=1_795_348_800_000_000)
    for text, complaint in (
        (str(parsed._replace(secret="x" * 43)), "not accepted"),
        (str(parsed._replace(id="A" * 12)), "not accepted"),
        (str(EnrolmentToken.make(foreign.ca_sha256)), "CA"),
        ("vget_nonsense", "token"),
    ):
        done = other.enrol(text)
        assert done.returncode != 0
        assert complaint in done.stderr
        assert parsed.secret not in done.stderr
    assert _live(site) == before

    assert web.enrol(good).returncode == 0
    done = other.enrol(good)
    assert done.returncode != 0
    assert _live(site) == before | {web.hostname}
    assert not (other.state / "identity.json").exists()
    again = web.enrol(site.token("web03.example.com"))
    assert again.returncode == 3
    assert _live(site) == before | {web.hostname}


def _live(site: Site) -> set[str]:
    return {envoy["hostname"] for envoy in site.get("/api/v1/envoys")["envoys"]}


def script(site: Site, root: Path, token: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Fetch the script as an operator would, and run it below `root`."""
    fetched = subprocess.run(
        ["curl", "-fsS", "--cacert", site.ca, f"{site.url}/bootstrap"], capture_output=True, text=True, check=True
    )
    # A virtual environment of its own, from this very Python; its dependencies are taken from ours, not from an index.
    packages = Path(sys.prefix) / "lib" / f"python3.{sys.version_info.minor}" / "site-packages"
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(("VIGO_", "PIP_", "PYTHON"))}
    return subprocess.run(
        ["sh"],
        input=fetched.stdout,
        capture_output=True,
        text=True,
        timeout=120,
        env=inherited
        | {
            "VIGO_ENROLMENT_TOKEN": token,
            "VIGO_PREFIX": str(root / "opt"),
            "VIGO_STATE": str(root / "state"),
            "VIGO_ROOT": str(root / "host"),
            "VIGO_PYTHON": sys.executable,
            "VIGO_NO_SERVICE": "1",
            "PIP_NO_INDEX": "1",
            "PIP_NO_DEPS": "1",
            "PYTHONPATH": str(packages),
        }
        | environment,
    )


@pytest.mark.skipif(
    subprocess.run(["sh", "-c", "command -v curl openssl"], capture_output=True).returncode != 0,
    reason="curl and openssl are needed, as on a host",
)
def test_the_script_brings_a_host_from_nothing_to_converged_and_trusts_nothing_unproven(shared_site: Site) -> None:
    site = shared_site
    before = _live(site)
    root = site.path / "fresh"
    (root / "host").mkdir(parents=True)
    token = site.token("web07.example.com")

    # Somebody stands in for the CA: the digest in the token tells.
    parsed = EnrolmentToken.parse(token)
    done = script(site, root, str(parsed._replace(ca_sha256="0" * 64)))
    assert done.returncode != 0
    assert "not the one that the token names" in done.stderr
    # The package is not what was signed.
    wheel = next((site.data / "artifacts").glob("*.whl"))
    assert wheel.stat().st_mode & 0o777 == 0o600
    forged = site.path / "bin"
    forged.mkdir()
    real = subprocess.run(["sh", "-c", "command -v curl"], capture_output=True, text=True, check=True).stdout.strip()
    (forged / "curl").write_text(
        f'#!/bin/sh\n{real} "$@" || exit\nfor last; do :; done\ncase $last in *artifact*)\n'
        'while [ "$1" != -o ]; do shift; done; printf x >> "$2";; esac\n'
    )
    (forged / "curl").chmod(0o755)
    done = script(site, root, token, PATH=f"{forged}:{os.environ['PATH']}")
    assert done.returncode != 0
    assert "not the one that was signed" in done.stderr
    # The signature is not the server's.
    (forged / "curl").write_text(
        f'#!/bin/sh\n{real} "$@" || exit\nfor last; do :; done\ncase $last in *signing-key)\n'
        'while [ "$1" != -o ]; do shift; done\n'
        'printf d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a > "$2";; esac\n'
    )
    done = script(site, root, token, PATH=f"{forged}:{os.environ['PATH']}")
    assert done.returncode != 0
    assert "signature over the agent does not match" in done.stderr
    assert not (root / "opt").exists()
    assert not (root / "state").exists()
    assert _live(site) == before

    done = script(site, root, token)
    assert done.returncode == 0, done.stdout + done.stderr
    assert parsed.secret not in done.stdout + done.stderr
    assert site.envoy("web07.example.com")["revoked"] is False
    ran = subprocess.run(
        [
            str(root / "opt" / "bin" / "vigo-agent"),
            "once",
            "--fetch",
            "--state",
            str(root / "state"),
            "--root",
            str(root / "host"),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        cwd="/",
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(Path(sys.prefix) / "lib" / f"python3.{sys.version_info.minor}" / "site-packages"),
        },
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert (root / "host" / "etc" / "site" / "motd").read_text() == "hello from web07.example.com\n"
    until("its run is told", lambda: site.runs("web07.example.com"))
