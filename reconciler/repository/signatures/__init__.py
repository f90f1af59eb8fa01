"""Signatures of commits: what exactly was signed, and by which key. Whether that key may sign is `reconciler.signers`.

From the raw commit object alone: libgit2 stops at a NUL byte where it hands out a signature. SSH signatures are
verified here, OpenPGP ones by `gpgv`; which of the two it is says the armour, and neither is ever tried for the other.
"""

from __future__ import annotations

from reconciler.repository.signatures.commits import Kind, SignatureRefused, Signed, read
from reconciler.repository.signatures.gpgv import Gpgv
from reconciler.repository.signatures.sshkeys import SshKey
from reconciler.repository.signatures.sshsig import verify as verify_ssh
from reconciler.repository.signatures.verifying import Verifier

__all__ = ["Gpgv", "Kind", "SignatureRefused", "Signed", "SshKey", "Verifier", "read", "verify_ssh"]
