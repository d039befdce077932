"""Rows about the collector while hosts report: ingest, acknowledgement, differences, heartbeats."""

import json
import os
import re
import signal
import time

from figures import Figure, ask, cpu_seconds, exponent
from harness import Census, stop, wait_for
from test_peers import Authority, free_port

SECONDS = 120  # for anything that must come to an end
QUIET_MS = 500
TRANSACTION_HOSTS = 100


def program(world, name):
    return os.path.join(world.build, "tests", "bench", f"bench_{name}")


def tls_collector(world, name, *options):
    """A collector that listens with TLS on loopback, and how to trust it."""
    authority = Authority(world, f"{name}-ca")
    cert, key = authority.issue("collector.test")
    port = free_port()
    census = Census(world, "--listen", f"127.0.0.1:{port}", "--cert", cert, "--key", key,
                    "--trust-host-names", *options, name=name).start()
    return census, ["--connect", f"127.0.0.1:{port}", "--ca", authority.cert, "--server-name",
                    "collector.test"]


def player(world, name, trust, *options):
    return world.start(f"{name}.log", [os.path.join(world.build, "tests", "fleet", "fleet_player"),
                                       *trust, "--deadline", f"{SECONDS}s", *map(str, options)])


def play(world, name, trust, *options):
    """Seconds from the first report to the last acknowledgement, by the player's clock."""
    child = player(world, name, trust, "--quiet", f"{QUIET_MS}ms", *options)
    child.wait(2 * SECONDS)
    with open(child.log) as f:
        said = f.read()
    if child.returncode != 0:
        raise RuntimeError(f"the player ended with {child.returncode}: {said[-300:]}")
    return int(re.search(r"reports took (\d+) us", said).group(1)) / 1e6


# ---- L1 ------------------------------------------------------------------------------------------

BARE = "bare prepared inserts of the same rows"


def bare_rates(world, db, name):
    """Rows a second of the floor: (bare, with foreign keys checked), and how many rows."""
    got = ask([program(world, "bare_insert"), db, world.path(name), TRANSACTION_HOSTS])[0]
    return got["rows"] / got["seconds"], got["rows"] / got["checked_seconds"], got["rows"]


def ingest_direct(world, size):
    values, floors, checked = [], [], []
    for n in range(size.repeat):
        db = world.path(f"ingest-{n}.db")
        ours = ask([program(world, "ingest"), db, size.hosts, size.images, size.per_host,
                    TRANSACTION_HOSTS])[0]
        bare, keys, rows = bare_rates(world, db, f"bare-{n}.db")
        values.append(rows / ours["seconds"])
        floors.append(bare)
        checked.append(keys)
    name = "reports applied, no network"
    yield Figure("L1", name, "rows/s", values, floors, BARE, (">=", 0.6))
    yield Figure("L1", name, "rows/s", values, checked, "the same, foreign keys checked")


def ingest_over_tls(world, size):
    census, trust = tls_collector(world, "ingest")
    fleet = ["--images", size.images, "--bases", 50, "--seed", 5, "--no-measure", "--rate", 0]
    played = ["--per-host", size.per_host, "--together"]
    play(world, "known", trust, *fleet, "--hosts", size.hosts, *played, "--cluster", "known",
         "--all-documents")
    spans = [play(world, f"full-{n}", trust, *fleet, "--hosts", size.hosts, *played, "--cluster",
                  f"full-{n}") for n in range(size.repeat)]
    stop(census.process, 60)
    floors = []
    for n in range(size.repeat):
        bare, _, rows = bare_rates(world, census.db, f"bare-tls-{n}.db")
        floors.append(bare)
    rows /= size.repeat + 1  # of one fleet
    yield Figure("L1", "reports over TLS + gRPC", "rows/s", [rows / s for s in spans], floors, BARE,
                 (">=", 0.6), f"{size.hosts:,} streams that are open already")


def ingest(world, size):
    yield from ingest_direct(world, size)
    yield from ingest_over_tls(world, size)


# ---- L2, L4 --------------------------------------------------------------------------------------


def acknowledge(world, size):
    goals = dict(zip(size.rates, ((("p50", 3), ("p99", 10)), (("p50", None), ("p99", 25)))))
    runs = ask([program(world, "acknowledge"), world.path("acknowledge.db"), size.differing,
                size.images, size.per_host, size.seconds, size.repeat, *goals])
    for rate, quantiles in goals.items():
        of_rate = [r for r in runs if r["rate"] == rate]
        kept = all(r["kept_up"] for r in of_rate)
        note = f"{size.differing:,} hosts" if kept else "not kept up: a lower bound"
        for quantile, goal in quantiles:
            yield Figure("L2", f"{rate:,} differences/s, {quantile}", "us",
                         [r[f"{quantile}_us"] for r in of_rate],
                         [r[f"sync_{quantile}_us"] for r in of_rate], f"fdatasync, {quantile}",
                         goal and ("<=", goal), note, not kept)
        yield Figure("L2", f"{rate:,} differences/s: how late the generator is, p99", "us",
                     [r["generator_us"] for r in of_rate], note="contained in the above")


def exact_difference(world, size):
    ours, bare = [], []
    sizes = size.differing // 10, size.differing
    for hosts in sizes:
        runs = ask([program(world, "difference"), world.path(f"difference-{hosts}.db"), hosts,
                    size.images, size.per_host, size.differences, size.repeat])
        ours.append([r["difference_us"] for r in runs])
        bare.append([r["upsert_us"] for r in runs])
        yield Figure("L4", "difference of -1/+1 image", "us", ours[-1], bare[-1],
                     "one narrow row upserted", ("<=", 5), f"{hosts:,} hosts")
    times = sizes[1] / sizes[0]
    yield Figure("L4", f"growth exponent, {sizes[0]:,} to {sizes[1]:,} hosts", "",
                 [exponent(*ours, times)], [exponent(*bare, times)], "of the upsert", ("<=", 0.15),
                 beside=True)


# ---- L14 -----------------------------------------------------------------------------------------


def heartbeats(world, size):
    """One heartbeat a second of each host; the player counts what it sent."""
    census, trust = tls_collector(world, "heartbeats", "--heartbeat", "1s", "--silence", "60s")
    report = world.path("beating.json")
    child = player(world, "beating", trust, "--hosts", size.beating, "--images", 50, "--per-host", 1,
                   "--no-measure", "--duration", f"{SECONDS}s", "--report", report)
    wait_for("all hosts", lambda: sum(r["generation"] >= 1 for r in census.json("hosts")["rows"])
             == size.beating, SECONDS)
    time.sleep(2)
    shares, settled = [], time.monotonic()
    for _ in range(size.repeat):
        began, cpu = time.monotonic(), cpu_seconds(census.process.pid)
        time.sleep(size.seconds)
        span = time.monotonic() - began
        each = (cpu_seconds(census.process.pid) - cpu) / (span * size.beating)
        shares.append(each * 100000 / 60 * 100)
    span = time.monotonic() - settled
    stop(child, 60, signal.SIGINT)
    stop(census.process, 60)
    with open(report) as f:
        sent = json.load(f)["heartbeats"]
    if sent < 0.95 * span * size.beating:
        raise RuntimeError(f"{size.beating} hosts sent only {sent} heartbeats in {span:.0f} s")
    yield Figure("L14", "collector, 100,000 heartbeats a minute over TLS", "% of a core", shares,
                 goal=("<=", 2.5), note=f"from {size.beating:,} hosts, one a second each")
