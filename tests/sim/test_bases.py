#!/usr/bin/env python3
"""`bases`, `lineage` and `builders` over databases made by plain inserts.

usage: test_bases.py BUILD-DIRECTORY

Random fleets: at each level the rows hold every present image once, and the effective numbers are those
of the rows. Then one fleet with two platforms of one index, a tag that has moved, and builders; and what
`--as-of` leaves unknown.
"""

import datetime
import math
import os
import re
import sqlite3
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "support")]

import random_census
from census_db import BUILDPACKS, LABEL, OF_BUILDER, S2I, CensusDb, digest
from harness import Results
from test_reports import Command

SEEDS = range(20)
LEVELS = ("core", "parent", "version", "family")
DEBIAN = "ID=debian\nVERSION_ID=12\n"
PRESENT = """SELECT count(DISTINCT n.image_id) FROM image_now n JOIN image i ON i.id = n.image_id
             WHERE i.parsed = 1"""
HELD = """SELECT count(DISTINCT n.host_id) FROM image_now n JOIN image i ON i.id = n.image_id
          WHERE i.parsed = 1"""
ENROLLED_DAYS = ["2017-03-21", "2018-06-01", "2019-01-01", "2019-01-01", "2020-05-05"]


def effective(weights):
    """(exponential of the Shannon entropy, inverse Simpson), 0 where there is nothing."""
    shares = [w / sum(weights) for w in weights if w > 0]
    if not shares:
        return 0, 0
    return math.exp(-sum(p * math.log(p) for p in shares)), 1 / sum(p * p for p in shares)


def random_fleets(results, program, folder):
    wrong = []
    for seed in SEEDS:
        path = os.path.join(folder, f"random-{seed}.db")
        random_census.make(path, seed)
        command, db = Command(program, path), sqlite3.connect(path)
        images, hosts = db.execute(PRESENT).fetchone()[0], db.execute(HELD).fetchone()[0]
        for level in LEVELS:
            answer = command.ask("bases", "--level", level)
            rows = answer["rows"]
            if sum(row["images"] for row in rows) != images:
                wrong.append(f"seed {seed}, {level}: {sum(row['images'] for row in rows)} images of {images}")
            if any(not 0 < row["hosts"] <= hosts for row in rows):
                wrong.append(f"seed {seed}, {level}: more than {hosts} hosts")
            told = answer["diversity"]
            for unit, key in (("images", "images"), ("hosts", "hosts"), ("stored", "stored_bytes")):
                true = effective([row[key] for row in rows])
                got = told[f"{unit}_effective"], told[f"{unit}_simpson"]
                if any(abs(g - t) > 0.001 for g, t in zip(got, true)):
                    wrong.append(f"seed {seed}, {level}, {unit}: {got}, expected {true}")
        db.close()
    results.check("every image is in one row of each level, and the effective numbers are the rows'",
                  not wrong, "; ".join(wrong[:5]))


def make_fleet(path):
    """Two hosts with a platform each; a third where the tag still means the old version."""
    db = CensusDb(path, int(time.time()))
    for name in ("amd64", "arm64", "old"):
        db.layer(f"debian {name}", 1000, 900, 10, 2, os_release=DEBIAN)
    for name, created in (("amd64", "2026-03-02"), ("arm64", "2026-03-03"), ("old", "2026-01-05")):
        db.image(f"debian {name}", [f"debian {name}"], created=f"{created}T08:00:00Z",
                 arch="arm64" if name == "arm64" else "amd64")
        db.image(f"shop {name}", [f"debian {name}", f"shop {name}"],
                 arch="arm64" if name == "arm64" else "amd64")
    for name in ("amd64", "arm64"):
        db.image(f"child {name}", [f"debian {name}", f"shop {name}", "child"], arch=name)
    repository, index = "registry.example.com/debian", digest("index")
    db.evidence("shop old", LABEL, f"{repository}:12", named=digest("old index"))
    for made in ("shop", "child"):  # who builds over an image inherits its labels
        db.evidence(f"{made} amd64", S2I, f"{repository}:12")
        db.evidence(f"{made} amd64", S2I, f"{repository}:12", role=OF_BUILDER)
        db.evidence(f"{made} arm64", BUILDPACKS, f"{repository}:12", top=digest("layer debian arm64"))
        db.evidence(f"{made} arm64", BUILDPACKS, "example/go@1.4", role=OF_BUILDER)
    for name, listed, since in (("amd64", index, 3000), ("arm64", index, 3000),
                                ("old", digest("old index"), 500000)):
        store = db.store(db.host(f"host-{name}"), key=name)
        db.put(store, db.images[f"debian {name}"], [f"{repository}:12"], since=since,
               repo_digests=[(repository, listed)])
        db.put(store, db.images[f"shop {name}"], [f"registry.example.com/shop:{name}"], since=2000)
        db.container(store, f"shop-{name}", db.images[f"shop {name}"])
    host = db.host("children")
    for name in ("amd64", "arm64"):
        store = db.store(host, key=f"child-{name}")
        db.put(store, db.images[f"child {name}"], [f"registry.example.com/child:{name}"], since=2000)
        db.container(store, f"child-{name}", db.images[f"child {name}"])
    db.close()


