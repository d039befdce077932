#!/usr/bin/env python3
"""`tree` over random fleets, against a forest that is made here from the database alone.

usage: test_tree.py BUILD-DIRECTORY

Nodes, edges, names, hosts and sums of each node; what a subject, a host and the limits leave; the same
text on each run. Steps, verdicts, notes. Then graphviz: `dot` and `patchwork` read the graph of names that mean harm, without a
warning, and draw as many nodes as there are rows.
"""

import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "support")]

import random_census
from census_db import CensusDb
from harness import Results
from test_reports import Command

SEEDS = range(25)
HARM = ['a"b\\N\\', "</TABLE>&lt;&bogus;", "x\x1b]0;title\x07y", "line\nbreak", "{|}<f0>", "über/ä:1",
        "%s%n", "a" * 3000, "graph{", "# comment", "//", "\u202e"]
LINES = """SELECT DISTINCT n.image_id, c.position, hex(h.digest), hex(l.diff), l.nominal_bytes
           FROM image_now n JOIN image_chain c ON c.image_id = n.image_id
           JOIN chain h ON h.id = c.chain_id JOIN layer l ON l.id = h.layer_id
           JOIN image i ON i.id = n.image_id WHERE i.parsed = 1 ORDER BY 1, 2"""
EMPTY = """SELECT count(DISTINCT n.image_id) FROM image_now n JOIN image i ON i.id = n.image_id
           WHERE i.parsed = 1 AND coalesce(i.layer_count, 0) = 0"""


def key(digest):
    return "sha256:" + digest.lower()


def forest_of(path, host=None):
    """{chain: (parent, bytes or None, hosts, names)} of what lies somewhere, or on a host."""
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    on_hosts, named = {}, {}
    for image, at in db.execute("SELECT image_id, host FROM image_now"):
        if host in (None, at):
            on_hosts.setdefault(image, set()).add(at)
    for image, at, name in db.execute("SELECT image_id, host, name FROM name_now"):
        if host in (None, at):
            named.setdefault(image, set()).add(name)
    forest, tops, line = {}, {}, []
    for image, position, chain, _, nominal in db.execute(LINES):
        if image not in on_hosts:
            continue
        line = line[:position] + [key(chain)]
        node = forest.setdefault(line[-1], [line[-2] if position else None, nominal, set(), set()])
        node[2] |= on_hosts[image]
        tops[image] = line[-1]
    for image, top in tops.items():
        forest[top][3] |= named.get(image, set())
    empty = db.execute(EMPTY).fetchone()[0]
    db.close()
    return forest, empty


def told(rows):
    return {row["chain_id"]: [row["parent_chain_id"], row["nominal_bytes"], row["hosts"],
                              sorted(row["names"])] for row in rows if row["chain_id"]}


def expected(forest):
    return {chain: [parent, nominal, len(hosts), sorted(names)]
            for chain, (parent, nominal, hosts, names) in forest.items()}


def line_of(forest, chain):
    line = []
    while chain is not None:
        line.append(chain)
        chain = forest[chain][0]
    return line


def check_sums(forest, rows):
    """Lines and branches add up, and each row comes behind its parent."""
    for number, row in enumerate(rows, 1):
        if row["node"] != number or (row["parent"] or 0) >= number:
            return f"row {number} is not in its place"
        if row["chain_id"] is None:
            continue
        line = line_of(forest, row["chain_id"])
        branch = [c for c in forest if row["chain_id"] in line_of(forest, c)]
        known = [forest[c][1] for c in line if forest[c][1] is not None]
        above = [forest[c][1] for c in branch if forest[c][1] is not None]
        got = (row["depth"], row["line_layers"], row["line_layers_unknown"],
               row["cumulative_bytes"] or 0, row["branch_layers"], row["branch_bytes"] or 0)
        want = (len(line) - 1, len(line), len(line) - len(known), sum(known), len(branch), sum(above))
        if got != want:
            return f"{row['chain_id']}: got {got}, expected {want}"
    return ""


