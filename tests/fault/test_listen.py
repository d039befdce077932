"""Addresses that a collector cannot have, and that an agent finds nothing behind: in use, not this machine's,
not resolvable, privileged, no folder. Status 3 and one line that names the address and what to do; the
collector that has the address, and its hosts, notice nothing.
"""

import os
import socket
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
sys.path.insert(0, os.path.join(HERE, "..", "sim"))
import docker_store  # noqa: E402
from archive import Layer  # noqa: E402
from harness import Census, Results, World, stop, wait_for  # noqa: E402
from honest import Honest  # noqa: E402

NOBODY = 65534
UNRESOLVABLE = "x" * 64 + ".invalid"  # no name at all to the resolver, so that no server is asked


def listener():
    s = socket.socket()
    s.bind(("127.0.0.1", 0))
    s.listen(1)
    return s, f"127.0.0.1:{s.getsockname()[1]}"


def serve(world, *addresses, folder="", **options):
    words = [word for address in addresses for word in ("--listen", address)]
    return subprocess.run([world.binary("layercensus-collector"), "serve", "--plaintext", "--db",
                           world.path(folder, "other.db"), *words], text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=60, **options)


def refused(results, name, done, *words, status=3):
    last = done.stderr.splitlines()[-1] if done.stderr else ""
    results.check(f"{name}: status {status}, and what to do", done.returncode == status
                  and all(w in last for w in words), f"status {done.returncode}: {done.stderr}")


def text(path):
    with open(path, errors="replace") as f:
        return f.read()


def collectors(world, results):
    taken, address = listener()
    with taken:
        refused(results, "a port in use", serve(world, address), address, "in use", "another port")
        refused(results, "one of several ports in use", serve(world, "127.0.0.1:0", address), address, "in use")

    name = world.path("served.sock")
    port = "127.0.0.1:" + listener_port()
    census = Census(world, "--listen", port, name="served").start()
    honest = Honest(world, census)
    refused(results, "the port of a running collector", serve(world, port), port, "in use")
    refused(results, "the socket of a running collector", serve(world, "unix:" + name), name, "another server")
    honest.well(results, "collectors that want its addresses")
    results.check("the running collector keeps its socket", os.path.exists(name))
    stop(honest.process, 5)
    status = stop(census.process, 10)
    results.check("the running collector ends cleanly", status == 0, f"status {status}")
    results.check("a second start at once has the same addresses", serves(world, census))

    same = "127.0.0.1:" + listener_port()
    refused(results, "an address twice", serve(world, same, same), same, "in use")
    refused(results, "an address of another machine", serve(world, "192.0.2.1:7443"), "192.0.2.1:7443",
            "does not have it", "ip address")
    refused(results, "a name that does not resolve", serve(world, UNRESOLVABLE + ":7443"), UNRESOLVABLE,
            "resolves")
    refused(results, "no port", serve(world, "127.0.0.1:http"), '"127.0.0.1:http"', "0 to 65535", status=2)
    refused(results, "a port too high", serve(world, "127.0.0.1:65536"), "65536", "0 to 65535", status=2)


def listener_port():
    s, address = listener()
    s.close()
    return address.rsplit(":", 1)[1]


def serves(world, census):
    census.start()
    return stop(census.process, 10) == 0


def sockets(world, results):
    notes = world.path("notes")
    with open(notes, "w") as f:
        f.write("mine")
    refused(results, "a file in the socket's place", serve(world, "unix:" + notes), notes, "no socket", "remove")
    results.equal("a file in the socket's place is left alone", text(notes), "mine")
    missing = world.path("none", "c.sock")
    refused(results, "a socket in no folder", serve(world, "unix:" + missing), missing, "folder", "make it")
    refused(results, "a path too long for a socket", serve(world, "unix:/" + "x" * 200), "107 bytes", status=2)


def privileged(world, results):
    with open("/proc/sys/net/ipv4/ip_unprivileged_port_start") as f:
        least = int(f.read())
    if os.geteuid() != 0 or least <= 80:
        results.skip("a privileged port", "every port is free for this user, or no other user can be taken")
        return
    world.open_to_all()
    os.makedirs(world.path("nobody"))
    os.chown(world.path("nobody"), NOBODY, NOBODY)
    done = serve(world, "127.0.0.1:80", folder="nobody", user=NOBODY, group=NOBODY, extra_groups=[])
    refused(results, "a privileged port", done, "127.0.0.1:80", "permission", "1024")


def agents(world, results):
    """An agent goes on trying, says once why, and is there when the collector is."""
    store = docker_store.Store(world.path("docker"))
    store.add([Layer().file("data", b"x")], ["listen/app:1"])
    strange, address = listener()
    agent = world.start("agent.log", [
        world.binary("layercensus-agent"), "run", "--collector", address, "--no-find", "--no-api",
        "--docker-root", store.root, "--state-dir", world.path("agent-state"), "--host-name", "patient",
        "--reconnect-min", "50ms", "--reconnect-max", "200ms"])
    with strange:
        strange.settimeout(20)
        peer, _ = strange.accept()
        peer.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        wait_for("the agent's word on a web server", lambda: "HTTP/2" in text(agent.log), 20)
        peer.close()
    results.check("behind the collector's address is a web server: the agent says so", True)
    wait_for("the agent's word on a closed port", lambda: "connection refused" in text(agent.log), 20)
    results.check("behind the collector's address is nothing: the agent says so, and the address",
                  address in text(agent.log), text(agent.log))
    census = Census(world, "--listen", address, name="late").start()
    wait_for("the host", lambda: [r for r in census.json("hosts")["rows"] if r["images"]], 20)
    results.check("the agent reports once the collector is there", agent.poll() is None)
    results.check("the same failure is said once, not with each attempt",
                  text(agent.log).count("connection refused") == 1, text(agent.log))
    stop(agent, 10)
    stop(census.process, 10)
    unresolved = world.start("unresolved.log", [
        world.binary("layercensus-agent"), "run", "--collector", UNRESOLVABLE, "--plaintext", "--no-find",
        "--no-api", "--docker-root", store.root, "--state-dir", world.path("unresolved-state")])
    wait_for("the agent's word on the name", lambda: "resolve " + UNRESOLVABLE in text(unresolved.log), 30)
    results.check("a collector's name that does not resolve: the agent says so, and goes on",
                  unresolved.poll() is None)
    stop(unresolved, 10)


def main():
    results = Results("listen")
    with World("listen", sys.argv[1]) as world:
        collectors(world, results)
        sockets(world, results)
        privileged(world, results)
        agents(world, results)
    results.finish()


main()
