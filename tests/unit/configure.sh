#!/bin/sh
# SPDX-License-Identifier: MIT-0
# What configure refuses, and how: a library that is missing with the name of its Debian package, an interval that is none with what it should be.
set -u
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
source=$(cd "${srcdir:-.}" && pwd)
count=0 failed=0

# A copy of what configure reads before it fails: a source folder that was configured itself would be refused.
mkdir "$folder/src" "$folder/pc"
cp -R "$source/configure" "$source/build-aux" "$folder" && cp "$source/src/plan.c" "$folder/src" || exit 1
cd "$folder" || exit 1

# names PACKAGE VARIABLE=VALUE...: configure fails, and says what to install.
names()
{
    package=$1
    shift
    count=$((count + 1))
    if env "$@" ./configure --disable-hardening >log 2>&1; then
        echo "not ok $count - configure succeeds without $package"
        failed=1
    elif grep -q "configure: error: .*install the Debian package $package\$" log; then
        echo "ok $count - $package"
    else
        echo "not ok $count - configure does not name $package:"
        tail -n 3 log
        failed=1
    fi
}

# without NAME: pkg-config knows libcurl, openssl and json-c, but not that one.
without()
{
    rm -f pc/*
    for name in libcurl openssl json-c; do
        [ "$name" = "$1" ] || printf 'Name: %s\nDescription: made up\nVersion: 99\n' "$name" >"pc/$name.pc"
    done
}

# refuses ARGUMENT WORDS: configure fails, and says why.
refuses()
{
    count=$((count + 1))
    if ./configure --disable-hardening "$1" >log 2>&1 || ! grep -qF "configure: error: $1: $2" log; then
        echo "not ok $count - configure takes $1, or does not say what it expects:"
        tail -n 3 log
        failed=1
    else
        echo "ok $count - $1"
    fi
}

echo 1..9
names pkg-config ac_cv_path_ac_pt_PKG_CONFIG= ac_cv_path_PKG_CONFIG= PKG_CONFIG=
without libcurl
names libcurl4-openssl-dev PKG_CONFIG_LIBDIR="$folder/pc"
without openssl
names libssl-dev PKG_CONFIG_LIBDIR="$folder/pc"
without json-c
names libjson-c-dev PKG_CONFIG_LIBDIR="$folder/pc"
names libiniparser-dev ac_cv_header_iniparser_iniparser_h=no ac_cv_header_iniparser_h=no
refuses --with-interval=0 'expected seconds, 1 or more'
refuses --with-interval=20s 'expected seconds, 1 or more'
refuses --with-interval= 'expected seconds, 1 or more'
refuses --with-sysusersdir=lib 'expected a folder, with an absolute path'
exit "$failed"
