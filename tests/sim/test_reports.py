#!/usr/bin/env python3
"""The reports over databases made by plain inserts.

usage: test_reports.py BUILD-DIRECTORY

Random fleets from fixed seeds: every term of the ledger against a brute force of its own
(support/ledger_oracle.py), for the fleet and each host; parts by layer and image add up to the whole;
the SQL view copy_now against the copies that the command counts; answers from counters against those
from every row. Then the examples of
docs/command.md, exit statuses, and what `where` tells apart.
"""

import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "support"), os.path.join(HERE, "..", "golden")]

import examples
import ledger_oracle
import random_census
from census_db import ORPHANS, CensusDb, digest
from harness import Results, normal

SEEDS = range(60)
TERMS = ("stored", "unique", "replicas", "duplicates", "layout", "unsplit", "blobs_kept",
         "blobs_only", "orphans")
COUNTED = (["duplicates"], ["duplicates", "--by", "layer"], ["duplicates", "--by", "image"],
           ["duplicates", "--by", "host"], ["layers"], ["images"], ["bases"], ["summary"], ["hosts"])
CAUSES = ("parents", "stores", "engines", "users")


class Command:
    def __init__(self, program, database):
        self.program, self.database = program, database

    def run(self, *arguments):
        return subprocess.run([self.program, "--db", self.database, *arguments],
                              capture_output=True, text=True, timeout=60, check=False)

    def ask(self, *arguments):
        run = self.run("-o", "json", *arguments)
        if run.returncode != 0:
            raise RuntimeError(f"{arguments}: status {run.returncode}: {run.stderr}")
        return json.loads(run.stdout)


def ledger_of(answer):
    found = {term: answer["ledger"][f"{term}_bytes"] for term in TERMS}
    found |= {cause["cause"]: cause["nominal_bytes"] for cause in answer["causes"]}
    return found | {kind: answer["ledger"][f"copies_{kind}"]
                    for kind in ("measured", "estimated", "unknown")}


def pick(terms, keys):
    return {key: terms[key] for key in keys}


def check_view(database, terms):
    """The SQL view of copies counts and adds up to what the oracle does."""
    db = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    count, total = db.execute(
        "SELECT count(*), coalesce(sum(coalesce(allocated_bytes, nominal_bytes, 0)), 0) "
        "FROM copy_now").fetchone()
    db.close()
    return (count, total) == (terms["copies"], terms["stored"] - terms["blobs_kept"] -
                              terms["blobs_only"] - terms["orphans"])


ORIGINS = """SELECT repository, sum(hosts), sum(images), max(on_hosts) FROM (
    SELECT repository, count(DISTINCT host_id) AS hosts, 0 AS images, 0 AS on_hosts
    FROM layer_origin WHERE layer = ?1 AND implied = 0 GROUP BY repository
    UNION ALL
    SELECT n.text, 0, count(DISTINCT l.image_id), max((
        SELECT count(DISTINCT i.host_id) FROM image_now i WHERE i.image_id = l.image_id))
    FROM listing l JOIN listing_repo_digest r ON r.listing_id = l.id JOIN name n ON n.id = r.name_id
    WHERE l.image_id IN (SELECT image_id FROM layer_of_image WHERE layer = ?1)
    AND EXISTS (SELECT 1 FROM presence p JOIN store_now s ON s.store_id = p.store_id
                WHERE p.listing_id = l.id AND p.gone_s IS NULL)
    GROUP BY n.text) GROUP BY repository ORDER BY repository"""

BLOBS = """SELECT blob, bytes, media_type, count(DISTINCT manifest),
    iif(max(confirmed), 'proven', 'unconfirmed') FROM layer_blob WHERE layer = ?
    GROUP BY blob, bytes, media_type ORDER BY blob, bytes, media_type"""

MANIFESTS = """SELECT 'sha256:' || lower(hex(m.digest)), m.layer_count, coalesce((
    SELECT sum(b.bytes) FROM manifest_blob b WHERE b.manifest_id = m.id AND NOT EXISTS (
        SELECT 1 FROM manifest_blob o WHERE o.manifest_id = m.id AND o.digest = b.digest
        AND (o.bytes > b.bytes OR (o.bytes = b.bytes AND o.position < b.position)))), 0),
    iif(d.state = 2, 'unconfirmed', 'proven') FROM manifest m
    JOIN document d ON d.kind = 2 AND d.digest = m.digest
    WHERE 'sha256:' || lower(hex(m.config)) = ? ORDER BY 1"""

