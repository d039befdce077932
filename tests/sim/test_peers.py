"""Real agents and foreign clients against a real collector: TLS, identities, bad input, stopping."""

import os
import shutil
import socket
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
import docker_store  # noqa: E402
from archive import Layer  # noqa: E402
from authority import Authority  # noqa: E402
from harness import Census, Results, World, normal, run, stop, wait_for  # noqa: E402


def small_store(world, name):
    store = docker_store.Store(world.path(name))
    store.add([Layer().dir("etc").file("etc/os-release", b"ID=alder\n")], ["peer/base:1"])
    return store


def agent(world, address, store, name, *options, state=None):
    return world.start(f"{name}.log", [
        world.binary("layercensus-agent"), "run", "--collector", address, "--no-find", "--no-api",
        "--docker-root", store.root, "--state-dir", world.path(state or f"{name}-state"),
        "--look-interval", "200ms", "--reconnect-min", "100ms", "--reconnect-max", "500ms",
        "--host-name", name, *options])


def log_of(world, name):
    with open(world.path(f"{name}.log"), errors="replace") as f:
        return f.read()


def hosts(census):
    return {row["host"]: row for row in census.json("hosts")["rows"]}


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


# ---- the tests ----------------------------------------------------------------------------------------------


def tls(world, results):
    fleet, stranger = Authority(world, "fleet-ca"), Authority(world, "stranger-ca")
    cert, key = fleet.issue("collector.test")
    port = free_port()
    census = Census(world, "--listen", f"127.0.0.1:{port}", "--cert", cert, "--key", key, "--ca",
                    fleet.cert, name="tls").start()
    store = small_store(world, "tls-docker")
    address = f"127.0.0.1:{port}"
    trust = ("--ca", fleet.cert, "--server-name", "collector.test")

    good = fleet.issue("good")
    agent(world, address, store, "good", *trust, "--cert", good[0], "--key", good[1])
    wait_for("the host with a good certificate",
             lambda: hosts(census).get("good", {}).get("images"))
    results.check("mutual TLS: a host with a certificate of the fleet is taken", True)

    other = fleet.issue("somebody-else")
    agent(world, address, store, "impostor", *trust, "--cert", other[0], "--key", other[1])
    wait_for("the refusal", lambda: "certificate" in log_of(world, "impostor").lower())
    results.check("mutual TLS: a certificate of another name is refused by name",
                  "somebody-else" in log_of(world, "impostor") + log_of(world, "tls"))

    foreign = stranger.issue("foreign")
    agent(world, address, store, "foreign", *trust, "--cert", foreign[0], "--key", foreign[1])
    agent(world, address, store, "anonymous", *trust)
    agent(world, address, store, "misled", "--ca", stranger.cert, "--server-name", "collector.test",
          "--cert", good[0], "--key", good[1])
    wrong_name = fleet.issue("wrongly-addressed")
    agent(world, address, store, "wrongly-addressed", "--ca", fleet.cert, "--server-name", "other.test",
          "--cert", wrong_name[0], "--key", wrong_name[1])
    for name in ("foreign", "anonymous", "misled", "wrongly-addressed"):
        wait_for(f"the refusal of {name}", lambda n=name: "certificate" in log_of(world, n).lower()
                 or "alert" in log_of(world, n).lower())
        results.check(f"mutual TLS: {name} is refused with a reason", True)
    results.equal("mutual TLS: only the good host is known", set(hosts(census)), {"good"})
    stop(census.process, 10)


def bad_options(world, results):
    for words, expected in (
            (["serve", "--db", world.path("p.db"), "--listen", "0.0.0.0:7999"], "--plaintext"),
            (["serve", "--db", world.path("p.db"), "--listen", "nonsense"], "nonsense"),
            (["serve", "--db", world.path("no/such/folder/p.db")], "no/such/folder"),
            (["serve", "--db", world.path("p.db"), "--cert", "/missing.pem"], "key"),
            (["serve", "--heartbeat", "soon"], "soon"),
            (["serve", "--heartbeet", "60s"], "--heartbeat")):
        done = subprocess.run([world.binary("layercensus-collector"), *words], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=20)
        results.check(f"collector {' '.join(words[1:])[-40:]}: refused, saying what to do",
                      done.returncode in (2, 3) and expected in done.stderr,
                      f"status {done.returncode}: {done.stderr}")
    state = ("--state-dir", world.path("bad-agent"))
    for words, expected in (
            (["run", *state, "--collector", "nonsense:port:7"], "nonsense:port:7"),
            (["run", *state, "--collector", "127.0.0.1:7", "--cert", "/missing.pem"], "key"),
            (["run", *state, "--collector", "127.0.0.1:7", "--ca", "/missing.pem"], "/missing.pem"),
            (["run", *state, "--collector", "127.0.0.1:7", "--label", "no-equals-sign"], "--label"),
            (["run", *state, "--collector", "127.0.0.1:7", "--no-find"], "--docker-root"),
            (["run", "--state-dir", "/proc/nowhere", "--collector", "127.0.0.1:7"], "/proc/nowhere"),
            (["scan", "--root", "/no/such/root"], "/no/such/root"),
            (["scan", "-o", "yaml"], "yaml")):
        done = subprocess.run([world.binary("layercensus-agent"), *words], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=20)
        results.check(f"agent {' '.join(words)[-40:]}: refused, saying what to do",
                      done.returncode in (2, 3) and expected in done.stderr,
                      f"status {done.returncode}: {done.stderr}")


