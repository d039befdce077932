#!/usr/bin/env bash
# format.sh [ROOT]: C files are as clang-format wants them, shell scripts as shellcheck does.
set -u
cd "${1:-$(dirname "$0")/../..}" || exit 3

# Names of files, tracked or new, without what is ignored.
list() {
    if [ -e .git ]; then
        git ls-files --cached --others --exclude-standard -- "$@"
    else
        for pattern in "$@"; do find . -name "$pattern" -type f -printf '%P\n'; done
    fi | sort -u | while read -r path; do [ -f "$path" ] && printf '%s\n' "$path"; done
}

# Scripts by their name or their first line.
list_scripts() {
    list '*.sh'
    list '*' | grep -vE '\.[a-z0-9-]+$' | while read -r path; do
        head -n 1 "$path" | tr -d '\0' | grep -qE '^#!.*\b(ba)?sh\b' && printf '%s\n' "$path"
    done
}

findings=0
found() {
    printf 'FAIL format: %s\n' "$1"
    findings=$((findings + 1))
}

if command -v clang-format >/dev/null; then
    while read -r path; do
        clang-format --dry-run -Werror "$path" >/dev/null 2>&1 ||
            found "$path: run clang-format -i on it"
    done < <(list '*.c' '*.h')
else
    echo "skip format: clang-format is not installed (apt-get install clang-format)"
fi

if command -v shellcheck >/dev/null; then
    while read -r path; do
        while read -r line; do
            found "$line"
        done < <(shellcheck --external-sources --format=gcc "$path" 2>&1)
    done < <(list_scripts | sort -u)
else
    echo "skip shellcheck: it is not installed (apt-get install shellcheck)"
fi

[ "$findings" -eq 0 ] || exit 1
echo "ok format"