ORPHANED = """SELECT count(*), coalesce(sum((
    SELECT coalesce(sum(allocated_bytes), 0) FROM copy c WHERE c.store_id = s.store_id AND NOT missing)
    + (SELECT coalesce(sum(bytes), 0) FROM space_now p WHERE p.store_id = s.store_id
       AND p.class IN (2, 3))), 0) FROM store_now s WHERE s.state = 6"""


def check_stores(database, command):
    """Origins and blobs of each layer, manifests, and orphaned stores, against plain SQL. What
    differs, and how many layers with told and with implied origins, layers with blobs, images with
    several manifests, and orphaned stores, were seen."""
    db = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    differ, seen = [], [0, 0, 0, 0]
    for row in command.ask("layers")["rows"]:
        answer = command.ask("layer", row["diff_id"])
        found = [tuple(o.values()) for o in answer["origins"]]
        blobs = [tuple(b.values()) for b in answer["blobs"]]
        if blobs != db.execute(BLOBS, (row["diff_id"],)).fetchall():
            differ.append(f"blobs of {row['diff_id']}")
        seen[2] += len(blobs) > 1
        if found != db.execute(ORIGINS, (row["diff_id"],)).fetchall():
            differ.append(f"origins of {row['diff_id']}")
        views = {name for name, in db.execute("SELECT repository FROM layer_origin WHERE layer = ?",
                                              (row["diff_id"],))}
        if views != {name for name, *_ in found}:
            differ.append(f"layer_origin of {row['diff_id']}")
        seen[0] += any(told for _, told, *_ in found)
        seen[1] += any(images for _, _, images, _ in found)
    for row in command.ask("images")["rows"]:
        found = [tuple(m.values()) for m in command.ask("image", row["image_id"])["manifests"]]
        if found != db.execute(MANIFESTS, (row["image_id"],)).fetchall():
            differ.append(f"manifests of {row['image_id']}")
        seen[3] += len(found) > 1
    fleet = command.ask("summary")["fleet"]
    if (fleet["stores_orphaned"], fleet["stores_orphaned_bytes"]) != db.execute(ORPHANED).fetchone():
        differ.append("orphaned stores")
    if sum(row["stores_orphaned"] or 0 for row in command.ask("hosts")["rows"]) != \
            fleet["stores_orphaned"]:
        differ.append("orphaned stores of hosts")
    db.close()
    return differ, [*seen, fleet["stores_orphaned"]]


def subjects(command):
    """Questions about single things: the first ones of the lists."""
    images, layers, hosts = (command.ask(what)["rows"] for what in ("images", "layers", "hosts"))
    names = [name for row in images for name in row["names"]]
    found = [["host", row["host"]] for row in hosts[:3]]
    found += [["layer", row["diff_id"]] for row in layers[:4]]
    found += [["where", row["diff_id"]] for row in layers[:2]]
    found += [["where", name] for name in names[:3]]
    for row in images[:3]:
        found += [["image", row["image_id"]], ["where", "--ever", row["image_id"]],
                  ["where", "--built-on", row["image_id"]]]
    return found


def check_counted(command):
    """Answers from counters are those from every row: with a label, all rows are read."""
    def ask(*words):
        answer = command.ask(*words)
        del answer["generated_at"]
        return answer

    return [words for words in [*COUNTED, *subjects(command)]
            if ask(*words) != ask("--label", "fleet=all", *words)]


