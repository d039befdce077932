#!/usr/bin/env python3
"""The collector's own survey: the database tells what the command tells, day by day.

usage: test_survey.py BUILD-DIRECTORY
"""

import os
import re
import sqlite3
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "support")]

from census_db import CensusDb
from harness import Census, Results, World, run, stop, wait_for

WHITE_LIST = """mode: white list
rules:
  - name: nobody stands on this
    accept:
      base: registry.example.com/nothing:1
"""
LINES = """SELECT image, core_kind, core, base, base_layers, method, confidence, family, version
           FROM lineage_now"""


def ask(census, sql, *words):
    with sqlite3.connect(f"file:{census.db}?mode=ro", uri=True) as db:
        return db.execute(sql, words).fetchall()


def survey(census):
    """(epoch, at_s) of the last one, (0, 0) before the first."""
    return (ask(census, "SELECT epoch, at_s FROM survey") or [(0, 0)])[0]


def next_survey(census):
    """Waits for one that began after this call; times are of whole seconds."""
    begun = int(time.time()) + 1
    return wait_for("a survey", lambda: survey(census)[1] >= begun and survey(census))


def told_lines(census):
    """The same from the command: rows of images whose config is known."""
    rows = census.json("images")["rows"]
    keys = ("core_kind", "core", "base", "base_layers", "base_method", "base_confidence", "family",
            "version")
    return {row["image_id"]: tuple(row[key] for key in keys) for row in rows if row["core_kind"]}


def figures(census, report, sheet):
    return dict(ask(census, "SELECT key, value FROM figure_day WHERE report = ? AND sheet = ? "
                            "AND item = ''", report, sheet))


def compare(results, census, policy):
    results.equal("lineage_now is what images tells",
                  {row[0]: row[1:] for row in ask(census, LINES)}, told_lines(census))
    told = census.json("bases")
    counts = figures(census, "bases", "core_builds")
    results.equal("the day's core builds are those of bases", counts,
                  {key: told["core_builds"][key] for key in counts})
    check = subprocess.run([census.world.binary("layercensus"), "--db", census.db, "policy", "check", policy],
                           stdout=subprocess.PIPE, text=True)
    results.equal("the white list that accepts nothing is broken", check.returncode, 1)
    kept = census.json("policy", "history")
    row = kept["rows"][0]
    results.equal("a day says of which mode its figures are", row["mode"], "white list")
    results.equal("and what each rule decided", [(rule["day"], rule["rule"], rule["images"])
                                                 for rule in kept["rules"] if rule["images"]],
                  [(row["day"], "(the mode)", row["images"])])
    results.equal("every judged image breaks it", row["violations"], row["images"])
    results.check("and some are judged", row["images"] > 0, str(row))
    history = census.json("history")["rows"]
    results.equal("history has the day's core builds", history[0]["named"], counts["named"])
    results.equal("its violations, and their mode", (history[0]["violations"], history[0]["mode"]),
                  (row["violations"], "white list"))
    results.equal("and the images of which nothing is known", history[0]["undecided_images"], 0)


def follow_files(results, census, policy):
    """Both files are read anew; a wrong one is told with its place, and the last survey stays."""
    with open(policy, "w", encoding="utf-8") as f:
        f.write("mode: white list\nrules:\n  - name: x\n    acept: {}\n")
    log = wait_for("the complaint", lambda: re.search(r"survey-failed.*policy\.yaml:4:5",
                                                      open(census.process.log, encoding="utf-8").read()))
    results.check("a policy that went bad is told with line and column", log is not None)
    before = survey(census)
    time.sleep(1.0)
    with open(census.process.log, encoding="utf-8") as f:
        results.equal("once, not at each interval", f.read().count("survey-failed"), 1)
    with open(policy, "w", encoding="utf-8") as f:
        f.write(WHITE_LIST)
    after = next_survey(census)
    results.equal("a survey that changes nothing begins no epoch", after[0], before[0])
    chain = ask(census, "SELECT core_chain FROM lineage_now WHERE core_kind = 'unnamed' LIMIT 1")
    name = ask(census, "SELECT core FROM lineage_now WHERE core_kind = 'named' LIMIT 1")[0][0]
    results.check("the fleet has named core builds", name, str(chain))
    run([census.world.binary("layercensus"), "--db", census.db, "catalogue", "add", name, "--family", "surveyed"])
    after = next_survey(census)
    families = ask(census, "SELECT DISTINCT family FROM lineage_now WHERE core = ?", name)
    results.equal("what the catalogue says of a base reaches all that stands on it", families,
                  [("surveyed",)])
    results.check("in a new epoch", after[0] > before[0], f"{before}, {after}")


def stop_in_the_middle(results, census, found):
    """`found`: what check said before; the plain inserts of this test have no true documents."""
    statuses = []
    for wait in (0.0, 0.05, 0.11, 0.2, 0.35):
        time.sleep(wait)
        statuses.append(stop(census.process, 20))
        census.start()
    results.equal("the collector ends well whatever the survey does", statuses, [0] * 5)
    stop(census.process, 20)
    results.equal("check finds nothing new", census.check(), found)


def refuse(results, census, policy):
    with open(policy, "w", encoding="utf-8") as f:
        f.write("mode: chaos\n")
    done = subprocess.run([census.world.binary("layercensus-collector"), "serve", "--db", census.db,
                           "--listen", census.address, "--policy", policy],
                          stderr=subprocess.PIPE, text=True, timeout=30)
    results.equal("a collector does not start with a policy that is none", done.returncode, 2)
    results.check("and says where", "policy.yaml:1:7" in done.stderr, done.stderr)


def make_fleet(path):
    """Two versions of a base, applications on each, and images on nothing known."""
    db = CensusDb(path, int(time.time()))
    for name in ("old", "new", "other"):
        db.layer(f"base {name}", 4096, os_release="ID=debian\nVERSION_ID=12\n")
    for name, created in (("old", "2026-01-05"), ("new", "2026-03-02")):
        db.image(f"debian {name}", [f"base {name}"], created=f"{created}T08:00:00Z")
    for i in range(12):
        db.layer(f"app {i}", 4096)
        db.image(f"app {i}", [f"base {('old', 'new', 'other')[i % 3]}", f"app {i}"])
    host = db.host("web-1")
    store = db.store(host)
    for name, tag in (("debian old", "11"), ("debian new", "12")):
        db.put(store, db.images[name], [f"registry.example.com/debian:{tag}"])
    for i in range(12):
        db.put(store, db.images[f"app {i}"], [f"registry.example.com/app:{i}"])
    db.close()


def main():
    results = Results("survey")
    with World("survey", sys.argv[1]) as world:
        policy = world.path("policy.yaml")
        with open(policy, "w", encoding="utf-8") as f:
            f.write(WHITE_LIST)
        census = Census(world, "--survey-interval", "150ms", "--policy", policy)
        make_fleet(census.db)
        census.start()
        stop(census.process, 20)
        found = census.check()
        census.start()
        next_survey(census)
        compare(results, census, policy)
        follow_files(results, census, policy)
        stop_in_the_middle(results, census, found)
        refuse(results, census, policy)
    results.finish()


main()
