"""Identities of many agents: made in bulk, straight into a server's database, while the server does not run.

What each enrolment would leave is left: the envoy, its certificate, its traits. Only the audit entries are one for all.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from api.services.container import Services
from api.services.passwords import Passwords
from api.services.pki import AgentRequest, Pki
from api.services.work import Actor, Work
from api.settings import Settings
from api.storage import enrolment as certificate_rows
from api.storage import envoys as envoy_rows
from api.storage import traits as trait_rows
from api.storage.database import Database
from schema.ids import new_id
from schema.protocol.messages import Traits
from tests.load.hosts import Identity, receipts_key, sealing_key, traits_of

AT_ONCE: Final = 500
LOAD: Final = Actor.system("load")


def hostname_of(number: int, profiles: int) -> str:
    """Of the agent of this number; its profile is the number modulo `profiles`."""
    return f"web{number:06d}.p{number % profiles}.example.com"


def enrol(data: Path, count: int, *, profiles: int, where: Path) -> None:
    """Enrol so many agents in the data directory of a server that does not run; write their identities down."""
    settings = Settings(data_dir=data)
    database = Database.open(settings.database)
    services = Services(settings, database, passwords=Passwords(memory_kib=8, passes=1))
    try:
        services.pki = Pki.open(data / "pki", now=services.clock.now())
        made: list[Identity] = []
        for first in range(0, count, AT_ONCE):
            numbers = range(first, min(count, first + AT_ONCE))
            made += services.write_now(
                LOAD, lambda work, numbers=numbers: _enrol(work, services.pki, numbers, profiles)
            )
        where.write_text(json.dumps(made))
    finally:
        services.passwords.close()
        database.close_now()


def _enrol(work: Work, authority: Pki, numbers: range, profiles: int) -> list[Identity]:
    made = []
    for number in numbers:
        envoy_id, hostname = new_id(), hostname_of(number, profiles)
        key = ec.generate_private_key(ec.SECP256R1())
        ed25519, x25519 = (
            public.public_key().public_bytes_raw() for public in (receipts_key(envoy_id), sealing_key(envoy_id))
        )
        request = AgentRequest(tls_key=key.public_key(), ed25519=ed25519, x25519=x25519)
        issued = authority.issue(request, project=work.project_id, envoy_id=envoy_id, now=work.now)
        known = envoy_rows.Known(
            id=envoy_id, hostname=hostname, ed25519=ed25519.hex(), x25519=x25519.hex(), enrolled_at=work.now
        )
        envoy_rows.add(work.session, work.project_id, known)
        certificate_rows.add_certificate(
            work.session,
            work.project_id,
            sha256=issued.sha256,
            envoy_id=envoy_id,
            serial=issued.serial,
            not_before=issued.not_before,
            not_after=issued.not_after,
            now=work.now,
        )
        said = Traits.model_validate_json(traits_of(hostname).message)
        document = json.dumps(said.traits, sort_keys=True, separators=(",", ":"))
        kept = trait_rows.Kept(said.sha256, said.collected_at, document, "{}")
        trait_rows.put(work.session, work.project_id, envoy_id, kept, received_at=work.now)
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        made.append(Identity(envoy_id, work.project_id, hostname, issued.pem, pem, envoy_id))
    work.audit("envoy.enrol_many", "envoy", "", payload={"count": len(numbers), "why": "a measurement"})
    return made