def check_random(results, program):
    wrong, seen, seen_stores = [], dict.fromkeys(CAUSES + TERMS, 0), [0] * 5
    for seed in SEEDS:
        with tempfile.TemporaryDirectory() as folder:
            database = os.path.join(folder, "random.db")
            random_census.make(database, seed)
            oracle = ledger_oracle.compute(database)
            fleet, command = oracle["fleet"], Command(program, database)
            keys = TERMS + CAUSES + ("measured", "estimated", "unknown")
            if ledger_of(command.ask("duplicates")) != pick(fleet, keys):
                wrong.append(f"fleet of seed {seed}")
            rows = command.ask("duplicates", "--by", "host")["rows"]
            if {row["host"] for row in rows} != set(oracle["hosts"]):
                wrong.append(f"hosts of seed {seed}")
            for row in rows:
                for term in ("stored", "unique", "duplicates", "layout", "unsplit", "orphans"):
                    if row[f"{term}_bytes"] != oracle["hosts"][row["host"]][term]:
                        wrong.append(f"{term} of {row['host']} of seed {seed}")
            for by in ("layer", "image"):
                rows = command.ask("duplicates", "--by", by)["rows"]
                for term in ("unique", "replicas", "duplicates", "layout", "unsplit"):
                    if sum(row[f"{term}_bytes"] for row in rows) != fleet[term]:
                        wrong.append(f"{term} by {by} of seed {seed}")
            if not check_view(database, fleet):
                wrong.append(f"copy_now of seed {seed}")
            differ, counts = check_stores(database, command)
            wrong += [f"{what} of seed {seed}" for what in differ]
            seen_stores = [a + b for a, b in zip(seen_stores, counts)]
            different = check_counted(command)
            if different:
                wrong.append(f"counters of seed {seed}: {different}")
            for key in seen:
                seen[key] += fleet[key] != 0
    results.check("every term equals the brute force on every seed", not wrong, "; ".join(wrong[:8]))
    results.check("the random fleets show every term and cause several times",
                  min([*seen.values(), *seen_stores]) >= 5, f"{seen} {seen_stores}")


def check_examples(results, program):
    differ = examples.differing(program)
    results.check("every example of docs/command.md is what the command answers", not differ,
                  "; ".join(differ))


def check_schema(results, folder):
    """docs/schema.md names every table, and every view with its columns."""
    with open(os.path.join(HERE, "..", "..", "docs", "schema.md"), encoding="utf-8") as f:
        text = f.read()
    path = os.path.join(folder, "schema.db")
    CensusDb(path).close()
    db = sqlite3.connect(path)
    missing = []
    for kind, name in db.execute("SELECT type, name FROM sqlite_schema WHERE type IN "
                                 "('table', 'view') AND name NOT LIKE 'sqlite_%'").fetchall():
        if kind == "table" and f"**{name}**" not in text:
            missing.append(name)
        columns = " ".join(row[1] for row in db.execute(f"PRAGMA table_info({name})"))
        if kind == "view" and not any(line.startswith(f"| `{name}` |") and f"`{columns}`" in line
                                      for line in text.splitlines()):
            missing.append(f"{name} ({columns})")
    db.close()
    results.check("docs/schema.md explains every table and view", not missing, "; ".join(missing))


def make_small(path):
    """One host with an app on debian; one image gone for good; one host that cannot say."""
    db = CensusDb(path, now=int(time.time()))
    db.layer("os", 40960, os_release="ID=debian\n")
    db.layer("app", 8192)
    store = db.store(db.host("good", labels={"zone": "a"}), key="good")
    db.put(store, db.image("debian", ["os"]), ["debian:12"],
           repo_digests=[("debian", digest("index"))])
    db.put(store, db.image("app", ["os", "app"]), ["127.0.0.1:5000/app:1"], lost=["app:was"],
           lost_at=db.now - 500)
    db.put(store, db.image("old", ["os", "old"]), ["old:1"], since=9000, gone=db.now - 4000,
           gone_after=db.now - 4060)
    db.put(store, db.image("old", ["os", "old"]), ["older:1"], since=90000, gone=db.now - 80000,
           gone_after=db.now - 80060)
    retired = db.store(db.host("retired", silent=90000, retired=db.now - 1000), key="retired")
    db.put(retired, db.images["debian"], ["debian:retired"])
    db.measured(store, ["os"], 45056)
    db.measured(store, ["os", "app"], 12288)
    return db


def check_where(results, command):
    def state(*arguments):
        return command.ask("where", *arguments)["answer"]["state"]

    results.equal("where: present", state("debian:12"), "present")
    results.equal("where: gone since", state("old:1"), "gone")
    gone = command.ask("where", "old:1")
    results.equal("where: gone tells each interval in a row",
                  [row["state"] for row in gone["rows"]], ["gone", "gone"])
    results.check("where: gone is between two looks",
                  0 < len(gone["answer"]["gone_after"]) and
                  gone["answer"]["gone_after"] < gone["answer"]["gone_by"])
    results.equal("where: never seen", state("nosuch:1"), "never-seen")
    results.equal("where: an index digest finds the image by ID",
                  command.ask("where", digest("index").hex()[:16])["images"][0]["names"],
                  [normal("debian:12")])
    results.equal("where: descendants",
                  {row["relation"] for row in command.ask("where", "--built-on", "debian")["rows"]},
                  {"itself", "built-on"})
    results.equal("where: a layer finds every image that contains it",
                  len(command.ask("where", digest("layer os").hex()[:12])["images"]), 3)


