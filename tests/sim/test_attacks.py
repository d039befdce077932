"""Peers that mean harm, with bytes made by hand: each is ended within a stated limit with a stated word
(docs/protocol.md, Limits), the collector's memory stays bounded, a host that reports meanwhile hears of
every report that it is durable, and a real agent's stream is never lost.

All traffic is on loopback; every attack is bounded in bytes and time.
"""

import os
import resource
import socket
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
sys.path.insert(0, HERE)
import docker_store  # noqa: E402
import python_client  # noqa: E402
from archive import Layer  # noqa: E402
from harness import Census, Results, World, normal, stop, wait_for  # noqa: E402
from h2_by_hand import (CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, NO_ERROR, PING,  # noqa: E402
                        PREFACE, PRIORITY, RST, SETTINGS, WINDOW, connected, frame, grpc_message, literal,
                        request)
from honest import Honest  # noqa: E402

MIB = 1 << 20


class Bystander:
    """A real agent on the collector under attack."""

    def __init__(self, world, census):
        self.census, self.store = census, docker_store.Store(world.path("docker"))
        self.process = world.start("bystander.log", [
            world.binary("layercensus-agent"), "run", "--collector", census.address, "--no-find", "--no-api",
            "--docker-root", self.store.root, "--state-dir", world.path("bystander-state"),
            "--look-interval", "200ms", "--host-name", "bystander"])
        self.add("by/stander:1")

    def add(self, name):
        self.store.add([Layer().file("data", name.encode())], [name])
        wait_for(f"{name} in the answer", lambda: any(normal(name) in row["names"]
                                                      for row in self.census.json("images")["rows"]), 20)

    def well(self, results):
        self.add("by/stander:2")
        with open(self.process.log, errors="replace") as f:
            log = f.read()
        results.check("a real agent has noticed nothing, and reports", "collector-lost" not in log, log[-500:])
        stop(self.process, 10)


class Victim:
    """The collector under attack, with its memory."""

    def __init__(self, world):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        self.address = ("127.0.0.1", port)
        self.census = Census(world, "--listen", f"127.0.0.1:{port}", "--silence", "3s", "--heartbeat", "1s",
                             name="attacked").start()
        self.bystander = Bystander(world, self.census)
        self.honest = Honest(world, self.census)

    def memory(self):
        with open(f"/proc/{self.census.process.pid}/status") as f:
            return next(int(line.split()[1]) * 1024 for line in f if line.startswith("VmRSS"))

    def log(self):
        with open(self.census.process.log, errors="replace") as f:
            return f.read()


# ---- the attacks ------------------------------------------------------------------------------------------------


def floods(victim, results):
    """Each is many cheap frames; 800 a minute are taken, then the connection ends with GOAWAY."""
    opened = frame(HEADERS, END_HEADERS, 1, request())
    kinds = {
        "SETTINGS": (b"", lambda n: frame(SETTINGS)),
        "PING": (b"", lambda n: frame(PING, payload=bytes(8))),
        "PRIORITY": (b"", lambda n: frame(PRIORITY, 0, 2 * n + 1, b"\0\0\0\0\x10")),
        "WINDOW_UPDATE": (b"", lambda n: frame(WINDOW, payload=b"\0\0\0\1")),
        "frames of unknown type": (b"", lambda n: frame(0xbb, 0, 0, b"grease")),
        "streams with an error each": (b"", lambda n: frame(
            HEADERS, END_HEADERS | END_STREAM, 2 * n + 1, request() + literal("Not-Lower", "case"))),
        "empty DATA": (opened, lambda n: frame(DATA, 0, 1)),
        "rapid reset": (b"", lambda n: frame(HEADERS, END_HEADERS, 2 * n + 1, request())
                        + frame(RST, 0, 2 * n + 1, bytes(4))),
        "CONTINUATION": (frame(HEADERS, 0, 1, request()), lambda n: frame(CONTINUATION, 0, 1, b"")),
        "unfinished streams": (b"", lambda n: frame(HEADERS, END_HEADERS, 2 * n + 1, request())),
    }
    for name, (first, repeated) in kinds.items():
        before = victim.memory()
        peer = connected(victim.address)
        peer.send(first + b"".join(repeated(n) for n in range(4000)))
        peer.ended()
        results.check(f"flood of {name}: GOAWAY and the end",
                      peer.closed and peer.goaway not in (None, NO_ERROR), str(peer))
        peer.close()
        grown = victim.memory() - before
        results.check(f"flood of {name}: memory stays", grown < 32 * MIB, f"grew by {grown >> 20} MiB")
    victim.honest.well(results, "floods")


