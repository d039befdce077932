#!/usr/bin/env bash
# The README's first command, seen from outside: in a fresh copy of the tracked files, twice, on a
# machine whose docker root is empty for it. Its answer must hold the sample images.
set -u
top=$(cd "$(dirname "$0")/.." && pwd)
copy=$(mktemp -d)
ok() { echo "ok quickstart: $1"; }
bad() { echo "FAIL quickstart: $1: $2"; status=1; }
status=0
# shellcheck disable=SC2317  # called by the trap
cleanup() {
    "$copy/deploy/quickstart" stop >/dev/null 2>&1
    rm -rf "$copy"
}
trap cleanup EXIT

(cd "$top" && git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents -t "$copy") || exit 1
for round in first second; do
    if "$copy/deploy/quickstart" >"$copy/$round.out" 2>"$copy/$round.err"; then
        ok "the $round run ends well"
    else
        bad "the $round run ends well" "status $?: $(tail -n 5 "$copy/$round.err" | tr '\n' ' ')"
    fi
    if grep -q '^Complete: 1 of 1 hosts fresh' "$copy/$round.out"; then
        ok "the $round run's answer is complete"
    else
        bad "the $round run's answer is complete" "$(grep -i 'complete' "$copy/$round.out" | head -n 1)"
    fi
    for word in "core builds" "duplicate storage" "deploy/quickstart stop"; do
        if grep -qi "$word" "$copy/$round.out"; then
            ok "the $round run's answer names: $word"
        else
            bad "the $round run's answer names: $word" "$(tail -n 5 "$copy/$round.out" | tr '\n' ' ')"
        fi
    done
done
# The sample alone, whatever engines this machine has.
if "$copy/deploy/sample-store" "$copy/sample" >"$copy/sample.out" 2>&1; then
    found=$("$copy/build/agent/layercensus-agent" scan -o json --root "$copy/sample/docker" |
        jq -c '[.stores[].images[].names[]] | sort')
    expected='["sample/alder:1","sample/batch:1","sample/birch:1","sample/tool-on-alder:1","sample/tool-on-birch:1","sample/web:1","sample/web:latest"]'
    if [ "$found" = "$expected" ]; then
        ok "the sample store holds its six images"
    else
        bad "the sample store holds its six images" "$found"
    fi
else
    bad "the sample store is made" "$(tail -n 3 "$copy/sample.out" | tr '\n' ' ')"
fi

images=$("$copy/deploy/quickstart" command -o json images | jq '.rows | length')
if [ "${images:-0}" -gt 0 ]; then
    ok "it shows $images images"
else
    bad "it shows images" "none"
fi
if "$copy/deploy/quickstart" stop >/dev/null 2>&1; then
    ok "it stops"
else
    bad "it stops" "status $?"
fi
if [ -n "$(pgrep -f "$copy/" || true)" ]; then
    bad "nothing is left running" "$(pgrep -af "$copy/")"
else
    ok "nothing is left running"
fi
"$copy/deploy/quickstart" forget >/dev/null 2>&1
if [ -e "$copy/build/quickstart" ]; then
    bad "forget removes what it made" "build/quickstart is still there"
else
    ok "forget removes what it made"
fi
exit "$status"
