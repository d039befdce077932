"""Certificates that are no good, in both directions: expired, not valid yet, of another authority, for another
host, for another purpose, with nobody's name, with another one's key. Each is told at the end that can mend it;
an agent keeps trying and is there once the certificate is good; a host that reports meanwhile notices nothing.
"""

import os
import socket
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
sys.path.insert(0, HERE)
from authority import DAY, Authority  # noqa: E402
from harness import Census, Results, World, stop, wait_for  # noqa: E402
from honest import Honest  # noqa: E402
from test_peers import agent, free_port, hosts, log_of, small_store  # noqa: E402

NOBODY = 65534
TRUST = ("--server-name", "collector.test")


def ended(argv, **options):
    return subprocess.run(argv, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=20, **options)


# ---- one's own files: told at the start -------------------------------------------------------------------


def programs(world, files):
    """Both daemons with these files, and once as --check-config."""
    words = [word for option, path in zip(("--cert", "--key", "--ca"), files) for word in (option, path)]
    serve = [world.binary("layercensus-collector"), "serve", "--db", world.path("own.db"), "--listen",
             "127.0.0.1:0", *words]
    run = [world.binary("layercensus-agent"), "run", "--collector", "127.0.0.1:7", "--state-dir",
           world.path("own-state"), *words]
    return {"collector": serve, "agent": run, "collector --check-config": [*serve, "--check-config"],
            "agent --check-config": [*run, "--check-config"]}


def refused(world, results, name, files, *words, **options):
    for program, argv in programs(world, files).items():
        done = ended(argv, **options)
        last = done.stderr.splitlines()[-1] if done.stderr else ""
        results.check(f"{program}: {name}: status 3, named with its file",
                      done.returncode == 3 and all(w in last for w in words),
                      f"status {done.returncode}, expected {words}: {done.stderr}")
    results.check(f"{name}: no database is made", not os.path.exists(world.path("own.db")))


