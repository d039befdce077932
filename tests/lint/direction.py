#!/usr/bin/env python3
"""direction.py [ROOT]: who may include what (docs/architecture.md draws the same picture).

Each rule says of a header who may include it (`only`), or who may not (`never`). Tests may
include anything: they look at the program from outside.
"""

import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import tree  # pylint: disable=wrong-import-position

FOLDERS = ("agent", "collector", "common")
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')

# (header, who alone may include it, why)
ONLY = [
    (r"sqlite3\.h", r"collector/store/|agent/engines/foreign_sqlite", "SQL lives in collector/store"),
    (r"nghttp2/", r"common/h2", "HTTP/2 lives in common/h2"),
    (r"proto/layercensus\.pb-c\.h", r"common/wire", "generated code is known to common/wire alone"),
    (r"proto/containerd\.pb-c\.h", r"agent/engines/containerd",
     "containerd's messages are known to its driver alone"),
    (r"openssl/", r"common/(tls|digest)", "OpenSSL lives in common/tls and common/digest"),
    (r"jansson\.h", r"common/json\.h", "JSON is read through common/json.h and its limits"),
    (r"ini\.h", r"common/cli_file\.c", "configuration files are read by common/cli"),
    (r"yaml\.h", r"collector/rules/yaml\.c", "YAML is read through collector/rules/yaml.h"),
    (r"microhttpd\.h", r"collector/server/http", "HTTP is served by collector/server/http"),
    (r"agent/", r"agent/", "only the agent knows the agent"),
    (r"collector/", r"collector/", "only the collector knows the collector"),
    (r"collector/server/", r"collector/(server/|main\.c)", "the server is the top"),
    (r"collector/cli/", r"collector/cli/", "the command is the top"),
    (r"collector/export/", r"collector/(export|cli|server)/|collector/main\.c",
     "only what answers people formats for them"),
    (r"collector/rules/", r"collector/(rules|report|cli|server)/|collector/main\.c",
     "rules are files of operators; census judges by what was read from them"),
    (r"collector/report/", r"collector/(report|export|cli|server)/|collector/main\.c",
     "reports stand above store and census"),
    (r"agent/(agent|scan|spool|uplink)\.h", r"agent/[^/]+$", "engines know nothing of who uses them"),
]

# (who, header that he may not include, why)
NEVER = [
    (r"collector/(census|export)/", r"collector/store/", "census and export know no database"),
    (r"collector/(census|export)/",
     r"uv\.h|common/(uvx|tls|h2|grpc)|sys/(socket|un|epoll)\.h|netinet/|arpa/|netdb\.h",
     "census and export know no loop and no socket"),
    (r"collector/rules/", r"collector/(store|report|export)/", "rules know no database"),
    (r"collector/census/", r"collector/(report|export)/", "census is below the reports"),
]


def belongs(path, header):
    """Whether a file may include x_private.h: those of its folder; in common, only x*."""
    if path.startswith("common/"):
        return path.startswith(header[:-len("_private.h")])
    return os.path.dirname(path) == os.path.dirname(header)


def complaints(path, mark, header):
    """What is wrong with one include, as texts."""
    for target, allowed, why in ONLY:
        if re.match(target, header) and not re.match(allowed, path):
            yield f"includes {header}: {why}"
    for who, target, why in NEVER:
        if re.match(who, path) and re.match(target, header):
            yield f"includes {header}: {why}"
    if header.endswith("_private.h") and not belongs(path, header):
        yield f"includes {header}, which is private to its own files"
    if mark == '"' and "/" not in header:
        yield f"includes {header}: name headers from the root of the tree"


def main():
    """Looks at each include of the program."""
    top = tree.root()
    findings = []
    for path in tree.files(top, FOLDERS, (".c", ".h")):
        for number, line in enumerate(tree.lines(top, path), 1):
            found = INCLUDE.match(line)
            if found:
                findings += [f"{path}:{number}: {text}"
                             for text in complaints(path, found.group(1), found.group(2))]
    tree.report("direction", findings)


main()