def lies(victim, results):
    """Wrong in itself: giant headers, lengths, nothing where something belongs."""
    peer = connected(victim.address)
    giant = request() + b"".join(literal(f"x-{n}", "v" * 120) for n in range(300))
    peer.send(frame(HEADERS, 0, 1, giant[:16000]))
    peer.send(frame(CONTINUATION, 0, 1, giant[16000:32000]) + frame(CONTINUATION, END_HEADERS, 1, giant[32000:]))
    peer.listen(lambda p: 1 in p.resets or p.closed, 5)
    results.check("a giant header list: its stream is reset", 1 in peer.resets, str(peer))
    peer.close()

    before = victim.memory()
    peer = connected(victim.address)
    peer.open()
    peer.send(frame(DATA, 0, 1, b"\0\xff\xff\xff\xff" + bytes(1000)))
    peer.listen(lambda p: 1 in p.statuses, 5)
    results.equal("a message said to have 4 GiB: RESOURCE_EXHAUSTED", peer.statuses.get(1), "8")
    results.check("a message said to have 4 GiB: no memory is taken", victim.memory() - before < 16 * MIB)
    peer.close()

    for name, data in (("another protocol", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
                       ("a frame of 16 MiB", PREFACE + b"\xff\xff\xff\0\0\0\0\0\1"),
                       ("zeros", bytes(5000)),
                       ("TLS on a plaintext port", b"\x16\x03\x01\x02\x00" + bytes(600))):
        peer = connected(victim.address, preface=False)
        peer.send(data)
        results.check(f"{name}: closed", peer.ended(), str(peer))
        peer.close()
    wait_for("words about it", lambda: "does not speak HTTP/2" in victim.log()
             and "the peer speaks TLS" in victim.log())
    results.check("other protocols are named in the log", True)
    victim.honest.well(results, "lies")


def hello(name):
    with tempfile.TemporaryDirectory() as directory:
        pb = sys.modules.get("layercensus_pb2") or python_client.compile_proto(directory)
        host = python_client.Host(pb, name)
        return host, host.hello().SerializeToString()


def data_frames(stream, data):
    return b"".join(frame(DATA, 0, stream, data[at:at + 16384]) for at in range(0, len(data), 16384))


def empty_messages(victim, results):
    """A message that says nothing ends its call; what follows it is dropped."""
    before = victim.memory()
    peers = []
    for n in range(5):  # as many as fit the window of one call, so that nothing has to be waited for
        peer = connected(victim.address)
        peer.open()
        peer.send(frame(DATA, 0, 1, grpc_message(hello(f"empty-{n}")[1])))
        peer.listen(lambda p: (DATA, 0, 1) in p.frames, 5)
        peer.send(data_frames(1, bytes(5) * 40000) + frame(DATA, END_STREAM, 1))
        peers.append(peer)
    for peer in peers:
        peer.listen(lambda p: 1 in p.statuses or p.closed, 5)
    results.equal("200,000 messages of zero bytes: INVALID_ARGUMENT",
                  [p.statuses.get(1) for p in peers], ["3"] * 5)
    results.check("200,000 messages of zero bytes: memory stays", victim.memory() - before < 32 * MIB)
    for peer in peers:
        peer.close()
    victim.honest.well(results, "empty messages")


def never_reads(victim, results):
    """Opens no window and reads no byte, but asks for an answer to everything."""
    before = victim.memory()
    peers = []
    # SETTINGS_INITIAL_WINDOW_SIZE 0, and a window that nobody drains
    for name, window in (("deaf", b"\0\4\0\0\0\0"), ("idle", b"")):
        host, greeting = hello(name)
        wrong = grpc_message(host.pb.AgentMessage(difference=host.pb.Difference(
            base_generation=7, generation=8, age_ms=1)).SerializeToString())
        peer = connected(victim.address, settings=window)
        peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        peer.patience = 0.5
        peer.open()
        peer.send(frame(DATA, 0, 1, grpc_message(greeting)))
        peer.send(data_frames(1, wrong * (50000 // len(wrong))))  # what its first window takes
        peers.append(peer)
    results.check("a peer that never reads: memory is bounded", victim.memory() - before < 64 * MIB,
                  f"grew by {(victim.memory() - before) >> 20} MiB")
    wait_for("the end of the silent calls", lambda: all(
        any("DEADLINE_EXCEEDED" in line and f"python-{name}" in line for line in victim.log().splitlines())
        for name in ("deaf", "idle")), 15)
    results.check("a peer that never reads: its call ends with DEADLINE_EXCEEDED", True)
    for peer in peers:
        peer.close()
    victim.honest.well(results, "peers that never read")


UNKNOWN_MESSAGE = grpc_message(b"\xc2\x3e\0")  # field 1000, as a newer agent may send


class Slow:
    """Connections that hardly say anything, begun first and looked at last: each ends in 10 seconds."""

    def __init__(self, victim):
        self.victim, self.began = victim, time.monotonic()
        self.peers = {}
        self.add("a connection that says nothing", preface=False)
        self.add("half a preface", PREFACE[:10], preface=False)
        self.add("no call", b"")
        self.add("half a header list", frame(HEADERS, 0, 1, request()))
        self.add("half a frame", frame(HEADERS, END_HEADERS, 1, request())[:20])
        self.add("a refused request", frame(HEADERS, END_HEADERS | END_STREAM, 1, request(method="GET")))
        self.add("no hello", frame(HEADERS, END_HEADERS, 1, request()))
        self.add("unknown messages instead of a hello", frame(HEADERS, END_HEADERS, 1, request()))
        self.add("a byte each second", preface=False)
        self.stop = threading.Event()
        self.dripping = threading.Thread(target=self.drip, daemon=True)
        self.dripping.start()

    def drip(self):
        """All the while: what must save neither of the two."""
        for byte in PREFACE:
            self.peers["a byte each second"].send(bytes([byte]))
            self.peers["unknown messages instead of a hello"].send(frame(DATA, 0, 1, UNKNOWN_MESSAGE))
            if self.stop.wait(1):
                return

    def add(self, name, data=b"", preface=True):
        peer = connected(self.victim.address, preface=preface)
        peer.send(data)
        self.peers[name] = peer

    def look(self, results):
        """Until all are ended."""
        while time.monotonic() < self.began + 13:
            for peer in self.peers.values():
                peer.listen(lambda p: False, 0.02)
        self.stop.set()
        self.dripping.join()
        for name, peer in self.peers.items():
            if "hello" in name:
                results.equal(f"{name}: DEADLINE_EXCEEDED", peer.statuses.get(1), "4")
            else:
                results.check(f"{name}: closed after 10 seconds", peer.closed, str(peer))
            peer.close()


def silent_crowd(victim, results):
    """Thousands of connections that say nothing; and more than the collector has descriptors for."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
    count = 2000 if hard >= 4096 else 500
    before = victim.memory()
    crowd = [socket.create_connection(victim.address, timeout=5) for _ in range(count)]
    victim.honest.well(results, f"{count} silent connections")
    grown = victim.memory() - before
    results.check(f"{count} silent connections: at most 64 KiB each", grown < count * 65536,
                  f"grew by {grown >> 20} MiB")
    for s in crowd:
        s.close()
    pid = victim.census.process.pid
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (100, hard))
    busy = cpu_seconds(pid)
    crowd = []
    for _ in range(300):
        s = socket.socket()
        s.setblocking(False)
        s.connect_ex(victim.address)
        crowd.append(s)
    time.sleep(1)
    victim.honest.well(results, "more connections than descriptors")
    busy = cpu_seconds(pid) - busy
    results.check("more connections than descriptors: the collector does not spin", busy < 1.0, f"{busy} s CPU")
    for s in crowd:
        s.close()
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (1024, hard))
    peer = connected(victim.address)
    results.check("more connections than descriptors: it takes new ones afterwards",
                  peer.listen(lambda p: bool(p.frames), 5), str(peer))
    peer.close()


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main():
    results = Results("attacks")
    with World("attacks", sys.argv[1]) as world:
        victim = Victim(world)
        slow = Slow(victim)
        floods(victim, results)
        lies(victim, results)
        empty_messages(victim, results)
        never_reads(victim, results)
        slow.look(results)
        victim.honest.well(results, "slow peers")
        silent_crowd(victim, results)
        victim.bystander.well(results)
        stop(victim.honest.process, 5)
        status, output = victim.census.check()
        results.check("check finds nothing afterwards", status == 0, output)
        stop(victim.census.process, 10)
        results.check("the collector ends cleanly", victim.census.process.returncode == 0,
                      str(victim.census.process.returncode))
    results.finish()


main()
