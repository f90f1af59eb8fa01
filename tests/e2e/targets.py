"""What the server has stored for a host, as it would send it."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from schema.protocol import signing
from schema.protocol.signing import Domain
from tests.e2e.site import Site


def stored_target(site: Site, hostname: str) -> dict[str, Any]:
    """The target of a host, put together from the database and the repository with the server's own key."""
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    from reconciler import graph, repository

    with sqlite3.connect(f"file:{site.data / 'vigo.db'}?mode=ro", uri=True) as database:
        row = database.execute(
            "SELECT t.signed, t.sealed, t.commit_id, t.catalog_sha256 FROM targets t JOIN envoys e ON e.id = t.envoy_id "
            "WHERE e.hostname = ? AND e.revoked_at IS NULL",
            (hostname,),
        ).fetchone()
    signed, sealed, commit, catalog_sha256 = row
    opened = repository.open(site.path / "repo")
    compiled = graph.compile_tree(opened.tree(commit)).graph
    assert compiled is not None
    body = next(p.catalog_body for p in compiled.profiles.values() if p.catalog_sha256 == catalog_sha256)
    key = load_pem_private_key((site.data / "pki" / "signing.key").read_bytes(), None)
    catalog = signing.sign(key, Domain.CATALOG, body)  # type: ignore[arg-type]
    return {
        "assignment": json.loads(signed),
        "catalog": json.loads(catalog.model_dump_json()),
        "sealed_secrets": json.loads(sealed) if sealed else None,
    }
