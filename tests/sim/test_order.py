#!/usr/bin/env python3
"""Answers do not depend on the order of the database's rows.

usage: test_order.py BUILD-DIRECTORY

One fleet, inserted in several orders: reports on the policy, a proposed policy, bases and the tree are the
same, and hosts are named by name.
"""

import json
import os
import random
import re
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "support")]

from census_db import CensusDb, digest
from harness import Results
from test_reports import Command

NOW = 1_770_000_000
ORDERS = 5
HOSTS = [f"h{n}" for n in range(8)]
BASES = [f"b{n}" for n in range(5)]
APPS = [(base, f"{base}a{n}") for base in BASES for n in range(3)]
POLICIES = {"black": "mode: black list\nrules:\n  - name: no b1\n    reject:\n      family: [b1, b2]\n",
            "white": "mode: white list\nrules:\n  - name: b3\n    accept:\n      family: [b3]\n",
            "zones": "mode: black list\nrules:\n  - name: no b1\n    on: {zone: z1}\n"
                     "    reject:\n      family: [b1]\n"}


def make(path, seed):
    """Who said a name first is a fact of the fleet, so it is told by time and not by order."""
    order = random.Random(seed)
    db = CensusDb(path, NOW)
    images = [(base, [base]) for base in BASES] + [(app, [base, app]) for base, app in APPS]
    for name, layers in order.sample(images, len(images)):
        for layer in layers:
            db.layer(layer, 4096, os_release=f"ID={layer}\nVERSION_ID=1\n" if layer in BASES else "")
        db.image(name, layers, created="2026-01-02T00:00:00Z")
    stores = {host: db.store(db.host(host, labels={"zone": f"z{int(host[1]) % 2}"}), key=host)
              for host in order.sample(HOSTS, len(HOSTS))}
    puts = [(host, name, name in BASES) for n, host in enumerate(HOSTS)
            for i, (name, _) in enumerate(images) if name in BASES or (i + n) % 3]
    for host, name, pulled in order.sample(puts, len(puts)):
        repository = f"docker.io/library/{name}"
        db.put(stores[host], db.images[name], [f"{repository}:1"], since=3600 + HOSTS.index(host),
               repo_digests=[(repository, digest(name))] if pulled else ())
    for host in order.sample(HOSTS, len(HOSTS)):
        db.container(stores[host], f"c{host}", db.images["b1a1"])
    db.close()


def answers(command, folder):
    found = {}
    for mode in POLICIES:
        path = os.path.join(folder, f"{mode}.yaml")
        for words in (["policy", "check", path], ["policy", "explain", "b1a1:1"], ["tree"]):
            found[(mode, *words[:2])] = command.run("--policy", path, "-o", "json", *words).stdout
    found["init"] = command.run("policy", "init").stdout
    for level in ("core", "parent", "version", "family"):
        found[level] = command.run("bases", "--level", level).stdout
    return {key: re.sub(r'"generated_at": "[^"]*",|# Made .*', "", text) for key, text in found.items()}


def main():
    results = Results("order")
    program = os.path.join(sys.argv[1], "collector", "layercensus")
    with tempfile.TemporaryDirectory() as folder:
        for mode, text in POLICIES.items():
            with open(os.path.join(folder, f"{mode}.yaml"), "w", encoding="utf-8") as f:
                f.write(text)
        found = []
        for seed in range(ORDERS):
            path = os.path.join(folder, f"{seed}.db")
            make(path, seed)
            found.append(answers(Command(program, path), folder))
        differ = {key for other in found[1:] for key in other if other[key] != found[0][key]}
        results.check("all answers there are", all(found[0].values()),
                      str([key for key, text in found[0].items() if not text]))
        results.check("the same fleet gives the same answers in any order of rows", not differ, str(differ))
        row = json.loads(found[0][("black", "policy", "check")])["rows"][0]
        results.equal("hosts are named by name", (row["where"], row["host_names"]),
                      ("h0, h1, h2 and 5 more", HOSTS))
    results.finish()


if __name__ == "__main__":
    main()