def labelled(forest):
    """The chains that -l keeps."""
    children = {}
    for parent, *_ in forest.values():
        children[parent] = children.get(parent, 0) + 1
    return {chain for chain, (parent, _, _, names) in forest.items()
            if parent is None or names or children.get(chain, 0) > 1}


def check_labelled(command, forest, rows):
    """-l keeps what it should, and its rows are of all their layers."""
    found = command.ask("tree", "-l")["rows"]
    kept = {row["chain_id"] for row in found} - {None}
    if kept != labelled(forest):
        return "-l keeps others"
    shown = {chain for top in kept for chain in line_of(forest, top)}
    for column in ("layers", "nominal_bytes", "copies", "stored_bytes"):
        want = sum(row[column] or 0 for row in rows if row["chain_id"] in shown)
        got = sum(row[column] or 0 for row in found)
        if got != want:
            return f"-l: {column} is {got}, without it {want}"
    return ""


def check_subject(command, forest):
    """Each chain as a subject: what stands on it, and what it stands on."""
    for chain in list(forest)[:6]:
        # A first layer is named by its diffID, and so are all other places where it lies.
        if len(line_of(forest, chain)) == 1:
            continue
        rows = command.ask("tree", chain)["rows"]
        want = {c for c in forest if chain in line_of(forest, c)}
        if {row["chain_id"] for row in rows} != want or rows[0]["chain_id"] != chain:
            return f"above {chain}: {len(rows)} rows, expected {len(want)}"
        if rows[0]["layers"] != len(line_of(forest, chain)):
            return f"{chain}: its line is not one row"
        rows = command.ask("tree", "--up", chain)["rows"]
        if [row["chain_id"] for row in rows] != line_of(forest, chain)[::-1]:
            return f"below {chain}: {rows}"
    return ""


def check_limits(command, rows):
    """What is shown and what is left out add up to the whole."""
    layers = sum(row["layers"] for row in rows)
    for words in (["--depth", "2"], ["--min-bytes", "4M"], ["--limit", "3"],
                  ["--limit", "4", "--depth", "3"]):
        found = command.ask("tree", *words)["rows"]
        if sum(row["layers"] for row in found) != layers:
            return f"{words}: layers are lost"
        shown = [row for row in found if not row["collapsed"]]
        if words[0] == "--limit" and len(shown) > int(words[1]):
            return f"{words}: {len(shown)} nodes"
        if words == ["--depth", "2"] and any(row["depth"] > 1 for row in shown):
            return f"{words}: deeper nodes"
    return ""


def check_random(results, program):
    wrong, seen = [], 0
    for seed in SEEDS:
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "census.db")
            random_census.make(path, seed)
            command = Command(program, path)
            forest, empty = forest_of(path)
            rows = command.ask("tree")["rows"]
            text = command.run("tree").stdout
            seen += len(forest)
            if told(rows) != expected(forest) or len(rows) != len(forest) + empty:
                wrong.append(f"seed {seed}: other nodes")
            if text != command.run("tree", "-t").stdout:
                wrong.append(f"seed {seed}: two runs differ")
            if len(re.findall("─", text)) != len(rows):
                wrong.append(f"seed {seed}: not a line for each node")
            for host in ("host-0", "host-1"):
                on_host, _ = forest_of(path, host)
                if on_host and told(command.ask("tree", "--host", host)["rows"]) != \
                        expected(on_host):
                    wrong.append(f"seed {seed}: other nodes on {host}")
            wrong += [f"seed {seed}: {why}" for why in
                      (check_sums(forest, rows), check_labelled(command, forest, rows),
                       check_subject(command, forest), check_limits(command, rows)) if why]
    results.check("random fleets have nodes", seen > 200, str(seen))
    results.check(f"the forests of {len(SEEDS)} random fleets", not wrong, "; ".join(wrong[:5]))


