#!/usr/bin/env python3
"""words.py [ROOT]: open ends, dead code, header guards, and public functions without a comment."""

import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import tree  # pylint: disable=wrong-import-position

FOLDERS = ("agent", "collector", "common", "proto", "tests", "deploy")
ENDINGS = (".c", ".h", ".py", ".sh", ".cmake", ".proto", ".sql", ".txt")
OPEN_END = re.compile(r"\b(TODO|FIXME|XXX)\b(?!\(#\d+\))")
DEAD = re.compile(r"^\s*#\s*if\s+0\b")
PROTOTYPE = re.compile(r"^(?!typedef|static|struct \w+ \{|enum|extern \"C\")[A-Za-z_].*\w\(")

# These verbs mean the same everywhere: they release what they are given, NULL included.
RELEASE = re.compile(r"^void \w+_(close|free)\([^,]*\);")


def look_at_words(path, text):
    """Marks of unfinished work, and code that the preprocessor drops."""
    for number, line in enumerate(text, 1):
        mark = OPEN_END.search(line)
        if mark:
            yield f"{path}:{number}: {mark.group(1)} needs its issue, as {mark.group(1)}(#12)"
        if DEAD.match(line):
            yield f"{path}:{number}: dead code: delete it, git remembers"


def look_at_guard(path, text):
    """The guard is the path in capitals, so that no two headers share one."""
    guard = re.sub(r"\W", "_", path).upper()
    if f"#ifndef {guard}" not in text or f"#define {guard}" not in text:
        yield f"{path}:1: no guard {guard}"


def starts_with_comment(text, number):
    """Whether the lines without a gap above line `number` hold a comment of their own."""
    while number > 0 and text[number - 1].strip():
        number -= 1
        if text[number].startswith(("/*", " *", "//")):
            return True
    return False


def has_comment(text, number):
    """Whether a comment stands on line `number`, above it, above the group of declarations that
    it belongs to, or above the struct right before that group, which is what the group is about."""
    if "/*" in text[number] or starts_with_comment(text, number):
        return True
    while number > 0 and text[number - 1].strip():
        number -= 1
    if number < 2 or text[number - 2] != "};":
        return False
    while number > 0 and not re.match(r"(struct|union|enum) \w+ \{", text[number]):
        number -= 1
    return starts_with_comment(text, number)


def look_at_prototypes(path, text):
    """Each public function, or the group of them that it stands in, says what it does."""
    inside = 0
    for number, line in enumerate(text):
        declares = inside == 0 and PROTOTYPE.match(line) and not RELEASE.match(line)
        if declares and not has_comment(text, number):
            yield f"{path}:{number + 1}: no comment says what this function promises"
        if not line.lstrip().startswith(("*", "/*", "#")):
            inside = max(0, inside + line.count("{") - line.count("}"))


def main():
    """Looks at every file that people write."""
    top = tree.root()
    findings = []
    for path in tree.files(top, FOLDERS, ENDINGS):
        text = tree.lines(top, path)
        if not path.startswith("tests/lint/"):
            findings += look_at_words(path, text)
        if path.endswith(".h"):
            findings += look_at_guard(path, text)
            findings += look_at_prototypes(path, text)
    tree.report("words", findings)


main()
