"""Every engine on one host at once: one scan, and one agent with a collector. One that hangs, one
that is killed and one that is corrupt delay and hide none of the others."""

import os
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
from broken import damage  # noqa: E402
from compare import Scan, chain_ids, names  # noqa: E402
from containerd_engine import Containerd  # noqa: E402
from docker_engine import Docker  # noqa: E402
from harness import Census, Results, World, normal, stop, wait_for  # noqa: E402
from images import image_set  # noqa: E402
from oci_engine import Layout  # noqa: E402
from podman_engine import Podman, User  # noqa: E402
from registry import Registry  # noqa: E402

SHARED = ("team/base:1", "team/plain:1", "team/links:1", "team/whiteouts:1", "team/twice:1")


class Host:
    """The engines, each with the same images."""

    def __init__(self, world, results, user):
        self.world, self.results = world, results
        self.registry = Registry(world).start()
        self.pushed = self.registry.push_all({short: image_set()[short] for short in SHARED})
        self.docker = Docker(world).start()
        self.containerd = Containerd(world).start()
        self.podman = Podman(world)
        self.mine = Podman(world, driver="vfs", user=user)
        self.layout = Layout(world)
        self.fill()
        self.options = [
            "--docker-root", self.docker.root, "--docker-socket", self.docker.socket,
            "--containerd-root", self.containerd.root,
            "--containerd-socket", self.containerd.socket, "--storage-root", self.podman.root,
            "--oci-layout", self.layout.root, "--api-timeout", "1s"]
        if self.mine:
            self.options += ["--storage-root", self.mine.root]

    def fill(self):
        for number, name in enumerate(self.pushed):
            self.docker.cli("pull", "-q", name)
            self.containerd.pull("default", name)
            self.podman.pull(name)
            self.layout.copy(name, f"copy-{number}")
        try:
            self.mine.pull(next(iter(self.pushed)))
        except subprocess.CalledProcessError as e:
            self.mine = None
            self.results.skip("a rootless user's store", e.stderr.strip().splitlines()[-1])

    def roots(self):
        """{what: (root, driver, namespace)} of the stores that there must be."""
        found = {"docker": (self.docker.root, "overlay2", None),
                 "containerd": (self.containerd.root, "overlayfs", "default"),
                 "podman": (self.podman.root, "overlay", None),
                 "layout": (self.layout.root, None, None)}
        if self.mine:
            found["rootless podman"] = (self.mine.root, "vfs", None)
        return found

    def truths(self, but=None):
        """{what: {image: {name}}} by each engine's own word; one that cannot speak is left out."""
        found = {"docker": self.docker.truth().names,
                 "containerd": self.containerd.truth("default").names if but != "containerd" else {},
                 "podman": self.podman.truth().names, "layout": self.layout.truth().names}
        if self.mine:
            found["rootless podman"] = self.mine.truth().names
        return found

    def scan(self, *more):
        return Scan(self.world, "--no-measure", *self.options, *more)


def compare(host, when, truths, but=None):
    """All stores of one scan but one; returns that store and how long the scan took."""
    started = time.monotonic()
    scan = host.scan()
    took = time.monotonic() - started
    for what, place in host.roots().items():
        if what != but:
            store = scan.store(*place)
            host.results.equal(f"{when}: {what}: images and names", names(store), truths[what])
            host.results.check(f"{when}: {what} is well", store["state"] == "ok" and
                               not store["problems"], f"{store['state']} {store['problems'][:2]}")
    print(f"{when}: {took:.2f} s")
    return scan.store(*host.roots()[but]) if but else None, took


def found_alone(host):
    """Nothing named: the daemons' own command lines and configurations tell where they keep things."""
    argv = ["--no-measure", "--docker-socket", host.docker.socket,
            "--containerd-socket", host.containerd.socket, "--api-timeout", "1s"]
    scan = Scan(host.world, *argv, find=True)
    for what in ("docker", "containerd"):
        root, driver, space = host.roots()[what]
        seen = [s for s in scan.stores if s["root"] == root and s["driver"] == driver
                and space in (None, s["space"])]
        host.results.check(f"nothing named: {what} is found, once", len(seen) == 1,
                           str([(s["root"], s["driver"], s["space"]) for s in scan.stores]))


def hung(host, truths):
    """A daemon that accepts and never answers: its own store is read from disk like the others."""
    for what, daemon in (("docker", host.docker.daemon), ("containerd", host.containerd.daemon)):
        os.kill(daemon.pid, signal.SIGSTOP)
        try:
            store, took = compare(host, f"{what} hangs", truths, but=what)
            host.results.equal(f"{what} hangs: its own images are read from disk", names(store),
                               truths[what])
            host.results.check(f"{what} hangs: the scan waits for it no longer than it may",
                               took < 20, f"{took:.1f} s")
        finally:
            os.kill(daemon.pid, signal.SIGCONT)


