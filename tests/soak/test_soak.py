"""A collector, a thousand played hosts and a real agent through many fast days: memory stays flat.

usage: test_soak.py BUILD [MINUTES]

Each day every host exchanges an image, every third day it leaves and comes back, and names in the store
of the agent move all the time. The clock by which the three processes place things in time runs so fast
that a day takes DAY_S seconds (fast_clock.c); timers, and whatever belongs to connections, keep their
pace.

After a third of the time to warm up, the median of each process's anonymous memory in the second half of
the rest may exceed that of the first half by ALLOWED_SHARE and ALLOWED_BYTES: for the collector some 200
bytes for each report that lies between them, and 25 in ten minutes.
"""

import itertools
import os
import resource
import sqlite3
import statistics
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
for folder in ("", "../fleet", "../support", "../engines"):
    sys.path.insert(0, os.path.join(HERE, folder))
import docker_store  # noqa: E402
import made_fleet  # noqa: E402
from archive import Layer  # noqa: E402
from fleet_pki import Pki  # noqa: E402
from fleet_play import free_port  # noqa: E402
from harness import Census, Results, World, normal, stop, wait_for  # noqa: E402

HOSTS, DAY_S, DAYS_BETWEEN_LEAVES, SEED = 1000, 4, 3, 20261123
IMAGES, NAMES = 20, 7  # of the real agent's store
MINUTES = 1.2
ALLOWED_SHARE, ALLOWED_BYTES = 0.03, 512 << 10
GROWTH_MOST = 400  # bytes for each host and day: two changes


def memory(process):
    """Proportional and anonymous bytes."""
    with open(f"/proc/{process.pid}/smaps_rollup", encoding="ascii") as f:
        fields = {line.split(":")[0]: int(line.split()[1]) << 10 for line in f if line.endswith("kB\n")}
    return fields["Pss"], fields["Pss_Anon"]


class FastWorld(World):
    """Every process started in it lives fast."""

    def __init__(self, name, build):
        super().__init__(name, build)
        self.env = {**os.environ, "LD_PRELOAD": os.path.join(self.build, "tests", "soak", "libfast_clock.so"),
                    "FAST_CLOCK_BEGIN": str(int(time.time())), "FAST_CLOCK_FACTOR": str(86400 // DAY_S)}

    def start(self, log, argv, env=None):
        return super().start(log, argv, env or self.env)


class Soak:
    def __init__(self, world, results, days):
        self.world, self.results, self.days = world, results, days
        pki = Pki(world)
        self.store = docker_store.Store(world.path("docker"))
        self.images = [self.store.add([Layer().file("etc/base", b"base"), Layer().file("data", b"%d" % n)],
                                      [f"soak/app:{n}"]) for n in range(IMAGES)]
        self.serials = itertools.count()
        address = f"127.0.0.1:{free_port()}"
        self.census = Census(world, "--listen", address, *pki.collector_options(), "--heartbeat", "2s",
                             "--log-level", "warn").start()
        made_fleet.write_catalogue(world.path("catalogue"))
        hosts = made_fleet.write_fleet(world.path("fleet"), HOSTS, days, SEED)
        tls = pki.player_options("hosts", hosts)
        player = world.start("player.log", [
            os.path.join(world.build, "tests", "fleet", "fleet_player"), "--connect", address,
            "--play", world.path("fleet"), "--catalogue", world.path("catalogue"), "--no-measure", "--day",
            f"{DAY_S}s", "--rejoin", str(2 * DAYS_BETWEEN_LEAVES), "--deadline", "24h", *tls])
        agent = world.start("agent.log", [
            world.binary("layercensus-agent"), "run", "--collector", address, "--no-find", "--no-api",
            "--docker-root", self.store.root, "--state-dir", world.path("state"), "--look-interval", "1s",
            "--host-name", "real", "--ca", pki.ca, "--cert", pki.issue("real", ["real"]), "--key", pki.key,
            "--server-name", "collector.test"])
        self.processes = {"collector": self.census.process, "player": player, "agent": agent}
        self.samples = {name: [] for name in self.processes}
        self.sizes = []  # (seconds, bytes of the database)

    def move_name(self):
        """A name of the agent's store moves to another one of its images."""
        serial = next(self.serials)
        self.store.tag(self.images[serial % len(self.images)], f"soak/moves:{serial % NAMES}")

    def size(self):
        """Bytes of the database, with what still lies in its log."""
        db = sqlite3.connect(f"file:{self.census.db}?mode=ro", uri=True)
        try:
            return db.execute("PRAGMA page_count").fetchone()[0] * db.execute("PRAGMA page_size").fetchone()[0]
        finally:
            db.close()

    def watch(self):
        """Once a second until the player has ended by itself."""
        begun = time.monotonic()
        while self.processes["player"].poll() is None:
            self.move_name()
            for name, process in self.processes.items():
                try:
                    self.samples[name].append(memory(process))
                except ProcessLookupError:  # the player has just ended
                    pass
            self.sizes.append((time.monotonic() - begun, self.size()))
            time.sleep(1)

    def flat(self, name):
        settled = [anonymous for _, anonymous in self.samples[name][len(self.samples[name]) // 3:]]
        half = len(settled) // 2
        first, second = (statistics.median(part) for part in (settled[:half], settled[half:]))
        tenths = [self.samples[name][n * (len(self.samples[name]) - 1) // 9][1] >> 10 for n in range(10)]
        print(f"{name}: anonymous KiB {' '.join(map(str, tenths))}; medians {first / 1024:.0f}, then "
              f"{second / 1024:.0f}; PSS at the end {self.samples[name][-1][0] / 1024:.0f} KiB")
        self.results.check(f"the {name}'s memory stays flat over {self.days} days",
                           second <= first * (1 + ALLOWED_SHARE) + ALLOWED_BYTES, f"{first}, then {second} bytes")

    def end(self):
        with open(self.processes["player"].log, encoding="utf-8") as f:
            said = f.read()
        self.results.check("every change of every host was acknowledged",
                           self.processes["player"].returncode == 0, said[-600:])
        names = set(map(normal, self.store.names))
        wait_for("the agent's last look", lambda: names == {
            name for row in self.census.json("host", "real")["rows"] for name in row["names"]})
        for name in ("agent", "collector"):
            self.results.check(f"the {name} ends cleanly", stop(self.processes[name], 60) == 0)
        status, output = self.census.check()
        self.results.check(f"check finds nothing after {self.days} days", status == 0, output[-600:])

    def growth(self):
        """The file between the end of the warm-up and the end, in bytes for each host and day."""
        warm = self.sizes[len(self.sizes) // 3:]
        days = (warm[-1][0] - warm[0][0]) / DAY_S
        grown = (warm[-1][1] - warm[0][1]) / HOSTS / days
        print(f"file: {warm[-1][1]} bytes, grows by {grown:.0f} bytes for each host and day (two changes)")
        self.results.check("the file grows by no more than its history", grown < GROWTH_MOST, f"{grown} bytes")


def main():
    results = Results("soak")
    days = max(6, round(float(sys.argv[2] if len(sys.argv) > 2 else MINUTES) * 60 / DAY_S))
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with FastWorld("soak", sys.argv[1]) as world:
        soak = Soak(world, results, days)
        soak.watch()
        for name in soak.processes:
            soak.flat(name)
        soak.end()
        soak.growth()
    results.finish()


main()