def check_bases(results, command):
    answer = command.ask("bases")
    rows = {row["base"].partition(" as of ")[0:2]: row for row in answer["rows"]}
    new, old = rows[("registry.example.com/debian:12", "")], rows[
        ("registry.example.com/debian:12", " as of ")]
    counts = answer["core_builds"]
    results.equal("the platforms of an index are one core build",
                  (counts["named"], counts["unnamed"], counts["versions"], counts["families"]), (2, 0, 2, 1))
    results.equal("the row of both platforms",
                  (new["platforms"], len(new["chain_ids"]), new["images"], new["images_on_it"], new["hosts"],
                   new["containers_running"], new["named_by"]),
                  (["linux/amd64", "linux/arm64"], 2, 6, 4, 3, 4, "pulled"))
    results.equal("platforms apart", {row["platform"]: (row["named"], row["images"])
                                      for row in answer["platforms"]},
                  {"linux/amd64": (2, 5), "linux/arm64": (1, 3)})
    results.equal("the old version is behind the new one",
                  (old["version"], old["newest"], old["behind_versions"], old["behind_days"]),
                  ("debian 12 of 2026-01-05", "debian 12 of 2026-03-02", 1, 56))
    results.equal("the new one is not", (new["behind_versions"], new["behind_days"]), (0, 0))
    results.equal("both come from one registry", [new["origins"], old["origins"]],
                  [["registry.example.com"]] * 2)
    family = command.ask("bases", "--level", "family")["rows"]
    results.check("where the width allows, tables show origins and the newest version",
                  re.search(r"ORIGINS +NEWEST KNOWN\n", command.run("bases").stdout))
    results.check("and no such column where no row has one",
                  "NEWEST KNOWN" not in command.run("bases", "--level", "family").stdout)
    results.equal("a row of several chains has no chain of its own",
                  [(row["chain_id"], row["genesis_diff_id"], len(row["chain_ids"])) for row in (new, *family)],
                  [(None, None, 2), (None, None, 3)])
    results.equal("one family", [(row["base"], row["images"], row["hosts"]) for row in family],
                  [("debian", 8, 4)])


def check_lineage(results, command):
    answer = command.ask("lineage", "registry.example.com/shop:old")
    image, sentence = answer["image"], answer["sentence"]
    results.check("a sentence says it all", sentence.startswith(
        "registry.example.com/shop:old stands on registry.example.com/debian:12 as of 2") and
        sentence.endswith("(1 of 2 layers), by layers and an OCI label; confidence high."), sentence)
    results.equal("the image's own row", (image["base_method"], image["base_layers"], image["confirmed"]),
                  ("declared", 1, 1))
    results.equal("each layer has its part", [row["part"].partition(" as of ")[0] for row in answer["layers"]],
                  ["registry.example.com/debian:12", "the image itself"])
    results.equal("the declaration is confirmed",
                  [(row["source"], row["outcome"]) for row in answer["declarations"]],
                  [("oci-label", "confirmed")])
    keys = ("core", "core_kind", "core_chain_id", "family", "version", "base", "base_names",
            "base_chain_id", "base_layers", "base_method", "base_confidence", "base_ties")
    rows = {row["names"][0]: row for row in command.ask("images")["rows"]}
    row = rows["registry.example.com/shop:old"]
    single = command.ask("image", "registry.example.com/shop:old")["image"]
    results.equal("images, image and lineage say the same",
                  [{key: where[key] for key in keys} for where in (row, single)],
                  [{key: image[key] for key in keys}] * 2)
    base = command.ask("lineage", "sha256:" + digest("image debian old").hex())
    results.equal("a core build has its own answer", (base["image"]["base"], base["image"]["core_method"]),
                  (None, "itself"))


