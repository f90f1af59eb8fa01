#!/bin/sh
# Installs and enrols the agent of the Vigo server at @SERVER@.
#
#   curl -fsS --cacert vigo-ca.pem @SERVER@/bootstrap | VIGO_ENROLMENT_TOKEN=vget_... sh
#
# Trusts nothing but the CA whose digest stands in the enrolment token: the CA is checked against that, the server
# against the CA, the agent's package against the server's signature and its digest, and only then is anything run.
#
# Settings, all optional, from the environment:
#   VIGO_PREFIX      where the agent is installed (/opt/vigo-agent)
#   VIGO_STATE       where the agent keeps its keys and what it was told (/var/lib/vigo-agent)
#   VIGO_ROOT        confine the agent to this directory, for tests and image builds
#   VIGO_PYTHON      the Python to use, 3.11 or later (python3)
#   VIGO_NO_SERVICE  when set, no systemd unit is written
# pip's own PIP_* variables count as well.
set -eu

SERVER='@SERVER@'

say() { printf 'vigo: %s\n' "$*"; }
die() { printf 'vigo: %s\n' "$*" >&2; exit 1; }
fetch() { curl -fsS --proto '=https' --max-time 300 --cacert "$work/ca.pem" -o "$2" "$SERVER$1"; }

main() {
    python=${VIGO_PYTHON:-python3}
    prefix=${VIGO_PREFIX:-/opt/vigo-agent}
    state=${VIGO_STATE:-/var/lib/vigo-agent}
    token=${VIGO_ENROLMENT_TOKEN:-}
    unset VIGO_ENROLMENT_TOKEN

    for program in curl openssl sha256sum mktemp "$python"; do
        command -v "$program" >/dev/null 2>&1 || die "$program is needed and not there"
    done
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || die "Python 3.11 or later is needed"
    "$python" -c 'import ensurepip, venv' 2>/dev/null || die "Python's venv is needed (Debian: apt install python3-venv)"
    case $token in
        vget_*_*_*) ;;
        *) die "set VIGO_ENROLMENT_TOKEN to the token that 'vigo envoys token HOSTNAME' printed" ;;
    esac

    umask 077
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    trap 'exit 1' HUP INT TERM

    # The first download is the only one that nothing vouches for yet, and the digest in the token settles it.
    curl -fsSk --proto '=https' --max-time 60 -o "$work/ca.pem" "$SERVER/bootstrap/ca.pem"
    expected=${token##*_}
    found=$(openssl x509 -in "$work/ca.pem" -outform DER | sha256sum | cut -d ' ' -f 1)
    [ "$found" = "$expected" ] || die "the CA of $SERVER is not the one that the token names; nothing was installed"

    fetch "/api/v1/agent/latest?os=linux&arch=any" "$work/release.json"
    fetch "/api/v1/agent/signing-key" "$work/signing-key"
    file=$("$python" -I - "$work" <<'PYTHON'
import base64, json, pathlib, re, sys

work = pathlib.Path(sys.argv[1])
release = json.loads((work / "release.json").read_text())
signed = json.loads(release["signed"])
for field in ("version", "os", "arch", "sha256", "size"):
    if signed[field] != release[field]:
        sys.exit(f"vigo: what is signed and what is said differ in {field}")
if not re.fullmatch(r"vigo_agent-[0-9A-Za-z.+]+-py3-none-any\.whl", release["file"]):
    sys.exit("vigo: the package has no name of a package")
key = bytes.fromhex((work / "signing-key").read_text().strip())
if len(key) != 32:
    sys.exit("vigo: the signing key is no Ed25519 key")
# SubjectPublicKeyInfo of Ed25519 (RFC 8410) is these twelve bytes and the key.
info = base64.encodebytes(bytes.fromhex("302a300506032b6570032100") + key).decode()
(work / "signing.pem").write_text(f"-----BEGIN PUBLIC KEY-----\n{info}-----END PUBLIC KEY-----\n")
(work / "message").write_bytes(b"vigo-agent-artifact-v1\n" + release["signed"].encode())
(work / "signature").write_bytes(base64.b64decode(release["signature"], validate=True))
(work / "sums").write_text(f"{signed['sha256']}  {work}/{release['file']}\n")
print(release["file"])
PYTHON
    ) || die "what the server says of its agent cannot be trusted; nothing was installed"
    openssl pkeyutl -verify -pubin -inkey "$work/signing.pem" -rawin -in "$work/message" \
        -sigfile "$work/signature" >/dev/null || die "the signature over the agent does not match; nothing was installed"
    fetch "/api/v1/agent/download/linux/any" "$work/$file"
    sha256sum --check --status "$work/sums" || die "the agent is not the one that was signed; nothing was installed"

    say "installing $file in $prefix"
    "$python" -m venv "$prefix"
    "$prefix/bin/python" -m pip install --quiet --disable-pip-version-check --upgrade "$work/$file"
    say "enrolling"
    set -- --state "$state"
    [ -z "${VIGO_ROOT:-}" ] || set -- "$@" --root "$VIGO_ROOT"
    printf '%s\n' "$token" | "$prefix/bin/vigo-agent" enrol --server "$SERVER" --token - "$@"

    if [ -z "${VIGO_NO_SERVICE:-}" ] && [ -d /run/systemd/system ] && [ "$(id -u)" = 0 ]; then
        cat >/etc/systemd/system/vigo-agent.service <<UNIT
[Unit]
Description=Vigo agent
Wants=network-online.target
After=network-online.target

[Service]
ExecStart=$prefix/bin/vigo-agent run --state $state
Restart=always
RestartSec=5
UMask=0077

[Install]
WantedBy=multi-user.target
UNIT
        chmod 644 /etc/systemd/system/vigo-agent.service
        systemctl daemon-reload
        systemctl enable --now vigo-agent.service
        say "vigo-agent is running"
    else
        say "enrolled; run it with: $prefix/bin/vigo-agent run --state $state"
    fi
}

# All of it is read before any of it runs: a download that was cut does nothing.
main "$@"
