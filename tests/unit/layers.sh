#!/bin/sh
# SPDX-License-Identifier: MIT-0
# Deciding is pure, and the layers stay layers: who includes whom, and what the planner's objects call.
set -u
src=${srcdir:-.}/src
build=${EINS_BUILD:-.}/src
failed=0

fail()
{
    echo "not ok: $*" >&2
    failed=1
}

# may_include FILE... -- HEADER...: the files include none of our headers but these and the language's helpers.
may_include()
{
    files=
    while [ "$1" != -- ]; do
        files="$files $src/$1"
        shift
    done
    shift
    allowed=" config.h error.h text.h $* "
    for file in $files; do
        # shellcheck disable=SC2013 # names of headers have no blanks
        for header in $(sed -n 's/^#include "\(.*\)"$/\1/p' "$file"); do
            case $allowed in
            *" $header "*) ;;
            *) fail "$(basename "$file") includes $header; allowed are:$allowed" ;;
            esac
        done
    done
}

may_include error.c error.h text.c text.h model.c -- model.h
may_include model.h file.h ini.h --
may_include file.c --  file.h
may_include notify.c notify.h -- notify.h
may_include ini.c -- ini.h ini_scan.h file.h
may_include ini_scan.c ini_scan.h -- ini_scan.h
may_include log.c log.h -- log.h file.h
may_include field.c field.h -- field.h record.h model.h
may_include record.c record.h -- record.h model.h
may_include state.c state_text.c state.h -- state.h field.h record.h model.h file.h ini.h
may_include conf.c conf_sources.c conf_values.c conf.h -- conf.h conf_values.h log.h file.h ini.h
may_include options.c options.h -- options.h conf.h conf_values.h
may_include plan.c plan_agent.c plan_hold.c plan_recover.c plan_ops.c plan.h plan_ops.h -- plan.h plan_ops.h model.h state.h conf.h
may_include guard.c guard.h -- guard.h
may_include shortage.c shortage.h -- shortage.h
may_include http.c http.h -- http.h guard.h
may_include trust.c trust.h -- trust.h conf.h
may_include probe.c probe.h -- probe.h trust.h guard.h shortage.h conf.h model.h
may_include json.c json.h -- json.h
may_include docker_json.c docker_json.h -- docker_json.h json.h model.h
may_include docker.c docker.h -- docker.h docker_json.h http.h conf.h model.h
may_include json_out.c json_out.h -- json_out.h
may_include advice.c advice.h -- advice.h model.h
may_include dry_look.c dry_look.h -- dry_look.h advice.h docker.h conf.h plan.h model.h
may_include dry_run.c dry_run_json.c dry_run_view.c dry_run.h -- dry_run.h advice.h report.h terminal.h json_out.h conf.h model.h plan.h probe.h state.h
may_include metrics.c metrics.h -- metrics.h state.h record.h model.h file.h
may_include terminal.c terminal.h -- terminal.h
may_include status.c status_words.c status.h -- status.h terminal.h conf.h state.h record.h model.h json_out.h
may_include conf_print.c conf_words.c conf_print.h -- conf_print.h terminal.h conf.h conf_values.h json_out.h
may_include apply.c apply.h -- apply.h docker.h plan.h conf.h
may_include generation.c generation.h -- generation.h conf.h model.h file.h

# What the compiler and its checks add to any object is no call of ours.
added='^(__stack_chk_fail|__(asan|ubsan|gcov|sanitizer|tsan)_.*|__gcov.*|_GLOBAL_OFFSET_TABLE_|__llvm.*)$'
allowed='^((__)?(mem(cpy|set|cmp|move)|str(cmp|chr|ncmp|len|cpy|nlen))(_chk)?|calloc|free|(model|plan|state|text)_[a-z_]+)$'
for object in plan plan_agent plan_hold plan_recover plan_ops; do
    file=$build/$object.o
    [ -f "$file" ] || { fail "$file is not built"; continue; }
    calls=$(nm -u "$file" | awk '{ print $NF }' | grep -Ev "$added" | grep -Ev "$allowed")
    [ -z "$calls" ] || fail "the planner is not pure: $object.o calls $(echo "$calls" | tr '\n' ' ')"
    nm "$file" | grep -E ' [dDbBC] ' | grep -Ev '__|asan|\.data|texts' && fail "$object.o has variables of its own"
done
[ "$failed" = 0 ] && echo "ok: layers"
exit "$failed"
