"""A fleet in which every image of a catalogue lies on one host to three, from a seed, as a file for
load_fleet and fleet_player."""

import json
import random
from collections import defaultdict

HOSTS = 60


class Spread:
    def __init__(self, path, names, seed, hosts=HOSTS):
        self.path = path
        self.images = {f"h{n:06}": [] for n in range(hosts)}  # host: what it holds, in order
        self.holders = defaultdict(set)
        rng, hosts = random.Random(seed), sorted(self.images)
        for name in sorted(names):
            for host in rng.sample(hosts, rng.randint(1, 3)):
                self.images[host].append(name)
                self.holders[name].add(host)
        for held in self.images.values():
            rng.shuffle(held)
        with open(path, "w", encoding="utf-8") as f:
            f.writelines(json.dumps({"t": "host", "host": host, "day": 0, "os": "linux", "arch": "amd64",
                                     "policy": "fresh", "images": held}) + "\n"
                         for host, held in self.images.items())

    def containers(self):
        """{image: (running, all)}: each host runs its first image and has stopped its second."""
        counts = defaultdict(lambda: [0, 0])
        for held in self.images.values():
            for position, name in enumerate(held[:2]):
                counts[name][0] += position == 0
                counts[name][1] += 1
        return {name: tuple(count) for name, count in counts.items()}
