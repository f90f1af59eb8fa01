"""What looks like a secret: by its name, or by what it holds. When in doubt it is one."""

from __future__ import annotations

import re
from typing import Final

_WORDS: Final = (
    "password|passwd|passphrase|pass|pwd|pw|secret|secrets|token|api_?key|access_?key|private_?key|secret_?key|"
    "encryption_?key|signing_?key|auth_?key|credential|credentials|client_?secret|psk|salt"
)
_KEY: Final = re.compile(rf"(?:^|[_.-])(?:{_WORDS})(?:_?(?:hash|value|text|string))?$", re.IGNORECASE)
_CAMEL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")

_CONTENT: Final[tuple[tuple[re.Pattern[str], str], ...]] = (
    (re.compile(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY"), "a private key"),
    (re.compile(r"-----BEGIN PGP PRIVATE KEY BLOCK"), "a private key"),
    (re.compile(r"PuTTY-User-Key-File-[0-9]"), "a private key"),
    (re.compile(r"AGE-SECRET-KEY-1"), "a private key"),
    (
        re.compile(r"\$(?:1|2[abxy]?|5|6|7|y|gy|sha1|apr1|argon2[a-z]*|scrypt)\$[./A-Za-z0-9$,=+-]{8,}"),
        "a password hash",
    ),
    (re.compile(r"\$ANSIBLE_VAULT;"), "text sealed by ansible-vault"),
    (re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"), "an access key"),
    (re.compile(r"\b(?:ghp|gho|ghs|ghu|github_pat|glpat|xox[abpr])[-_][A-Za-z0-9_-]{16,}"), "an access token"),
    (re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\."), "an access token"),
    (
        re.compile(r"[a-z][a-z0-9+.-]{1,20}://[^\s/:@]{0,64}:[^\s/:@{}<>$]{1,200}@", re.IGNORECASE),
        "a password in a URL",
    ),
)
_LINE: Final = re.compile(
    rf"""(?:^|[\s"'/;,{{(])(?:[A-Za-z0-9]{{1,40}}[_.-]){{0,4}}(?:{_WORDS})"""
    r"""["']?[ \t]{0,20}(?:=|:|[ \t])[ \t]{0,20}["']?[^\s"'{$<]{4,}""",
    re.IGNORECASE,
)
_HARMLESS: Final = re.compile(
    r"^\s*(?:PasswordAuthentication|PermitEmptyPasswords|password\s+(?:required|requisite|sufficient|optional|\[)|"
    r"passwd:|shadow:)",
    re.IGNORECASE,
)

_PATHS: Final = re.compile(
    r"""(?x)
    /etc/(?:g?shadow-?|security/opasswd|krb5\.keytab|machine-id|sudo_as_admin_successful)$
    | /etc/(?:ssl|pki/tls|letsencrypt|wireguard|openvpn|ipsec\.d)/(?:.*/)?(?:private|keys|archive|live|accounts)/
    | /etc/(?:wireguard/.*\.conf|ipsec\.secrets|ppp/(?:chap|pap)-secrets|NetworkManager/system-connections/.*)$
    | /ssh_host_[a-z0-9]+_key$
    | /id_(?:rsa|dsa|ecdsa|ed25519|ecdsa_sk|ed25519_sk)$
    | /(?:\.pgpass|\.netrc|\.my\.cnf|\.git-credentials|\.htpasswd|htpasswd|\.env|\.vault_pass(?:\.txt)?)$
    | /\.(?:aws|gnupg|docker|kube)/
    | /[^/]*(?:secret|credential)[^/]*$ | /[^/]+\.env$
    | /secring\.gpg$ | \.(?:key|pfx|p12|jks|keystore|keytab|kdbx|ppk)$
    """
)
MAX_SEARCHED: Final = 1 << 20
MAX_LINE: Final = 4_096


def named(key: str) -> bool:
    """Whether a name says that what it names is a secret: `db_password`, `apiToken`; not `password_min_length`."""
    return bool(_KEY.search(_CAMEL.sub("_", key)))


def held(text: str) -> str:
    """What kind of secret a text holds, whatever it is called; empty when none was recognized."""
    searched = text[:MAX_SEARCHED]
    return next((said for pattern, said in _CONTENT if pattern.search(searched)), "")


def in_file(path: str, content: bytes) -> str:
    """Why a file may hold a secret; empty when nothing says so."""
    if _PATHS.search(path):
        return "files of this name hold secrets"
    text = content[:MAX_SEARCHED].decode("utf-8", "replace")
    found = held(text)
    if found:
        return f"it holds {found}"
    for number, line in enumerate(text.splitlines(), 1):
        if _LINE.search(line[:MAX_LINE]) and not _HARMLESS.match(line) and not line.lstrip().startswith("#"):
            return f"line {number} looks like a password"
    return ""
