"""Enrolment: a one-time token becomes an envoy with a certificate.

The token fixes the hostname, which decides configuration and secrets, so it is never the agent's to claim. A token is
used in the transaction that makes the envoy: whoever comes second finds it used, however many come at once.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, Final, NamedTuple

from api.services import pki
from api.services.pki import AgentRequest, Issued, Pki
from api.services.work import ANONYMOUS, Actor, Work
from api.storage import assignments as assignment_rows
from api.storage import enrolment as rows
from api.storage import envoys as envoy_rows
from api.storage import holds as hold_rows
from api.storage import traits as trait_rows
from schema.envoys import DEFAULT_TOKEN_LIFE_S, MAX_TOKEN_LIFE_S, TokenCreate, TokenMade
from schema.errors import Conflict, Forbidden, Invalid, Unauthenticated
from schema.ids import new_id
from schema.protocol.enrolment import Enrol, Enrolled, EnrolmentToken
from schema.time import DAY, MINUTE, SECOND, parse_duration, to_rfc3339

if TYPE_CHECKING:
    from api.services.container import Services

MAX_OPEN_TOKENS: Final = 50_000
RENEWAL_GAP: Final = 10 * MINUTE
"""Between two certificates of an envoy: each leaves a row and an audit entry, and a host that is not ours alone could
ask for fifty a second."""
REMEMBERED: Final = 30 * DAY
"""How long a token is kept after its end; the audit log knows of it for ever."""


class TokenRefused(Unauthenticated):
    """The token is not one, or is used, expired or unknown: which of these is not told."""

    code = "enrolment.token_refused"


class AlreadyEnrolled(Conflict):
    """A host of this name is enrolled and counts; the token was not made to replace it."""

    code = "enrolment.already_enrolled"


class RenewalRefused(Forbidden):
    """This envoy gets no new certificate now."""

    code = "enrolment.renewal_refused"


class TooManyTokens(Conflict):
    """Too many tokens are open."""

    code = "enrolment.too_many_tokens"


class BadLife(Invalid):
    """Not a duration a token may live."""

    code = "enrolment.bad_life"


def make_token(work: Work, new: TokenCreate, *, authority: Pki, server_url: str) -> TokenMade:
    """A one-time token for one hostname. Its text is told here, once.

    Raises:
        BadLife: `expires_in` is no duration, or longer than 30 days.
        AlreadyEnrolled: the host is, and `replace` is not said.
        TooManyTokens
    """
    life = _life(new.expires_in)
    live = envoy_rows.find_by_hostname(work.session, work.project_id, new.hostname)
    if live is not None and live.revoked_at is None and not new.replace:
        raise AlreadyEnrolled(f"{new.hostname} is enrolled; to enrol it anew, say replace", hostname=new.hostname)
    if rows.count_open_tokens(work.session, work.project_id, now=work.now) >= MAX_OPEN_TOKENS:
        raise TooManyTokens(f"{MAX_OPEN_TOKENS} enrolment tokens are open")
    rows.forget_old_tokens(work.session, work.project_id, before=work.now - REMEMBERED)
    token = EnrolmentToken.make(authority.ca_sha256)
    expires_at = work.now + life
    rows.add_token(
        work.session,
        rows.Token(work.project_id, token.id, _digest(token), new.hostname, new.replace, expires_at, None),
        created_by=work.actor.name,
        now=work.now,
    )
    work.audit(
        "envoy.token_create",
        "enrolment_token",
        token.id,
        payload={"hostname": new.hostname, "replace": new.replace, "expires_at": to_rfc3339(expires_at)},
    )
    return TokenMade(
        token=str(token), hostname=new.hostname, expires_at=expires_at, command=_command(server_url, token)
    )


async def register(
    services: Services, enrol: Enrol, *, gateway_url: str, origin: str = "", request_id: str = ""
) -> Enrolled:
    """Make the envoy that a token stands for, and give it its certificate.

    Raises:
        TokenRefused, AlreadyEnrolled
        pki.BadRequest: the certificate request asks for more than it may, or lacks a key. The token is not used by it.
    """
    token = _parse(enrol.token)
    # Read apart from the transaction, so that guessing costs the writer nothing. It decides nothing yet.
    known = await services.read(ANONYMOUS, lambda work: rows.find_token(work.session, token.id))
    # Compared even for an unknown id, so that time tells nothing.
    right = hmac.compare_digest(known.secret_sha256 if known else "0" * 64, _digest(token))
    if known is None or not right or known.used_at is not None or known.expires_at <= services.clock.now():
        raise TokenRefused("the enrolment token is not accepted; ask for a new one")
    actor = Actor("agent", token.id, known.hostname, f"enrolment:{token.id}", None, known.project_id)
    try:
        request = pki.read_request(enrol.csr)
        return await services.write(
            actor,
            lambda work: _register(work, known, request, services.pki, gateway_url=gateway_url, origin=origin),
            request_id=request_id,
        )
    except (AlreadyEnrolled, pki.BadRequest) as fault:
        await services.record_refusal(
            actor, "envoy.enrol", "envoy", "", reason=fault.code, origin=origin, request_id=request_id
        )
        raise


def _register(
    work: Work, token: rows.Token, request: AgentRequest, authority: Pki, *, gateway_url: str, origin: str
) -> Enrolled:
    project_id, hostname, now = work.project_id, token.hostname, work.now
    if not rows.use_token(work.session, token.id, now=now):
        raise TokenRefused("the enrolment token is not accepted; ask for a new one")
    live = envoy_rows.find_by_hostname(work.session, project_id, hostname)
    older = live if live is not None and live.revoked_at is None else None
    if older is not None:
        if not token.replace:
            raise AlreadyEnrolled(f"{hostname} is enrolled; a token made with --replace would enrol it anew")
        retire(work, older.id, why="replaced")
    envoy_id = new_id()
    envoy = envoy_rows.Known(
        id=envoy_id,
        hostname=hostname,
        ed25519=request.ed25519.hex(),
        x25519=request.x25519.hex(),
        enrolled_at=now,
    )
    envoy_rows.add(work.session, project_id, envoy)
    issued = authority.issue(request, project=project_id, envoy_id=envoy_id, now=now)
    _keep(work, envoy_id, issued)
    work.audit(
        "envoy.enrol",
        "envoy",
        envoy_id,
        payload={
            "hostname": hostname,
            "token_id": token.id,
            "certificate": issued.sha256,
            "origin": origin,
            "replaced": older.id if older is not None else None,
        },
    )
    work.publish("envoy.enrolled", id=envoy_id, hostname=hostname)
    return Enrolled(
        envoy_id=envoy_id,
        project=project_id,
        hostname=hostname,
        certificate=issued.pem,
        ca=authority.ca_pem,
        signing_key=authority.signing_key_hex,
        gateway_url=gateway_url,
        expires=issued.not_after,
    )


class Shown(NamedTuple):
    """The certificate that an envoy shows."""

    envoy_id: str
    sha256: str
    not_after: int


def renew(work: Work, shown: Shown, csr: str, authority: Pki) -> str:
    """A certificate (PEM) for another TLS key of the same envoy. It and the one that is shown count; no other does.

    Args:
        shown: proves who asks: a request is never believed for another envoy than its connection's.

    Raises:
        RenewalRefused: it is early, the last one is a moment old, or the request is not of the envoy that was enrolled.
        pki.BadRequest: the request asks for more than it may, or lacks a key.
    """
    envoy = envoy_rows.find(work.session, work.project_id, shown.envoy_id)
    if envoy is None or envoy.revoked_at is not None:
        raise RenewalRefused("this envoy is revoked")
    if shown.not_after - work.now > pki.AGENT_LIFE // 2:
        raise RenewalRefused("more than half of the certificate's life is left")
    if work.now - rows.last_issued(work.session, work.project_id, envoy.id) < RENEWAL_GAP:
        raise RenewalRefused("the last certificate is a moment old")
    request = pki.read_request(csr)
    if (request.ed25519.hex(), request.x25519.hex()) != (envoy.ed25519, envoy.x25519):
        raise RenewalRefused("the request binds other keys than the enrolment did")
    dropped = rows.revoke_certificates(work.session, work.project_id, envoy.id, but=shown.sha256, now=work.now)
    issued = authority.issue(request, project=work.project_id, envoy_id=envoy.id, now=work.now)
    _keep(work, envoy.id, issued)
    payload = {"certificate": issued.sha256, "before": shown.sha256, "dropped": dropped}
    work.audit("envoy.renew", "envoy", envoy.id, payload=payload)
    return issued.pem


def settle(work: Work, envoy_id: str, sha256: str) -> int:
    """An envoy shows this certificate: those before it count no longer; how many did. One after it may be on its way to
    the host."""
    count = rows.revoke_older(work.session, work.project_id, envoy_id, than=sha256, now=work.now)
    if count:
        work.audit("envoy.certificate_replaced", "envoy", envoy_id, payload={"certificate": sha256, "revoked": count})
    return count


def _keep(work: Work, envoy_id: str, issued: Issued) -> None:
    rows.add_certificate(
        work.session,
        work.project_id,
        sha256=issued.sha256,
        envoy_id=envoy_id,
        serial=issued.serial,
        not_before=issued.not_before,
        not_after=issued.not_after,
        now=work.now,
    )


def retire(work: Work, envoy_id: str, *, why: str) -> None:
    """Revoke an envoy: its certificates count no longer, and what was sealed to it is dropped."""
    envoy_rows.revoke(work.session, work.project_id, envoy_id, now=work.now)
    count = rows.revoke_certificates(work.session, work.project_id, envoy_id, now=work.now)
    assignment_rows.forget(work.session, work.project_id, envoy_id)
    hold_rows.forget(work.session, work.project_id, envoy_id)
    trait_rows.uncount(work.session, work.project_id, envoy_id)
    work.audit("envoy.revoke", "envoy", envoy_id, payload={"why": why, "certificates": count})
    work.publish("envoy.revoked", id=envoy_id)


def _parse(text: str) -> EnrolmentToken:
    try:
        return EnrolmentToken.parse(text)
    except ValueError as error:
        raise TokenRefused("the enrolment token is not accepted; ask for a new one") from error


def _digest(token: EnrolmentToken) -> str:
    # 43 base62 digits are 256 random bits, so one fast hash is enough.
    return hashlib.sha256(token.secret.encode()).hexdigest()


def _life(text: str | None) -> int:
    if text is None:
        return DEFAULT_TOKEN_LIFE_S * SECOND
    try:
        life = parse_duration(text)
    except ValueError as error:
        raise BadLife(f"{text!r} is no duration; write 30m, 1h or 7d") from error
    if not 0 < life <= MAX_TOKEN_LIFE_S * SECOND:
        raise BadLife("an enrolment token lives at most 30 days")
    return life


def _command(server_url: str, token: EnrolmentToken) -> str:
    """What brings a host from nothing to enrolled: the first download is checked by the digest in the token."""
    return (
        f"curl -fsSk {server_url}/bootstrap/ca.pem -o vigo-ca.pem && "
        f"openssl x509 -in vigo-ca.pem -outform DER | sha256sum | grep -q ^{token.ca_sha256} && "
        f"curl -fsS --cacert vigo-ca.pem {server_url}/bootstrap | VIGO_ENROLMENT_TOKEN={token} sh"
    )