def second_collector(world, results):
    census = Census(world, name="first").start()
    done = subprocess.run([world.binary("layercensus-collector"), "serve", "--db", census.db, "--listen",
                           "unix:" + world.path("second.sock")], text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=20)
    results.check("a second collector on the same file is refused, naming the first",
                  done.returncode == 3 and str(census.process.pid) in done.stderr, done.stderr)
    stop(census.process, 10)
    results.check("the first one ends cleanly", census.process.returncode == 0)


def identities(world, results):
    """Two live machines with one identity; a renamed host; a rebuilt host."""
    census = Census(world, "--silence", "2s", "--heartbeat", "1s", name="identity").start()
    store = small_store(world, "identity-docker")
    first = agent(world, census.address, store, "twin")
    wait_for("the first machine", lambda: hosts(census).get("twin", {}).get("images"))
    agent(world, census.address, store, "twin", state="other-machine-state")
    wait_for("the conflict", lambda: "two live machines" in log_of(world, "identity"))
    results.check("two live machines with one name: the second is refused, both addresses named",
                  True)
    events = wait_for("the event", lambda: [e for e in census.json("host", "twin")["events"]
                                            if e["kind"] == "conflict"])
    results.check("two live machines with one name: shown in host X", bool(events))
    stop(first, 10)
    wait_for("the second machine to take over the silent name",
             lambda: len(census.json("host", "twin")["incarnations"]) == 2, 30)
    results.check("a new machine under a name that fell silent: rebuilt", True)
    stop(world.children[-1], 10)

    agent(world, census.address, store, "before", state="renamed-state")
    wait_for("the host under its old name", lambda: "before" in hosts(census))
    stop(world.children[-1], 10)
    agent(world, census.address, store, "after", state="renamed-state")
    wait_for("the host under its new name", lambda: "after" in hosts(census))
    results.check("a renamed host keeps its history", "before" not in hosts(census))
    stop(world.children[-1], 10)
    stop(census.process, 10)


def vanishing_store(world, results):
    """A store that disappears is unreadable first: its content stays."""
    census = Census(world, name="vanish").start()
    store = small_store(world, "vanish-docker")
    process = agent(world, census.address, store, "vanish-host", "--scan-interval", "1s")
    wait_for("the store", lambda: census.json("images")["rows"])
    os.rename(store.root, store.root + ".away")
    wait_for("the mark", lambda: any(
        s["state"] == "unreadable" for s in census.json("host", "vanish-host")["stores"]), 30)
    results.equal("a store that vanished keeps its last good content",
                  [r["names"] for r in census.json("images")["rows"]], [[normal("peer/base:1")]])
    os.rename(store.root + ".away", store.root)
    wait_for("its return", lambda: all(
        s["state"] == "ok" for s in census.json("host", "vanish-host")["stores"]), 30)
    results.check("it comes back", True)
    stop(process, 10)
    stop(census.process, 10)


def foreign_client(world, results):
    """The python client's own lines are this test's."""
    census = Census(world, name="foreign-client").start()
    done = subprocess.run(["/usr/bin/python3", os.path.join(HERE, "python_client.py"), "--connect",
                           census.address], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=300)
    sys.stdout.write(done.stdout)
    results.check("the python client ran to its end", done.returncode in (0, 1) and "ok " in done.stdout)
    status, output = census.check()
    results.check("check finds nothing after it", status == 0, output)
    stop(census.process, 10)
    results.check("the collector survived it", census.process.returncode == 0)
    if done.returncode != 0:
        results.failed += 1


def upgrades(world, results):
    """A file of a newer version is refused, naming the backup; a copy of the old one is not lost."""
    census = Census(world, name="newer").start()
    stop(census.process, 10)
    shutil.copy(census.db, census.db + ".v0-20260101T000000Z.bak")
    run(["sqlite3", census.db, "PRAGMA user_version = 999"])
    for program, words in (("layercensus-collector", ["serve", "--db", census.db, "--listen",
                                                      census.address]),
                           ("layercensus", ["--db", census.db, "hosts"])):
        done = subprocess.run([world.binary(program), *words], text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=20)
        results.check(f"{program}: a newer file is refused",
                      done.returncode == 3 and "999" in done.stderr, done.stderr)
        results.check(f"{program}: the refusal names the backup to restore", ".bak" in done.stderr,
                      done.stderr)


def main():
    results = Results("peers")
    with World("peers", sys.argv[1]) as world:
        tls(world, results)
        bad_options(world, results)
        second_collector(world, results)
        identities(world, results)
        vanishing_store(world, results)
        foreign_client(world, results)
        upgrades(world, results)
    results.finish()


if __name__ == "__main__":
    main()
