"""Rows about connections."""

import json
import os
import resource
import subprocess
import time

from collector_rows import program
from figures import Figure, ask, cpu_seconds, memory_kb
from harness import Census, stop
from test_peers import free_port

SETTLE_S = 1  # after the last welcome: what was lent is given back


def three(of):
    return [of["min"], of["median"], of["max"]]


class Herd:
    """Agents on one processor that a real collector on another one serves (tests/bench/herd.c)."""

    def __init__(self, world, count):
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        self.count = min(count, hard - 100)
        cpus = sorted(os.sched_getaffinity(0))
        self.process = subprocess.Popen([program(world, "herd"), str(self.count)], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        os.sched_setaffinity(self.process.pid, cpus[-1:])
        pki = self.answer()["pki"]
        self.address, self.cpu = f"127.0.0.1:{free_port()}", cpus[:1]
        self.census = Census(world, "--listen", self.address, "--cert", f"{pki}/server.pem", "--key",
                             f"{pki}/server.key", "--ca", f"{pki}/ca.pem", "--silence", "30m",
                             name="herd")
        self.start()

    def start(self):
        self.pid = self.census.start().process.pid
        for task in os.listdir(f"/proc/{self.pid}/task"):
            os.sched_setaffinity(int(task), self.cpu)

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the herd ended with {self.process.wait()}")
        return json.loads(line)

    def order(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.answer()

    def join(self):
        """(collector's CPU, wall) microseconds an agent, until all have their welcome."""
        cpu = cpu_seconds(self.pid)
        wall_ms = self.order(f"join {self.address}")["wall_ms"]
        cpu = cpu_seconds(self.pid) - cpu
        time.sleep(SETTLE_S)
        return cpu * 1e6 / self.count, wall_ms * 1e3 / self.count

    def part(self):
        self.order("part")
        time.sleep(SETTLE_S)

    def restart(self):
        """The collector anew, which has forgotten all sessions."""
        stop(self.census.process, 60)
        self.start()

    def close(self):
        self.process.stdin.close()
        self.process.wait(60)
        stop(self.census.process, 60)


def slab_kb():
    with open("/proc/meminfo") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("Slab:"))


def bare_handshakes(world, size):
    """bench_handshake: library at both ends, no collector behind it."""
    got = ask([program(world, "handshake"), "--connections", size.joining])[0]
    name = f"{got['connections']:,} connections at once, server's CPU of one"
    full = Figure("L12", name, "us", three(got["full_cpu_us"]), three(got["bare_full_us"]),
                  "bare handshake in memory", ("<=", 1.25))
    full.ratios = [got["full_to_bare"]]
    resumed = Figure("L12", "the same, resumed", "us", three(got["resumed_cpu_us"]),
                     three(got["full_cpu_us"]), "full, of ours", ("<=", 1 / 3))
    resumed.ratios = [got["resumed_to_full"]]
    return got, [full, resumed]


def handshakes(world, size):
    got, figures = bare_handshakes(world, size)
    yield from figures
    herd = Herd(world, size.herd)
    full, resumed = [], []
    for _ in range(size.repeat):
        if full:
            herd.restart()
        full.append(herd.join())
        herd.part()
        resumed.append(herd.join())
        herd.part()
    herd.close()
    who = f"{herd.count:,} agents join the collector at once"
    bare = [got["bare_full_us"]["median"]] * size.repeat
    yield Figure("L12", f"{who}: its CPU an agent, hello written", "us", [f[0] for f in full], bare,
                 "bare handshake in memory", ("<=", 1.25))
    yield Figure("L12", "the same, resumed", "us", [r[0] for r in resumed], [f[0] for f in full],
                 "full", ("<=", 1 / 3))
    for name, spans in (("", full), (", resumed", resumed)):
        yield Figure("L12", f"{who}{name}: until the last welcome", "s",
                     [s[1] * herd.count / 1e6 for s in spans])


def connections(world, size):
    got = ask([program(world, "connections"), "--connections", size.joining])[0]
    yield Figure("L13", f"PSS of a connection, of {got['connections']:,}", "KB",
                 [got["full_handshake"]["pss_bytes"] / 1000], goal=("<=", 50),
                 note="mTLS + HTTP/2, library alone")
    herd = Herd(world, size.herd)
    pss, slab = memory_kb(herd.pid)["pss"], slab_kb()
    herd.join()
    all_pss, all_slab = memory_kb(herd.pid)["pss"], slab_kb()
    herd.close()
    yield Figure("L13", f"collector's PSS an idle agent, of {herd.count:,}", "KB",
                 [(all_pss - pss) * 1.024 / herd.count], goal=("<=", 50))
    yield Figure("L13", f"collector with {herd.count:,} idle agents: PSS and half of the new slab", "MB",
                 [(all_pss + (all_slab - slab) / 2) * 1.024 / 1000], goal=("<=", 600))