def check_names_had(results, command):
    """Every stay of an image shows the names that it had then, wherever it was."""
    def names(*arguments):
        return {(row["host"], row["state"], *row["names"])
                for row in command.ask("where", *arguments)["rows"]}

    results.equal("where: a stay that is over shows its own names", names("old:1"),
                  {("good", "gone", normal("old:1")), ("good", "gone", normal("older:1"))})
    results.equal("where --ever: a retired host shows the names that it had",
                  names("--ever", "debian:12"), {("good", "present", normal("debian:12")),
                                                 ("retired", "last-known", normal("debian:retired"))})
    results.equal("where --ever: names that an image lost are shown",
                  names("--ever", "app:was"),
                  {("good", "present", "127.0.0.1:5000/app:1", normal("app:was"))})
    results.equal("where: names now are those of today", names("127.0.0.1:5000/app"),
                  {("good", "present", "127.0.0.1:5000/app:1")})


def check_sentence(results, command):
    def first_line(*arguments):
        return command.run("where", *arguments).stdout.split("\n")[0]

    results.equal("where: one sentence answers first", first_line("--built-on", "debian:12"),
                  "debian:12 is present on 1 host (2 images), last known on 1, gone from 0, "
                  "unknown on 0.")
    results.equal("where: the sentence of what is gone", first_line("old:1"),
                  "What was named old:1 is present on 0 hosts, gone from 1, unknown on 0.")
    results.equal("where: the sentence of a name that went from an image that stays",
                  first_line("app:was"), "What was named app:was is present on 1 host (1 image), "
                  "gone from 0, unknown on 0.")
    results.equal("where: JSON has the sentence too", command.ask("where", "nosuch:1")["sentence"],
                  "nosuch:1 is present on 0 hosts, gone from 0, unknown on 0.")


def check_layer_chains(results, command):
    """A chain of an image that is gone has no copy and no row."""
    rows = command.ask("layer", digest("layer old").hex())["rows"]
    results.check("layer: chains without copies are left out", rows == [], str(rows))
    rows = command.ask("layer", digest("layer app").hex())["rows"]
    results.equal("layer: chains with copies are shown", [row["copies"] for row in rows], [1])


def check_orphaned_store(results, program, folder):
    """A store that no engine uses is in the sums, and every answer about bytes says what it holds."""
    path = os.path.join(folder, "orphaned.db")
    command = Command(program, path)
    db = CensusDb(path, now=int(time.time()))
    db.layer("os", 40960)
    host = db.host("one")
    for key, state in (("new", 1), ("old", 6)):
        store = db.store(host, key=key, state=state, root=f"/var/lib/{key}")
        db.put(store, db.image("app", ["os"]), ["app:1"])
        db.measured(store, ["os"], 45056)
        db.space(store, ORPHANS, "leftover", 4096)
        db.container(store, key, db.images["app"], kube_namespace="shop" if key == "new" else "",
                     kube_pod="shop-0" if key == "new" else "")
    db.close()
    for words in (["summary"], ["duplicates"], ["host", "one"]):
        results.check(f"{words[0]}: tells of an orphaned store and its bytes",
                      "1 store is orphaned: no engine uses it any more. Removing it would free "
                      "48.0 KiB" in command.run(*words).stdout, command.run(*words).stdout)
    results.equal("an orphaned store's copies count", command.ask("summary")["ledger"]["copies"], 2)
    results.check("hosts: orphaned stores are shown where there are any",
                  "ORPHANED STORES" in command.run("hosts").stdout)
    results.equal("host: each store says what it holds",
                  [(row["state"], row["measured_bytes"]) for row in
                   command.ask("host", "one")["stores"]], [("ok", 49152), ("orphaned", 49152)])
    for words in (["host", "one"], ["image", "app:1"]):
        results.equal(f"{words[0]}: containers with their pods",
                      sorted((row["name"], row["kube_namespace"] or "", row["kube_pod"] or "")
                             for row in command.ask(*words)["containers"]),
                      [("new", "shop", "shop-0"), ("old", "", "")])
        results.check(f"{words[0]}: the pod stands in the table",
                      "shop-0" in command.run(*words).stdout)


