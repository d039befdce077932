#!/usr/bin/env python3
"""sizes.py [ROOT]: files, functions and nesting that are too large to be read at once.

Relies on clang-format (format.sh): a function's braces stand in the first column, and a
statement's depth is its indentation. sizes.exceptions beside this file holds what may be larger.
"""

import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import tree  # pylint: disable=wrong-import-position

FILE_LINES = 600
FUNCTION_LINES = 80
NESTING = 4
INDENT = 4

CONTROL = re.compile(r"^( +)(?:\} )?(?:else if|else|if|for|while|do|switch|\w+_each\w*)\b")
LOOP_END = re.compile(r"^ *\} while \(.*\);$")
NAME = re.compile(r"(\w+)\(")
KEYWORDS = {"__attribute__", "AUTO", "format", "cleanup"}


def read_exceptions(top):
    """{(path, function or "-"): (lines or depth allowed, line number)}; a line is
    PATH FUNCTION LIMIT REASON..."""
    path = "tests/lint/sizes.exceptions"
    table, wrong = {}, []
    if not os.path.exists(os.path.join(top, path)):
        return table, wrong
    for number, line in enumerate(tree.lines(top, path), 1):
        words = line.split(None, 3)
        if not words or words[0].startswith("#"):
            continue
        if len(words) < 4 or not words[2].isdigit():
            wrong.append(f"{path}:{number}: expected PATH FUNCTION LIMIT REASON")
            continue
        table[(words[0], words[1])] = (int(words[2]), number)
    return table, wrong


def signature_start(text, brace):
    """The first line of the definition whose body opens at line `brace`."""
    start = brace
    while start > 0:
        above = text[start - 1]
        if not above or above[0] in "}#/ *" and not above.startswith("    ") or above.endswith(";"):
            break
        start -= 1
    return start


def functions(text):
    """(name, first line, last line) of each function, counted from 0."""
    brace = None
    for number, line in enumerate(text):
        if line == "{":
            brace = number
        elif line == "}" and brace is not None:
            start = signature_start(text, brace)
            names = [n for n in NAME.findall(" ".join(text[start:brace])) if n not in KEYWORDS]
            yield (names[0] if names else "?"), start, number
            brace = None


def deepest(text, start, end):
    """The greatest depth of a statement with a body, and its line."""
    depth, where = 0, start
    for number in range(start, end):
        found = CONTROL.match(text[number])
        if not found or LOOP_END.match(text[number]) or len(found.group(1)) % INDENT:
            continue
        if len(found.group(1)) // INDENT > depth:
            depth, where = len(found.group(1)) // INDENT, number
    return depth, where


def look(path, text):
    """(function or "-", measure, limit, complaint) of each thing that is too large."""
    count = len(text) - (1 if text and not text[-1] else 0)
    if count > FILE_LINES:
        yield "-", count, f"{path}:1: {count} lines, at most {FILE_LINES} in a file"
    for name, start, end in functions(text):
        length = end - start + 1
        depth, where = deepest(text, start, end)
        if length > FUNCTION_LINES:
            yield name, length, (f"{path}:{start + 1}: {name}() has {length} lines, "
                                 f"at most {FUNCTION_LINES}")
        if depth > NESTING:
            yield name, depth, (f"{path}:{where + 1}: {name}() nests {depth} deep, "
                                f"at most {NESTING}")


def main():
    """Compares what is too large with what may be."""
    top = tree.root()
    allowed, findings = read_exceptions(top)
    used = set()
    for path in tree.files(top, ("agent", "collector", "common", "tests"), (".c", ".h")):
        for name, measure, complaint in look(path, tree.lines(top, path)):
            limit = allowed.get((path, name), (0, 0))[0]
            used.add((path, name))
            if measure > limit:
                findings.append(complaint)
    findings += [f"tests/lint/sizes.exceptions:{number}: {path} {name} is no longer too large"
                 for (path, name), (_, number) in allowed.items() if (path, name) not in used]
    tree.report("sizes", findings)


main()
