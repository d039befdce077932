#!/usr/bin/env bash
# selftest.sh: plants one violation after the other in a tree of its own, and expects the lint to
# name the file; then expects silence about a tree in which all is well.
set -u
here=$(cd "$(dirname "$0")" && pwd)
tree=$(mktemp -d) || exit 3
trap 'rm -rf "$tree"' EXIT
failures=0

# A tree without a fault.
clean() {
    rm -rf "${tree:?}"/*
    mkdir -p "$tree"/{agent/engines,collector/{census,store,cli},common,tests/lint}
    cp "$here/../../.clang-format" "$tree/"
    cat >"$tree/common/good.h" <<'C'
/* good: a header as it should be. */
#ifndef COMMON_GOOD_H
#define COMMON_GOOD_H

/* What two things have in common. */
int good_first(int a);
int good_second(int a, int b);

struct good {
    int a;
};

#endif
C
    cat >"$tree/common/good.c" <<'C'
#include "common/good.h"

int good_first(int a)
{
    if (a > 0)
        return 1;
    return 0;
}
C
}

# expect LINT WORDS: the lint fails, and one of its lines holds the words.
expect() {
    local output status
    output=$("$here/$1" "$tree" 2>&1)
    status=$?
    if [ "$status" -eq 1 ] && grep -qF -- "$2" <<<"$output"; then
        echo "ok $1 finds: $2"
    else
        echo "FAIL $1 finds: $2: status $status, it said: $output"
        failures=$((failures + 1))
    fi
}

# expect_silence LINT
expect_silence() {
    local output
    if output=$("$here/$1" "$tree" 2>&1); then
        echo "ok $1 accepts a clean tree"
    else
        echo "FAIL $1 accepts a clean tree: it said: $output"
        failures=$((failures + 1))
    fi
}

# include PATH HEADER: one file that includes one header; clean before.
include() {
    clean
    mkdir -p "$tree/$(dirname "$1")"
    printf '#include %s\n' "$2" >"$tree/$1"
}

# A function of that many statements, below a clean tree.
long_function() {
    clean
    {
        printf 'int long_one(int a)\n{\n'
        for ((i = 0; i < $1; i++)); do printf '    a += %d;\n' "$i"; done
        printf '    return a;\n}\n'
    } >"$tree/common/long.c"
}

if command -v clang-format >/dev/null; then lints="direction.py sizes.py words.py format.sh"; else
    lints="direction.py sizes.py words.py"
fi
clean
for lint in $lints; do expect_silence "$lint"; done

include agent/x.c '"collector/store/store.h"' && expect direction.py "agent/x.c:1: includes collector"
include collector/x.c '"agent/agent.h"' && expect direction.py "collector/x.c:1"
include common/x.c '"agent/agent.h"' && expect direction.py "common/x.c:1"
include common/x.h '"collector/store/store.h"' && expect direction.py "common/x.h:1"
include collector/cli/x.c '<sqlite3.h>' && expect direction.py "SQL lives in"
include agent/engines/docker/docker.c '<sqlite3.h>' && expect direction.py "SQL lives in"
include common/grpc.c '<nghttp2/nghttp2.h>' && expect direction.py "HTTP/2 lives in"
include common/grpc.c '"proto/layercensus.pb-c.h"' && expect direction.py "generated code"
include agent/x.c '<openssl/evp.h>' && expect direction.py "OpenSSL lives in"
include agent/x.c '<jansson.h>' && expect direction.py "JSON is read through"
include collector/census/x.c '"collector/store/store.h"' && expect direction.py "know no database"
include collector/export/x.c '<uv.h>' && expect direction.py "know no loop and no socket"
include collector/census/x.c '<sys/socket.h>' && expect direction.py "know no loop and no socket"
include collector/store/x.c '"collector/server/server.h"' && expect direction.py "server is the top"
include collector/report/x.c '"collector/export/table.h"' && expect direction.py "only what answers"
include agent/engines/x.c '"agent/uplink.h"' && expect direction.py "engines know nothing"
include agent/x.c '"common/cli_private.h"' && expect direction.py "private to its own files"
include agent/x.c '"x.h"' && expect direction.py "from the root"
for allowed in 'collector/store/x.c <sqlite3.h>' 'agent/engines/foreign_sqlite.c <sqlite3.h>' \
    'common/h2_frames.c <nghttp2/nghttp2.h>' 'common/wire_decode.c "proto/layercensus.pb-c.h"' \
    'common/digest.c <openssl/evp.h>' 'collector/report/x.c "collector/census/fleet.h"' \
    'collector/server/http.c "collector/report/report.h"' 'common/cli_help.c "common/cli_private.h"'; do
    include "${allowed%% *}" "${allowed#* }" && expect_silence direction.py
done

long_function 76 && expect_silence sizes.py
long_function 78 && expect sizes.py "common/long.c:1: long_one() has 82 lines"
echo "common/long.c long_one 90 a table that reads best in one piece" >"$tree/tests/lint/sizes.exceptions"
expect_silence sizes.py
echo "common/long.c long_one 90" >"$tree/tests/lint/sizes.exceptions"
expect sizes.py "expected PATH FUNCTION LIMIT REASON"
long_function 3
echo "common/long.c long_one 90 it once was long" >"$tree/tests/lint/sizes.exceptions"
expect sizes.py "is no longer too large"
clean && for ((i = 0; i < 601; i++)); do echo "/* $i */"; done >"$tree/common/long.c"
expect sizes.py "common/long.c:1: 601 lines"
clean && cat >"$tree/common/deep.c" <<'C'
int deep(int a)
{
    while (a > 0) {
        if (a == 1) {
            for (int i = 0; i < a; i++)
                if (i > 2)
                    while (a-- > 7)
                        a--;
        }
    }
    return a;
}
C
expect sizes.py "common/deep.c:7: deep() nests 5 deep"

clean && echo "/* TODO: later */" >"$tree/common/open.c" && expect words.py "common/open.c:1: TODO"
clean && echo "/* TODO(#12): later */" >"$tree/common/open.c" && expect_silence words.py
clean && printf '#if 0\nint dead;\n#endif\n' >"$tree/common/dead.c" && expect words.py "common/dead.c:1"
clean && echo "/* bare */" >"$tree/common/bare.h" && expect words.py "no guard COMMON_BARE_H"
clean && sed -i '/^\/\* What two/d' "$tree/common/good.h"
expect words.py "common/good.h:5: no comment"

if command -v clang-format >/dev/null; then
    clean && echo "int  crooked ;" >"$tree/common/crooked.c"
    expect format.sh "common/crooked.c: run clang-format"
fi
if command -v shellcheck >/dev/null; then
    # The unquoted variable is what shellcheck has to find.
    # shellcheck disable=SC2016
    clean && printf '#!/bin/sh\nrm $1\n' >"$tree/tests/wrong.sh"
    expect format.sh "tests/wrong.sh:2"
    mv "$tree/tests/wrong.sh" "$tree/tests/wrong"
    expect format.sh "tests/wrong:2"
fi

[ "$failures" -eq 0 ]
