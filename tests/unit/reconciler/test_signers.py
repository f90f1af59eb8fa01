"""What the policy says of commits, case by case, and in which words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import pytest
from pygit2.enums import ObjectType

from reconciler import signers
from reconciler.repository import lineages, write
from reconciler.repository.faults import TreeRefused
from reconciler.repository.lineages import Step
from reconciler.repository.repository import Repository
from reconciler.repository.signatures import Verifier
from reconciler.signers import Account, Signature, Trust, glob
from schema.diagnostics import Diagnostic
from schema.signers import Policy, Rule, Signer, SignerKind
from tests.factories import commits
from tests.factories.commits import Key, ed25519_key

ALICE, BOB, EVE, SERVER = (ed25519_key(number) for number in range(1, 5))
ACCOUNTS = [
    Account("alice", "alice@example.com", may_approve=True, id="id-a"),
    Account("bob", "bob@example.com", may_approve=True, id="id-b"),
    Account("carol", "", may_approve=True, id="id-c"),
    Account("viewer", "", may_approve=False, id="id-v"),
]
TWO = Policy(two_person=["net/"])


def signer(key: Key, principal: str, **more: object) -> Signer:
    given = {"id": principal, "kind": SignerKind.SSH, "key": key.line, "added_at": 0, "added_by": "x"}
    return Signer(principal=principal, fingerprint=key.fingerprint, **(given | more))


KNOWN = [signer(ALICE, "alice@example.com"), signer(BOB, "bob@example.com")]


def trust(policy: Policy, known: Sequence[Signer] = tuple(KNOWN), **more: object) -> Trust:
    given = {"version": 1, "branch": "main", "accounts": ACCOUNTS, "server_keys": {SERVER.fingerprint}} | more
    return Trust(policy=policy, signers=known, **given)


@pytest.fixture
def bare(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    return write.init(tmp_path_factory.mktemp("signers") / "bare.git", bare=True)


Judge = Callable[..., list[Diagnostic]]


@pytest.fixture
def judge(bare: Repository) -> Judge:
    verifier = Verifier()

    def verify(step: Step) -> Signature:
        return Signature(verifier.fingerprint(step.commit, step.raw, tree=step.tree, parents=step.parents))

    def run(
        believed: Trust,
        base: str | None,
        tip: str,
        *,
        received: Mapping[str, int] | None = None,
        approvals: Mapping[str, set[str]] | None = None,
    ) -> list[Diagnostic]:
        steps = lineages.between(bare, base, tip)
        return signers.judge(
            believed, steps, verify, received=received or {}, approvals=approvals or {}, now=1_000
        ).complaints

    return run


Put = Callable[..., str]


@pytest.fixture
def put(bare: Repository) -> Put:
    def run(files: Mapping[str, str], *parents: str, by: Key | None = ALICE, **more: object) -> str:
        return commits.write(bare, files, *parents, by=by, **more)  # type: ignore[arg-type]

    return run


def codes(found: Sequence[Diagnostic]) -> list[str]:
    return [each.code for each in found]


def test_without_a_policy_nothing_is_asked(put: Put, judge: Judge) -> None:
    base = put({"a": "1"}, by=None)
    assert judge(trust(Policy()), base, put({"a": "2"}, base, by=None)) == []
    assert not Policy().asks
    assert Policy(two_person=["x"]).asks


def test_every_commit_is_judged_and_none_is_mended_by_a_later_one(put: Put, judge: Judge) -> None:
    base = put({"a": "1"})
    unsigned = put({"a": "2"}, base, by=None)
    stranger = put({"a": "3"}, unsigned, by=EVE)
    tip = put({"a": "4"}, stranger)
    found = judge(trust(Policy(required=True)), base, tip)
    assert codes(found) == ["signers.signature", "signers.unknown"]
    assert found[0].message == f"{unsigned[:12]} is not trusted: the commit is not signed"
    assert found[0].file == "a"
    assert EVE.fingerprint in found[1].message
    assert judge(trust(Policy(required=True, exempt=[unsigned, stranger])), base, tip) == []


def test_whose_commits_are_is_told_by_signatures_and_authors_whether_or_not_those_count(
    bare: Repository, put: Put
) -> None:
    verifier = Verifier()

    def verify(step: Step) -> Signature:
        return Signature(verifier.fingerprint(step.commit, step.raw, tree=step.tree, parents=step.parents))

    base = put({"a": "1"})
    unsigned = put({"a": "2"}, base, by=None)
    lapsed = put({"a": "3"}, unsigned, by=BOB)
    beside = put({"b": "1"}, base, by=EVE)
    merge = put({"a": "4", "b": "1"}, lapsed, beside, by=SERVER, message="x\n\nVigo-Actor: id-c\n")
    believed = trust(Policy(), (signer(BOB, "bob@example.com", revoked_at=1), signer(EVE, "eve", username="alice")))
    accounts, addresses = signers.makers(believed, lineages.between(bare, base, merge), verify)
    assert accounts == {"alice", "bob", "carol"}
    assert len(addresses) == 1


def test_an_empty_commit_has_to_be_signed_as_well(put: Put, judge: Judge) -> None:
    base = put({"a": "1"})
    assert codes(judge(trust(Policy(required=True)), base, put({"a": "1"}, base, by=None))) == ["signers.signature"]


def test_a_key_counts_by_when_the_commit_came_and_a_revoked_one_never(put: Put, judge: Judge) -> None:
    base = put({"a": "1"})
    tip = put({"a": "2"}, base, time_s=1)  # back-dated: what it says of its time is not asked
    window = trust(Policy(required=True), [signer(ALICE, "alice@example.com", valid_after=100, valid_before=200)])
    assert judge(window, base, tip, received={tip: 150}) == []
    assert "not valid yet" in judge(window, base, tip, received={tip: 99})[0].message
    assert "had expired" in judge(window, base, tip, received={tip: 200})[0].message
    assert "had expired" in judge(window, base, tip)[0].message  # not seen before: it comes now
    revoked = trust(Policy(required=True), [signer(ALICE, "alice@example.com", revoked_at=900)])
    for seen in (0, 899, 901):
        assert codes(judge(revoked, base, tip, received={tip: seen})) == ["signers.lapsed"]


def test_of_the_rules_the_last_that_matches_decides(put: Put, judge: Judge) -> None:
    rules = [
        Rule(paths=["**"], signers=["alice@example.com"]),
        Rule(paths=["docs/"], signers=["alice@example.com", "bob"]),
        Rule(paths=["docs/legal/**"], signers=["carol@example.com"]),
        Rule(paths=["**"], signers=["nobody"], branches=["staging/*"]),
    ]
    believed = trust(Policy(rules=rules))
    base = put({"a": "1"})
    assert judge(believed, base, put({"a": "2"}, base)) == []
    assert judge(believed, base, put({"a": "1", "docs/x": "1"}, base, by=BOB)) == []
    (said,) = judge(believed, base, put({"a": "1", "docs/legal/x": "1", "docs/y": "2"}, base, by=BOB))
    assert (said.code, said.file) == ("signers.not-allowed", "docs/legal/x")
    assert said.message.endswith("is signed by bob@example.com, who may not change docs/legal/x")
    assert said.hint == "it takes a signature of carol@example.com"
    staging = trust(Policy(rules=rules), branch="staging/web")
    assert codes(judge(staging, base, put({"a": "2"}, base))) == ["signers.not-allowed"]


def test_a_threshold_counts_people_not_keys(put: Put, judge: Judge) -> None:
    rule = Rule(paths=["net/"], signers=["alice@example.com", "alice@home", "bob"], threshold=2)
    believed = trust(Policy(rules=[rule]), [*KNOWN, signer(EVE, "alice@home", username="alice")])
    base = put({"a": "1"})
    tip = put({"a": "1", "net/x": "1"}, base)
    assert codes(judge(believed, base, tip)) == ["signers.threshold"]
    assert codes(judge(believed, base, tip, approvals={tip: {"alice", "carol"}})) == ["signers.threshold"]
    assert judge(believed, base, tip, approvals={tip: {"bob"}}) == []
    # One person with two keys, one of which merges the other's.
    other = put({"a": "1", "net/x": "1"}, base, by=EVE)
    merged = put({"a": "1", "net/x": "1"}, base, other)
    assert codes(judge(believed, base, merged)) == ["signers.threshold"] * 2


def test_a_second_person_is_somebody_else_with_an_account_that_may(put: Put, judge: Judge) -> None:
    base = put({"a": "1"})
    tip = put({"a": "1", "net/x": "1"}, base, author="Bob <bob@example.com>")
    believed = trust(TWO)
    assert judge(believed, base, put({"a": "2"}, base, by=None)) == []
    (said,) = judge(believed, base, tip)
    assert (said.code, said.file) == ("signers.second-person", "net/x")
    assert f"vigo signers approve {tip}" in said.hint
    for by in ("alice", "bob", "viewer", "somebody who left"):  # its signer, its author, may not, is not there
        assert codes(judge(believed, base, tip, approvals={tip: {by}})) == ["signers.second-person"]
    assert judge(believed, base, tip, approvals={tip: {"carol"}}) == []


def test_an_approval_covers_what_is_below_and_nothing_above(put: Put, judge: Judge) -> None:
    base = put({"a": "1"})
    first = put({"a": "1", "net/x": "1"}, base)
    second = put({"a": "1", "net/x": "2"}, first)
    assert judge(trust(TWO), base, second, approvals={second: {"carol"}}) == []
    assert len(judge(trust(TWO), base, second, approvals={first: {"carol"}})) == 1
    merged = put({"a": "1", "net/x": "2"}, base, second)
    assert len(judge(trust(TWO), base, merged, approvals={second: {"carol"}})) == 1  # not what is beside it
    assert judge(trust(TWO), base, merged, approvals={merged: {"carol"}}) == []


def test_where_nobody_knows_whose_a_key_is_an_account_may_be_the_same_person(put: Put, judge: Judge) -> None:
    base = put({"a": "1"})
    tip = put({"a": "1", "net/x": "1"}, base, by=EVE)
    believed = trust(TWO, [*KNOWN, signer(EVE, "eve@home")])
    (said,) = judge(believed, base, tip, approvals={tip: {"carol"}})
    assert "say whose key it is" in said.hint
    linked = trust(TWO, [*KNOWN, signer(EVE, "eve@home", username="carol")])
    assert codes(judge(linked, base, tip, approvals={tip: {"carol"}})) == ["signers.second-person"]
    assert judge(linked, base, tip, approvals={tip: {"bob"}}) == []


def test_a_merge_by_somebody_else_is_a_second_person_but_not_for_what_it_makes_itself(put: Put, judge: Judge) -> None:
    base = put({"net/x": "1"})
    old = put({"net/x": "0"}, base, by=BOB)
    side = put({"net/x": "2"}, base)
    believed = trust(TWO)
    assert judge(believed, base, put({"net/x": "2"}, base, side, by=BOB)) == []
    assert codes(judge(believed, base, put({"net/x": "2"}, base, side))) == ["signers.second-person"]
    # An "evil" merge: content that neither side has.
    assert codes(judge(believed, base, put({"net/x": "3"}, base, side, by=BOB))) == ["signers.second-person"]
    # One that brings back what another branch once had, behind a merge of its own.
    inner = put({"net/x": "0"}, side, old, by=BOB)
    found = judge(believed, old, put({"net/x": "1"}, old, inner, by=BOB))
    assert codes(found)[-1] == "signers.second-person"


def test_an_evil_merge_makes_nothing_of_two_harmless_sides(put: Put, judge: Judge) -> None:
    """Whatever a protected path is after a merge, and neither side made it so, whoever merged made it."""
    believed = trust(TWO)
    old = put({"net/a": "1", "b": "1"})
    base = put({"net/a": "2", "net/c": "1", "b": "1"}, old)
    beside = put({"net/a": "1", "b": "2"}, old)  # harmless: it changes b alone
    for files in (
        {"net/a": "1", "net/c": "1", "b": "2"},  # the old content again
        {"net/a": "2", "b": "2"},  # a file less
        {"net/a": "3", "net/c": "1", "b": "2"},  # what nobody has seen
        {"net/a": "2", "net/c": "1", "net/d": "1", "b": "2"},
        {"net": "a file where the directory was", "b": "2"},
    ):
        for parents in ((base, beside), (beside, base)):
            found = judge(believed, base, put(files, *parents))
            assert codes(found) == ["signers.second-person"], (files, found)
    fine = put({"net/a": "2", "net/c": "1", "b": "2"}, base, beside)
    assert judge(believed, base, fine) == []


def test_an_approval_is_of_one_commit_and_not_of_another_with_the_same_files(put: Put, judge: Judge) -> None:
    believed = trust(TWO)
    base = put({"net/a": "1"})
    looked_at = put({"net/a": "2"}, base)
    pushed = put({"net/a": "2"}, base, message="another\n")
    between = put({"net/a": "3"}, base)
    back = put({"net/a": "2"}, between)
    approvals = {looked_at: {"bob"}, base: {"bob"}}
    assert judge(believed, base, looked_at, approvals=approvals) == []
    assert codes(judge(believed, base, pushed, approvals=approvals)) == ["signers.second-person"]
    assert codes(judge(believed, base, back, approvals=approvals)) == ["signers.second-person"] * 2
    merged = put({"net/a": "2"}, base, looked_at)
    assert judge(believed, base, merged, approvals=approvals) == []
    onto = put({"net/a": "4"}, looked_at)
    assert codes(judge(believed, base, onto, approvals=approvals)) == ["signers.second-person"]


@pytest.mark.parametrize("mode", [0o100755, 0o120000, 0o160000, None])
def test_a_mode_a_link_a_submodule_and_a_removal_are_changes_of_a_path(
    bare: Repository, put: Put, judge: Judge, mode: int | None
) -> None:
    base = put({"net/a": "1", "b": "1"})
    git = bare.git
    blob = str(git.odb.write(ObjectType.BLOB, b"1"))
    inside = b"" if mode is None else b"%o a\0" % mode + bytes.fromhex(blob)
    net = str(git.odb.write(ObjectType.TREE, inside + b"100644 z\0" + bytes.fromhex(blob)))
    rows = b"100644 b\0" + bytes.fromhex(blob) + b"40000 net\0" + bytes.fromhex(net)
    raw = commits.unsigned(str(git.odb.write(ObjectType.TREE, rows)), (base,))
    tip = str(git.odb.write(ObjectType.COMMIT, commits.signed(raw, ALICE.sign(raw))))
    found = judge(trust(Policy(two_person=["net/a"])), base, tip)
    assert codes(found) == ["signers.second-person"]
    assert "net/a" in found[0].message


def test_a_name_that_no_tree_may_hold_is_covered_as_well(bare: Repository, put: Put, judge: Judge) -> None:
    base = put({"a": "1"})
    git = bare.git
    blob = git.odb.write(ObjectType.BLOB, b"1")
    for name in (b"x\ny.vgo", b"\xff\xfe.vgo", b"caf\xc3\xa9.vgo", b"..", b"\xe2\x80\xaex.vgo"):
        net = git.odb.write(ObjectType.TREE, b"100644 " + name + b"\0" + bytes.fromhex(str(blob)))
        tree = git.odb.write(ObjectType.TREE, b"40000 net\0" + bytes.fromhex(str(net)))
        raw = commits.unsigned(str(tree), (base,))
        tip = str(git.odb.write(ObjectType.COMMIT, commits.signed(raw, ALICE.sign(raw))))
        for pattern in ("net/", "net/**", "net/*", "**"):
            found = judge(trust(Policy(two_person=[pattern])), base, tip)
            assert codes(found) == ["signers.second-person"], (name, pattern)


def test_what_a_merge_brings_is_judged_too(put: Put, judge: Judge) -> None:
    base = put({"a": "1"})
    hidden = put({"a": "2"}, base, by=None)
    side = put({"a": "1"}, hidden)  # it takes back what it did: no path differs in the end
    tip = put({"a": "1"}, base, side)
    assert codes(judge(trust(Policy(required=True)), base, tip)) == ["signers.signature"]


def test_a_foxtrot_merge_is_judged_from_what_is_in_force(put: Put, judge: Judge, bare: Repository) -> None:
    root = put({"a": "1"})
    base = put({"a": "2"}, root)
    feature = put({"a": "1", "b": "1"}, root, by=BOB)
    tip = put({"a": "2", "b": "1"}, feature, base, by=BOB)
    (step,) = lineages.between(bare, base, tip)
    assert (step.commit, step.paths, step.own) == (tip, ("b",), ())
    assert [each.commit for each in step.brought] == [feature]
    only_alice = trust(Policy(rules=[Rule(paths=["a"], signers=["alice"])]))
    assert judge(only_alice, base, tip) == []  # bob brings nothing of `a`


def test_where_nothing_is_in_force_the_tip_vouches_for_every_file(put: Put, judge: Judge) -> None:
    tip = put({"a": "2", "net/x": "1"}, put({"a": "1"}, by=None), by=BOB)
    believed = trust(Policy(required=True, rules=[Rule(paths=["net/"], signers=["alice"])]))
    assert [each.file for each in judge(believed, None, tip)] == ["net/x"]


def test_a_rewind_that_was_accepted_brings_no_commit_to_judge(put: Put, judge: Judge, bare: Repository) -> None:
    root = put({"a": "1"}, by=None)
    base = put({"a": "2"}, root)
    assert lineages.between(bare, base, root) == []
    other = put({"a": "3"}, root, by=None)
    assert codes(judge(trust(Policy(required=True)), base, other)) == ["signers.signature"]


def test_clocks_that_went_back_hide_no_commit_and_repeat_none(put: Put, bare: Repository) -> None:
    line = [put({"a": "0"}, time_s=50_000)]
    for number in range(1, 60):
        line.append(put({"a": str(number)}, line[-1], time_s=50_000 - number * (1 if number % 7 else -9_000)))
    for start in (0, 13, 14, 30, 58):
        assert [step.commit for step in lineages.between(bare, line[start], line[-1])] == line[start + 1 :]


def test_what_the_base_has_is_not_new_however_late_that_shows(put: Put, bare: Repository) -> None:
    root = put({"a": "0"}, time_s=500)
    late = put({"a": "1"}, root, time_s=1_000)
    early = put({"a": "2"}, late, time_s=10)
    base = put({"a": "3"}, early, time_s=20)
    other = put({"a": "0", "b": "1"}, root, time_s=800)
    side = put({"a": "1", "b": "1"}, late, other, time_s=900)
    tip = put({"a": "3", "b": "1"}, base, side, time_s=2_000)
    (step,) = lineages.between(bare, base, tip)
    assert (step.commit, [each.commit for each in step.brought]) == (tip, [side, other])


def test_too_many_commits_are_not_judged(put: Put, bare: Repository) -> None:
    line = [put({"a": "0"})]
    for number in range(12):
        line.append(put({"a": str(number)}, line[-1], time_s=1_700_000_100 + number))
    assert len(lineages.between(bare, line[0], line[-1], most=12)) == 12
    with pytest.raises(TreeRefused, match="more than 11 commits"):
        lineages.between(bare, line[0], line[-1], most=11)


def test_the_server_signs_for_whom_its_last_line_names(put: Put, judge: Judge) -> None:
    base = put({"net/x": "1"})
    rules = [Rule(paths=["**"], signers=["alice@example.com"])]
    said = "Vigo-Actor: id-a\n"
    asked = put({"net/x": "2"}, base, by=SERVER, message=f"Raise it\n\n{said}")
    assert judge(trust(Policy(rules=rules)), base, asked) == []
    assert codes(judge(trust(TWO), base, asked, approvals={asked: {"alice"}})) == ["signers.second-person"]
    assert judge(trust(TWO), base, asked, approvals={asked: {"bob"}}) == []
    # Somebody's own words before the line do not make it another's; nor does the line under another's signature.
    for forged, by in (
        (put({"net/x": "2"}, base, by=SERVER, message=f"Raise it\n\n{said}\nVigo-Actor: id-b\n"), "bob@example.com"),
        (put({"net/x": "2"}, base, by=BOB, message=f"Raise it\n\n{said}"), "bob@example.com"),
        (put({"net/x": "2"}, base, by=SERVER, message="Vigo-Actor: local-admin\n"), "vigo-server"),
    ):
        assert codes(judge(trust(Policy(rules=rules)), base, forged)) == ["signers.not-allowed"]
        assert judge(trust(Policy(rules=[Rule(paths=["**"], signers=[by])])), base, forged) == []


def test_break_glass_spares_the_second_person_and_never_the_signature(put: Put, judge: Judge) -> None:
    base = put({"net/x": "1"})
    tip, unsigned = put({"net/x": "2"}, base), put({"net/x": "2"}, base, by=None)
    for name in (tip, "alice@example.com"):
        assert judge(trust(TWO, let_through={name}), base, tip) == []
    # Whoever signed it counts, not the author that it claims.
    claimed = put({"net/x": "3"}, base, by=BOB, author="Alice <alice@example.com>")
    assert codes(judge(trust(TWO, let_through={"alice@example.com"}), base, claimed)) == ["signers.second-person"]
    assert codes(judge(trust(TWO, let_through={unsigned}), base, unsigned)) == ["signers.signature"]


def test_what_is_too_much_to_say_is_counted(put: Put, judge: Judge) -> None:
    line = [put({"a": "0"})]
    for number in range(60):
        line.append(put({"a": str(number)}, line[-1], by=None, time_s=1_700_000_100 + number))
    found = judge(trust(Policy(required=True)), line[0], line[-1])
    assert len(found) == signers.MAX_DIAGNOSTICS + 1
    assert found[-1].message.endswith("and 10 more reasons")


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        ("roles.vgo", ["roles.vgo"], ["x/roles.vgo", "roles_vgo", "roles.vgo.x"]),
        ("*.vgo", ["a.vgo"], ["x/a.vgo", "avgo"]),
        ("**/db.vgo", ["db.vgo", "a/b/db.vgo"], ["a/xdb.vgo"]),
        ("net/", ["net/a", "net/a/b"], ["net", "network/a"]),
        ("net/**", ["net/a", "net/a/b"], ["net"]),
        ("env/*/db.vgo", ["env/x/db.vgo"], ["env/x/y/db.vgo", "env/db.vgo"]),
        ("a?c", ["abc"], ["a/c", "ac"]),
        ("a.c", ["a.c"], ["abc"]),
    ],
)
def test_a_pattern_matches_these_paths_and_not_those(pattern: str, yes: list[str], no: list[str]) -> None:
    assert [path for path in (*yes, *no) if glob(pattern).fullmatch(path)] == yes
