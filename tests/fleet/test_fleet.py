"""Simulated hosts over real streams: the figures equal the player's brute force, each document is
wanted exactly once, and hosts that die, keep silent or lie are got around and named."""

import json
import os
import signal
import sqlite3
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
from harness import Census, Results, World, run, stop, wait_for  # noqa: E402

TERMS = {"stored": "stored_bytes", "unique": "unique_bytes", "replicas": "replicas_bytes",
         "duplicates": "duplicates_bytes", "layout": "layout_bytes", "orphans": "orphans_bytes"}


def settled(play):
    return play.census.settled()


class Play:
    """One run of the player against a collector of its own."""

    def __init__(self, world, results, name, hosts, *options):
        self.world, self.results, self.name, self.hosts = world, results, name, hosts
        self.generation = 1  # that every host must have reached
        self.census = Census(world, *options, name=name).start()
        self.report = self.truth = None

    def play(self, *options, seconds=120, until=settled):
        """Plays until the database holds everything that the hosts have to say. Where the database
        cannot tell, until=None lets the player end by itself when all is acknowledged and quiet."""
        report, truth = self.world.path(f"{self.name}.report"), self.world.path(f"{self.name}.truth")
        player = self.world.start(f"{self.name}-player.log", [
            os.path.join(self.world.build, "tests", "fleet", "fleet_player"), "--connect",
            self.census.address, "--deadline", f"{2 * seconds}s", "--duration", f"{2 * seconds}s" if until else "0s",
            "--report", report, "--truth", truth, *options])
        if until:
            wait_for("all to be said", lambda: self.connected() and until(self), seconds)
            stop(player, 60, signal.SIGINT)
        else:
            player.wait(2 * seconds)
        with open(player.log) as f:
            self.results.check(f"{self.name}: all was acknowledged and answered",
                               player.returncode == 0, f.read()[-600:])
        with open(report) as f:
            self.report = json.load(f)
        with open(truth) as f:
            self.truth = json.load(f)
        return self

    def connected(self):
        """Whether every host of the play has an inventory here, and nothing is in between."""
        rows = self.census.json("hosts")["rows"]
        return len(rows) == self.hosts and all(row["generation"] >= self.generation for row in rows)

    def log(self):
        with open(self.world.path(f"{self.name}.log"), errors="replace") as f:
            return f.read()

    def equal(self, what, got, expected):
        self.results.equal(f"{self.name}: {what}", got, expected)

    def figures(self):
        """The command's answers against the player's brute force."""
        truth = self.truth
        ledger = self.census.json("duplicates")["ledger"]
        self.equal("the ledger", {t: ledger[key] for t, key in TERMS.items()},
                   {t: truth["ledger"][t] for t in TERMS})
        terms = {t: key for t, key in TERMS.items() if t != "replicas"}  # zero on one host
        self.equal("the ledger of every host",
                   {h["host"]: {t: h[key] for t, key in terms.items()}
                    for h in self.census.json("duplicates", "--by", "host")["rows"]},
                   {h["name"]: {t: h["ledger"][t] for t in terms} for h in truth["per_host"]})
        self.equal("images and the hosts that hold them",
                   {r["image_id"]: r["hosts"] for r in self.census.json("images")["rows"]},
                   {i["id"]: i["hosts"] for i in truth["per_image"]})
        self.equal("layers, their hosts and bytes",
                   {r["diff_id"]: (r["hosts"], r["nominal_bytes"])
                    for r in self.census.json("layers")["rows"]},
                   {x["diff_id"]: (x["hosts"], x["nominal_bytes"]) for x in truth["per_layer"]})
        oracle = json.loads(run(["/usr/bin/python3",
                                 os.path.join(HERE, "..", "support", "ledger_oracle.py"),
                                 self.census.db]))
        self.equal("the ledger by brute force over the raw tables",
                   {t: ledger[key] for t, key in TERMS.items()},
                   {t: oracle["fleet"][t] for t in TERMS})

    def end(self):
        stop(self.census.process, 20)
        self.results.check(f"{self.name}: the collector ends cleanly",
                           self.census.process.returncode == 0)
        status, output = self.census.check()
        self.results.check(f"{self.name}: check finds nothing", status == 0, output[-600:])


