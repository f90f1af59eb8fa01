#!/bin/sh
# Installs and enrols the agent of the Vigo server at @SERVER@.
#
#   curl -fsS --cacert vigo-ca.pem @SERVER@/bootstrap | VIGO_ENROLMENT_TOKEN=vget_... sh
#
# Trusts nothing but the CA whose digest stands in the enrolment token. The CA is checked against that; the server, and
# the key that it signs with, come over TLS that the CA vouches for; the manifest is checked against that key (Ed25519),
# the agent against the manifest (SHA-256). Only then is anything of it unpacked or run.
#
# Settings, all optional, from the environment:
#   VIGO_ENROLMENT_TOKEN_FILE  a file that holds the token, instead of VIGO_ENROLMENT_TOKEN
#   VIGO_PREFIX      where the agent is installed (/opt/vigo-agent)
#   VIGO_STATE       where the agent keeps its keys and what it was told (/var/lib/vigo-agent)
#   VIGO_ROOT        confine the agent to this directory, for tests and image builds
#   VIGO_PYTHON      the Python to use, 3.11 or later (python3); "none" installs a build with a Python of its own
#   VIGO_NO_SERVICE  when set, no user and no service is made
#   VIGO_SERVICE     systemd, openrc or sysvinit, where what runs here cannot be asked (image builds)
#   VIGO_WITHOUT_SIGNATURE  when set, and OpenSSL is older than 3.0 and cannot check Ed25519: the SHA-256 that came over
#                    the authenticated connection is enough
# Where the server has no build for this host, pip installs a wheel; pip's own PIP_* variables count then.
set -eu

SERVER='@SERVER@'

say() { printf 'vigo: %s\n' "$*"; }
die() { printf 'vigo: %s\n' "$*" >&2; exit 1; }
fetch() { curl -fsS --proto '=https' --max-time 300 --cacert "$work/ca.pem" -o "$2" "$SERVER$1"; }
has() { command -v "$1" >/dev/null 2>&1; }

# A field of the manifest: canonical JSON of which every value is a plain word, read once its signature is verified.
field() { sed -n 's/.*"'"$1"'":"\{0,1\}\([A-Za-z0-9._-]*\)"\{0,1\}[,}].*/\1/p' "$work/manifest"; }

bytes() {
    sed 's/../& /g' | tr ' ' '\n' | while read -r byte; do
        # shellcheck disable=SC2059 # an octal escape is the only way to a byte that every printf knows
        [ -z "$byte" ] || printf "\\$(printf '%03o' "0x$byte")"
    done
}

verify_manifest() {
    fetch "/api/v1/agent/signing-key" "$work/signing-key"
    grep -Eqx '[0-9a-f]{64}' "$work/signing-key" || die "the signing key is no Ed25519 key; nothing was installed"
    # SubjectPublicKeyInfo of Ed25519 (RFC 8410) is these twelve bytes and the key.
    { printf '302a300506032b6570032100'; cat "$work/signing-key"; } | bytes >"$work/signing.der"
    { printf 'vigo-agent-artifact-v1\n'; cat "$work/manifest"; } >"$work/message"
    sed -n 2p "$work/release" | openssl base64 -d -A >"$work/signature"
    if openssl pkeyutl -help 2>&1 | grep -q -e -rawin; then
        openssl pkeyutl -verify -pubin -keyform DER -inkey "$work/signing.der" -rawin -in "$work/message" \
            -sigfile "$work/signature" >/dev/null ||
            die "the signature over the agent does not match; nothing was installed"
    elif [ -n "${VIGO_WITHOUT_SIGNATURE:-}" ]; then
        say "$(openssl version) checks no Ed25519: the agent's digest is believed as it came over TLS"
    else
        die "$(openssl version) checks no Ed25519: OpenSSL 3.0 is needed, or VIGO_WITHOUT_SIGNATURE=1; nothing was installed"
    fi
}

# Unpacks what was verified at its final place, and puts it in force.
install_build() {
    name=$(field version)-$(field sha256 | cut -c 1-12)
    place=$prefix/versions/$name
    mkdir -p "$prefix/versions"
    chmod 755 "$prefix" "$prefix/versions"
    rm -rf "$place"
    if [ "$kind" = zipapp ]; then
        PEX_TOOLS=1 PEX_ROOT="$work/pex" "$python" -I "$work/agent" venv "$place"
        set -- "$place/bin/python" -I -m agent
    else
        mkdir "$place"
        tar -xzf "$work/agent" -C "$place" --strip-components=1
        set -- "$place/vigo-agent"
    fi
    "$@" place "$name" --home "$prefix" --sequence "$(field sequence)"
    agent=$prefix/launch
}

install_wheel() {
    "$python" -I -c 'import ensurepip, venv' 2>/dev/null || die "Python's venv is needed (Debian: apt install python3-venv)"
    "$python" -I -m venv "$prefix"
    mv "$work/agent" "$work/$file"
    "$prefix/bin/python" -I -m pip install --quiet --disable-pip-version-check --upgrade "$work/$file"
    agent=$prefix/bin/vigo-agent
    printf '#!/bin/sh\nexec "%s" "$@"\n' "$agent" >"$prefix/launch"
    chmod 755 "$prefix/launch"
}

