#!/usr/bin/python3
"""A foreign client: python3-grpcio speaks the whole conversation with a collector.

Everything that it knows of the protocol comes from proto/layercensus.proto (compiled when it
starts) and docs/protocol.md. Prints one line a check, `ok NAME` or `FAIL NAME: why`; exit status 0
where all are ok, 1 where one failed, 3 where the collector could not be reached.
"""
import argparse
import hashlib
import importlib
import json
import os
import queue
import sys
import tempfile
import threading
import time

import grpc

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
SERVICE = "/layercensus.v1.Census/"
WAIT = 10  # seconds for an answer that must come
CONFIG, MANIFEST = 1, 2


def compile_proto(directory):
    from grpc_tools import protoc

    if protoc.main(["protoc", f"--proto_path={ROOT}/proto", f"--python_out={directory}",
                    f"{ROOT}/proto/layercensus.proto"]) != 0:
        raise SystemExit("python_client: layercensus.proto does not compile")
    sys.path.insert(0, directory)
    return importlib.import_module("layercensus_pb2")


class Failed(Exception):
    """A check that did not hold."""


def need(condition, why):
    if not condition:
        raise Failed(why)


# ---- one host -------------------------------------------------------------------------------------


def sha(data):
    return hashlib.sha256(data).digest()


class StoreSum:
    """The store's digest: the sum of its elements' SHA-256 in four little-endian 64-bit lanes."""

    def __init__(self):
        self.lanes = [0, 0, 0, 0]

    def add(self, element, sign=1):
        d = sha(element)
        for i in range(4):
            lane = int.from_bytes(d[8 * i:8 * i + 8], "little")
            self.lanes[i] = (self.lanes[i] + sign * lane) % 2**64

    def image(self, image, sign=1):
        self.add(b"I" + image.id + bytes([image.identity, image.unpacked, bool(image.parent)])
                 + image.parent, sign)
        for name in image.names:
            self.add(b"N" + image.id + name.encode(), sign)
        for repo in image.repo_digests:
            self.add(b"D" + image.id + repo.digest + repo.repository.encode(), sign)

    def bytes(self):
        return b"".join(lane.to_bytes(8, "little") for lane in self.lanes)


class Host:
    """What a simulated host says. `mark` keeps hosts of one run, and of several runs, apart."""

    def __init__(self, pb, mark):
        self.pb = pb
        self.name = f"python-{mark}"
        self.incarnation = sha(self.name.encode())[:16]
        self.key = sha(b"store " + self.name.encode())[:16]
        self.generation = 0
        self.configs = {}

    def hello(self):
        pb = self.pb
        return pb.AgentMessage(hello=pb.Hello(
            agent_version="python", host_name=self.name, cluster="python",
            incarnation=self.incarnation, fingerprint=sha(self.incarnation), lifetime=1,
            os="Python", kernel="0", arch="any", clock_ms=int(time.time() * 1000),
            generation=self.generation, capabilities=[1, 2, 3]))

    def store(self):
        return self.pb.Store(key=self.key, engine="docker", version="1", driver="overlay2",
                             root="/var/lib/docker", fs_type="ext4", block_size=4096, state=1)

    def image(self, number):
        """A new image of one layer with a real config, whose digest is its ID."""
        diff = "sha256:" + sha(f"{self.name} layer {number}".encode()).hex()
        config = json.dumps({"architecture": "amd64", "os": "linux", "config": {},
                             "rootfs": {"type": "layers", "diff_ids": [diff]},
                             "history": [{"created_by": f"{self.name} {number}"}]}).encode()
        self.configs[sha(config)] = config
        return self.pb.Image(id=sha(config), identity=1, unpacked=True,
                             names=[f"registry.example/{self.name}/image:{number}"])

    def inventory(self, generation, images, total=None):
        pb = self.pb
        if total is None:
            total = StoreSum()
            for image in images:
                total.image(image)
            total = total.bytes()
        return [
            pb.AgentMessage(inventory_begin=pb.InventoryBegin(generation=generation,
                                                              store_count=1, age_ms=10)),
            pb.AgentMessage(inventory_part=pb.InventoryPart(store=self.store(), images=images)),
            pb.AgentMessage(inventory_end=pb.InventoryEnd(
                generation=generation, sums=[pb.StoreSum(key=self.key, sum=total)])),
        ]

    def layer_facts(self, diffs):
        pb = self.pb
        return pb.AgentMessage(layer_facts=pb.LayerFacts(facts=[
            pb.LayerFact(diff=diff, content_bytes=10, nominal_bytes=8192, files=1, directories=1)
            for diff in diffs]))

    def document(self, digest, data):
        pb = self.pb
        return pb.AgentMessage(document=pb.Document(kind=CONFIG, digest=digest, total=len(data),
                                                    offset=0, data=data))