def own_files(world, results, fleet):
    good, other = fleet.issue("own"), fleet.issue("own-other")
    expired = fleet.issue("own-expired", begins=-2 * DAY, ends=-DAY)
    early = fleet.issue("own-early", begins=DAY, ends=2 * DAY)
    notes, locked, missing = world.path("notes.pem"), world.path("locked.key"), world.path("missing.pem")
    with open(notes, "w") as f:
        f.write("my notes\n")
    subprocess.run(["openssl", "ec", "-aes128", "-passout", "pass:secret", "-in", good[1], "-out", locked],
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    ca = fleet.cert
    refused(world, results, "an expired certificate", (*expired, ca), expired[0], "expired on", "issue a new one")
    refused(world, results, "a certificate of tomorrow", (*early, ca), early[0], "not valid before", "clock")
    refused(world, results, "another one's key", (good[0], other[1], ca), good[0], other[1], "does not fit")
    refused(world, results, "a key with a passphrase", (good[0], locked, ca), locked, "passphrase")
    refused(world, results, "a certificate that is none", (notes, good[1], ca), notes, "no certificate in PEM")
    refused(world, results, "a key that is none", (good[0], notes, ca), notes, "no private key in PEM")
    refused(world, results, "a CA that is none", (*good, notes), notes, "no certificate in PEM")
    refused(world, results, "no such certificate", (missing, good[1], ca), missing, "No such file")
    refused(world, results, "a folder", (*good, world.dir), world.dir, "not a regular file")
    for program in ("collector", "agent"):
        os.chmod(good[1], 0o644)
        done = ended(programs(world, (*good, ca))[f"{program} --check-config"])
        results.check(f"{program}: a key that everybody may read is warned of",
                      done.returncode == 0 and "key-exposed" in done.stderr and good[1] in done.stderr, done.stderr)
        os.chmod(good[1], 0o600)
        done = ended(programs(world, (*good, ca))[f"{program} --check-config"])
        results.check(f"{program}: a key of one's own is not", done.returncode == 0 and done.stderr == "",
                      done.stderr)
    if os.geteuid() != 0:
        results.skip("a key of another user", "the test does not run as root")
        return
    world.open_to_all()
    for program in ("collector", "agent"):
        done = ended(programs(world, (*good, ca))[f"{program} --check-config"], user=NOBODY, group=NOBODY,
                     extra_groups=[])
        results.check(f"{program}: a key of another user: status 3, named with its file",
                      done.returncode == 3 and f"key {good[1]}" in done.stderr
                      and "ermission denied" in done.stderr, done.stderr)


# ---- peers that do not finish, or begin otherwise ----------------------------------------------------------


class Unfinished:
    """Connections that stop within the TLS handshake, begun first and looked at last: each ends in 10 seconds."""

    def __init__(self, address):
        host, port = address.split(":")
        self.began = time.monotonic()
        self.sockets = {}
        for name, said in (("nothing", b""), ("the head of a record", b"\x16\x03\x01\x02"),
                           ("half a ClientHello", b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03" + bytes(200))):
            self.sockets[name] = socket.create_connection((host, int(port)), timeout=5)
            self.sockets[name].sendall(said)

    def look(self, results):
        for name, s in self.sockets.items():
            s.settimeout(max(0.01, self.began + 13 - time.monotonic()))
            try:
                closed = s.recv(1000) == b""
            except ConnectionError:
                closed = True
            except TimeoutError:
                closed = False
            results.check(f"a peer that says {name} of TLS: closed after 10 seconds", closed)
            s.close()


def other_protocols(world, results, address, fleet):
    """The collector says in its log what it was asked for instead."""
    host, port = address.split(":")
    with socket.create_connection((host, int(port)), timeout=10) as s:
        s.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9))
        while s.recv(1000):
            pass
    cert, key = fleet.issue("browser")
    for words in (["-tls1_2"], ["-alpn", "http/1.1"]):
        ended(["openssl", "s_client", "-connect", address, "-cert", cert, "-key", key, *words])
    for name, word in (("no TLS", "does not speak TLS"), ("an older TLS", "TLS 1.3 is needed"),
                       ("another protocol in TLS", "ALPN h2")):
        wait_for(f"the word on {name}", lambda w=word: w in log_of(world, "strict"), 20)
        results.check(f"a peer that speaks {name} is closed, and the log says so", True)


# ---- agents with bad certificates ---------------------------------------------------------------------------


def bad_agents(world, results, fleet, stranger, store):
    """Each is refused with a reason in its own log; the collector names who came."""
    cert, key = fleet.issue("collector.test")
    port = free_port()
    address = f"127.0.0.1:{port}"
    census = Census(world, "--listen", address, "--cert", cert, "--key", key, "--ca", fleet.cert,
                    name="strict").start()
    honest = Honest(world, census)
    trust = ("--ca", fleet.cert, *TRUST)
    good = fleet.issue("good")
    agent(world, address, store, "good", *trust, "--cert", good[0], "--key", good[1])
    wait_for("the good host", lambda: hosts(census).get("good", {}).get("images"))
    cases = (
        ("of-a-stranger", stranger.issue("of-a-stranger"), "our certificate: unknown CA"),
        ("of-a-server", fleet.issue("of-a-server", purpose="serverAuth"), "refused our certificate"),
        ("of-another", fleet.issue("somebody"), 'host "of-another" has a certificate for "somebody"'),
        ("of-nobody", fleet.issue("of-nobody", names=False), 'host "of-nobody" has a certificate for ""'),
        ("without", None, "demands a certificate"),
    )
    other_protocols(world, results, address, fleet)
    unfinished = Unfinished(address)
    tries = []
    for name, files, reason in cases:
        files = ("--cert", files[0], "--key", files[1]) if files else ()
        tries.append(agent(world, address, store, name, *trust, *files, "--reconnect-min", "1s",
                           "--reconnect-max", "2s"))
    for (name, _, reason), process in zip(cases, tries):
        wait_for(f"the word of {name}", lambda n=name, r=reason: r in log_of(world, n).replace('\\"', '"'), 20)
        results.check(f"an agent with a certificate {name}: is told why, and keeps trying",
                      process.poll() is None and "collector-lost" in log_of(world, name), log_of(world, name))
    log = wait_for("the collector's words", lambda: "unknown CA" in log_of(world, "strict")
                   and "gave no certificate" in log_of(world, "strict") and log_of(world, "strict"), 20)
    results.check("the collector says who came, and why he was refused",
                  "peer=127.0.0.1:" in log and "purpose" in log, log[-1500:])
    events = census.json("host", "good")["events"]
    results.check("the good host's story has nothing of it",
                  not any(e["kind"] in ("certificate", "conflict") for e in events), str(events))
    for process in tries:
        stop(process, 10)
    unfinished.look(results)
    results.equal("only who may report is known", set(hosts(census)), {"good", "python-honest-0"})
    honest.well(results, "agents with bad certificates")
    results.check("the good agent was never disturbed", "collector-lost" not in log_of(world, "good"))

    renewed = fleet.issue("of-a-stranger", label="renewed")
    agent(world, address, store, "of-a-stranger", *trust, "--cert", renewed[0], "--key", renewed[1])
    wait_for("the renewed host", lambda: hosts(census).get("of-a-stranger", {}).get("images"), 20)
    results.check("an agent with a new certificate is taken after its restart", True)
    stop(honest.process, 5)
    status = stop(census.process, 10)
    results.check("the collector ends cleanly", status == 0, f"status {status}")
    status, output = census.check()
    results.check("check finds nothing", status == 0, output)


# ---- collectors with bad certificates -----------------------------------------------------------------------


def bad_collectors(world, results, fleet, stranger, store):
    """One agent, and one after the other behind its address. What a collector of ours would not start with
    is shown by openssl's own server."""
    port = free_port()
    address = f"127.0.0.1:{port}"
    mine = fleet.issue("steady")
    process = agent(world, address, store, "steady", "--ca", fleet.cert, *TRUST, "--cert", mine[0], "--key",
                    mine[1])
    host, name = "collector.test", "steady"
    for case, files, reason in (
            ("of a stranger", stranger.issue(host), "unknown CA"),
            ("expired", fleet.issue(host, "expired", begins=-2 * DAY, ends=-DAY), "certificate has expired"),
            ("of tomorrow", fleet.issue(host, "early", begins=DAY, ends=2 * DAY), "not valid yet"),
            ("of another", fleet.issue("other.test"), f"certificate is not for '{host}'"),
            ("of a client", fleet.issue(host, "client", purpose="clientAuth"), "certificate purpose")):
        server = world.start("s_server.log", ["openssl", "s_server", "-accept", str(port), "-cert", files[0],
                                              "-key", files[1], "-alpn", "h2", "-quiet"])
        wait_for(f"the agent's word on a collector {case}", lambda r=reason: r in log_of(world, name), 20)
        results.check(f"a collector with a certificate {case}: the agent says so, and keeps trying",
                      process.poll() is None)
        stop(server, 10)
    cert, key = fleet.issue(host, "good-collector")
    census = Census(world, "--listen", address, "--cert", cert, "--key", key, "--ca", fleet.cert,
                    name="mended").start()
    wait_for("the host", lambda: hosts(census).get(name, {}).get("images"), 20)
    results.check("once the collector's certificate is good, the same agent reports",
                  process.poll() is None)
    stop(process, 10)
    stop(census.process, 10)


# ---- a certificate that ends while its agent runs -------------------------------------------------------------


class Ageing:
    """Begun first and looked at last: an agent whose certificate expires while its collector is away."""

    def __init__(self, world, fleet, store):
        self.world, self.fleet, self.ends = world, fleet, time.time() + 8
        self.files = fleet.issue("ageing", ends=8)
        self.address = f"127.0.0.1:{free_port()}"
        self.process = self.agent(store)

    def agent(self, store):
        return agent(self.world, self.address, store, "ageing", "--ca", self.fleet.cert, *TRUST, "--cert",
                     self.files[0], "--key", self.files[1])

    def look(self, results, store):
        world = self.world
        cert, key = self.fleet.issue("collector.test", "late-collector")
        wait_for("the end of the certificate", lambda: time.time() > self.ends + 1, 20)
        census = Census(world, "--listen", self.address, "--cert", cert, "--key", key, "--ca", self.fleet.cert,
                        name="late").start()
        wait_for("the agent's word", lambda: "our certificate: certificate has expired"
                 in log_of(world, "ageing"), 20)
        wait_for("the collector's word", lambda: "certificate has expired" in log_of(world, "late"), 20)
        results.check("a certificate that expired while its agent ran: both ends say so",
                      self.process.poll() is None)
        results.check("a certificate that expired: its host is not taken", "ageing" not in hosts(census))
        stop(self.process, 10)
        self.files = self.fleet.issue("ageing")
        self.agent(store)
        wait_for("the host", lambda: hosts(census).get("ageing", {}).get("images"), 20)
        results.check("with a new certificate in its place and a restart it is", True)
        stop(census.process, 10)


def main():
    results = Results("certificates")
    with World("certificates", sys.argv[1]) as world:
        fleet, stranger = Authority(world, "fleet-ca"), Authority(world, "stranger-ca")
        store = small_store(world, "docker")
        ageing = Ageing(world, fleet, store)
        own_files(world, results, fleet)
        bad_agents(world, results, fleet, stranger, store)
        bad_collectors(world, results, fleet, stranger, store)
        ageing.look(results, store)
    results.finish()


main()
