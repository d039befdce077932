"""What the lints share: which files they read, and how they say what they found."""

import os
import sys

SKIPPED = ("build", ".", "__pycache__")


def root():
    """The tree to look at: the first argument, else the one that this file lies in."""
    if len(sys.argv) > 1:
        return sys.argv[1]
    return os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../.."))


def files(top, folders, endings):
    """Paths below `top`, sorted, with '/' and without the top."""
    found = []
    for folder in folders:
        for where, inner, names in os.walk(os.path.join(top, folder)):
            inner[:] = [name for name in inner if not name.startswith(SKIPPED)]
            found += [os.path.relpath(os.path.join(where, name), top)
                      for name in names if name.endswith(endings)]
    return sorted(found)


def lines(top, path):
    """The lines of a file, without their ends."""
    with open(os.path.join(top, path), encoding="utf-8", errors="replace") as file:
        return file.read().split("\n")


def report(name, findings):
    """One line a finding; exits with 1 if there is one."""
    for finding in findings:
        print(f"FAIL {name}: {finding}")
    if not findings:
        print(f"ok {name}")
    sys.exit(1 if findings else 0)