class Stream:
    """One call of Report; messages go out and come in as bytes, so that broken ones can, too."""

    def __init__(self, client):
        self.pb = client.pb
        self.outgoing = queue.Queue()
        self.incoming = queue.Queue()
        report = client.channel.stream_stream(SERVICE + "Report", request_serializer=None,
                                              response_deserializer=None)
        self.call = report(iter(self.outgoing.get, None), wait_for_ready=True, timeout=6 * WAIT)
        threading.Thread(target=self.receive, daemon=True).start()

    def receive(self):
        try:
            for data in self.call:
                self.incoming.put(self.pb.CollectorMessage.FromString(data))
        except grpc.RpcError:
            pass
        self.incoming.put(None)

    def send(self, *messages):
        for m in messages:
            self.outgoing.put(m if isinstance(m, bytes) else m.SerializeToString())

    def next(self, wait=WAIT):
        try:
            return self.incoming.get(timeout=wait)
        except queue.Empty:
            return False

    def until(self, kind, wait=WAIT, also=None):
        """The next message of this kind; others go to `also`."""
        deadline = time.monotonic() + wait
        while time.monotonic() < deadline:
            m = self.next(max(0.01, deadline - time.monotonic()))
            if m is None:
                raise Failed(f"the stream ended with {self.status()} instead of {kind}")
            if m is False:
                break
            if m.WhichOneof("kind") == kind:
                return getattr(m, kind)
            if also is not None:
                also(m)
        raise Failed(f"no {kind} within {wait} s")

    def status(self):
        return f"{self.call.code().name}: {self.call.details()}"

    def ends_with(self, *names):
        """Reads until the collector ends the stream, which must be with one of these statuses."""
        deadline = time.monotonic() + WAIT
        while time.monotonic() < deadline:
            if self.next(0.2) is None:
                need(self.call.code().name in names, f"ended with {self.status()}")
                need(self.call.details(), "ended without a message")
                return
        raise Failed("the collector did not end the stream")

    def close(self):
        self.outgoing.put(None)
        deadline = time.monotonic() + 1
        while time.monotonic() < deadline and self.next(0.1) is not None:
            pass
        self.call.cancel()


class Client:
    def __init__(self, pb, channel, mark):
        self.pb, self.channel, self.mark = pb, channel, mark

    def host(self, name):
        return Host(self.pb, f"{name}-{self.mark}")

    def greeted(self, host):
        stream = Stream(self)
        stream.send(host.hello())
        return stream, stream.until("welcome")


# ---- checks: what works ---------------------------------------------------------------------------


