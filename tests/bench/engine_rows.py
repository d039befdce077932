"""Rows about the engines: our scan of a store against the engine's own list, and the warm look."""

import json
import os
import re

from collector_rows import program
from engine_stores import ContainerdStore, DockerStore, LayoutStore, PodmanStore
from figures import Figure, ask, cpu_seconds, timed
from harness import run
from newer_chroot import Chroot

CURL = ["curl", "-sf", "-o", "/dev/null", "--unix-socket"]


class Cost:
    """What commands cost, in ms: wall time, CPU of the command, CPU caused in the daemons."""

    def __init__(self):
        self.wall, self.own, self.caused = [], [], []

    def add(self, argv, pids):
        before = sum(map(cpu_seconds, pids))
        wall, own = timed(argv)
        self.wall.append(1000 * wall)
        self.own.append(1000 * own)
        self.caused.append(1000 * (sum(map(cpu_seconds, pids)) - before))

    def all_cpu(self):
        return [own + caused for own, caused in zip(self.own, self.caused)]


class Engine:
    """A store, and how it is asked: `scan` are our options, `api` those that name its socket,
    `lists` the engine's own ways, {what: argv}, what people use first and the cheapest one last."""

    def __init__(self, store, driver, root, version, scan, api, lists):
        self.store, self.driver, self.root, self.version = store, driver, root, version
        self.scan, self.api, self.lists = scan, api, lists

    def commands(self, world):
        """{what: argv} of everything that is measured; ours are "disk", "api" and "ping"."""
        agent = [world.binary("layercensus-agent"), "scan", "--no-find", "--no-measure", "-o",
                 "json", "--engine", self.driver, *self.scan]
        found = {"disk": agent + ["--no-api"], **self.lists}
        if self.api:
            found["api"] = agent + self.api
            found["ping"] = [program(world, "first_look"), self.driver, self.root, self.api[1]]
        return found


def docker(store):
    engine = store.engine
    version = "docker " + engine.cli("version", "-f", "{{.Server.Version}}")
    return Engine(store, "docker", engine.root, version, ["--docker-root", engine.root],
                  ["--docker-socket", engine.socket], {
                      "docker images": [engine.client, "-H", f"unix://{engine.socket}", "images"],
                      "GET /images/json?all=1": CURL + [
                          engine.socket, "http://docker/images/json?all=1"]})


def containerd(store):
    ctr = store.inside("ctr", "-a", store.socket, "images", "ls")
    version = "containerd " + re.search(r"Server:\s+Version: *(\S+)", store.ctr("version")).group(1)
    return Engine(store, "containerd", store.root, version, ["--containerd-root", store.root],
                  ["--containerd-socket", store.socket],
                  {"ctr images ls": ctr, "ctr images ls -q": ctr + ["-q"]})


def podman(store):
    cli = store.podman
    version = "podman " + cli.cli("--version").split()[-1]
    images = cli.inside(["podman", *cli.places, *cli.common, "images", "--format", "json"])
    return Engine(store, "containers-storage", cli.root, version, ["--storage-root", cli.root], [],
                  {"podman images": images})


def check_images(engine, world, count):
    """A scan that does not see all images, and a list that does not, would both be fast."""
    told = json.loads(run(engine.commands(world)["disk"]))
    seen = [len(store["images"]) for store in told["stores"]]
    if seen != [count]:
        raise RuntimeError(f"the scan sees {seen} images, not {count}")
    first = run(next(iter(engine.lists.values())))
    named = first.count("registry.example/team/app")
    if named < count:
        raise RuntimeError(f"the engine's own list names {named} of {count} images")


def measured(engine, world, repeat):
    """{what: Cost}, one after the other in each repetition; the first of each is not counted. "idle"
    is what the daemons do by themselves while a scan would run."""
    commands = engine.commands(world)
    costs = {what: Cost() for what in (*commands, "idle")}
    for repetition in range(repeat + 1):
        for what, argv in commands.items():
            cost = costs[what] if repetition else Cost()
            cost.add(argv, engine.store.pids())
            if what == "disk" and repetition:
                costs["idle"].add(["sleep", str(cost.wall[-1] / 1000)], engine.store.pids())
    return costs


