"""Rows about the agent: memory, looking, the first scan, bytes on the wire."""

import re
import time
import urllib.request

import docker_store
from archive import Layer
from collector_rows import SECONDS, program
from docker_engine import Docker
from figures import Figure, ask, cpu_seconds, memory_kb, timed
from harness import Census, run, stop, wait_for
from test_peers import Authority, free_port

SCRAPES = 40
EXPORTER = "prometheus-node-exporter"


def fill(store, images):
    """Images of six layers: one of five bases of three, and three of their own."""
    bases = [[Layer().file(f"base-{b}-{n}", b"b") for n in range(3)] for b in range(5)]
    for i in range(images):
        own = [Layer().file(f"own-{i}-{n}", b"o") for n in range(3)]
        store.add(bases[i % 5] + own, [f"registry.example/app{i}:1"])
    return store


# ---- L7 ------------------------------------------------------------------------------------------


class Exporter:
    """node_exporter on loopback."""

    def __init__(self, world):
        self.port = free_port()
        self.child = world.start("exporter.log",
                                 [EXPORTER, f"--web.listen-address=127.0.0.1:{self.port}"])
        wait_for("node_exporter", self.scrape)

    def scrape(self):
        """Bytes of one answer, as they were sent: compressed, without the HTTP header."""
        question = urllib.request.Request(f"http://127.0.0.1:{self.port}/metrics",
                                          headers={"Accept-Encoding": "gzip"})
        with urllib.request.urlopen(question, timeout=10) as answer:
            return len(answer.read())

    def memory(self):
        for _ in range(SCRAPES):
            self.scrape()
        return memory_kb(self.child.pid)

    def end(self):
        stop(self.child, 10)


class Hosts:
    """A collector with mutual TLS, and agents that are known to it."""

    def __init__(self, world, *options):
        self.world = world
        self.authority = Authority(world, "agents-ca")
        cert, key = self.authority.issue("collector.test")
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.census = Census(world, "--listen", self.address, "--cert", cert, "--key", key, "--ca",
                             self.authority.cert, *options, name="agents").start()

    def agent(self, store, name):
        """An agent that has reported, said all, and is quiet: its process."""
        cert, key = self.authority.issue(name)
        child = self.world.start(f"{name}.log", [
            self.world.binary("layercensus-agent"), "run", "--collector", self.address, "--ca",
            self.authority.cert, "--server-name", "collector.test", "--cert", cert, "--key", key,
            "--no-find", "--no-api", "--docker-root", store.root, "--state-dir",
            self.world.path(f"{name}-state"), "--host-name", name])
        wait_for("the agent's images", lambda: any(
            row["host"] == name and row["images"] == len(store.images)
            for row in self.census.json("hosts")["rows"]), SECONDS)
        wait_for("its documents", self.census.settled, SECONDS)
        time.sleep(3)
        return child


def agent_memory(world, size):
    hosts = Hosts(world)
    store = fill(docker_store.Store(world.path("sixty")), 60)
    many = fill(docker_store.Store(world.path("many")), size.scanned)
    ours, theirs, peaks = [], [], []
    for n in range(size.repeat):
        exporter = Exporter(world)
        theirs.append(exporter.memory())
        exporter.end()
        child = hosts.agent(store, f"idle-{n}")
        ours.append(memory_kb(child.pid))
        stop(child, 20)
        child = hosts.agent(many, f"first-scan-{n}")
        peaks.append(memory_kb(child.pid))
        stop(child, 20)
    stop(hosts.census.process, 20)
    floor = f"node_exporter after {SCRAPES} scrapes"
    yield Figure("L7", "agent idle, mTLS + gRPC, 60 images, PSS", "kB", [m["pss"] for m in ours],
                 [m["pss"] for m in theirs], floor, ("<=", 1 / 3), "dynamic build")
    yield Figure("L7", "the same, anonymous", "kB", [m["anon"] for m in ours],
                 [m["anon"] for m in theirs], floor, ("<=", 1 / 6), "dynamic build")
    # What a process has at its peak above its RSS of now is its own: its PSS was higher by as much.
    yield Figure("L7", f"peak PSS of joining with {size.scanned} images", "kB",
                 [m["pss"] + m["peak"] - m["rss"] for m in peaks], [m["pss"] for m in ours],
                 "idle, 60 images", ("<=", 3))


# ---- L10 -----------------------------------------------------------------------------------------


