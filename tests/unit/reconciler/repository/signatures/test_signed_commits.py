"""What of a commit is signed, and by which key; and each way in which that can be made to look otherwise (case G11)."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.repository.signatures import Gpgv, Kind, SignatureRefused, SshKey, Verifier, read, verify_ssh
from reconciler.repository.signatures.commits import author_of
from tests.factories.commits import (
    Key,
    armoured,
    ecdsa_key,
    ed25519_key,
    rsa_key,
    signed,
    string,
    touched_key,
    unsigned,
)

RAW = unsigned()
KEYS: dict[str, Callable[[], Key]] = {
    "ed25519": ed25519_key,
    "security key": touched_key,
    "ecdsa 256": ecdsa_key,
    "ecdsa 384": lambda: ecdsa_key(384),
    "rsa sha512": rsa_key,
    "rsa sha256": lambda: rsa_key(2048, "rsa-sha2-256"),
}


def verified(raw: bytes) -> str:
    return Verifier().fingerprint("1" * 40, raw, tree="1" * 40, parents=())


def refused(raw: bytes) -> str:
    with pytest.raises(SignatureRefused) as caught:
        verified(raw)
    return caught.value.message


@pytest.mark.parametrize("make", KEYS.values(), ids=KEYS)
def test_a_commit_is_signed_by_the_key_that_signed_it(make: Callable[[], Key]) -> None:
    key = make()
    raw = signed(RAW, key.sign(RAW))
    assert read(raw).payload == RAW
    assert verified(raw) == key.fingerprint == SshKey.parse(f"{key.line} jane@laptop").fingerprint
    changed = raw.replace(b"A change", b"A chance")
    assert refused(changed) == "the signature is not of this commit"


def test_the_signature_may_stand_before_other_headers_and_an_author_is_spelt_as_they_like() -> None:
    raw = unsigned(author="Zoë Ångström <zoe@example.com>").replace(b"\n\n", b"\nencoding UTF-8\nmergetag x\n y\n\n", 1)
    signature = ed25519_key().sign(raw).replace("\n", "\n ").encode()
    placed = raw.replace(b"\nencoding", b"\ngpgsig " + signature + b"\nencoding")
    assert verified(placed) == ed25519_key().fingerprint
    assert (read(placed).author, author_of(placed)) == ("zoe@example.com", "zoe@example.com")


HOSTILE = {
    "unsigned": (RAW, "the commit is not signed"),
    "two signatures": (signed(signed(RAW, ed25519_key().sign(RAW)), ed25519_key(2).sign(RAW)), "has 2 signatures"),
    "two of two kinds": (
        signed(signed(RAW, ed25519_key().sign(RAW)), ed25519_key().sign(RAW), header="gpgsig-sha256"),
        "has 2 signatures",
    ),
    "for another form of the commit": (
        signed(RAW, ed25519_key().sign(RAW), header="gpgsig-sha256"),
        "for a SHA-256 repository",
    ),
    "NUL in the message": (signed(RAW, ed25519_key().sign(RAW)) + b"\0", "NUL"),
    "NUL before the signature": (signed(RAW, ed25519_key().sign(RAW)).replace(b"Jane", b"Ja\0e", 1), "NUL"),
    "author before tree": (
        b"author Jane <j@x> 1 +0000\n" + signed(RAW, ed25519_key().sign(RAW)),
        "not in git's order",
    ),
    "the signature before the tree": (
        b"gpgsig " + ed25519_key().sign(RAW).replace("\n", "\n ").encode() + b"\n" + RAW,
        "not in git's order",
    ),
    "a second tree": (
        signed(RAW, ed25519_key().sign(RAW)).replace(b"\n\n", b"\ntree " + b"2" * 40 + b"\n\n", 1),
        "not in git's order",
    ),
    "a parent behind the committer": (
        signed(RAW, ed25519_key().sign(RAW)).replace(b"\n\n", b"\nparent " + b"2" * 40 + b"\n\n", 1),
        "not in git's order",
    ),
    "a tree in capitals": (signed(unsigned("A" * 40), ed25519_key().sign(unsigned("A" * 40))), "lower-case hex"),
    "one parent twice": (unsigned(parents=("2" * 40, "2" * 40)), "names a parent twice"),
    "a tree that goes on": (RAW.replace(b"\nauthor", b"\n x\nauthor", 1), "goes on where none may"),
    "a header without a name": (RAW.replace(b"\n\n", b"\n: x\n\n", 1), "no name"),
    "no end of the headers": (b"tree " + b"1" * 40, "do not end"),
    "an author with two brackets": (
        signed(RAW, ed25519_key().sign(RAW)).replace(b"<jane@example.com> 17", b"<jane<x> 17", 1),
        "is not NAME",
    ),
    "another kind of armour": (
        signed(RAW, "-----BEGIN SIGNED MESSAGE-----\nx\n-----END SIGNED MESSAGE-----"),
        "neither of SSH nor of OpenPGP",
    ),
    "two blocks in one header": (
        signed(RAW, ed25519_key().sign(RAW) + "\n" + ed25519_key().sign(RAW)),
        "not one block",
    ),
    "an armour that is not ASCII": (signed(RAW, ed25519_key().sign(RAW) + "é"), "not ASCII"),
    "another namespace": (signed(RAW, ed25519_key().sign(RAW, namespace="file")), "is for 'file', not for 'git'"),
    "no namespace": (signed(RAW, ed25519_key().sign(RAW, namespace="")), "is for '', not for 'git'"),
    "a weak digest": (signed(RAW, ed25519_key().sign(RAW, hash_name="sha1")), "sha1 digest"),
    "another version": (signed(RAW, ed25519_key().sign(RAW, version=2)), "no SSHSIG of version 1"),
    "what is reserved": (signed(RAW, ed25519_key().sign(RAW, reserved=b"x")), "what SSHSIG reserves"),
    "bytes behind the end": (signed(RAW, ed25519_key().sign(RAW, tail=b"x")), "goes on after its end"),
    "RSA with SHA-1": (signed(RAW, rsa_key(2048, "ssh-rsa").sign(RAW)), "does not sign with ssh-rsa"),
    "a short RSA key": (signed(RAW, rsa_key(1024).sign(RAW)), "an RSA key of 1024 bits"),
    "a security key that nobody touched": (signed(RAW, touched_key(0).sign(RAW)), "nobody touched"),
    "not base64": (signed(RAW, ed25519_key().sign(RAW).replace("U1NI", "U1N!", 1)), "not base64"),
    "nothing in it": (signed(RAW, "-----BEGIN SSH SIGNATURE-----\n-----END SSH SIGNATURE-----"), "not armoured"),
    "an SSH signature in OpenPGP's armour": (
        signed(RAW, ed25519_key().sign(RAW).replace("SSH SIGNATURE", "PGP SIGNATURE")),
        "not armoured as it should be",
    ),
    "too long": (signed(RAW, ed25519_key().sign(RAW).replace("\n", "\n" + "x" * 70_000, 1)), "more than 65536 bytes"),
}


@pytest.mark.parametrize(("raw", "why"), HOSTILE.values(), ids=HOSTILE)
def test_a_commit_that_could_be_taken_for_another_is_refused(raw: bytes, why: str) -> None:
    assert why in refused(raw)


def test_what_is_signed_has_to_be_what_git_reads() -> None:
    raw = signed(RAW, ed25519_key().sign(RAW))
    with pytest.raises(SignatureRefused, match="read in two ways"):
        Verifier().fingerprint("1" * 40, raw, tree="2" * 40, parents=())
    with pytest.raises(SignatureRefused, match="read in two ways"):
        Verifier().fingerprint("1" * 40, raw, tree="1" * 40, parents=("2" * 40,))


def test_another_kind_or_form_of_key_is_refused() -> None:
    certificate = string(b"ssh-ed25519-cert-v01@openssh.com") + string(b"x" * 32)
    for line, why in {
        "ssh-ed25519": "KIND BASE64",
        "ssh-ed25519 ****": "not base64",
        ed25519_key().line.replace("ssh-ed25519", "ssh-rsa", 1): "and is ssh-ed25519",
        f"ssh-dss {base64.b64encode(string(b'ssh-dss')).decode()}": "are not verified",
        f"x {base64.b64encode(certificate).decode()}": "name the key itself",
    }.items():
        with pytest.raises(SignatureRefused, match=why):
            SshKey.parse(line)
    with pytest.raises(SignatureRefused, match="on the curve"):
        SshKey.of(ecdsa_key(256).blob.replace(string(b"nistp256"), string(b"nistp384")))


@given(st.binary(max_size=300))
def test_any_bytes_are_a_commit_or_are_refused(raw: bytes) -> None:
    with pytest.raises(SignatureRefused):
        verified(raw)


@given(st.data())
def test_a_signature_with_any_byte_changed_is_refused(data: st.DataObject) -> None:
    blob = bytearray(base64.b64decode("".join(ed25519_key().sign(RAW).split("\n")[1:-1])))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(blob) - 1))
        action = data.draw(st.sampled_from(("flip", "cut", "insert")))
        if action == "flip":
            blob[place] ^= data.draw(st.integers(1, 255))
        elif action == "cut":
            del blob[place:]
            blob += b"\0"
        else:
            blob[place:place] = data.draw(st.binary(min_size=1, max_size=9))
    changed = armoured(bytes(blob)).encode()
    if changed == ed25519_key().sign(RAW).encode():
        return
    with pytest.raises(SignatureRefused):
        verify_ssh(changed + b"\n", RAW)


# Beside the programs that everybody else verifies with.


SSH_KEYGEN = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="no ssh-keygen; .ci/setup brings it")


@SSH_KEYGEN
@pytest.mark.parametrize("name", ["ed25519", "ecdsa 256", "ecdsa 384", "rsa sha512", "rsa sha256"])
def test_ssh_keygen_is_of_one_mind(tmp_path: Path, name: str) -> None:
    key = KEYS[name]()
    (tmp_path / "allowed").write_text(f'jane@example.com namespaces="git" {key.line}\n')
    for payload, signature in (
        (RAW, key.sign(RAW)),
        (RAW + b"x", key.sign(RAW)),
        (RAW, key.sign(RAW, namespace="file")),
    ):
        (tmp_path / "signature").write_text(signature + "\n")
        command = [
            "ssh-keygen",
            "-Y",
            "verify",
            "-f",
            "allowed",
            "-I",
            "jane@example.com",
            "-n",
            "git",
            "-s",
            "signature",
        ]
        theirs = subprocess.run(command, cwd=tmp_path, input=payload, capture_output=True, timeout=20, check=False)
        try:
            verify_ssh(signature.encode() + b"\n", payload)
        except SignatureRefused:
            assert theirs.returncode != 0
        else:
            assert theirs.returncode == 0, theirs.stderr


@SSH_KEYGEN
def test_what_git_signs_with_ssh_is_verified(tmp_path: Path, git: Callable[..., str]) -> None:
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "key")]
    subprocess.run(command, check=True, timeout=20)
    git(tmp_path, "init", "-q", "repo")
    signing = ("-c", "gpg.format=ssh", "-c", f"user.signingkey={tmp_path / 'key.pub'}")
    git(tmp_path / "repo", *signing, "commit", "-q", "--allow-empty", "-S", "-m", "One")
    raw = git(tmp_path / "repo", "cat-file", "commit", "HEAD").encode() + b"\n"
    found = read(raw)
    assert found.kind is Kind.SSH
    ours = SshKey.parse((tmp_path / "key.pub").read_text())
    assert verify_ssh(found.signature, found.payload).line == ours.line


Gpg = Callable[..., bytes]


@pytest.fixture(scope="module")
def keyring() -> Iterator[Gpg]:
    """Two OpenPGP keys of GnuPG's, and how to sign with them. Its sockets want a short path."""
    if shutil.which("gpg") is None:
        pytest.skip("GnuPG is not installed; .ci/setup brings it")
    with tempfile.TemporaryDirectory(prefix="vg-", dir="/tmp") as home:
        environment = {"PATH": os.environ["PATH"], "GNUPGHOME": home, "LC_ALL": "C"}

        def gpg(*arguments: str, stdin: bytes = b"") -> bytes:
            command = ["gpg", "--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", "", *arguments]
            done = subprocess.run(command, env=environment, input=stdin, capture_output=True, timeout=60, check=True)
            return done.stdout

        for name in ("jane", "eve"):
            gpg("--quick-gen-key", f"{name} <{name}@example.com>", "ed25519", "sign", "never")
        yield gpg
        subprocess.run(["gpgconf", "--kill", "all"], env=environment, timeout=20, check=False)


