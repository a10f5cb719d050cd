# shellcheck shell=sh
# SPDX-License-Identifier: MIT-0
# Sourced by tests/demo and tests/check, which set $top to the source folder: what is needed is installed, and the sources are built outside of
# it, in $scratch, which is removed in the end. Nothing is written into the source folder.
: "${top:?}"

export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 PYTHONDONTWRITEBYTECODE=1 NEEDRESTART_SUSPEND=1 HOME="${HOME:-/root}"
export PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"

# Debian's packages, the same names from Debian 12 on. To build:
packages="autoconf automake make gcc libc6-dev pkgconf libcurl4-openssl-dev libssl-dev libjson-c-dev libiniparser-dev libcmocka-dev"
# To run eins-check and a private engine:
packages="$packages ca-certificates openssl python3 python3-pytest busybox-static iproute2 mount strace"
# For some sections of tests/check:
# shellcheck disable=SC2034
packages_more="clang valgrind xz-utils"
# For what is installed: a systemd to boot, a cron, what reads man pages, and what reads metrics and alert rules.
# shellcheck disable=SC2034
packages_installed="systemd systemd-container cron mandoc man-db groff-base python3-jsonschema prometheus prometheus-node-exporter"

# A Docker of another origin serves as well, and Debian's would displace it.
command -v dockerd >/dev/null && command -v containerd >/dev/null && command -v runc >/dev/null || packages="$packages docker.io"
# Without its tools Docker starts no container on a kernel that has AppArmor switched on.
[ "$(cat /sys/module/apparmor/parameters/enabled 2>/dev/null)" != Y ] || packages="$packages apparmor"

stop()
{
    echo "$*" >&2
    exit 1
}

# install_packages PACKAGE...: those that are missing. No download when there are none.
install_packages()
{
    command -v dpkg-query >/dev/null || return 0 # not Debian: configure says what it misses
    missing=
    for package in "$@"; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing="$missing $package"
    done
    [ -n "$missing" ] || return 0
    [ "$(id -u)" = 0 ] || stop "Run this as root, to install:$missing"
    echo "Installing:$missing"
    # A package must not start its service: the engine of the tests is a private one. 101 forbids it (Debian Policy 9.3.3.1).
    if [ ! -e /usr/sbin/policy-rc.d ]; then
        policy=/usr/sbin/policy-rc.d
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod 755 "$policy"
    fi
    # shellcheck disable=SC2086 # a list
    if apt-get -qq update && apt-get -qq -y --no-install-recommends -o Dpkg::Use-Pty=0 install $missing >"$scratch/apt.log" 2>&1; then
        installed=0
    else
        installed=1
        tail -n 40 "$scratch/apt.log" >&2
    fi
    allow_services
    # Nor at the next boot: the tests only use their programs, and they would listen to everybody.
    for package in $missing; do
        case $package in
        prometheus*) systemctl --quiet disable "$package.service" >/dev/null 2>&1 || : ;;
        esac
    done
    [ "$installed" = 0 ] || stop "The packages could not be installed:$missing"
}

allow_services()
{
    [ -z "${policy:-}" ] || rm -f "$policy"
    policy=
}

clean_up()
{
    trap '' INT TERM HUP
    allow_services
    # After a signal, what make had started may take a moment to end.
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        rm -rf --one-file-system "$scratch" 2>/dev/null && break
        sleep 0.2
    done
}

# make_scratch: a folder for everything, gone when the script ends, however it ends.
make_scratch()
{
    [ "$(id -u)" = 0 ] || stop "Run this as root: the tests start a private Docker Engine and make network namespaces."
    scratch=$(mktemp -d "${TMPDIR:-/tmp}/eins-XXXXXX") || exit 1
    # /eins-engine-XXXXXXXX/exec/containerd/containerd-debug.sock comes behind it, and containerd takes no more than 104 bytes.
    [ "${#scratch}" -le 44 ] || { rmdir "$scratch"; stop "TMPDIR=$TMPDIR is too long for the sockets of a private Docker: take a shorter one, like /tmp."; }
    chmod 755 "$scratch" # some tests run eins-check as another user
    export TMPDIR="$scratch"
    policy=
    trap clean_up EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    trap 'exit 129' HUP
}

# copy_sources: what make dist would take, without what an earlier build has left between the sources.
copy_sources()
{
    mkdir "$scratch/source" || return 1
    (cd "$top" && tar -cf - --exclude='*.o' --exclude='*.a' --exclude=.deps --exclude=.dirstamp --exclude=__pycache__ \
        --exclude='*.log' --exclude='*.trs' \
        .ci .clang-format .clang-tidy configure.ac Makefile.am README.md LICENSE CONTRIBUTING.md NEWS etc man src systemd tests) | tar -C "$scratch/source" -xf - || return 1
    # Unit tests of an in-tree build would be taken for built ones.
    find "$scratch/source/tests/unit" -maxdepth 1 -type f -name 'test_*' ! -name '*.*' -exec rm {} +
    (cd "$scratch/source" && autoreconf -fi) >"$scratch/autoreconf.log" 2>&1 || { cat "$scratch/autoreconf.log" >&2; return 1; }
}

# configure_in FOLDER ARGUMENT...: a build folder below $scratch.
configure_in()
{
    build=$scratch/$1
    shift
    mkdir -p "$build"
    (cd "$build" && ../source/configure --prefix=/usr --sysconfdir=/etc "$@")
}