def docker_api(engine, ids, world):
    """CPU of the daemon and of one curl for a list and an inspection of each image."""
    urls = world.path("urls")
    with open(urls, "w") as f:
        for path in ["images/json"] + [f"images/{i}/json" for i in ids]:
            f.write(f'url = "http://docker/v1.41/{path}"\noutput = "/dev/null"\n')
    before = cpu_seconds(engine.daemon.pid)
    _, client = timed(["curl", "-sf", "--unix-socket", engine.socket, "-K", urls])
    return cpu_seconds(engine.daemon.pid) - before + client


def our_scan(world, engine, store, *socket):
    """CPU of the agent's first look (and of the daemon, which is pinged at the socket)."""
    before = cpu_seconds(engine.daemon.pid)
    _, ours = timed([program(world, "first_look"), "docker", store.root, *socket])
    return ours + cpu_seconds(engine.daemon.pid) - before


def first_scan(world, size):
    engine = Docker(world)
    store = fill(docker_store.Store(engine.root), size.scanned)
    engine.start()
    ids = sorted(set(engine.cli("images", "-aq", "--no-trunc").split()))
    if set(ids) != set(store.images):
        raise RuntimeError(f"dockerd sees {len(ids)} of {len(store.images)} images")
    disk, with_api, theirs = [], [], []
    for _ in range(size.repeat):
        theirs.append(1000 * docker_api(engine, ids, world))
        disk.append(1000 * our_scan(world, engine, store))
        with_api.append(1000 * our_scan(world, engine, store, engine.socket))
    version = engine.cli("version", "-f", "{{.Server.Version}}")
    engine.stop()
    stop(engine.containerd, 20)
    floor = f"list + inspect, docker {version}, daemon and curl"
    yield Figure("L10", f"scan of {len(ids)} images, CPU", "ms", disk, theirs, floor, ("<=", 0.2),
                 "disk only")
    yield Figure("L10", "the same and the daemon's share of a ping", "ms", with_api, theirs,
                 floor, ("<=", 0.2))


# ---- L11 -----------------------------------------------------------------------------------------

DAY_BEATS = 24 * 60
DAY_SCRAPES = 24 * 60 * 4  # one each 15 s
PACKET_HEAD = 20 + 20 + 12  # IPv4, TCP, its timestamps


class Connection:
    """What went over the collector's only connection at `port` so far, by the kernel's count."""

    def __init__(self, port):
        said = run(["ss", "-tinH", "state", "established", f"sport = :{port}"])

        def count(name):
            found = re.search(rf"\b{name}:(\d+)", said)
            return int(found.group(1)) if found else 0
        self.heard = count("data_segs_in")
        self.bytes = (count("bytes_sent") + count("bytes_received") +
                      PACKET_HEAD * (count("segs_out") + count("segs_in")))


def day_on_the_wire(world, size):
    """(bytes of a day, of them to join): every packet of an agent that joins and then only beats."""
    hosts = Hosts(world, "--heartbeat", "1s", "--silence", "60s")
    store = fill(docker_store.Store(world.path("sixty")), 60)
    for name in ("first", "second"):  # after which all is known and confirmed
        stop(hosts.agent(store, name), 20)
    child = hosts.agent(store, "day")
    joined = Connection(hosts.port)
    time.sleep(size.beats)
    after = Connection(hosts.port)
    stop(child, 20)
    stop(hosts.census.process, 20)
    beats = after.heard - joined.heard
    if beats < size.beats // 2:
        raise RuntimeError(f"only {beats} heartbeats in {size.beats} s")
    return joined.bytes + DAY_BEATS * (after.bytes - joined.bytes) / beats, joined.bytes


def wire(world, size):
    got = ask([program(world, "wire_bytes"), 60])[0]
    yield Figure("L11", "first report, 60 known images", "bytes", [got["report"]], [got["flat"]],
                 "with 10 layers' digests an image", ("<=", 1 / 6))
    yield Figure("L11", "the same without names and repo digests", "bytes", [got["identities"]],
                 [got["identities_flat"]], "with 10 layers' digests an image", ("<=", 1 / 6))
    yield Figure("L11", "heartbeat, payload", "bytes", [got["heartbeat"]], goal=("<=", 100))
    exporter = Exporter(world)
    scrape = exporter.scrape()
    exporter.end()
    day, join = day_on_the_wire(world, size)
    yield Figure("L11", "a host and day: joining and 1,440 heartbeats, whole packets both ways",
                 "bytes", [day], [DAY_SCRAPES * scrape],
                 f"{DAY_SCRAPES:,} scrapes of node_exporter, compressed bodies only", ("<=", 1 / 150),
                 f"joining: {join:,}")
