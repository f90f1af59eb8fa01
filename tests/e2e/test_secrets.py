"""Secrets: a value reaches the file it is for, and is in clear nowhere else."""

from __future__ import annotations

import base64
import gzip
import secrets
import urllib.parse
import zlib

from tests.e2e.site import Site, until

CRATE = """
name: motd
vars:
  dsn: "postgres://app:secret:db/password@db/app"
resources:
  - name: dsn
    type: file
    path: /etc/app/dsn
    mode: "0600"
    content: "{{ vars.dsn }}\\n"
    depends_on: [dir]
  - name: broken
    type: file
    path: /etc/app/dsn/below
    content: "secret:db/password"
    depends_on: [dsn]
  - {name: dir, type: directory, path: /etc/app}
"""


def test_a_secret_is_in_clear_in_its_file_alone(site: Site) -> None:
    canaries = [f"VIGOCANARY{secrets.token_hex(32)}" for _ in range(2)]
    site.set_secret("db/password", canaries[0])
    site.in_force(site.commit({"configcrates/motd.vgo": CRATE}, "an application"))
    web = site.agent("web01.example.com").joined()
    until("the file is there", lambda: web.read("/etc/app/dsn") == f"postgres://app:{canaries[0]}@db/app\n")
    run = until("the run is told", lambda: site.runs(web.hostname))[0]
    detail = site.get(f"/api/v1/runs/{run['id']}")
    by_id = {item["id"]: item for item in detail["resources"]}
    assert by_id["motd/dsn"]["outcome"] == "changed"
    assert by_id["motd/broken"]["outcome"] == "failed"
    assert "•" in by_id["motd/dsn"]["diff"]

    # A new value reaches the host by itself, and drift over it is repaired and told without it.
    site.set_secret("db/password", canaries[1])
    until("the new value is there", lambda: web.read("/etc/app/dsn") == f"postgres://app:{canaries[1]}@db/app\n")
    # Before its run has looked again, the damage would be a change that did not succeed, and no drift.
    until("its run is told", lambda: site.runs(web.hostname)[0]["id"] != run["id"])
    web.path("/etc/app/dsn").write_text(f"damaged {canaries[1]}\n")
    until("it is repaired", lambda: web.read("/etc/app/dsn") == f"postgres://app:{canaries[1]}@db/app\n")
    until("that is told", lambda: any(one["corrective"] for one in site.runs(web.hostname)))

    listed = site.get("/api/v1/secrets")
    assert [(one["name"], one["version"]) for one in listed["secrets"]] == [("db/password", 2)]
    refused = site.ask("PUT", "/api/v1/secrets/db/password", json={"value": {"inner": canaries[1]}})
    assert refused.status_code == 400
    replies = [
        site.ask("GET", path).text
        for path in (
            "/api/v1/secrets",
            "/api/v1/runs",
            *(f"/api/v1/runs/{one['id']}" for one in site.runs(web.hostname)),
            f"/api/v1/envoys/{web.hostname}",
            f"/api/v1/envoys/{web.hostname}/traits",
            f"/api/v1/config/trace?hostname={web.hostname}",
            "/api/v1/audit?limit=200",
            "/metrics",
        )
    ] + [refused.text]
    graphql = site.ask("POST", "/graphql", json={"query": "{ runs { nodes { id resources { id diff error } } } }"})
    replies.append(graphql.text)

    assert web.process is not None
    web.process.kill()
    assert site.server is not None
    site.server.kill()
    for canary in canaries:
        for reply in replies:
            assert not found_in(reply.encode(), canary)
        leaks = [str(path) for path in site.artifacts() if found_in(path.read_bytes(), canary)]
        assert leaks == []


def test_a_value_set_while_the_host_was_away_comes_with_the_next_fetch(site: Site) -> None:
    site.set_secret("db/password", "the-first-value")
    site.in_force(site.commit({"configcrates/motd.vgo": CRATE}, "an application"))
    web = site.agent("web01.example.com").joined()
    until("the file is there", lambda: web.read("/etc/app/dsn") == "postgres://app:the-first-value@db/app\n")
    assert web.process is not None
    web.process.kill()
    web.process.wait()
    site.set_secret("db/password", "the-second-value")

    web.call("once", "--fetch")

    assert web.read("/etc/app/dsn") == "postgres://app:the-second-value@db/app\n"


def found_in(data: bytes, canary: str) -> bool:
    """Whether a canary is in there: plain, base64 at any offset, hex, URL, JSON, UTF-16; also in what is compressed."""
    raw = canary.encode()
    needles = {raw, raw.hex().encode(), urllib.parse.quote(canary).encode(), canary.encode("utf-16-le"), raw[::-1]}
    for offset in range(3):
        encoded = base64.b64encode(b"\0" * offset + raw)
        needles.add(encoded[4 if offset else 0 : -4])
    if any(needle in data for needle in needles):
        return True
    return any(raw in piece for piece in _inflated(data))


def _inflated(data: bytes) -> list[bytes]:
    """Whatever in there is a zlib or gzip stream, unpacked."""
    found = []
    for magic in (b"\x78\x01", b"\x78\x9c", b"\x1f\x8b"):
        start = data.find(magic)
        while start >= 0:
            try:
                if magic == b"\x1f\x8b":
                    found.append(gzip.decompress(data[start:]))
                else:
                    found.append(zlib.decompressobj().decompress(data[start:], 10_000_000))
            except (zlib.error, OSError, EOFError):
                pass
            start = data.find(magic, start + 1)
    return found


def test_the_search_would_find_a_canary() -> None:
    canary = f"VIGOCANARY{secrets.token_hex(32)}"
    for hidden in (
        canary.encode(),
        b"junk" + base64.b64encode(b"ab" + canary.encode() + b"c"),
        base64.b64encode(f'{{"x":"{canary}"}}'.encode()),
        b"\0" + zlib.compress(f"row {canary}".encode(), 1) + b"tail",
        gzip.compress(canary.encode()),
        canary.encode().hex().encode(),
        canary.encode("utf-16-le"),
    ):
        assert found_in(hidden, canary)
    assert not found_in(b"nothing", canary)
