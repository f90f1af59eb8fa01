"""What an agent takes for the server's newest word for it, and what it refuses, with the code it says so by."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from agent.acceptance import Refusal, RefusalCode
from schema import canonical
from schema.protocol.desired import SealedSecrets
from schema.protocol.messages import MAX_FRAME_BYTES, Target
from schema.protocol.signing import Domain, Signed, sign
from schema.time import DAY, to_rfc3339
from tests.effort import tries
from tests.factories.accepting import acceptance, admitted, refused
from tests.factories.targets import ENVOY, NOW, Signer, raw

YEARS = 365 * DAY


@pytest.fixture(scope="module")
def signer() -> Signer:
    return Signer()


def resigned(signer: Signer, domain: Domain, body: bytes) -> Signed:
    """Bytes of any form, with a good signature."""
    return sign(signer.key, domain, body)


def test_a_good_target_is_accepted_with_all_that_it_names(signer: Signer) -> None:
    crate = signer.crate("base", [{"name": "motd", "type": "file", "path": "/etc/motd", "content": "hi"}])
    content = signer.object(b"binary")
    target = signer.target([crate], secrets={"db/password": "hunter2"}, catalog={"content": {"files/x": content}})
    accepted = acceptance(signer).judge(raw(target), NOW)
    assert accepted.order == (1, 1)
    assert accepted.secrets == {"db/password": "hunter2"}
    assert accepted.objects == {crate["sha256"]: crate["size"], content["sha256"]: content["size"]}
    assert "hunter2" not in repr(accepted)


def test_usercrates_are_among_what_is_fetched_and_may_share_a_crates_name(signer: Signer) -> None:
    crate = signer.crate("base")
    usercrate = signer.crate("base", kind="usercrate", users=["ada"])
    accepted = acceptance(signer).judge(raw(signer.target([crate], catalog={"usercrates": [usercrate]})), NOW)
    assert accepted.objects == {each["sha256"]: each["size"] for each in (crate, usercrate)}


def test_judging_changes_nothing_until_it_is_admitted(signer: Signer) -> None:
    judge = acceptance(signer)
    accepted = judge.judge(raw(signer.target()), NOW)
    assert judge.held is None
    assert judge.floor is None
    judge.admit(accepted)
    assert judge.held is accepted


def test_the_same_target_again_is_what_is_held(signer: Signer) -> None:
    judge = acceptance(signer)
    target = signer.target()
    admitted(judge, target)
    assert judge.judge(raw(target), NOW) is judge.held
    assert judge.judge(raw(target), NOW + 10 * YEARS) is judge.held  # expired meanwhile, and in force all the same


def test_a_catalog_that_is_held_may_be_left_out(signer: Signer) -> None:
    judge = acceptance(signer)
    first = signer.target(secrets={"a": "1"})
    admitted(judge, first)
    assert first.catalog is not None
    second = Target(assignment=signer.assignment(first.catalog, first.sealed_secrets, generation=2))
    accepted = judge.judge(raw(second), NOW)
    assert accepted.order == (1, 2)
    assert accepted.secrets == {"a": "1"}
    fresh = acceptance(signer)
    assert fresh.resume(accepted.target).order == (1, 2)  # what is kept is complete


def test_a_catalog_left_out_and_not_held_is_refused(signer: Signer) -> None:
    target = Target(assignment=signer.target().assignment)
    assert refused(acceptance(signer), raw(target)) == RefusalCode.MIXED


@pytest.mark.parametrize(("epoch", "generation"), [(1, 4), (0, 99), (0, 0)])
def test_an_older_one_is_refused(signer: Signer, epoch: int, generation: int) -> None:
    judge = acceptance(signer)
    admitted(judge, signer.target(epoch=1, generation=5))
    assert refused(judge, raw(signer.target(epoch=epoch, generation=generation))) == RefusalCode.ROLLBACK


def test_another_one_of_the_same_generation_is_refused(signer: Signer) -> None:
    judge = acceptance(signer)
    admitted(judge, signer.target(generation=5))
    assert refused(judge, raw(signer.target(generation=5, commit="d" * 40))) == RefusalCode.ROLLBACK


def test_a_higher_epoch_beats_any_generation(signer: Signer) -> None:
    judge = acceptance(signer)
    admitted(judge, signer.target(epoch=1, generation=500))
    assert admitted(judge, signer.target(epoch=2, generation=0)).order == (2, 0)


def test_the_floor_holds_though_the_target_is_lost(signer: Signer) -> None:
    floor = admitted(acceptance(signer), signer.target(generation=7))
    judge = acceptance(signer, floor)
    assert judge.held is None
    assert refused(judge, raw(signer.target(generation=6))) == RefusalCode.ROLLBACK
    with pytest.raises(Refusal, match="older"):
        judge.resume(raw(signer.target(generation=6)))


def test_the_floor_of_another_envoy_does_not_bind_this_one(signer: Signer) -> None:
    floor = admitted(acceptance(signer), signer.target(generation=7))
    other = floor.model_copy(update={"envoy_id": ENVOY[:-1] + "9"})
    assert admitted(acceptance(signer, other), signer.target(generation=1)).order == (1, 1)


def test_what_is_for_somebody_else_is_refused(signer: Signer) -> None:
    judge = acceptance(signer)
    assert refused(judge, raw(signer.target(envoy_id=ENVOY[:-1] + "2"))) == RefusalCode.FOREIGN
    assert refused(judge, raw(signer.target(project="other"))) == RefusalCode.FOREIGN


def test_what_another_key_signed_is_refused(signer: Signer) -> None:
    stranger = Signer()
    judge = acceptance(signer)
    assert refused(judge, raw(stranger.target())) == RefusalCode.SIGNATURE
    good = signer.target()
    mixed = good.model_copy(update={"catalog": stranger.catalog()})
    assert refused(judge, raw(mixed)) == RefusalCode.SIGNATURE


def test_a_signature_for_another_purpose_is_refused(signer: Signer) -> None:
    good = signer.target()
    as_catalog = resigned(signer, Domain.CATALOG, good.assignment.body.encode())
    assert refused(acceptance(signer), raw(good.model_copy(update={"assignment": as_catalog}))) == RefusalCode.SIGNATURE


@pytest.mark.parametrize("signature", ["", "A", "AAAA", "*" * 88, base64.b64encode(bytes(64)).decode()])
def test_an_unsigned_one_is_refused(signer: Signer, signature: str) -> None:
    good = signer.target()
    unsigned = good.assignment.model_copy(update={"signature": signature})
    assert refused(acceptance(signer), raw(good.model_copy(update={"assignment": unsigned}))) == RefusalCode.SIGNATURE


@pytest.mark.parametrize("late", [0, 1, 10 * YEARS])
def test_an_expired_one_is_refused(signer: Signer, late: int) -> None:
    assert refused(acceptance(signer), raw(signer.target(expires=NOW)), NOW + late) == RefusalCode.EXPIRED


def test_one_that_expires_while_in_force_stays_in_force_and_is_stale(signer: Signer) -> None:
    judge = acceptance(signer)
    target = signer.target(expires=NOW + DAY)
    admitted(judge, target)
    assert judge.held is not None
    assert not judge.held.stale(NOW)
    assert judge.held.stale(NOW + DAY)
    again = acceptance(signer, judge.floor)
    assert again.resume(judge.held.target).stale(NOW + 10 * YEARS)
    assert again.held is not None


def test_the_catalog_must_be_the_one_that_is_named(signer: Signer) -> None:
    good = signer.target()
    other = good.model_copy(update={"catalog": signer.catalog(environment="other")})
    assert refused(acceptance(signer), raw(other)) == RefusalCode.MIXED


def test_the_sealed_secrets_must_be_those_that_are_named(signer: Signer) -> None:
    judge = acceptance(signer)
    good = signer.target(secrets={"a": "1"})
    assert good.catalog is not None
    again = signer.seal(good.catalog, {"a": "1"})
    assert refused(judge, raw(good.model_copy(update={"sealed_secrets": again}))) == RefusalCode.MIXED
    assert refused(judge, raw(good.model_copy(update={"sealed_secrets": None}))) == RefusalCode.MIXED
    plain = signer.target()
    assert refused(judge, raw(plain.model_copy(update={"sealed_secrets": again}))) == RefusalCode.MIXED


def test_secrets_that_do_not_open_are_refused(signer: Signer) -> None:
    catalog = signer.catalog(secrets=["a"])
    other = Signer()
    sealed = other.seal(catalog, {"a": "1"})
    target = Target(assignment=signer.assignment(catalog, sealed), catalog=catalog, sealed_secrets=sealed)
    assert refused(acceptance(signer), raw(target)) == RefusalCode.MIXED


def test_a_secret_that_the_catalog_does_not_name_is_refused(signer: Signer) -> None:
    catalog = signer.catalog(secrets=["a"])
    sealed = signer.seal(catalog, {"a": "1", "b": "2"})
    target = Target(assignment=signer.assignment(catalog, sealed), catalog=catalog, sealed_secrets=sealed)
    assert refused(acceptance(signer), raw(target)) == RefusalCode.MIXED


def test_sealed_secrets_of_nothing_are_no_secrets(signer: Signer) -> None:
    good = signer.target()
    accepted = acceptance(signer).judge(raw(good.model_copy(update={"sealed_secrets": SealedSecrets(sealed={})})), NOW)
    assert accepted.secrets == {}


Edit = Callable[[bytes], bytes]
FORMS: dict[str, Edit] = {
    "duplicate key": lambda body: body[:-1] + b',"epoch":1}',
    "trailing data": lambda body: body + b" ",
    "second value": lambda body: body + b"{}",
    "leading space": lambda body: b" " + body,
    "unsorted keys": lambda body: b'{"zzz":1,' + body[1:],
    "float": lambda body: body.replace(b'"epoch":1', b'"epoch":1.0'),
    "fraction": lambda body: body.replace(b'"epoch":1', b'"epoch":1.5'),
    "exponent": lambda body: body.replace(b'"epoch":1', b'"epoch":1e0'),
    "text for a number": lambda body: body.replace(b'"epoch":1', b'"epoch":"1"'),
    "truth for a number": lambda body: body.replace(b'"epoch":1', b'"epoch":true'),
    "negative": lambda body: body.replace(b'"epoch":1', b'"epoch":-1'),
    "beyond 2**53": lambda body: body.replace(b'"epoch":1', b'"epoch":9007199254740993'),
    "a million digits": lambda body: body.replace(b'"epoch":1', b'"epoch":' + b"1" * 10_000),
    "NaN": lambda body: body.replace(b'"epoch":1', b'"epoch":NaN'),
    "escaped spelling": lambda body: body.replace(b'"epoch"', b'"\\u0065poch"'),
    "another format": lambda body: body.replace(b'"format":1', b'"format":2'),
    "no such time": lambda body: body.replace(to_rfc3339(NOW + DAY).encode(), b"2026-99-99T00:00:00Z"),
    "time without zone": lambda body: body.replace(to_rfc3339(NOW + DAY).encode(), b"2027-01-01T00:00:00"),
    "a list": lambda body: b"[" + body + b"]",
    "nothing": lambda body: b"",
    "byte order mark": lambda body: b"\xef\xbb\xbf" + body,
    "nested too deep": lambda body: b"[" * 500 + b"]" * 500,
}


@pytest.mark.parametrize("form", sorted(FORMS))
def test_a_signed_assignment_in_another_form_is_refused(signer: Signer, form: str) -> None:
    good = signer.target()
    body = FORMS[form](good.assignment.body.encode())
    assert body != good.assignment.body.encode()
    bad = good.model_copy(update={"assignment": resigned(signer, Domain.ASSIGNMENT, body)})
    assert refused(acceptance(signer), raw(bad)) == RefusalCode.FORMAT


def test_an_unknown_signed_field_is_refused(signer: Signer) -> None:
    judge = acceptance(signer)
    assert refused(judge, raw(signer.target(surprise=1))) == RefusalCode.FORMAT
    assert refused(judge, raw(signer.target(catalog={"surprise": 1}))) == RefusalCode.FORMAT


CATALOGS: dict[str, dict[str, Any]] = {
    "a crate twice": {"crates": [{"name": "a", "requires": [], "sha256": "1" * 64, "size": 1}] * 2},
    "a crate that is required and absent": {
        "crates": [{"name": "a", "requires": ["b"], "sha256": "1" * 64, "size": 1}]
    },
    "a usercrate twice": {"usercrates": [{"name": "a", "requires": [], "sha256": "1" * 64, "size": 1}] * 2},
    "a usercrate that requires a crate": {
        "crates": [{"name": "b", "requires": [], "sha256": "2" * 64, "size": 1}],
        "usercrates": [{"name": "a", "requires": ["b"], "sha256": "1" * 64, "size": 1}],
    },
    "two sizes": {
        "content": {"a": {"sha256": "1" * 64, "size": 1}, "b": {"sha256": "1" * 64, "size": 2}},
    },
    "a way up": {"content": {"files/../../etc/shadow": {"sha256": "1" * 64, "size": 1}}},
    "an absolute path": {"content": {"/etc/shadow": {"sha256": "1" * 64, "size": 1}}},
    "a backslash": {"content": {"a\\b": {"sha256": "1" * 64, "size": 1}}},
    "a NUL": {"content": {"a\0b": {"sha256": "1" * 64, "size": 1}}},
    "a decomposed name": {"content": {"files/u\u0308": {"sha256": "1" * 64, "size": 1}}},
    "an empty name": {"secrets": [""]},
    "no digest": {"content": {"a": {"sha256": "../../x", "size": 1}}},
    "a negative size": {"content": {"a": {"sha256": "1" * 64, "size": -1}}},
}


@pytest.mark.parametrize("what", sorted(CATALOGS))
def test_an_unsound_catalog_is_refused(signer: Signer, what: str) -> None:
    assert refused(acceptance(signer), raw(signer.target(catalog=CATALOGS[what]))) == RefusalCode.FORMAT


def test_sizes_are_capped(signer: Signer) -> None:
    judge = acceptance(signer)
    assert refused(judge, b" " * (MAX_FRAME_BYTES + 1)) == RefusalCode.SIZE
    assert refused(judge, raw(signer.target(project="p" * 20_000))) == RefusalCode.SIZE
    big = {"files/big": {"sha256": "1" * 64, "size": 2**40}}
    assert refused(judge, raw(signer.target(catalog={"content": big}))) == RefusalCode.SIZE
    many = {f"files/{n}": {"sha256": f"{n:064x}", "size": 1} for n in range(20_001)}
    assert refused(judge, raw(signer.target(catalog={"content": many}))) == RefusalCode.SIZE
    all_together = {f"files/{n}": {"sha256": f"{n:064x}", "size": 2**24} for n in range(100)}
    assert refused(judge, raw(signer.target(catalog={"content": all_together}))) == RefusalCode.SIZE
    endless = Signed(body="a" * (4 * 1024 * 1024), key_id="0" * 64, signature="").model_dump_json()
    endless = endless.replace('"body":"a', '"body":"aa')
    assert refused(judge, b'{"assignment":' + endless.encode() + b"}") == RefusalCode.SIZE


@settings(max_examples=tries(100), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_change_of_a_single_byte_in_a_signed_text_is_refused(signer: Signer, data: st.DataObject) -> None:
    good = signer.target([signer.crate("base")])
    field = data.draw(st.sampled_from(["assignment", "catalog"]))
    signed: Signed = getattr(good, field)
    body = bytearray(signed.body.encode())
    place = data.draw(st.integers(0, len(body) - 1))
    body[place] ^= data.draw(st.integers(1, 127))  # stays ASCII, so that it stays text
    bad = good.model_copy(update={field: signed.model_copy(update={"body": body.decode("ascii")})})
    judge = acceptance(signer)
    with pytest.raises(Refusal):
        judge.judge(raw(bad), NOW)
    assert judge.held is None


@settings(max_examples=tries(70), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=400), offset=st.integers(0, 10_000))
def test_no_bytes_do_anything_but_refuse(signer: Signer, data: bytes, offset: int) -> None:
    judge = acceptance(signer)
    good = raw(signer.target())
    for hostile in (data, good[: offset % len(good)], good[: offset % len(good)] + data):
        with pytest.raises(Refusal):
            judge.judge(hostile, NOW)
    assert judge.held is None


class AcceptanceModel(RuleBasedStateMachine):
    """The judge beside a model that is two lines: the highest (epoch, generation) ever admitted, and its digest."""

    signer = Signer()
    stranger = Signer()

    def __init__(self) -> None:
        super().__init__()
        self.judge = acceptance(self.signer)
        self.highest: tuple[int, int] | None = None
        self.digest = ""
        self.kept: bytes | None = None
        self.skew = 0

    @rule(epoch=st.integers(0, 2), generation=st.integers(0, 4), commit=st.sampled_from("ab"), late=st.booleans())
    def offer(self, epoch: int, generation: int, commit: str, late: bool) -> None:
        expires = NOW + self.skew + (0 if late else DAY)
        target = self.signer.target(epoch=epoch, generation=generation, commit=commit * 40, expires=expires)
        again = target.assignment.sha256 == self.digest
        newer = self.highest is None or (epoch, generation) > self.highest
        if again or (newer and not late):
            accepted = self.judge.judge(raw(target), NOW + self.skew)
            self.judge.admit(accepted)
            self.highest, self.digest, self.kept = (epoch, generation), target.assignment.sha256, accepted.target
        else:
            code = refused(self.judge, raw(target), NOW + self.skew)
            assert code == (RefusalCode.EXPIRED if newer else RefusalCode.ROLLBACK)

    @rule(generation=st.integers(0, 9), what=st.sampled_from(["signer", "envoy", "project", "catalog", "body"]))
    def offer_what_is_not_ours(self, generation: int, what: str) -> None:
        good = self.signer.target(epoch=9, generation=generation, expires=NOW + self.skew + DAY)
        bad = {
            "signer": lambda: self.stranger.target(epoch=9, generation=generation),
            "envoy": lambda: self.signer.target(epoch=9, generation=generation, envoy_id=ENVOY[:-1] + "7"),
            "project": lambda: self.signer.target(epoch=9, generation=generation, project="other"),
            "catalog": lambda: good.model_copy(update={"catalog": self.signer.catalog(environment="mixed")}),
            "body": lambda: good.model_copy(
                update={"assignment": good.assignment.model_copy(update={"body": good.assignment.body + " "})}
            ),
        }[what]()
        refused(self.judge, raw(bad), NOW + self.skew)

    @rule(years=st.integers(-10, 10))
    def set_the_clock(self, years: int) -> None:
        self.skew = years * YEARS

    @rule()
    def restart(self) -> None:
        self.judge = acceptance(self.signer, self.judge.floor)
        if self.kept is not None:
            self.judge.resume(self.kept)

    @rule()
    def restart_without_the_target(self) -> None:
        self.judge = acceptance(self.signer, self.judge.floor)

    @invariant()
    def the_newest_is_in_force(self) -> None:
        floor = self.judge.floor
        assert (floor.order if floor else None) == self.highest
        if self.judge.held is not None:
            assert self.judge.held.order == self.highest
            assert self.judge.held.assignment_sha256 == self.digest
            self.judge.held.stale(NOW + self.skew)


TestAcceptanceModel = AcceptanceModel.TestCase
TestAcceptanceModel.settings = settings(max_examples=tries(50), stateful_step_count=30)


def test_the_canonical_form_is_what_the_factory_signs(signer: Signer) -> None:
    body = signer.target().assignment.body.encode()
    assert canonical.dumps(canonical.loads(body)) == body
