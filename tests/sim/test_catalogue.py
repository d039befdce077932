#!/usr/bin/env python3
"""`catalogue add|list|remove|trust|distrust` over a database made by plain inserts.

usage: test_catalogue.py BUILD-DIRECTORY

A fleet with an approved base that was pulled, another chain that a tag alone calls the same, a name that
two pulled images share, and an OCI layout: what is taken, what is asked back, what the file says then,
and the exit status of each.
"""

import hashlib
import json
import os
import shlex
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "support")]

from census_db import CensusDb, chain_digest, digest
from harness import Results
from test_reports import Command

DEBIAN = "ID=debian\nVERSION_ID=12\n"
HUB = "docker.io/library/"
HOSTILE = "arm;touch 'x y' $(id)\x1b[2J"


def make_fleet(path):
    db = CensusDb(path, int(time.time()))
    for name in ("good", "evil", "new"):
        db.layer(name, 1000, 900, 10, 2, os_release=DEBIAN)
        db.image(name, [name], created="2026-03-02T08:00:00Z")
    db.image("arm", ["arm"], arch="arm64")
    db.image("shop", ["good", "shop"])
    db.image("blank")
    db.image("artifact", [])
    db.image("mine", ["good", "mine"])
    for name in ("one", "two"):
        db.image(name, [name], arch=HOSTILE)
    db.image("odd", ["odd"])
    db.db.execute("UPDATE chain SET digest = ? WHERE id = ?", (digest("of nothing"), db.chain(["odd"])[0]))
    first = db.store(db.host("web-1"), key="1")
    second = db.store(db.host("web-2"), key="2")
    user = db.store(db.host("dev-1"), key="3", owner=1000)
    pulled = [(HUB + "debian", digest("index"))]
    db.put(first, db.images["good"], [HUB + "debian:12"], repo_digests=pulled)
    db.put(first, db.images["shop"], ["registry.example.com/shop:1"])
    db.put(second, db.images["arm"], [HUB + "debian:12"], repo_digests=pulled)
    db.put(user, db.images["evil"], [HUB + "debian:12"])
    db.put(first, db.images["new"], [HUB + "debian:latest"],
           repo_digests=[(HUB + "debian", digest("new"))])
    db.put(second, db.images["good"], [HUB + "debian:latest"],
           repo_digests=[(HUB + "debian", digest("good"))])
    db.put(first, db.images["blank"], [HUB + "blank:1"])
    db.put(first, db.images["artifact"], [HUB + "artifact:1"])
    db.put(user, db.images["mine"], [HUB + "mine:1"], repo_digests=[(HUB + "debian", digest("claimed"))])
    db.put(first, db.images["one"], [HUB + "hostile:1"])
    db.put(second, db.images["two"], [HUB + "hostile:1"])
    db.put(first, db.images["odd"], [HUB + "odd:1"])
    db.close()


def blob(folder, value):
    data = json.dumps(value).encode()
    name = hashlib.sha256(data).hexdigest()
    with open(os.path.join(folder, "blobs", "sha256", name), "wb") as f:
        f.write(data)
    return {"digest": "sha256:" + name, "size": len(data)}


def make_layout(folder):
    os.makedirs(os.path.join(folder, "blobs", "sha256"))
    config = blob(folder, {"os": "linux", "architecture": "s390x",
                           "rootfs": {"type": "layers", "diff_ids": ["sha256:" + "ab" * 32]}})
    manifest = blob(folder, {"schemaVersion": 2, "config": config, "layers": []})
    manifest["annotations"] = {"org.opencontainers.image.ref.name": "9"}
    with open(os.path.join(folder, "index.json"), "w", encoding="utf-8") as f:
        json.dump({"schemaVersion": 2, "manifests": [manifest]}, f)


def db_id(name):
    """The ID of an image of make_fleet()."""
    return "sha256:" + digest(f"image {name}").hex()


def rows_of(command):
    return {(row["name"], row["platform"], row["chain_id"]): row
            for row in command.ask("catalogue", "list")["rows"]}


def chain_of(*layers):
    value = None
    for layer in layers:
        value = chain_digest(value, digest(f"layer {layer}"))
    return "sha256:" + value.hex()


