"""A collector and the player that plays fleets to it over mutual TLS."""

import json
import os
import signal
import socket
import sqlite3
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from harness import Census, run, stop, wait_for  # noqa: E402

# What the hosts that stay hold now, and what is not known of it yet.
PRESENT = "SELECT image_id FROM image_now WHERE host NOT IN (SELECT value FROM json_each(?))"
UNREAD = f"SELECT count(*) FROM image WHERE parsed = 0 AND id IN ({PRESENT})"
UNSIZED = f"""SELECT count(*) FROM layer_of_image
              WHERE nominal_bytes IS NULL AND image_id IN ({PRESENT})"""
REPORTS = ("inventories", "differences", "resyncs")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def retire(census, fleet):
    """The operator takes out who went."""
    for host in fleet.gone:
        run([census.world.binary("layercensus-collector"), "host", "retire", host, "--db", census.db,
             "--log-level", "error"])


class Play:
    def __init__(self, world, results, pki, name):
        self.world, self.results, self.pki, self.name = world, results, pki, name
        self.port = free_port()
        self.census = Census(world, "--listen", f"127.0.0.1:{self.port}", *pki.collector_options(),
                             "--log-level", "warn", name=name).start()
        self.reports = dict.fromkeys(REPORTS, 0)

    def play(self, fleet, seconds):
        """Plays a fleet to its end, or goes on with one whose beginning was played: seconds it took."""
        begun = time.monotonic()
        report = self.world.path(f"{self.name}.report")
        player = self.world.start(f"{self.name}-player.log", [
            os.path.join(self.world.build, "tests", "fleet", "fleet_player"), "--connect",
            f"127.0.0.1:{self.port}", "--play", fleet.path, "--catalogue", fleet.catalogue.path,
            "--no-measure", "--deadline", f"{2 * seconds}s", "--duration", f"{2 * seconds}s", "--report",
            report, *self.pki.player_options(self.name, list(fleet.generations))])
        wait_for("all to be said", lambda: self._said(player, fleet), seconds)
        took = time.monotonic() - begun
        stop(player, 60, signal.SIGINT)
        with open(player.log, encoding="utf-8") as f:
            self.results.check(f"{self.name}: all was acknowledged and answered",
                               player.returncode == 0, f.read()[-600:])
        with open(report, encoding="utf-8") as f:
            told = json.load(f)
        self.reports = {key: self.reports[key] + told[key] for key in REPORTS}
        return took

    def _said(self, player, fleet):
        if player.poll() is not None:
            raise RuntimeError(f"the player ended with status {player.returncode}")
        self.census.alive()
        gone = (json.dumps(fleet.gone),)
        db = sqlite3.connect(f"file:{self.census.db}?mode=ro", uri=True)
        try:
            reached = dict(db.execute(
                "SELECT h.name, i.generation FROM host h JOIN incarnation i ON i.host_id = h.id"))
            return reached == fleet.generations and not (
                db.execute(UNREAD, gone).fetchone()[0] or db.execute(UNSIZED, gone).fetchone()[0])
        except sqlite3.OperationalError as e:  # busy: not yet
            raise OSError(str(e)) from e
        finally:
            db.close()

    def end(self, fleet):
        """The collector stops, who went is retired, and the database is whole."""
        # An event that is played twice, or an inventory in its place, would hide a broken difference.
        self.results.equal(f"{self.name}: an inventory of each host, a difference an event, and nothing "
                           "said twice", self.reports,
                           {"inventories": len(fleet.generations), "differences": fleet.events(),
                            "resyncs": 0})
        stop(self.census.process, 60)
        self.results.check(f"{self.name}: the collector ends cleanly",
                           self.census.process.returncode == 0)
        retire(self.census, fleet)
        status, output = self.census.check()
        self.results.check(f"{self.name}: check finds nothing", status == 0, output[-600:])