def check_builders(results, command):
    rows = command.ask("builders")["rows"]
    results.equal("who made what, without the images that inherit it", [(row["builder"], row["kind"], row["images"], row["hosts"],
                                     row["containers_running"], row["bases"]) for row in rows],
                  [("example/go@1.4", "buildpacks", 1, 1, 1, ["registry.example.com/debian:12"]),
                   ("registry.example.com/debian:12", "source-to-image", 1, 1, 1,
                    ["registry.example.com/debian:12"])])


def check_as_of(results, command):
    rows = command.ask("--as-of", "4000s", "bases")["rows"]
    results.equal("as of a time before: what lay there, and nothing of what ran",
                  [(row["images"], row["hosts"], row["containers"], row["origins"]) for row in rows],
                  [(1, 1, None, None)])


def make_enrolled(path):
    """Everything was heard of on one day: five builds of one tag, two of them made on one day."""
    db = CensusDb(path, int(time.time()))
    for i, day in enumerate(ENROLLED_DAYS):
        db.layer(f"old {i}", 1000, os_release=DEBIAN)
        db.image(f"old {i}", [f"old {i}"], created=f"{day}T0{i}:00:00Z")
        db.image(f"shop {i}", [f"old {i}", f"shop {i}"])
        store = db.store(db.host(f"host-{i}"), key=str(i))
        db.put(store, db.images[f"old {i}"], ["docker.io/library/debian:8"], since=1000,
               repo_digests=[("docker.io/library/debian", digest(f"index {i}"))])
        db.put(store, db.images[f"shop {i}"], [f"docker.io/acme/shop:{i}"], since=1000)
    db.close()


def check_enrolled(results, command):
    rows = {row["base"]: row for row in command.ask("bases")["rows"]}
    chains = {row["chain_id"][7:19] for row in rows.values()}
    alike = {title.rpartition(", ")[2] for title in rows if ", " in title}
    results.equal("builds that were heard of on one day are told apart by the day when they were made",
                  sorted(title.partition(", ")[0] for title in rows),
                  ["debian:8"] + [f"debian:8 of {day}" for day in ENROLLED_DAYS[:-1]])
    results.check("and by their chains where that is the same day", len(alike) == 2 and alike < chains,
                  str(sorted(rows)))
    answer = command.ask("lineage", "acme/shop:0")
    results.check("the sentence has the same title",
                  answer["sentence"].startswith("acme/shop:0 stands on debian:8 of 2017-03-21 (1 of 2 layers), "),
                  answer["sentence"])
    results.equal("and so do images", sorted({row["core"] for row in command.ask("images")["rows"]}),
                  sorted(rows))
    results.equal("names stay in normal form in JSON, and titles are familiar",
                  (answer["image"]["names"], answer["image"]["core"]),
                  (["docker.io/acme/shop:0"], "debian:8 of 2017-03-21"))


def make_tied(path):
    """Two pulled images of the same layers; one shop declares the second of them, another nothing."""
    db = CensusDb(path, int(time.time()))
    db.layer("os", 1000, os_release=DEBIAN)
    store = db.store(db.host("host"), key="1")
    for name, repository, since in (("debian", "docker.io/library/debian", 3000),
                                    ("base", "registry.example.com/base", 2000)):
        db.put(store, db.image(name, ["os"]), [f"{repository}:1"], since=since,
               repo_digests=[(repository, digest(f"index {name}"))])
    for name in ("shop", "silent"):
        db.put(store, db.image(name, ["os", name]), [f"registry.example.com/{name}:1"])
    db.evidence("shop", LABEL, "registry.example.com/base:1", named=digest("index base"))
    db.close()