def check_fleet(results, command):
    """From names that the fleet knows."""
    debian = HUB + "debian:12"
    run = command.run("catalogue", "add", "debian:12", "--family", "debian")
    results.equal("a name is added", run.returncode, 0)
    results.check("what was added is said, and whose word it was", f"added {debian}, linux/amd64" in run.stderr
                  and "pulled by web-1" in run.stderr, run.stderr)
    rows = rows_of(command)
    results.equal("each platform has its own, and a user's tag none", set(rows),
                  {(debian, "linux/amd64", chain_of("good")), (debian, "linux/arm64", chain_of("arm"))})
    row = rows[(debian, "linux/amd64", chain_of("good"))]
    results.equal("the list says where it lies",
                  (row["hosts"], row["images_on_it"], row["hosts_with_images_on_it"],
                   row["known_in_fleet"], row["family"], row["source"], row["digest"]),
                  (2, 2, 2, True, "debian", "fleet", "sha256:" + digest("index").hex()))
    run = command.run("catalogue", "add", "debian:12", "--platform", "linux/arm64")
    results.check("what is there already is not there twice",
                  "already there" in run.stderr and len(rows_of(command)) == 2, run.stderr)
    for name, why in (("nobody:1", "no image in the fleet"), ("blank:1", "config"), ("artifact:1", "no layers")):
        run = command.run("catalogue", "add", name)
        results.check(f"{name} is refused", run.returncode == 3 and why in run.stderr, run.stderr)
    run = command.run("catalogue", "add", "odd:1")
    results.check("layers that do not make their chain are no base",
                  run.returncode == 3 and "not those of its chain" in run.stderr, run.stderr)
    results.equal("and nothing was written", len(rows_of(command)), 2)
    run = command.run("catalogue", "add", "debian:12@" + db_id("good"), "--family", "")
    results.check("an empty family takes the old one away",
                  "changed" in run.stderr and rows_of(command)[(debian, "linux/amd64", chain_of("good"))]["family"]
                  is None, run.stderr)
    run = command.run("catalogue", "add", "registry.example.com/shop", "nobody:1", "blank:1")
    results.check("of several names the first that is nowhere is told, and none added",
                  run.returncode == 3 and "nobody:1" in run.stderr and len(rows_of(command)) == 2, run.stderr)
    shop = db_id("shop")
    run = command.run("catalogue", "add", shop[7:20], "debian@" + db_id("good"), "registry.example.com/shop:1")
    results.check("several names are taken in their order", run.returncode == 0 and
                  [line.split(",")[0] for line in run.stderr.splitlines()] ==
                  ["added registry.example.com/shop:1", "added " + HUB + "debian@" + db_id("good"),
                   "already there: registry.example.com/shop:1"], run.stderr)
    results.check("and can be read again", len(rows_of(command)) == 4, repr(rows_of(command)))
    command.run("catalogue", "remove", "registry.example.com/shop", "debian@" + db_id("good"))
    results.equal("what a digest calls is removed by it", len(rows_of(command)), 2)
    run = command.run("catalogue", "add")
    results.equal("nothing to add is wrong usage", run.returncode, 2)


def check_several(results, command):
    """A name of two images is asked back, with the answers ready to be typed."""
    latest = HUB + "debian:latest"
    run = command.run("catalogue", "add", "debian:latest")
    wanted = [line for line in run.stderr.splitlines() if db_id("new") in line]
    results.check("two images of one name are not guessed",
                  run.returncode == 2 and len(wanted) == 1 and db_id("good") in run.stderr, run.stderr)
    run = command.run(*wanted[0].split("#")[0].split()[1:])
    results.equal("the answer can be typed as it stands", run.returncode, 0)
    results.check("it is the one that was meant",
                  [key[2] for key in rows_of(command) if key[0] == latest] == [chain_of("new")],
                  repr(rows_of(command)))
    run = command.run("catalogue", "add", "debian:12")
    results.check("what others call a name of the catalogue is asked back too",
                  run.returncode == 2 and db_id("evil") in run.stderr and "seen" in run.stderr, run.stderr)


