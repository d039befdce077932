"""Fleets of real images: every figure equals the brute force of the fleets' own generator to the byte.

usage: test_real_fleet.py BUILD [large | GENERATOR OPTION...]

Without more, several fleets of 100 hosts; "large" plays three of 10,000. Each is played over mutual
TLS, at first as far as its first day, and loaded without a network; both databases must tell the truth.
"""

import json
import os
import resource
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.path.insert(0, os.path.join(HERE, "..", "support"))
from fleet_figures import compare, compare_answers  # noqa: E402
from fleet_pki import Pki  # noqa: E402
from fleet_play import Play, retire  # noqa: E402
from harness import Census, Results, World, run  # noqa: E402
from real_fleet import Catalogue, Fleet  # noqa: E402

MIXED = ("--keep-old", "0.8", "--arm-share", "0.2", "--windows-share", "0.1", "--host-churn", "0.03")
SMALL = {
    "plain": ("--seed", "1"),
    "days": ("--seed", "2", "--days", "5", "--churn", "1.5", "--host-churn", "0.02"),
    "mixed": ("--seed", "3", "--days", "3", "--churn", "1", *MIXED),
}
LARGE = {
    "10,000": ("--hosts", "10000", "--seed", "4"),
    "10,000 and 3 days": ("--hosts", "10000", "--seed", "5", "--days", "3", "--churn", "0.5"),
    "10,000 mixed": ("--hosts", "10000", "--seed", "6", "--days", "2", "--churn", "0.3", *MIXED),
}
# The comparisons that bytes alone decide, and those that know no bytes.
BYTES = {"the ledger of summary", "the ledger of duplicates", "layers, their hosts and bytes",
         "the ledger by brute force over the tables"}
PLACES = {"hosts, images and places, layers, chains", "images and the hosts that hold them"}


def without_names(image):
    """Some layers lose their digests, and some of them their sizes: catalogues have such ones."""
    for layer in image["layers"]:
        number = int(layer["digest"][-4:], 16)
        if number % 16 == 0:
            layer["v1_id"], layer["digest"] = layer["digest"][7:], None
            layer["size"] = layer["size"] if number % 32 else None


class Misses:
    """Stands in for the results where a figure must be seen to be wrong."""

    def __init__(self):
        self.names = set()

    def equal(self, name, got, expected):
        if got != expected:
            self.names.add(name)


class Test:
    def __init__(self, world, results):
        self.world, self.results, self.pki = world, results, Pki(world)

    def equals(self, name):
        return lambda what, got, expected: self.results.equal(f"{name}: {what}", got, expected)

    def load(self, name, fleet, catalogue):
        census = Census(self.world, name=name)
        run([os.path.join(self.world.build, "tests", "fleet", "load_fleet"), "--play", fleet.path,
             "--catalogue", catalogue, "--db", census.db])
        retire(census, fleet)
        return census

    def fleet(self, catalogue, name, *options):
        """Plays and loads one fleet; returns it."""
        fleet = Fleet(catalogue, self.world.path(name.replace(" ", "-")), *options)
        first, label = fleet.first_day(), os.path.basename(fleet.path)
        play = Play(self.world, self.results, self.pki, label)
        took = play.play(first, 300 + len(first.generations) // 10)
        compare(self.equals(f"{name}, first day"), play.census, first)
        if fleet.generations != first.generations:
            took += play.play(fleet, 300 + len(fleet.generations) // 10)
        play.end(fleet)
        print(f"{name}: {len(fleet.generations)} hosts, {sum(fleet.generations.values())} reports in "
              f"{took:.1f} s, file {os.path.getsize(play.census.db)} bytes", flush=True)
        compare(self.equals(name), play.census, fleet)
        loaded = self.load(label + "-loaded", fleet, catalogue.path)
        compare(self.equals(f"{name}, loaded"), loaded, fleet)
        compare_answers(self.equals(f"{name}, loaded"), loaded, play.census)
        status, output = loaded.check()
        self.results.check(f"{name}, loaded: check finds nothing", status == 0, output[-600:])
        return fleet

    def wrong_bytes(self, fleet):
        """The database of a fleet where one layer has one byte more."""
        diff = max(fleet.layers, key=lambda diff: (fleet.layers[diff][0], diff))
        wrong = self.world.path("wrong.catalogue")
        with open(fleet.catalogue.path, encoding="utf-8") as f, open(wrong, "w", encoding="utf-8") as out:
            for line in f:
                image = json.loads(line)
                image["layers"] = [[d, size + (d == diff), *more] for d, size, *more in image["layers"]]
                out.write(json.dumps(image) + "\n")
        misses = Misses()
        compare(misses.equal, self.load("wrong-bytes", fleet, wrong), fleet)
        self.results.check("planted: one byte of one layer is seen by whatever counts bytes, and by nothing "
                           "else", not misses.names & PLACES and misses.names >= BYTES, str(misses.names))

    def wrong_host(self, fleet):
        """The database of a fleet where one host has one image less."""
        right = fleet.path
        with open(right, encoding="utf-8") as f:
            lines = [json.loads(line) for line in f]
        lines[0]["images"].pop()
        fleet.path = self.world.path("wrong.fleet")
        with open(fleet.path, "w", encoding="utf-8") as f:
            f.writelines(json.dumps(line) + "\n" for line in lines)
        misses = Misses()
        compare(misses.equal, self.load("wrong-host", fleet, fleet.catalogue.path), fleet)
        fleet.path = right
        self.results.check("planted: an image that is not on one host is seen by whatever counts places",
                           misses.names >= PLACES, str(misses.names))


def main():
    results = Results("real fleet")
    data = os.environ.get("LC_FLEET_DATA", "")
    words = sys.argv[2:]
    if not os.path.exists(os.path.join(data, "images.jsonl.gz")):
        results.skip("fleets of real images", "LC_FLEET_DATA names no folder with images.jsonl.gz")
        results.finish()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with World("real-fleet", sys.argv[1]) as world:
        test, catalogue = Test(world, results), Catalogue(data, world.dir)
        if words:
            for name, options in (LARGE if words == ["large"] else {"given": words}).items():
                test.fleet(catalogue, name, *options)
            results.finish()
        fleets = {name: test.fleet(catalogue, name, *options) for name, options in SMALL.items()}
        test.wrong_bytes(fleets["days"])
        test.wrong_host(fleets["plain"])
        os.mkdir(world.path("nameless"))
        nameless = Catalogue(data, world.path("nameless"), without_names)
        test.fleet(nameless, "layers without digest or size", "--seed", "8", "--days", "1", "--churn", "1")
    results.finish()


main()