def corrupt(host, truths):
    """One engine's list of images is garbage."""
    for what, path in (("podman", os.path.join(host.podman.root, "overlay-images/images.json")),
                       ("layout", os.path.join(host.layout.root, "index.json"))):
        undo = damage(path, "garbage")
        try:
            store, _ = compare(host, f"{what} is corrupt", truths, but=what)
            host.results.check(f"{what} is corrupt: said so", store["state"] in
                               ("corrupt", "unreadable") and os.path.basename(path) in
                               str(store["problems"]) + str(store["error"]),
                               f"{store['state']} {store['error']} {store['problems'][:2]}")
        finally:
            undo()


def killed(host, fleet):
    """A daemon is gone: what it left is read, and its store says that it is down."""
    def states():
        return {s["root"]: s["state"] for s in fleet.stores()}
    before = fleet.seen()
    stop(host.containerd.daemon, 10, signal.SIGKILL)
    wait_for("containerd's store to be marked",
             lambda: states()[host.containerd.root] == "daemon-down", 30)
    told = states()
    del told[host.containerd.root]
    host.results.check("containerd is killed: the other stores are well",
                       set(told.values()) == {"ok"}, str(told))
    host.results.equal("containerd is killed: all images stay", fleet.seen(), before)
    compare(host, "containerd is killed", host.truths(but="containerd"), but="containerd")
    host.containerd.start()
    wait_for("containerd's store to be well", lambda: set(states().values()) == {"ok"}, 30)
    host.results.check("containerd is started again: its store is well", True)


# ---- with a collector ----------------------------------------------------------------------------------


class Fleet:
    """One agent that reads them all and reports to a collector."""

    def __init__(self, host):
        self.host = host
        self.census = Census(host.world).start()
        self.agent = host.world.start("agent.log", [
            host.world.binary("layercensus-agent"), "run", "--collector", self.census.address,
            "--no-find", *host.options, "--state-dir", host.world.path("agent-state"),
            "--host-name", "all", "--look-interval", "500ms", "--reconnect-min", "100ms",
            "--reconnect-max", "500ms"])

    def seen(self):
        """{name: {image}} over all stores."""
        found = {}
        for row in self.census.json("images")["rows"]:
            for name in row["names"]:
                found.setdefault(name, set()).add(row["image_id"])
        return found

    def stores(self):
        return self.census.json("host", "all")["stores"]


def by_name(truths):
    found = {}
    for images in truths.values():
        for image, known in images.items():
            for name in known:
                found.setdefault(normal(name), set()).add(image)
    return found


def with_collector(host, truths):
    fleet = Fleet(host)
    expected = by_name(truths)
    wait_for("the collector to have every store", lambda: fleet.seen() == expected, 60)
    host.results.equal("collector: names and images over all engines", fleet.seen(), expected)
    told = {(s["root"], s["driver"]) for s in fleet.stores()}
    host.results.equal("collector: its stores", told & {(r, d or "") for r, d, _ in
                                                        host.roots().values()},
                       {(r, d or "") for r, d, _ in host.roots().values()})
    copies = sum(len(t.copies) for t in (host.docker.truth(), host.podman.truth(),
                                         host.containerd.truth("default")))
    layers = {c for s in SHARED for c in chain_ids(image_set()[s].diffs)}
    host.results.check("the same chains lie in three engines", copies == 3 * len(layers),
                       f"{copies} copies of {len(layers)} chains")
    noticed(host, fleet)


def noticed(host, fleet):
    """A change in one engine arrives while another one hangs."""
    base = next(iter(host.pushed))
    marks = {"docker": lambda n: host.docker.cli("tag", base, n),
             "containerd": lambda n: host.containerd.ctr("default", "images", "tag", base, n),
             "podman": lambda n: host.podman.cli("tag", base, n),
             "layout": lambda n: host.layout.write(host.pushed[base], n)}
    for what, change in marks.items():
        other = host.containerd.daemon if what == "docker" else host.docker.daemon
        os.kill(other.pid, signal.SIGSTOP)
        try:
            name = f"lc.test/mark/{what}:1"
            change(name)
            started = time.monotonic()
            wait_for(f"the mark in {what}", lambda name=name: name in fleet.seen(), 30)
            print(f"a change in {what} is at the collector after {time.monotonic() - started:.1f} s")
            host.results.check(f"a change in {what} is noticed while another engine hangs", True)
        except TimeoutError as e:
            host.results.check(f"a change in {what} is noticed while another engine hangs", False,
                               str(e))
        finally:
            os.kill(other.pid, signal.SIGCONT)
    killed(host, fleet)
    stop(fleet.agent, 15)
    host.results.check("the agent ends cleanly", fleet.agent.returncode == 0,
                       str(fleet.agent.returncode))
    status, output = fleet.census.check()
    host.results.check("check finds nothing", status == 0, output)


def main():
    results = Results("together")
    with World("together", sys.argv[1]) as world:
        os.chmod(world.dir, 0o755)
        with User(world) as user:
            host = Host(world, results, user)
            truths = host.truths()
            compare(host, "all at once", truths)
            found_alone(host)
            hung(host, truths)
            corrupt(host, truths)
            with_collector(host, truths)
    results.finish()


main()