def pgp(gpg: Gpg, by: str, payload: bytes, *options: str) -> str:
    made = gpg(*options, "--local-user", f"{by}@example.com", "--armor", "--detach-sign", stdin=payload)
    return made.decode().strip()


def test_openpgp_signatures_are_verified_by_gpgv_with_our_keys_alone(keyring: Gpg) -> None:
    exported = keyring("--armor", "--export", "jane@example.com")
    gpgv = Gpgv([exported])
    good = read(signed(RAW, pgp(keyring, "jane", RAW)))
    assert good.kind is Kind.GPG
    fingerprint = gpgv.verify(good.signature, good.payload)
    assert fingerprint.encode() in keyring("--with-colons", "--list-keys", "jane@example.com")

    def refusal(signature: str, payload: bytes = RAW) -> str:
        with pytest.raises(SignatureRefused) as caught:
            gpgv.verify(read(signed(RAW, signature)).signature, payload)
        return caught.value.message

    assert "not of this commit" in refusal(pgp(keyring, "jane", RAW), RAW + b"x")
    assert "not among the signers" in refusal(pgp(keyring, "eve", RAW))
    assert "gpgv does not verify" in refusal(
        pgp(keyring, "jane", RAW, "--digest-algo", "SHA1", "--allow-weak-digest-algos")
    )
    both = keyring("-u", "jane@example.com", "-u", "eve@example.com", "--armor", "--detach-sign", stdin=RAW)
    assert "2 OpenPGP packets" in refusal(both.decode().strip())
    clear = keyring("-u", "jane@example.com", "--armor", "--sign", stdin=RAW).decode().replace("MESSAGE", "SIGNATURE")
    assert "is damaged" in refusal(clear.strip())
    assert "none of a document" in refusal(pgp(keyring, "jane", RAW, "--textmode"))


