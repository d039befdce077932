"""An honest host beside whatever a test does to its collector: a process of its own, so that nothing but
the collector slows its clock. It reports one difference after another and prints the milliseconds that
each took to be acknowledged, and ends where its stream does."""

import os
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
sys.path.insert(0, HERE)
import grpc  # noqa: E402
import python_client  # noqa: E402
from harness import wait_for  # noqa: E402

LONGEST_MS = 3000  # a bound against being held up, not a figure of speed


def report(connect):
    with tempfile.TemporaryDirectory() as directory:
        pb = python_client.compile_proto(directory)
    with grpc.insecure_channel(connect) as channel:
        client = python_client.Client(pb, channel, "0")
        host = client.host("honest")
        kept, coming = host.image(1), host.image(2)
        stream, _ = client.greeted(host)
        stream.send(*host.inventory(1, [kept]))
        stream.until("acknowledgement")
        generation = 1
        while True:
            comes = generation % 2 == 1
            total = python_client.StoreSum()
            for image in [kept] + ([coming] if comes else []):
                total.image(image)
            change = pb.StoreChange(store=host.store(), sum=total.bytes(), changed=[coming] if comes else [],
                                    removed=[] if comes else [coming.id])
            began = time.monotonic()
            stream.send(pb.AgentMessage(difference=pb.Difference(
                base_generation=generation, generation=generation + 1, age_ms=1, stores=[change])))
            generation += 1
            while stream.until("acknowledgement").generation != generation:
                pass
            print(int((time.monotonic() - began) * 1000), flush=True)
            time.sleep(0.02)


class Honest:
    def __init__(self, world, census):
        self.process = world.start("honest.log", ["/usr/bin/python3", os.path.abspath(__file__),
                                                  census.address])
        self.told = 0
        wait_for("the honest host's first acknowledgements", lambda: len(self.times()) > 3)

    def times(self):
        with open(self.process.log) as f:
            return [int(line) for line in f.read().splitlines() if line.isdigit()]

    def well(self, results, name):
        """Since the last time it was asked, it went on, and never waited long."""
        before = self.told
        wait_for(f"the honest host after {name}", lambda: len(self.times()) > before + 3, 12)
        times = self.times()
        self.told = len(times)
        results.check(f"{name}: an honest host is acknowledged all the while",
                      self.process.poll() is None and max(times[before:]) < LONGEST_MS,
                      f"longest wait {max(times[before:])} ms, process {self.process.poll()}")


if __name__ == "__main__":
    report(sys.argv[1])
