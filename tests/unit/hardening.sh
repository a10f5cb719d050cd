#!/bin/sh
# SPDX-License-Identifier: MIT-0
# The program is hardened as configure says: what the linker left in it is looked at, not what it was asked for.
set -u
program=${EINS_CHECK:-./eins-check}
count=0 failed=0

case ${EINS_HARDENING:-} in
*-pie*) ;;
*)
    echo "1..0 # SKIP built without hardening"
    exit 77
    ;;
esac

# shows WHAT OPTION PATTERN: readelf OPTION has a line like that.
shows()
{
    count=$((count + 1))
    if readelf -W "$2" "$program" | grep -Eq "$3"; then
        echo "ok $count - $1"
    else
        echo "not ok $count - $1: readelf $2 $program has no line like $3"
        failed=1
    fi
}

# lacks WHAT OPTION PATTERN: it has none.
lacks()
{
    count=$((count + 1))
    if readelf -W "$2" "$program" | grep -E "$3"; then
        echo "not ok $count - $1"
        failed=1
    else
        echo "ok $count - $1"
    fi
}

echo 1..8
shows "position independent" -h 'Type: *DYN'
shows "what is relocated becomes read-only" -l 'GNU_RELRO'
shows "everything is bound before main" -d 'BIND_NOW|Flags:.* NOW'
shows "the stack is guarded" --dyn-syms '__stack_chk_fail'
shows "the C library checks sizes" --dyn-syms '__[a-z]+_chk'
lacks "the stack is not executable" -l 'GNU_STACK.* RWE'
lacks "nothing is writable and executable" -l 'LOAD.* RWE'
lacks "no folder of libraries is built in" -d 'RPATH|RUNPATH'
exit "$failed"