def check_redacted(results, program, folder):
    """Redacted configs that only one host can say leave an answer complete, in every report."""
    path = os.path.join(folder, "redacted.db")
    command = Command(program, path)
    db = CensusDb(path, now=int(time.time()))
    host = db.host("one")
    store = db.store(host, key="one", sample=1)
    db.layer("os", 40960, state=1)
    image = db.image("app", ["os"], document=2, said_by=host)
    db.put(store, image, ["app:1"])
    db.measured(store, ["os"], 45056)
    db.db.execute("UPDATE incarnation SET unknown = 3")
    db.close()
    for other, complete in ((False, True), (True, False)):
        if other:
            db.db = sqlite3.connect(path)
            second = db.store(db.host("two"), key="two")
            db.put(second, image, ["app:1"])
            db.measured(second, ["os"], 45056)
            db.close()
        answers = [command.ask(*words)["coverage"] for words in (
            ["summary"], ["hosts"], ["host", "one"], ["images"], ["image", "app:1"], ["layers"],
            ["layer", digest("layer os").hex()], ["bases"], ["duplicates"], ["where", "app:1"])]
        results.equal(f"a redacted config, {'a second' if other else 'no other'} host to confirm it",
                      {(a["complete"], a["images_unconfirmed"], a["images_confirmable"],
                        a["layers_measured"]) for a in answers}, {(complete, 1, int(other), 1)})
        results.check("an unconfirmed config is told", "1 unconfirmed" in command.run("hosts").stdout)
    summary, host_table = command.run("summary").stdout, command.run("host", "one").stdout
    results.check("summary: tells samples", "1 of the stores is a sample made by quickstart." in
                  summary)
    results.check("host: samples and unknown values are shown where there are any",
                  "SAMPLE" in host_table and "UNKNOWN VALUES" in host_table and
                  "SAMPLE" not in command.run("host", "two").stdout)


def check_unknown(results, command):
    answer = command.ask("where", "nosuch:1")["answer"]
    results.equal("where: unknown, with how many hosts cannot say",
                  (answer["state"], answer["hosts_unknown"]), ("unknown", 1))
    results.equal("where: gone becomes unknown where a host cannot say",
                  command.ask("where", "old:1")["answer"]["state"], "unknown")


def check_status(results, command, complete):
    run = command.run("--require-complete", "images")
    results.equal("status of --require-complete" + (" where complete" if complete else ""),
                  run.returncode, 0 if complete else 3)
    results.check("--require-complete prints the answer all the same", "debian:12" in run.stdout)


def check_usage(results, command):
    for arguments, status, words in (
            (["images", "--sort", "nosuch"], 2, "columns are"),
            (["image", "nosuch"], 3, "no image"),
            (["image"], 2, "IMAGE"),
            *(([name, ""], 2, "empty") for name in ("host", "image", "layer", "where")),
            (["nosuch"], 2, "unknown command"),
            (["--label", "zone", "hosts"], 2, "KEY=VALUE"),
            (["image", "debian:12", "more"], 2, "unexpected argument")):
        run = command.run(*arguments)
        results.check(f"status of {' '.join(arguments)}",
                      run.returncode == status and words in run.stderr and run.stdout == "",
                      f"{run.returncode}: {run.stderr}")
    run = subprocess.run([command.program, "--db", "/nosuch.db", "summary"], capture_output=True,
                         text=True, check=False)
    results.equal("status without a database", run.returncode, 3)
    csv = command.run("-o", "csv", "images")
    results.check("CSV has its coverage on stderr",
                  "hosts fresh" in csv.stderr and "hosts fresh" not in csv.stdout)
    results.equal("labels cut the fleet", command.ask("--label", "zone=b", "images")["rows"] +
                  [command.ask("--label", "zone=b", "summary")["fleet"]["hosts"]], [0])


def main():
    results = Results("reports")
    program = os.path.join(sys.argv[1], "collector", "layercensus")
    check_random(results, program)
    check_examples(results, program)
    with tempfile.TemporaryDirectory() as folder:
        check_schema(results, folder)
        database = os.path.join(folder, "small.db")
        command = Command(program, database)
        db = make_small(database)
        db.close()
        check_where(results, command)
        check_names_had(results, command)
        check_sentence(results, command)
        check_layer_chains(results, command)
        check_redacted(results, program, folder)
        check_orphaned_store(results, program, folder)
        check_status(results, command, complete=True)
        check_usage(results, command)
        db.db = sqlite3.connect(database)
        db.store(db.host("silent", silent=9999), key="silent")
        db.db.commit()
        db.db.close()
        check_unknown(results, command)
        check_status(results, command, complete=False)
    results.finish()


if __name__ == "__main__":
    main()
