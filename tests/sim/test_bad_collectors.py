"""Collectors that mean harm, with bytes made by hand, before a real agent: it gives each up with a word in its
log, keeps trying at its own pace, takes no memory for it, and reports to an honest collector that comes after.
"""

import os
import socket
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
sys.path.insert(0, HERE)
from h2_by_hand import (DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PING, PRIORITY, RST,  # noqa: E402
                        SETTINGS, WINDOW, accepted, frame, grpc_message, literal)
from harness import Census, Results, World, wait_for  # noqa: E402
from test_peers import agent, hosts, log_of, small_store  # noqa: E402

FLOOD = 4000
MIB = 1 << 20
PAUSE = 0.1  # seconds, the agent's --reconnect-min
OK = frame(HEADERS, END_HEADERS, 1, literal(":status", "200") + literal("content-type", "application/grpc"))
NAME = "patient"


def ended(status, message):
    """The end of a call, as trailers alone."""
    return frame(HEADERS, END_HEADERS | END_STREAM, 1, literal(":status", "200") + literal(
        "content-type", "application/grpc") + literal("grpc-status", status) + literal("grpc-message", message))


# What each says once the agent's call is there, and what the agent says of it.
CASES = (
    ("floods with PING", frame(PING, payload=bytes(8)) * FLOOD, "control frames"),
    ("floods with SETTINGS", frame(SETTINGS) * FLOOD, "control frames"),
    ("floods with WINDOW_UPDATE", frame(WINDOW, payload=b"\0\0\0\1") * FLOOD, "control frames"),
    ("floods with empty DATA", OK + frame(DATA, 0, 1) * FLOOD, "control frames"),
    ("floods with PRIORITY", frame(PRIORITY, 0, 1, b"\0\0\0\3\x10") * FLOOD, "control frames"),
    ("floods with frames of unknown type", frame(0xbb, 0, 0, b"grease") * FLOOD, "control frames"),
    ("resets the call", frame(RST, 0, 1, b"\0\0\0\2"), "reset the stream"),
    ("goes away at once", frame(GOAWAY, 0, 0, b"\0\0\0\0\0\0\0\x0b"), "UNAVAILABLE"),
    ("begins calls itself", frame(HEADERS, END_HEADERS, 2, literal(":status", "200")), "HTTP/2"),
    ("sends a giant frame", b"\xff\xff\xff\0\0\0\0\0\1", "HTTP/2"),
    ("says it sends 4 GiB", OK + frame(DATA, 0, 1, b"\0\xff\xff\xff\xff"), "4294967295 bytes"),
    ("sends what is no message", OK + frame(DATA, 0, 1, grpc_message(b"\xff" * 20)), "the collector's message"),
    ("speaks out of turn", OK + frame(DATA, 0, 1, grpc_message(b"\x12\0")), "the collector"),
    ("is a proxy without a server", frame(HEADERS, END_HEADERS | END_STREAM, 1, literal(":status", "503")), "503"),
    ("is a web page", frame(HEADERS, END_HEADERS, 1, literal(":status", "200")
                            + literal("content-type", "text/html")), "text/html"),
    ("refuses with two lines", ended("16", "who are you?%0Atime=now level=info event=forged"), "who are you?"),
    ("ends the call without a word", ended("0", ""), "ended the stream: OK"),
)


def memory(process):
    with open(f"/proc/{process.pid}/status") as f:
        return next(int(line.split()[1]) * 1024 for line in f if line.startswith("VmRSS"))


def words_of(world, since):
    return log_of(world, NAME)[since:]


def one(world, results, listener, process, case, said, reason):
    """The agent connects, calls, is treated so, and says why it gives up."""
    since = len(log_of(world, NAME))
    peer = accepted(listener)
    called = peer.listen(lambda p: (HEADERS, END_HEADERS, 1) in p.frames, 10)
    before = memory(process)
    peer.send(said)
    peer.listen(lambda p: False, 0.1)
    try:
        wait_for(f"the agent's word on a collector that {case}", lambda: reason in words_of(world, since), 10)
    except TimeoutError:
        pass
    results.check(f"a collector that {case}: the agent says so", called and reason in words_of(world, since)
                  and process.poll() is None, f"{peer}; {words_of(world, since)[-600:]}")
    grown = memory(process) - before
    results.check(f"a collector that {case}: memory stays", grown < 8 * MIB, f"grew by {grown >> 10} KiB")
    peer.close()


def pace(results, listener):
    """Refused at once each time, the agent comes more and more slowly."""
    began, times = time.monotonic(), []
    while time.monotonic() < began + 2:
        peer = accepted(listener)
        times.append(time.monotonic())
        peer.send(frame(GOAWAY, 0, 0, bytes(8)))
        peer.close()
    results.check("a collector that is gone at once each time: attempts keep a distance",
                  2 <= len(times) <= 2 / PAUSE + 2, f"{len(times)} attempts in two seconds")


def main():
    results = Results("bad-collectors")
    with World("bad-collectors", sys.argv[1]) as world:
        store = small_store(world, "docker")
        listener = socket.create_server(("127.0.0.1", 0), reuse_port=False)
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        process = agent(world, address, store, NAME)
        for case in CASES:
            one(world, results, listener, process, *case)
        results.check("what a collector says stays within its line of the log",
                      not any(line.startswith("time=now") for line in log_of(world, NAME).splitlines()))
        pace(results, listener)
        listener.close()
        census = Census(world, "--listen", address, name="honest").start()
        wait_for("the host", lambda: hosts(census).get(NAME, {}).get("images"), 20)
        results.check("an honest collector in their place has the host's report", process.poll() is None)
    results.finish()


main()