def check_conversation(client):
    """Hello, inventory, wants, measures, a difference, and the same incarnation again."""
    pb, host = client.pb, client.host("talk")
    images = [host.image(n) for n in range(3)]
    asked, measured = [], set()

    stream, welcome = client.greeted(host)
    need(welcome.generation == 0 and welcome.host_name and welcome.heartbeat_ms > 0,
         f"welcome says {welcome}")

    def answer(m):
        for item in m.want.items if m.WhichOneof("kind") == "want" else []:
            asked.append((item.kind, item.digest))
            stream.send(host.document(item.digest, host.configs[item.digest]))
        if m.WhichOneof("kind") == "measure_wanted":
            measured.update(item.diff for item in m.measure_wanted.items)
            stream.send(host.layer_facts([item.diff for item in m.measure_wanted.items]))

    stream.send(*host.inventory(1, images))
    ack = stream.until("acknowledgement", also=answer)
    need(ack.generation == 1, f"acknowledged {ack.generation}")
    yield "an_inventory_is_acknowledged"

    deadline = time.monotonic() + WAIT
    while min(len(asked), len(measured)) < len(images) and time.monotonic() < deadline:
        m = stream.next(0.2)
        need(m is not None, "the stream ended")
        if m:
            answer(m)
    need(len(measured) == len(images), f"asked to measure {len(measured)} layers")
    need(sorted(asked) == sorted((CONFIG, i.id) for i in images), f"asked for {len(asked)} documents")
    yield "each_config_is_wanted_once"

    total = StoreSum()
    images[0].names.append("registry.example/another:name")
    for image in images[:2]:
        total.image(image)
    change = pb.StoreChange(store=host.store(), changed=[images[0]], removed=[images[2].id],
                            sum=total.bytes())
    stream.send(pb.AgentMessage(difference=pb.Difference(base_generation=1, generation=2,
                                                         age_ms=1, stores=[change])))
    ack = stream.until("acknowledgement", also=answer)
    need(ack.generation == 2, f"acknowledged {ack.generation}")
    yield "a_difference_is_acknowledged"
    stream.close()

    host.generation = 2
    stream, welcome = client.greeted(host)
    need(welcome.generation == 2, f"holds generation {welcome.generation}")
    need([(s.key, s.sum) for s in welcome.sums] == [(host.key, total.bytes())], "other sums")
    stream.send(pb.AgentMessage(heartbeat=pb.Heartbeat(generation=2)))
    need(stream.next(1) is False, "the collector asks for more")
    stream.close()
    yield "after_reconnecting_nothing_is_left_to_say"


def check_probe(client):
    probe = client.channel.unary_unary(SERVICE + "Probe", request_serializer=None,
                                       response_deserializer=client.pb.ProbeAnswer.FromString)
    answer = probe(b"", timeout=WAIT)
    need(answer.version and len(answer.collector) == 16, f"answered {answer}")
    yield "a_probe_is_answered"


def check_unknown(client):
    """Fields, values and kinds of a newer version are ignored."""
    host = client.host("newer")
    stream = Stream(client)
    hello = host.hello()
    hello.hello.capabilities.append(4711)
    body = hello.hello.SerializeToString() + b"\xa0\x06\x01\xaa\x06\x03new"  # fields 100 and 101
    stream.send(b"\x0a" + varint(len(body)) + body)
    stream.until("welcome")
    stream.send(b"\xca\x3e\x03new")  # a kind 1001
    stream.send(*host.inventory(1, [host.image(1)]))
    need(stream.until("acknowledgement").generation == 1, "not acknowledged")
    stream.close()
    yield "what_is_unknown_is_ignored"


# ---- checks: bad input ----------------------------------------------------------------------------


def varint(value):
    out = b""
    while value >= 0x80:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def check_truncated(client):
    host = client.host("truncated")
    stream, _ = client.greeted(host)
    stream.send(host.inventory(1, [host.image(1)])[1].SerializeToString()[:-3])
    stream.ends_with("INVALID_ARGUMENT")
    yield "a_truncated_message_ends_the_stream"


def check_too_long(client):
    stream, _ = client.greeted(client.host("long"))
    stream.send(b"\x1a" + varint(5 << 20) + bytes(5 << 20))
    stream.ends_with("RESOURCE_EXHAUSTED")
    yield "a_message_over_the_limit_ends_the_stream"


def check_long_text(client):
    host = client.host("text")
    image = host.image(1)
    image.names.append("x" * 600)
    stream, _ = client.greeted(host)
    stream.send(*host.inventory(1, [image]))
    stream.ends_with("RESOURCE_EXHAUSTED")
    yield "a_name_over_the_limit_ends_the_stream"


def check_order(client):
    stream = Stream(client)
    stream.send(client.pb.AgentMessage(heartbeat=client.pb.Heartbeat(generation=1)))
    stream.ends_with("INVALID_ARGUMENT", "FAILED_PRECONDITION")
    yield "hello_comes_first"