def make_harm(path):
    """Names and steps that would break a graph or a terminal, a deep line, a layer twice."""
    db = CensusDb(path, now=int(time.time()))
    store = db.store(db.host("h"), key="h")
    for i, text in enumerate(HARM):
        lines = ["os", f"app {i}", f"app {i}"]
        image = db.image(f"i{i}", lines, history=[(text, 0), (f"RUN {text}", 0), ("CMD", 1),
                                                  ("x", 0)])
        db.put(store, image, [text])
    db.put(store, db.image("deep", [f"l{n}" for n in range(1024)]), ["deep:1"])
    db.put(store, db.image("none", []), ["none:1"])
    db.close()
    return 1 + 2 * len(HARM) + 1024 + 1


def draw(program, graph):
    run = subprocess.run([program, "-Tsvg"], input=graph, capture_output=True, check=False,
                         timeout=120)
    return run.returncode, run.stderr.decode(), run.stdout.count(b'class="node"')


def check_graphviz(results, program):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "census.db")
        nodes = make_harm(path)
        command = Command(program, path)
        rows = command.ask("tree")["rows"]
        results.equal("a layer twice, a deep line and an image without layers have their nodes",
                      len(rows), nodes)
        texts = command.run("tree", "--show-created-by").stdout
        results.check("no control character reaches the terminal",
                      not re.search("[\x00-\x09\x0b-\x1f\x7f]", texts))
        wide = subprocess.run(["script", "-qec", f"stty cols 80; {program} --db {path} tree",
                               "/dev/null"], capture_output=True, check=False, timeout=60) \
            if shutil.which("script") else None
        if wide is None:
            results.skip("lines fit a terminal", "there is no script")
        else:
            lines = [line for line in wide.stdout.decode().splitlines() if "─" in line]
            results.check("lines fit a terminal", len(lines) == nodes and
                          max(map(len, lines)) <= 80, f"{len(lines)} lines")
        graph = subprocess.run([program, "--db", path, "tree", "--dot", "--show-created-by"],
                               capture_output=True, check=True, timeout=60).stdout
        for tool in ("dot", "patchwork"):
            if shutil.which(tool) is None:
                results.skip(f"{tool} reads the graph", "graphviz is not installed")
                continue
            results.equal(f"{tool} reads the graph and warns of nothing", draw(tool, graph),
                          (0, "", nodes))


POLICY = """mode: black list
rules:
  - name: no-alpine
    reject:
      family: [alpine]
"""


def make_shop(path):
    """Two lines, one of them against the policy; histories that tell of layers, or do not."""
    db = CensusDb(path, now=int(time.time()))
    db.layer("debian", 4096, os_release="ID=debian\nVERSION_ID=12\n")
    db.layer("alpine", 8192, os_release="ID=alpine\nVERSION_ID=3.19\n")
    db.layer("huge")
    one, two = (db.store(db.host(name, labels={"zone": name}), key=name) for name in "ab")
    shop = db.image("shop", ["debian", "shop"], history=[("ADD rootfs", 0), ("CMD sh", 1),
                                                         ("COPY shop /srv", 0)])
    tool = db.image("tool", ["alpine", "huge"], history=[("ADD alpine", 0)])
    db.put(one, shop, ["registry.example.com:5000/shop:2", "docker.io/library/shop:1"])
    db.put(two, shop, ["shop:latest"])
    db.put(two, tool, [])
    db.put(two, db.image("mystery", None), ["mystery:1"])
    db.close()


