"""Keys: which count, whose they are, and until when. One that is revoked never counts again."""

from __future__ import annotations

from typing import Final

from pydantic import TypeAdapter

from api.services.signers import proposals, versions
from api.services.signers.faults import BadSigner, KeyRevoked, SignerNotFound, TooManySigners
from api.services.signers.versions import Hands
from api.services.work import Work
from api.storage import signers as rows
from api.storage import users as user_rows
from reconciler.repository.signatures import SignatureRefused, SshKey, allowed
from schema import openpgp
from schema.ids import new_id
from schema.signers import (
    MAX_SIGNERS,
    SERVER,
    Because,
    Changed,
    ProposalKind,
    Signer,
    SignerAdd,
    SignerKind,
    SignerList,
    SignersImport,
)

_ADDED: Final = TypeAdapter(list[SignerAdd])
_V4_DIGITS: Final = 40


def listed(work: Work) -> SignerList:
    """All keys, revoked ones too, by principal."""
    return SignerList(
        version=rows.version(work.session, work.project_id), signers=rows.signers(work.session, work.project_id)
    )


def add(work: Work, new: SignerAdd) -> Changed:
    """Let a key count. One that is there already gets what is said of it now.

    Raises:
        BadSigner, KeyRevoked, TooManySigners
        NotYours: two people are needed, and the actor has no account.
    """
    return _add(work, [new], new.reason)


def import_file(work: Work, file: SignersImport) -> Changed:
    """Let the keys of an OpenSSH file of allowed signers count; all of them, or none.

    Raises:
        AllowedSignersRefused: a line cannot be taken over.
        BadSigner, KeyRevoked, TooManySigners, NotYours: as `add`.
    """
    lines = allowed.read(file.text)
    try:
        new = [
            SignerAdd(
                principal=line.principal,
                key=line.key.line,
                valid_after=line.valid_after,
                valid_before=line.valid_before,
            )
            for line in lines
        ]
    except ValueError as error:
        raise BadSigner("a principal of the file is not one name without spaces, commas or wildcards") from error
    if not new:
        raise BadSigner("the file holds no key that is for git")
    return _add(work, new, file.reason)


def revoke(work: Work, signer_id: str, because: Because) -> Signer:
    """From now on a key counts for nothing that is not in force yet, whenever it was signed or seen.

    One person does this, at once: it can only ever let fewer commits through.

    Raises:
        SignerNotFound, KeyRevoked
    """
    signer = rows.find(work.session, work.project_id, signer_id)
    if signer is None:
        raise SignerNotFound("there is no such key")
    if signer.revoked_at is not None:
        raise KeyRevoked("this key is revoked already")
    revoked = signer.model_copy(
        update={"revoked_at": work.now, "revoked_by": work.actor.name, "revoked_reason": because.reason}
    )
    rows.put(work.session, work.project_id, revoked)
    version = versions.advance(work, Hands(work.actor.name), f"revoke a key of {signer.principal}", because.reason)
    work.audit("signer.revoke", "signer", signer.id, payload=_told(signer) | {"reason": because.reason, "in": version})
    return revoked


def apply(work: Work, body: str, hands: Hands, reason: str) -> int:
    """Store what was proposed, or is done at once. Raises as `add`."""
    added = _checked(work, _ADDED.validate_json(body))
    version = versions.advance(work, hands, _summary([signer for signer, _ in added]), reason)
    for signer, is_known in added:
        rows.put(work.session, work.project_id, signer)
        payload = _told(signer) | {"version": version, "confirmed_by": hands.confirmed_by, "reason": reason}
        work.audit("signer.update" if is_known else "signer.add", "signer", signer.id, payload=payload)
    return version


def _add(work: Work, new: list[SignerAdd], reason: str) -> Changed:
    added = _checked(work, new)
    if not added:
        return Changed(status="unchanged", version=rows.version(work.session, work.project_id))
    summary = _summary([signer for signer, _ in added])
    body = _ADDED.dump_json(new).decode()
    return proposals.change(work, ProposalKind.SIGNERS, summary, body, reason, apply)


def _checked(work: Work, new: list[SignerAdd]) -> list[tuple[Signer, bool]]:
    """What is not there as it is meant to be; and whether its key is."""
    known = {signer.fingerprint: signer for signer in rows.signers(work.session, work.project_id)}
    found: dict[str, tuple[Signer, bool]] = {}
    for each in new:
        signer = _signer(work, each)
        before = known.get(signer.fingerprint)
        if signer.fingerprint in found:
            raise BadSigner(f"{signer.fingerprint} stands twice")
        if before is None:
            found[signer.fingerprint] = signer, False
            continue
        if before.revoked_at is not None:
            raise KeyRevoked(f"{signer.fingerprint} of {before.principal} was revoked; make a new key")
        said = {name: getattr(signer, name) for name in ("principal", "username", "valid_after", "valid_before")}
        if any(getattr(before, name) != value for name, value in said.items()):
            found[signer.fingerprint] = before.model_copy(update=said), True
    if len(known) + sum(not is_known for _, is_known in found.values()) > MAX_SIGNERS:
        raise TooManySigners(f"at most {MAX_SIGNERS} keys are kept")
    return list(found.values())


def _signer(work: Work, new: SignerAdd) -> Signer:
    kind, fingerprint, key = _key(new.key)
    if new.principal == SERVER:
        raise BadSigner(f"{SERVER} is this server itself: its key needs no adding")
    if new.valid_after is not None and new.valid_before is not None and new.valid_after >= new.valid_before:
        raise BadSigner("`valid_before` has to come after `valid_after`")
    if new.username and user_rows.find_by_name(work.session, work.project_id, new.username) is None:
        raise BadSigner(f"there is no account {new.username}")
    return Signer(
        id=new_id(),
        principal=new.principal,
        kind=kind,
        fingerprint=fingerprint,
        key=key,
        username=new.username,
        valid_after=new.valid_after,
        valid_before=new.valid_before,
        added_at=work.now,
        added_by=work.actor.name,
    )


def _key(text: str) -> tuple[SignerKind, str, str]:
    text = text.strip()
    if not text.startswith("-----"):
        try:
            key = SshKey.parse(text)
        except SignatureRefused as refused:
            raise BadSigner(refused.message) from refused
        return SignerKind.SSH, key.fingerprint, key.line
    try:
        prints = openpgp.fingerprints(text.encode())
    except openpgp.NoKeys as error:
        raise BadSigner(f"this is no OpenPGP public key: {error}") from error
    if len(prints) != 1 or len(prints[0]) != _V4_DIGITS:
        raise BadSigner("an OpenPGP signer is one key of version 4: `gpg --export --armor KEYID`")
    return SignerKind.GPG, prints[0], text + "\n"


def _summary(added: list[Signer]) -> str:
    names = ", ".join(sorted({signer.principal for signer in added})[:5])
    return f"let {len(added)} key{'s' if len(added) > 1 else ''} of {names} count"


def _told(signer: Signer) -> dict[str, object]:
    return signer.model_dump(
        mode="json", include={"principal", "fingerprint", "username", "valid_after", "valid_before"}
    )