def check_weak(results, command):
    """A user's own name, and a displaced one, become the operator's only where he says them himself."""
    before = len(rows_of(command))
    for asked, said in (("mine:1", "mine:1"), (db_id("evil")[7:19], "debian:12")):
        run = command.run("catalogue", "add", asked)
        results.check(f"{asked} is no more than a user's word",
                      run.returncode == 2 and "only seen in a store that its own user can write, on dev-1" in run.stderr
                      and f"{HUB}{said}@sha256:" in run.stderr and len(rows_of(command)) == before, run.stderr)
    run = command.run("catalogue", "add", "registry.example.com/shop")
    results.check("a tag of root's is added, and told to be one", run.returncode == 0 and
                  "named by: tag on web-1" in run.stderr, run.stderr)
    run = command.run("catalogue", "add", "debian:12@sha256:" + digest("claimed").hex())
    results.check("that a manifest is an image's is not taken of a user's store either",
                  run.returncode == 2 and "only seen in a store that its own user can write, on dev-1" in run.stderr
                  and f"catalogue add {HUB}debian:12@{db_id('mine')} " in run.stderr, run.stderr)
    run = command.run("catalogue", "add", "mine:1@" + db_id("mine"))
    results.equal("with its digest a user's name is the operator's own word", run.returncode, 0)
    run = command.run("catalogue", "remove", "mine:1", "mine:1", "registry.example.com/shop")
    results.check("what is named twice is removed once", run.returncode == 0 and len(rows_of(command)) == before
                  and run.stderr.count("removed " + HUB + "mine:1") == 1, run.stderr)


def check_clash(results, command, folder):
    """A name of the catalogue that moved on in the fleet is not added beside it unasked."""
    path = os.path.join(folder, "clash.yaml")
    with open(path, "w", encoding="utf-8") as f:
        f.write(f"bases: [{{name: 'debian:12', platform: linux/amd64, layers: ['{db_id('shop')}']}}]\n")
    run = command.run("--catalogue", path, "catalogue", "add", "debian:12")
    results.check("a name that the catalogue has for other layers is asked back", run.returncode == 2 and
                  db_id("good") in run.stderr and "for other layers" in run.stderr, run.stderr)
    run = command.run("--catalogue", path, "catalogue", "add", "debian:12@" + db_id("good"))
    results.check("and added where the image is said", run.returncode == 0 and "2 versions" in run.stderr, run.stderr)


def check_hostile(results, command, folder):
    """A line that is ready to be typed holds nothing that the shell runs, whatever an image says."""
    run = command.run("catalogue", "add", "hostile:1")
    lines = [line for line in run.stderr.splitlines() if "catalogue add" in line]
    results.check("no text of an image reaches the terminal as it is",
                  len(lines) == 2 and "\x1b" not in run.stderr, run.stderr)
    words = shlex.split(lines[0], comments=True)
    results.equal("the platform is one word", words[3:], [words[3], "--platform",
                                                          "linux/" + HOSTILE.replace("\x1b", "?")])
    shell = subprocess.run(["sh", "-c", lines[0].replace("layercensus", "echo", 1)], cwd=folder, timeout=60,
                           stdout=subprocess.PIPE, text=True, check=False)
    results.check("a shell runs none of it", "$(id)" in shell.stdout and not os.path.exists(
        os.path.join(folder, "x y")), shell.stdout)