make_user() {
    id vigo-agent >/dev/null 2>&1 && return
    shell=/usr/sbin/nologin
    [ -x $shell ] || shell=/sbin/nologin
    if has useradd; then
        useradd --system --user-group --no-create-home --home-dir / --shell $shell vigo-agent
    elif has adduser; then
        addgroup -S vigo-agent 2>/dev/null || :
        adduser -S -D -H -h / -s $shell -G vigo-agent vigo-agent
    else
        say "no user vigo-agent could be made; the agent's link runs as a number"
    fi
}

write_service() {
    "$agent" service "$1" --home "$prefix" >"$2.new"
    chmod "$3" "$2.new"
    mv -f "$2.new" "$2"
}

make_service() {
    keeper=${VIGO_SERVICE:-}
    if [ -z "$keeper" ]; then
        if [ -d /run/systemd/system ]; then keeper=systemd
        elif [ -d /run/openrc ]; then keeper=openrc
        elif [ "$kind" != wheel ] && [ -d /etc/init.d ] && { has update-rc.d || has chkconfig; }; then keeper=sysvinit
        fi
    fi
    case $keeper in
        systemd)
            write_service systemd /etc/systemd/system/vigo-agent.service 644
            if [ -d /run/systemd/system ]; then
                systemctl daemon-reload
                systemctl enable --now vigo-agent.service
            else
                systemctl enable vigo-agent.service
            fi
            ;;
        openrc)
            write_service openrc /etc/init.d/vigo-agent 755
            rc-update add vigo-agent default
            [ ! -d /run/openrc ] || rc-service vigo-agent start
            ;;
        sysvinit)
            write_service sysvinit /etc/init.d/vigo-agent 755
            if has update-rc.d; then update-rc.d vigo-agent defaults; elif has chkconfig; then chkconfig --add vigo-agent; fi
            [ -n "${VIGO_SERVICE:-}" ] || /etc/init.d/vigo-agent start
            ;;
        *)
            say "no systemd, OpenRC or sysvinit was found here; have something start: $agent run"
            return
            ;;
    esac
    say "vigo-agent is installed as a service of $keeper"
}

main() {
    python=${VIGO_PYTHON:-python3}
    prefix=${VIGO_PREFIX:-/opt/vigo-agent}
    state=${VIGO_STATE:-/var/lib/vigo-agent}
    token=${VIGO_ENROLMENT_TOKEN:-}
    unset VIGO_ENROLMENT_TOKEN
    [ -z "${VIGO_ENROLMENT_TOKEN_FILE:-}" ] || token=$(cat "$VIGO_ENROLMENT_TOKEN_FILE")

    for program in curl openssl sha256sum mktemp sed tar; do
        has "$program" || die "$program is needed and not there"
    done
    version=''
    if [ "$python" != none ] && has "$python"; then
        version=$("$python" -I -c 'import sys; print("%d.%d" % sys.version_info[:2])') || version=''
    fi
    libc=musl
    ! getconf GNU_LIBC_VERSION >/dev/null 2>&1 || libc=glibc-$(getconf GNU_LIBC_VERSION | cut -d ' ' -f 2 | cut -d . -f 1,2)
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

    fetch "/bootstrap/release/linux/$(uname -m)?libc=$libc&python=$version" "$work/release" ||
        die "the server has no agent for this host ($(uname -m), $libc, Python ${version:-none})"
    file=$(sed -n 1p "$work/release")
    case $file in
        vigo_agent-*.whl | vigo-agent-*) ;;
        *) die "the agent has no name of an agent; nothing was installed" ;;
    esac
    case $file in */*) die "the agent has no name of an agent; nothing was installed" ;; esac
    sed -n 3p "$work/release" | tr -d '\n' >"$work/manifest"
    verify_manifest
    kind=$(field kind)
    fetch "/bootstrap/artifact/$(field sha256)" "$work/agent"
    printf '%s  %s\n' "$(field sha256)" "$work/agent" >"$work/sums"
    # busybox knows the short options alone
    sha256sum -c "$work/sums" >/dev/null 2>&1 || die "the agent is not the one that was signed; nothing was installed"

    say "installing $file in $prefix"
    case $kind in
        zipapp | self-contained) install_build ;;
        wheel) install_wheel ;;
        *) die "the agent is packed as nobody here knows: $kind" ;;
    esac
    say "enrolling"
    set -- --state "$state"
    [ -z "${VIGO_ROOT:-}" ] || set -- "$@" --root "$VIGO_ROOT"
    printf '%s\n' "$token" | "$agent" enrol --server "$SERVER" --token - "$@"

    if [ -n "${VIGO_NO_SERVICE:-}" ] || [ "$(id -u)" != 0 ] || [ "$state" != /var/lib/vigo-agent ]; then
        say "enrolled; run it with: $agent run --state $state"
        return
    fi
    make_user
    make_service
}

# All of it is read before any of it runs: a download that was cut does nothing.
main "$@"