def twenty(world, results):
    play = Play(world, results, "twenty", 20)
    play.generation = 7
    play.play("--hosts", "20", "--changes", "6", "--extra", "3", "--all-documents")
    play.equal("differences played", play.report["differences"], 120)
    play.figures()
    # Everything is known now: the same hosts come back and say nothing but hello.
    stop(play.census.process, 20)
    play.census.start()
    play.play("--hosts", "20", "--changes", "0", until=None)
    play.results.check("twenty: after a restart of the collector nothing is asked again",
                       play.report["documents"]["asked"] == 0, str(play.report["documents"]))
    play.end()


def thousand(world, results):
    """1,000 hosts with 200 images: exactly one answer is wanted for each document."""
    play = Play(world, results, "thousand", 1000)
    play.play("--hosts", "1000", "--images", "200", "--bases", "12", "--per-host", "200", "--seed", "7",
              "--rate", "0", "--all-documents", seconds=400)
    documents = play.report["documents"]
    play.equal("documents that were wanted", documents["distinct"], 200)
    play.equal("each was wanted exactly once", (documents["asked"], documents["asked_most"]), (200, 1))
    play.figures()
    play.end()


def awkward(world, results):
    """Some hosts that are asked die, some keep silent; the next is asked after the lease."""
    play = Play(world, results, "awkward", 20, "--lease", "1s", "--measure-lease", "2s")
    play.play("--hosts", "20", "--die-after-want", "1", "--mute", "1", "--all-documents", "--seed", "3")
    roles = play.report["roles"]
    play.equal("one died and one kept silent", (len(roles["dead"]), len(roles["mutes"])), (1, 1))
    results.check(f"{play.name}: every document came from somebody else", play.census.settled())
    play.end()


def liars(world, results):
    play = Play(world, results, "liars", 20, "--lease", "2s")
    play.play("--hosts", "20", "--liar", "2", "--all-documents", "--seed", "4")
    named = play.report["roles"]["liars"]
    play.equal("two hosts lied and were told so",
               (len(named), play.report["rejections"]["wrong_digest"] > 0), (2, True))
    for name in named:
        events = [e["kind"] for e in play.census.json("host", name)["events"]]
        results.check(f"liars: {name} is named in the log and in its events",
                      name in play.log() and "document-lie" in events, str(events))
    results.check(f"{play.name}: every document came from somebody else", play.census.settled())
    play.end()


def mismatches(world, results):
    """Hosts that tell other facts of a layer: both are named, and a third one's word settles it."""
    play = Play(world, results, "mismatches", 12, "--measure-lease", "2s")

    def told(kind):
        return [e for row in play.census.json("hosts")["rows"]
                for e in play.census.json("host", row["host"])["events"] if e["kind"] == kind]

    def ended(_):
        with sqlite3.connect(f"file:{play.census.db}?mode=ro", uri=True) as db:
            open_ones = db.execute("SELECT count(*) FROM layer l WHERE fact_state = 3 AND (SELECT count(DISTINCT host_id)"
                                   " FROM copy_now c WHERE c.layer_id = l.id) > 2").fetchone()[0]
        return open_ones == 0 and told("facts-settled")

    play.play("--hosts", "12", "--mismatch", "1", "--all-documents", "--seed", "5", until=ended)
    name = play.report["roles"]["mismatches"][0]
    events = [e for e in play.census.json("host", name)["events"] if e["kind"] == "facts-mismatch"]
    results.check("mismatches: the host that differs has an event that names the layer and a host",
                  events and "sha256:" in str(events[0]) and "host-" in events[0]["text"],
                  str(events[:1]))
    settled = told("facts-settled")
    results.check("mismatches: what two others say alike is believed, and an event",
                  name not in [e["text"].split()[0] for e in settled] and "believed" in settled[0]["text"],
                  str(settled[:1]))
    play.end()


def main():
    results = Results("fleet")
    with World("fleet", sys.argv[1]) as world:
        for part in (twenty, awkward, liars, mismatches, thousand):
            part(world, results)
    results.finish()


main()