def check_usage(results, command, folder):
    """What cannot be meant is said, and does nothing."""
    missing = os.path.join(folder, "missing.yaml")
    refused = {"a time when nothing was": (("--as-of", "1970-01-01", "bases"), 2, "between 1970 and now"),
               "adding to the past": (("--as-of", "1h", "catalogue", "add", "debian:12"), 2, "changes what holds"),
               "trust in the past": (("--as-of", "1h", "catalogue", "trust", "registry", "x.io"), 2, "changes what"),
               "adding from nothing": (("catalogue", "add", "--from", ""), 2, "found nothing"),
               "a layout of nothing": (("catalogue", "add", "--from", "oci:"), 2, "expected oci:FOLDER"),
               "history of some hosts": (("--label", "a=b", "history"), 2, "whole fleet"),
               "a policy's history of some": (("--label", "a=b", "policy", "history"), 2, "policy history tells"),
               "a part of a white list": (("--limit", "1", "policy", "init"), 2, "leave images out"),
               "a white list in JSON": (("-o", "json", "policy", "init"), 2, "a policy is YAML"),
               "one table of several": (("lineage", "debian:12", "-o", "csv"), 2, "give -o json"),
               "a catalogue that is not there": (("--catalogue", missing, "bases"), 3, "no such catalogue"),
               "removing from it": (("--catalogue", missing, "catalogue", "remove", "x"), 3, "no such catalogue"),
               "a catalogue without a name": (("--catalogue", "", "bases"), 2, "the path is empty"),
               "a folder as database": (("--db", folder, "bases"), 3, "a folder"),
               "a database without a name": (("--db", "", "bases"), 2, "the path is empty"),
               "completeness of a change": (("catalogue", "add", "debian:12", "--require-complete"), 2, "leave it"),
               "completeness of the past": (("history", "--require-complete"), 2, "leave it out"),
               "a class in a pattern": (("catalogue", "trust", "store", "h[0-9]"), 2, "'[' stands for nothing"),
               "a root that is no path": (("catalogue", "trust", "store", "h", "var/lib"), 2, "from / on"),
               "a registry in capitals": (("catalogue", "trust", "registry", "Docker.io"), 2, "lower case"),
               "a white list of nothing": (("--label", "a=b", "policy", "init"), 3, "no image lies on any host")}
    for what, (words, status, text) in refused.items():
        run = command.run(*words)
        results.check(f"{what} is refused", run.returncode == status and text in run.stderr and not run.stdout,
                      f"{run.returncode}: {run.stderr}{run.stdout}")
    answer = command.ask("--label", "nobody=x", "images")
    results.equal("a label that nobody has is noted", answer["notes"], ["No host has the label nobody=x."])
    results.check("nothing was made of it", not os.path.exists(missing) and not os.path.exists(missing + ".lock"))
    results.check("history reads no fleet, and says no coverage of one", command.ask("history")["coverage"] is None)
    program = [command.program, "--db", command.database, "policy"]
    run = subprocess.run([*program, "check", "-"], input="mode: white list\nrules: []\n", capture_output=True,
                         text=True, timeout=60, check=False)
    results.check("a policy is read from standard input", run.returncode == 1 and run.stdout, run.stderr)
    run = subprocess.run([*program, "check", "-"], input="mode: [\n", capture_output=True, text=True,
                         timeout=60, check=False)
    results.check("where it is wrong there is told", run.returncode == 2 and "standard input:2:1" in run.stderr,
                  run.stderr)
    with open("/dev/full", "w", encoding="utf-8") as full:
        run = subprocess.run([*program, "init"], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60,
                             check=False)
    for word in ("--help", "--version"):
        with open("/dev/full", "w", encoding="utf-8") as full:
            help_run = subprocess.run([command.program, word], stdout=full, stderr=subprocess.PIPE, text=True,
                                      timeout=60, check=False)
        results.check(f"a full disk is named by {word}", help_run.returncode == 3 and
                      "No space left" in help_run.stderr, help_run.stderr)
    results.check("a full disk is named", run.returncode == 3 and "No space left" in run.stderr, run.stderr)
    os.symlink(os.path.join(folder, "nowhere"), os.path.join(folder, "link.yaml"))
    run = command.run("--catalogue", os.path.join(folder, "link.yaml"), "bases")
    results.check("a link to nothing is no empty catalogue", run.returncode == 3 and
                  "link.yaml: a link that leads to nothing" in run.stderr, run.stderr)


