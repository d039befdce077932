#!/usr/bin/env python3
"""The examples of docs/command.md: real answers over the sample fleet.

usage: examples.py COMMAND-PROGRAM           says which examples differ; status 1 where one does
       examples.py COMMAND-PROGRAM --write   puts the answers of today into the document

An example is a line "<!-- example: ARGUMENTS -->" with a fenced block behind it; files that it names
lie beside the sample's database. Only the first JSON example shows the coverage, which all have. Times
and days are the only thing that may differ.
"""

import json
import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import sample

DOCUMENT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "docs",
                        "command.md")
EXAMPLE = re.compile(r"<!-- example: (.*?) -->\n\n```(\w+)\n(.*?)```\n", re.S)
VIOLATIONS = 1  # the status of a policy check that finds some
TIME = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\dZ)?")


def answer(program, database, arguments, shows_coverage):
    run = subprocess.run([os.path.abspath(program), "--db", database, *arguments.split()],
                         capture_output=True, text=True, timeout=60, check=False,
                         cwd=os.path.dirname(database))
    if run.returncode not in ((0, VIOLATIONS) if "policy check" in arguments else (0,)):
        raise RuntimeError(f"{arguments}: status {run.returncode}: {run.stderr}")
    if "-o json" not in arguments or shows_coverage:
        return run.stdout
    value = json.loads(run.stdout)
    del value["coverage"]
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def differing(program, write=False):
    """The arguments of examples whose answer is another one today."""
    with open(DOCUMENT, encoding="utf-8") as f:
        text = f.read()
    differ, seen_json = [], []

    def replace(match):
        arguments, kind, old = match.groups()
        new = answer(program, database, arguments, kind == "json" and not seen_json)
        if kind == "json":
            seen_json.append(arguments)
        if TIME.sub("TIME", new) != TIME.sub("TIME", old):
            differ.append(arguments)
        return f"<!-- example: {arguments} -->\n\n```{kind}\n{new}```\n"

    with tempfile.TemporaryDirectory() as folder:
        database = os.path.join(folder, "sample.db")
        sample.make(database)
        new_text, count = EXAMPLE.subn(replace, text)
    if count == 0:
        raise RuntimeError("docs/command.md has no examples")
    if write:
        with open(DOCUMENT, "w", encoding="utf-8") as f:
            f.write(new_text)
    return differ


if __name__ == "__main__":
    found = differing(sys.argv[1], write="--write" in sys.argv)
    for line in found:
        print(f"differs: {line}")
    sys.exit(1 if found and "--write" not in sys.argv else 0)