def test_where_gpgv_is_missing_or_hangs_nothing_is_trusted(tmp_path: Path, keyring: Gpg) -> None:
    signature = read(signed(RAW, pgp(keyring, "jane", RAW))).signature
    for program, why in ((str(tmp_path / "none"), "did not answer"), ("/bin/true", "does not verify")):
        with pytest.raises(SignatureRefused, match=why):
            Gpgv([], program).verify(signature, RAW)
    good = f"VALIDSIG {'A' * 40} 0 0 0 4 0 22 10 00 {'A' * 40}"
    for said, why in (
        (f"GOODSIG x y;{good};GOODSIG x y", "does not verify"),
        (f"GOODSIG x y;{good};{good}", "does not verify"),
        (f"GOODSIG x y;{good};EXPKEYSIG x", "has expired or was revoked"),
        (f"GOODSIG x y;{good.replace(' 10 00', ' 2 00')}", "weak digest"),
        (f"{good}", "does not verify"),
        ("GOODSIG x y", "does not verify"),
        (f"GOODSIG x y;{good[:-1]}", "no primary key"),
    ):
        liar = tmp_path / "liar"
        lines = "".join(f"[GNUPG:] {line}\\n" for line in said.split(";"))
        liar.write_text(
            f"#!{sys.executable}\nimport os, sys\n"
            f"os.write(int(sys.argv[sys.argv.index('--status-fd') + 1]), b'{lines}')\n"
        )
        liar.chmod(0o755)
        with pytest.raises(SignatureRefused, match=why):
            Gpgv([], str(liar)).verify(signature, RAW)


def test_openpgp_answers_are_forgotten_with_the_keys_that_gave_them(keyring: Gpg) -> None:
    raw = signed(RAW, pgp(keyring, "jane", RAW))
    verifier = Verifier()
    verifier.trust_gpg([keyring("--armor", "--export", "jane@example.com")])
    assert len(verifier.fingerprint("1" * 40, raw, tree="1" * 40, parents=())) == 40
    verifier.trust_gpg([keyring("--armor", "--export", "eve@example.com")])
    with pytest.raises(SignatureRefused, match="not among the signers"):
        verifier.fingerprint("1" * 40, raw, tree="1" * 40, parents=())