def check_tied(results, command):
    shop, silent = (command.ask("lineage", f"registry.example.com/{name}:1") for name in ("shop", "silent"))
    results.check("the sentence names the base that is declared and confirmed", shop["sentence"].startswith(
        "registry.example.com/shop:1 stands on registry.example.com/base:1 (1 of 2 layers)"), shop["sentence"])
    results.check("nothing speaks against what the declaration decides", shop["against"] == [],
                  str(shop["against"]))
    results.equal("the base's row is that of the name",
                  [(row["base"], row["named_by"]) for row in shop["boundaries"] if "nearest" in row["part"]],
                  [("registry.example.com/base:1", "pulled")])
    results.check("without a word it is what was heard of first", silent["sentence"].startswith(
        "registry.example.com/silent:1 stands on debian:1 (1 of 2 layers)"), silent["sentence"])
    results.check("and that it is a tie is told", any("cannot be told" in row["sentence"]
                                                      for row in silent["against"]), str(silent["against"]))
    rows = {row["names"][0]: row for row in command.ask("images")["rows"]}
    results.equal("images say the same",
                  [rows[f"registry.example.com/{name}:1"]["base"] for name in ("shop", "silent")],
                  ["registry.example.com/base:1", "debian:1"])


def make_unnamed(path):
    """What stands on layers that nobody names, heard of an hour ago; and an image on scratch."""
    db = CensusDb(path, int(time.time()))
    db.layer("os", 1000, os_release=DEBIAN)
    db.layer("go", 1000, os_release="")
    db.layer("dark", 1000)
    for name, layers, days in (("one", ["os", "one"], 300), ("two", ["os", "two"], 200),
                               ("three", ["os", "three"], 100), ("go", ["go"], 30)):
        made = datetime.datetime.fromtimestamp(db.now - days * 86400 - 3600, datetime.timezone.utc)
        db.image(name, layers, created=made.strftime("%Y-%m-%dT%H:%M:%SZ"))
    undated = db.image("undated", ["dark", "undated"])
    db.image("undated 2", ["dark", "undated 2"])
    store = db.store(db.host("h", silent=86400), key="h")
    for name in ("one", "two", "three", "go"):
        db.put(store, db.images[name], [f"registry.example.com/{name}:1"], since=3600)
    db.put(store, undated, [], since=3600)
    db.put(store, db.images["undated 2"], [], since=3600)
    db.close()


def check_unnamed(results, command):
    rows = command.ask("bases")["rows"]
    results.equal("an unnamed core build is at least as old as what stands on it, and else of no age",
                  [(row["kind"], row["images"], row["age_days"], row["created"]) for row in rows],
                  [("unnamed", 3, 300, None), ("unnamed", 2, None, None), ("scratch", 1, None, None)])
    none = [row for row in command.ask("bases", "--level", "parent")["rows"] if row["kind"] == "none"]
    results.equal("images with nothing known below them are not called on scratch, and have no family",
                  [(row["base"], row["images"], row["family"], row["version"]) for row in none],
                  [("(none known)", 1, None, None)])
    text = command.run("lineage", "registry.example.com/go:1").stdout
    results.check("an answer that needs no fresh host says that it is complete for its question",
                  "\nComplete for this question: 0 of 1 hosts fresh, 1 stale; " in text, text)
    results.equal("no version is the newest of a family", {row["newest"] for row in command.ask(
        "bases", "--level", "family")["rows"]}, {None})


def main():
    results = Results("bases")
    program = os.path.join(sys.argv[1], "collector", "layercensus")
    with tempfile.TemporaryDirectory() as folder:
        random_fleets(results, program, folder)
        path = os.path.join(folder, "fleet.db")
        make_fleet(path)
        command = Command(program, path)
        for check in (check_bases, check_lineage, check_builders, check_as_of):
            check(results, command)
        path = os.path.join(folder, "enrolled.db")
        make_enrolled(path)
        check_enrolled(results, Command(program, path))
        path = os.path.join(folder, "tied.db")
        make_tied(path)
        check_tied(results, Command(program, path))
        path = os.path.join(folder, "unnamed.db")
        make_unnamed(path)
        check_unnamed(results, Command(program, path))
    results.finish()


if __name__ == "__main__":
    main()