def check_files(results, command, folder):
    """From a layout, a catalogue and a list; removing; and the file itself."""
    layout = os.path.join(folder, "layout")
    make_layout(layout)
    run = command.run("catalogue", "add", "--from", "oci:" + layout)
    results.check("a layout that knows only a tag needs a name",
                  run.returncode == 2 and "catalogue add NAME:TAG" in run.stderr, run.stderr)
    run = command.run("catalogue", "add", "suse:9", "--from", f"oci:{layout}:9")
    results.equal("a layout's image is added", run.returncode, 0)
    results.check("with the folder that it is from", f"from oci:{os.path.realpath(layout)}" in run.stderr, run.stderr)
    row = [row for key, row in rows_of(command).items() if key[0] == HUB + "suse:9"][0]
    results.equal("it is on no host", (row["platform"], row["known_in_fleet"], row["hosts"]),
                  ("linux/s390x", False, 0))
    other = os.path.join(folder, "other.yaml")
    with open(other, "w", encoding="utf-8") as f:
        f.write("- debian@" + "sha256:" + digest("index").hex() + "\n")
    run = command.run("catalogue", "add", "--from", other)
    results.equal("a list of names is added", run.returncode, 0)
    with open(other, "w", encoding="utf-8") as f:
        f.write("bases:\n- name: x:1\n  layers: [sha256:12]\n")
    run = command.run("catalogue", "add", "--from", other)
    results.check("a bad file names the place", run.returncode == 2 and "other.yaml:3:12" in run.stderr,
                  run.stderr)
    before = len(rows_of(command))
    run = command.run("catalogue", "remove", "suse:9", "nobody:1")
    results.check("a name that is not there removes nothing",
                  run.returncode == 3 and len(rows_of(command)) == before, run.stderr)
    run = command.run("catalogue", "remove", "suse:9", chain_of("arm")[:30])
    results.check("names and chains are removed", run.returncode == 0 and len(rows_of(command)) < before,
                  run.stderr)


def check_trust(results, command, path):
    """Whose names count."""
    for words in (("registry", "quay.io"), ("store", "build-*", "/srv/*")):
        run = command.run("catalogue", "trust", *words)
        results.check(f"trust {words[0]}, which matches nothing yet", run.returncode == 0 and
                      "is trusted to name now" in run.stderr and "fleet" in run.stderr, run.stderr)
    run = command.run("catalogue", "trust", "registry", "docker.io/library")
    results.check("a folder of a registry without its star is told how to be written",
                  "docker.io/library/* would match" in run.stderr, run.stderr)
    command.run("catalogue", "distrust", "registry", "docker.io/library")
    run = command.run("catalogue", "trust", "registry", "docker.io/nobody")
    results.check("and not where that would match nothing either", "would match" not in run.stderr, run.stderr)
    command.run("catalogue", "distrust", "registry", "docker.io/nobody")
    run = command.run("catalogue", "trust", "registry", "docker.io")
    results.check("trust in a registry says what it is for", "for lineage" in run.stderr and
                  "policy verdicts rest on the catalogue and on trusted stores" in run.stderr, run.stderr)
    command.run("catalogue", "distrust", "registry", "docker.io")
    run = command.run("catalogue", "trust", "store", "nowhere")
    results.check("trust in a store has no such limit", "lineage" not in run.stderr, run.stderr)
    command.run("catalogue", "distrust", "store", "nowhere")
    run = command.run("catalogue", "trust", "registry", "docker.io")
    results.check("trust in what the fleet has is not noted", "fleet" not in run.stderr, run.stderr)
    command.run("catalogue", "distrust", "registry", "docker.io")
    told = [(row["kind"], row["pattern"], row["root"]) for row in command.ask("catalogue", "list")["words"]]
    results.equal("the list shows it", told, [("trusted registry", "quay.io/*", None),
                                              ("trusted store", "build-*", "/srv/*")])
    statuses = [command.run("catalogue", "distrust", *words).returncode
                for words in (("registry", "quay.io"), ("registry", "quay.io"), ("store", "build-*"),
                              ("store", "build-*", "/srv/*"), ("host", "x"))]
    results.equal("it is taken back once", statuses, [0, 3, 3, 0, 2])
    threads = [threading.Thread(target=command.run, args=("catalogue", "trust", "registry", f"r{i}.example.com"))
               for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    results.equal("commands at the same time lose nothing", len(command.ask("catalogue", "list")["words"]), 8)
    with open(os.path.join(path, "catalogue.yaml"), "a", encoding="utf-8") as f:
        f.write("trsut: {}\n")
    run = command.run("bases")
    results.check("a file with an error stops every command, with its place",
                  run.returncode == 2 and "did you mean \"trust\"" in run.stderr, run.stderr)


def main():
    results = Results("catalogue")
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "fleet.db")
        make_fleet(path)
        command = Command(os.path.join(sys.argv[1], "collector", "layercensus"), path)
        check_fleet(results, command)
        check_weak(results, command)
        check_clash(results, command, folder)
        check_several(results, command)
        check_hostile(results, command, folder)
        check_usage(results, command, folder)
        check_files(results, command, folder)
        check_trust(results, command, folder)
    results.finish()


if __name__ == "__main__":
    main()