def check_twice(client):
    host = client.host("twice")
    image = host.image(1)
    stream, _ = client.greeted(host)
    stream.send(*host.inventory(1, [image, image]))
    stream.ends_with("INVALID_ARGUMENT")
    yield "an_image_twice_ends_the_stream"


def check_contradiction(client):
    """An inventory that does not have the digest it claims is never acknowledged."""
    host = client.host("contradiction")
    image = host.image(1)
    stream, _ = client.greeted(host)
    stream.send(*host.inventory(1, [image], total=bytes(32)))
    deadline = time.monotonic() + WAIT
    while time.monotonic() < deadline:
        m = stream.next(0.2)
        if m is None:
            need(stream.call.code() != grpc.StatusCode.OK, "ended as if all was well")
            break
        kind = m.WhichOneof("kind") if m else None
        need(kind != "acknowledgement", "it was acknowledged")
        if kind in ("rejection", "resync"):
            break
    else:
        raise Failed("nothing was said about it")
    stream.close()
    stream, welcome = client.greeted(host)
    need(welcome.generation == 0, "something half applied is held")
    stream.send(*host.inventory(2, [image]))
    need(stream.until("acknowledgement").generation == 2, "the right one is not acknowledged")
    stream.close()
    yield "an_inventory_that_contradicts_its_digest_is_not_applied"


def check_stopped_in_the_middle(client):
    host = client.host("middle")
    image = host.image(1)
    stream, _ = client.greeted(host)
    stream.send(*host.inventory(1, [image])[:2])
    time.sleep(0.2)
    stream.call.cancel()
    stream, welcome = client.greeted(host)
    need(welcome.generation == 0 and not welcome.sums, "half an inventory is held")
    stream.close()
    yield "a_stream_that_stops_in_the_middle_leaves_nothing"


def check_wrong_digest(client):
    host = client.host("liar")
    stream, _ = client.greeted(host)
    stream.send(*host.inventory(1, [host.image(1)]))
    want = stream.until("want")
    data = bytearray(host.configs[want.items[0].digest])
    data[10] ^= 1
    stream.send(host.document(want.items[0].digest, bytes(data)))
    rejection = stream.until("rejection")
    need(rejection.code == 2 and want.items[0].digest.hex() in rejection.subject,
         f"rejected with {rejection}")
    stream.close()
    yield "wrong_bytes_for_a_digest_are_rejected"


CHECKS = [check_probe, check_conversation, check_unknown, check_truncated, check_too_long,
          check_long_text, check_order, check_twice, check_contradiction,
          check_stopped_in_the_middle, check_wrong_digest]


def run(client):
    failed = 0
    for check in CHECKS:
        try:
            for name in check(client):
                print(f"ok {name}", flush=True)
        except Failed as e:
            failed += 1
            print(f"FAIL {check.__name__}: {e}", flush=True)
        except grpc.RpcError as e:
            failed += 1
            print(f"FAIL {check.__name__}: {e.code().name}: {e.details()}", flush=True)
    return 1 if failed else 0


def read(path):
    if path is None:
        return None
    with open(path, "rb") as file:
        return file.read()


def open_channel(args):
    options = [("grpc.max_send_message_length", 64 << 20)]
    if args.server_name:
        options.append(("grpc.ssl_target_name_override", args.server_name))
    if args.ca is None:
        return grpc.insecure_channel(args.connect, options)
    credentials = grpc.ssl_channel_credentials(read(args.ca), read(args.key), read(args.cert))
    return grpc.secure_channel(args.connect, credentials, options)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--connect", default="127.0.0.1:7440", help="host:port or unix:/path")
    parser.add_argument("--ca")
    parser.add_argument("--cert")
    parser.add_argument("--key")
    parser.add_argument("--server-name")
    parser.add_argument("--mark", default=str(int(time.time() * 1000)),
                        help="part of the hosts' names; the same one twice is the same hosts")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        pb = compile_proto(directory)
        with open_channel(args) as channel:
            try:
                grpc.channel_ready_future(channel).result(timeout=WAIT)
            except grpc.FutureTimeoutError:
                print(f"python_client: {args.connect} does not answer", file=sys.stderr)
                return 3
            return run(Client(pb, channel, args.mark))


if __name__ == "__main__":
    sys.exit(main())