def figures(row, count, engine, costs, looks):
    both = " and daemons" if engine.store.pids() else ""
    scan, meanwhile = f"scan of {count} images", "CPU in the daemons meanwhile"
    for what in engine.lists:
        theirs, name = costs[what], f"{what}, {engine.version}"
        yield Figure(row, f"{scan}, wall", "ms", costs["disk"].wall, theirs.wall, name)
        yield Figure(row, f"{scan}, CPU", "ms", costs["disk"].all_cpu(), theirs.all_cpu(),
                     f"{name}: client{both}")
    cheapest = list(engine.lists)[-1]
    theirs, name = costs[cheapest], f"{cheapest}, {engine.version}"
    for field, told in (("full_us", f"reading {count} images"),
                        ("read_us", f"looking again at {count} unchanged images")):
        yield Figure(row, f"{told}, CPU", "ms", [look[field] / 1000 for look in looks],
                     theirs.all_cpu(), f"{name}: client{both}")
    if not both:
        return
    yield Figure(row, f"{scan}: {meanwhile}", "ms", costs["disk"].caused, costs["idle"].caused,
                 "by themselves, as long", beside=True)
    for kind, told in (("ping", "first look and ping"), ("api", f"{scan}, compared with the API")):
        yield Figure(row, f"{told}: {meanwhile}", "ms", costs[kind].caused, theirs.caused, name)


def measure_engine(world, size, row, store, make_engine):
    try:
        for count in size.listed:
            store.fill(count)
            engine = make_engine(store)
            check_images(engine, world, count)
            costs = measured(engine, world, size.repeat)
            seen = look_at(world, engine.driver, engine.root, size, [engine.root])
            yield from figures(row, count, engine, costs, seen)
    finally:
        store.end()


def row_of(row, make_store, make_engine):
    def measure(world, size):
        yield from measure_engine(world, size, row, make_store(world), make_engine)
        if not size.newer:
            return
        newer = Chroot(size.newer)
        newer.enter(world.dir)
        try:
            store = make_store(world, newer.dir)
            yield from measure_engine(world, size, row, store, make_engine)
        finally:
            newer.leave()
    return measure


ROWS = {name: row_of(name, make_store, make_engine) for name, make_store, make_engine in (
    ("E1", DockerStore, docker), ("E2", ContainerdStore, containerd), ("E3", PodmanStore, podman))}


# ---- L9 ------------------------------------------------------------------------------------------


def look_at(world, driver, root, size, tree):
    return ask([program(world, "look_at"), driver, root, size.repeat + 1, *tree])[1:]


def below(root, *names):
    return [os.path.join(root, name) for name in names]


def stores_to_look_at(world, count):
    """(driver, root, directories that a look could look at, the flat one of documents first)"""
    store = ContainerdStore(world)
    store.fill(count)
    store.end()
    yield "containerd", store.root, below(
        store.root, "io.containerd.content.v1.content/blobs/sha256",
        "io.containerd.snapshotter.v1.overlayfs/snapshots")
    root = world.path("podman")
    PodmanStore(world).fill(count)
    yield "containers-storage", root, below(root, "overlay-images", "overlay-layers", "overlay")
    root = world.path("layout")
    LayoutStore(world).fill(count)
    yield "oci-layout", root, below(root, "blobs/sha256")


def look_figures(driver, count, runs, what):
    floors = [("flat_us", f"readdir + fstatat of {runs[0]['flat_files']:,} {what}")]
    if runs[0]["files"] > runs[0]["flat_files"]:
        floors.append(("tree_us", f"the same of all {runs[0]['files']:,} files"))
    for field, floor in floors:
        of_floor = [r[field] for r in runs]
        yield Figure("L9", f"{driver}: reading {count:,} unchanged images again", "us",
                     [r["read_us"] for r in runs], of_floor, floor, ("<=", 2))
        yield Figure("L9", f"{driver}: reading all of it afresh", "us",
                     [r["full_us"] for r in runs], of_floor, floor)
        yield Figure("L9", f"{driver}: the token of the same store", "us",
                     [r["token_us"] for r in runs], of_floor, floor, ("<=", 0.01))


def looks(world, size):
    """Every run's first round is cold."""
    runs = ask([program(world, "look"), size.looked, 10, size.repeat + 1])[1:]
    yield from look_figures("docker", size.looked, runs, "configs")
    for driver, root, tree in stores_to_look_at(world, size.looked):
        runs = look_at(world, driver, root, size, tree)
        yield from look_figures(driver, size.looked, runs, "documents and blobs")