def check_told(results, command, folder):
    policy = os.path.join(folder, "policy.yaml")
    with open(policy, "w", encoding="utf-8") as f:
        f.write(POLICY)
    rows = command.ask("--policy", policy, "tree", "--show-created-by")["rows"]
    results.equal("names as people type them, steps, verdicts, hosts and sizes",
                  [(row["names"], row["created_by"], row["policy"], row["hosts"],
                    row["nominal_bytes"], row["cumulative_bytes"], row["branch_layers_unknown"])
                   for row in rows],
                  [([], "ADD rootfs", None, 2, 4096, 4096, 1),
                   (["registry.example.com:5000/shop:2", "shop:1", "shop:latest"],
                    "COPY shop /srv", "accepted", 2, None, 4096, 1),
                   ([], None, None, 1, 8192, 8192, 1), ([], None, "violation", 1, None, 8192, 1)])
    text = command.run("--policy", policy, "tree").stdout
    results.check("text tells of unknown sizes, verdicts, and images without known layers",
                  "Virtual Size: \u22658.00 KiB [violation] Hosts: 1" in text and
                  "Not in the tree: 1 image whose layers are not known." in text, text)
    results.check("no colours where stdout is no terminal", "\x1b" not in text)
    results.equal("short", command.run("tree", "-s").stdout,
                  "registry.example.com:5000/shop: 2\nshop: 1, latest\n")
    results.equal("an image finds itself and what stands on it",
                  [row["layers"] for row in command.ask("tree", "shop:1")["rows"]], [2])
    results.equal("labels choose the hosts", [row["hosts"] for row in command.ask(
        "--label", "zone=a", "tree")["rows"]], [1, 1])
    results.check("-l says what it skips", "Not shown: 1 layer above the last name" in
                  command.run("tree", "-l").stdout)
    results.equal("short forms count what they print", [command.run("--limit", "1", "tree", "-s").stdout,
                                                        command.run("tree", "-s", "--depth", "1").stdout],
                  ["registry.example.com:5000/shop: 2\nshop: 1, latest\n"] * 2)
    results.check("notes tell bytes where sizes are bytes", "at least 4096 bytes, in 2 places" in
                  command.run("--limit", "1", "tree", "-c").stdout)
    results.check("a limit says what it left out", "Left out by --depth, --min-bytes or --limit: 3 "
                  "layers of 4, at least 4.00 KiB, in 2 places" in
                  command.run("--limit", "1", "tree").stdout, command.run("--limit", "1",
                                                                          "tree").stdout)


CATALOGUE = """bases:
  - name: docker.io/library/nowhere:1
    layers:
      - sha256:1111111111111111111111111111111111111111111111111111111111111111
"""


def check_notes(results, command, folder):
    catalogue = os.path.join(folder, "catalogue.yaml")
    with open(catalogue, "w", encoding="utf-8") as f:
        f.write(CATALOGUE)
    run = command.run("--catalogue", catalogue, "tree", "nowhere:1")
    results.check("nothing stands on a base that only the catalogue knows", run.returncode == 0 and
                  'Nothing that lies there stands on "nowhere:1".' in run.stdout, run.stderr)
    results.check("a note lists all labels that no host has", "No host has all these labels: a=b, c=d.\n" in
                  command.run("--label", "a=b", "--label", "c=d", "tree").stdout)
    text = command.run("--as-of", "2000-01-01T00:00:00Z", "bases").stdout
    results.check("before the first host, answers say so", "The first host was heard of at 20" in text, text)
    results.check("and not afterwards", "first host" not in command.run("--as-of", "3600s", "bases").stdout)


def check_usage(results, command):
    for words, status, text in ((["tree", "-t", "-d"], 2, "only one"),
                                (["tree", "-d", "-o", "json"], 2, "leave out -o"),
                                (["tree", "--up"], 2, "--up"), (["tree", ""], 2, "empty"),
                                (["tree", "--sort", "names"], 2, "own order"),
                                (["tree", "nosuch"], 3, "no image, layer or chain"),
                                (["tree", "--host", "nosuch"], 3, "no host")):
        run = command.run(*words)
        results.check(f"status of {' '.join(words)}", run.returncode == status and
                      text in run.stderr and run.stdout == "", f"{run.returncode}: {run.stderr}")


def main():
    results = Results("tree")
    sys.setrecursionlimit(5000)  # census_db makes chains from the top down
    program = os.path.join(sys.argv[1], "collector", "layercensus")
    check_random(results, program)
    check_graphviz(results, program)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "census.db")
        make_harm(path)
        check_usage(results, Command(program, path))
        shop = os.path.join(folder, "shop.db")
        make_shop(shop)
        check_told(results, Command(program, shop), folder)
        check_notes(results, Command(program, shop), folder)
    results.finish()


if __name__ == "__main__":
    main()
