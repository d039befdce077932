#!/usr/bin/env python3
"""What the documents promise of JSON.

usage: test_docs.py BUILD-DIRECTORY

Every command is asked in every form that it has, over the sample fleet of tests/golden. Each key of
the answers must be told: in `backticks` in one of DOCUMENTS, or by an example of that command in
docs/command.md. And what these call by a name in the manner of a key must be a key of some answer.
That the examples are what the command answers is looked at by test_reports.py.
"""

import json
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "support"), os.path.join(HERE, "..", "golden")]

import examples
import sample
from harness import Results

DOCS = os.path.join(HERE, "..", "..", "docs")
DOCUMENTS = ("command.md", "policy.md", "tree.md", "lineage.md", "operating.md")
KEYS_ONLY = DOCUMENTS[:-1]  # operating.md tells of options and of the agent's own JSON as well

COMPANY = ["--catalogue", "company.yaml"]
LAST_HOUR = ["--as-of", "1h"]
CART, SHOP = "registry.example.com/cart:7", "shop:4"
FORMS = {
    "summary": [[]],
    "hosts": [[]],
    "host": [["web-1"], ["edge-1"]],
    "images": [[], LAST_HOUR, [*LAST_HOUR, "--known-then"]],
    "image": [["registry.example.com/shop:4.1"], [CART]],
    "layers": [[]],
    "layer": [["6b2fd8ff8dd5"]],
    "bases": [[], ["--level", "core"], ["--level", "parent"], ["--level", "version"],
              ["--level", "family"], [*COMPANY], LAST_HOUR],
    "lineage": [[CART], ["api:2"], ["localhost/tool:dev"], [*COMPANY, CART]],
    "builders": [[]],
    "history": [[]],
    "tree": [[], [SHOP], ["--up", SHOP], ["--host", "web-1"], ["--depth", "1"], ["--incremental"],
             ["--min-bytes", "100M"], ["--only-labelled"], ["--no-trunc", "--no-human"],
             ["--show-created-by"], ["--policy", "policy.yaml"]],
    "policy check": [[*COMPANY, "policy.yaml"], [*COMPANY, "wild.yaml"]],
    "policy explain": [[*COMPANY, "--policy", "policy.yaml", CART],
                       ["--policy", "policy.yaml", CART]],
    "policy history": [[]],
    "catalogue list": [COMPANY],
    "duplicates": [[], ["--by", "term"], ["--by", "layer"], ["--by", "host"], ["--by", "image"]],
    "where": [[SHOP], ["--ever", SHOP], ["--built-on", "debian"], ["6b2fd8ff8dd5"]],
}
NO_JSON = ("policy init", "catalogue add", "catalogue remove", "catalogue trust",
           "catalogue distrust")
NO_JSON_OPTIONS = {"tree": {"--tree", "--dot", "--short"}}


def keys_of(value):
    """All keys of an answer, however deep."""
    if isinstance(value, dict):
        return set(value) | set().union(*(keys_of(part) for part in value.values()))
    return set().union(*(keys_of(part) for part in value)) if isinstance(value, list) else set()


def help_of(program, *command):
    """Of a help text: the lines of its own commands, or its own options, joined where they wrap."""
    text = subprocess.run([program, *command, "--help"], capture_output=True, text=True, timeout=60,
                          check=True).stdout
    part = re.search(r"^(?:Commands|Options):\n(.*?)\n\n", text, re.S | re.M)
    return re.sub(r"\n {8,}", " ", part.group(1)).splitlines() if part else []


def check_forms(results, program):
    """FORMS leaves out no command, no option of one, and no choice of an option."""
    missing = [line.strip() for line in help_of(program)
               if not line.strip().startswith((*FORMS, *NO_JSON))]
    for command, forms in FORMS.items():
        used = {word for form in forms for word in form} | NO_JSON_OPTIONS.get(command, set())
        for line in help_of(program, *command.split()):
            choices = re.search(r"One of ([\w, ]+)\.", line)
            words = re.findall(r"--[\w-]+", line)[:1]
            words += choices.group(1).split(", ") if choices else []
            missing += [f"{command} {word}" for word in words if word not in used]
    results.check("every command, option and choice is asked for", not missing, "; ".join(missing))


def ask(program, folder, command, form):
    run = subprocess.run([os.path.abspath(program), "--db", "sample.db", "-o", "json",
                          *command.split(), *form], cwd=folder, capture_output=True, text=True,
                         timeout=60, check=False)
    if run.returncode != 0 and (command, run.returncode) != ("policy check", examples.VIOLATIONS):
        raise RuntimeError(f"{command} {form}: status {run.returncode}: {run.stderr}")
    return json.loads(run.stdout)


def ask_all(results, program):
    """{command: keys of all its answers}. A sheet that is empty in every form hides its keys."""
    found, empty = {}, []
    with tempfile.TemporaryDirectory() as folder:
        sample.make(os.path.join(folder, "sample.db"))
        for command, forms in FORMS.items():
            answers = [ask(program, folder, command, form) for form in forms]
            found[command] = set().union(*map(keys_of, answers))
            empty += [f"{command}: {key}" for key in answers[0] if key not in ("notes", "coverage")
                      and all(answer[key] in ([], None) for answer in answers)]
    results.check("the sample has something in every sheet", not empty, "; ".join(empty))
    return found


def read(name):
    with open(os.path.join(DOCS, name), encoding="utf-8") as f:
        return f.read()


def told_in_backticks(names):
    """All words that stand in backticks by themselves, outside of fenced blocks."""
    text = "\n".join(re.sub(r"^```.*?^```", "", read(name), flags=re.S | re.M) for name in names)
    return set(re.findall(r"`(\w+)`", text))


def told_by_examples():
    """{command: keys of its JSON examples}, and the keys of the coverage, which the first has."""
    found, coverage = {command: set() for command in FORMS}, set()
    for arguments, kind, text in examples.EXAMPLE.findall(read("command.md")):
        if kind != "json":
            continue
        answer = json.loads(text)
        coverage |= keys_of({"coverage": answer.pop("coverage", {})})
        found[answer["report"]] |= keys_of(answer)
    return found, coverage


def main():
    results = Results("docs")
    program = os.path.join(sys.argv[1], "collector", "layercensus")
    check_forms(results, program)
    answered = ask_all(results, program)
    words, (shown, coverage) = told_in_backticks(DOCUMENTS), told_by_examples()
    for command, keys in answered.items():
        untold = keys - words - shown[command] - coverage
        results.check(f"{command}: every key of its JSON is described", not untold,
                      ", ".join(sorted(untold)))
    known = set().union(*answered.values())
    gone = {word for word in told_in_backticks(KEYS_ONLY)
            if re.fullmatch(r"[a-z]+(_[a-z]+)+", word)} - known
    results.check("what the documents call like a key is one", not gone, ", ".join(sorted(gone)))
    results.finish()


if __name__ == "__main__":
    main()
