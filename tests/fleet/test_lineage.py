"""Which base an image stands on, over real images: what the catalogue declares is the truth, and no
host says it.

usage: test_lineage.py BUILD

Every image lies on some host. Once all bases are there, once a seeded half of the declared ones is
held by no host; once more with the declarations left in. Lineage, ties, bases, versions and counts are
compared with a brute force in python over the same files (lineage_oracle.py).
"""

import os
import random
import re
import sqlite3
import sys
import time
from collections import Counter

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.path.insert(0, os.path.join(HERE, "..", "support"))
from harness import Census, Results, World, run  # noqa: E402
from lineage_oracle import Bases, Lineage, chain_id, effective, read_images  # noqa: E402
from real_fleet import Catalogue  # noqa: E402
from spread_fleet import Spread  # noqa: E402

SEED = int(os.environ.get("LC_SEED", "5"))
CLASSES = ("right", "ancestor", "unnamed, boundary right", "unnamed, boundary elsewhere", "unknown", "wrong")
SAMPLE = 60
HISTORY = 9  # a step that usually ends an image: it says no base


class Declared:
    """What the catalogue declares: the truth."""

    def __init__(self, images):
        self.base = {i["id"]: i["declared_base_id"] for i in images if i.get("declared_base_id")}
        self.outside = {i["id"] for i in images
                        if i.get("declared_base") and not i.get("declared_base_id") and not i["base"]}
        self.line = {i["id"]: i["base_chain"] for i in images}

    def half(self, seed):
        """Half of the bases that something declares."""
        bases = sorted(set(self.base.values()))
        return set(random.Random(seed).sample(bases, len(bases) // 2))

    def ancestors(self, name):
        """Above the declared base: what that one declares and so on; where nothing is declared, what the
        catalogue found by layers."""
        found, at = [], self.base[name]
        while at in self.base:
            at = self.base[at]
            found.append(at)
        return found + self.line[at]


class Run:
    """One database of the fleet, and what it must tell."""

    def __init__(self, test, name, catalogue, missing):
        self.results, self.name, self.missing = test.results, name, missing
        self.declared = test.declared
        self.images = read_images(catalogue.path, missing)
        self.lineage = Lineage(self.images)
        self.fleet = Spread(test.world.path(f"{name}.fleet"), self.images, SEED)
        self.census = Census(test.world, name=name)
        run([os.path.join(test.world.build, "tests", "fleet", "load_fleet"), "--play", self.fleet.path,
             "--catalogue", catalogue.path, "--db", self.census.db])
        started = time.monotonic()
        self.rows = {row["image_id"]: row for row in self.census.json("images")["rows"]}
        print(f"{name}: {len(self.images)} images on {len(self.fleet.images)} hosts, `images` took "
              f"{time.monotonic() - started:.2f} s", flush=True)
        self.bases = Bases(self.lineage, self.fleet.holders, self.fleet.containers(), self.titles())

    def titles(self):
        """{chainID of a core build: its name}: of equally strong ones that which was heard first, by the
        moment."""
        told = {row["core_chain_id"]: re.sub(" (as )?of .*", "", row["core"])
                for row in self.rows.values() if row["core_kind"] == "named"}
        names = {chain_id(chain): {name for image in images for name in image.names}
                 for chain, images in self.lineage.ending.items()}
        self.check("each core build is shown by a name of its own", all(
            any(name == title or name.endswith("/" + title) for name in names[chain])
            for chain, title in told.items()))
        return told

    def equal(self, what, got, expected):
        return self.results.equal(f"{self.name}: {what}", got, expected)

    def check(self, what, condition, why=""):
        return self.results.check(f"{self.name}: {what}", condition, why)

    def row(self, name):
        return self.rows[self.images[name].id]

    def asked(self):
        return [name for name in sorted(self.declared.base) if name in self.images]

    def whole(self):
        status, output = self.census.check()
        self.check("check finds nothing", status == 0, output[-600:])
        self.check("every image is listed", set(self.rows) == {i.id for i in self.images.values()})

    def evidence(self):
        """(declarations of configs, of manifests) in the database."""
        db = sqlite3.connect(f"file:{self.census.db}?mode=ro", uri=True)
        try:
            return (db.execute("SELECT count(DISTINCT image_id) FROM base_evidence WHERE source <> ?",
                               (HISTORY,)).fetchone()[0],
                    db.execute("SELECT count(*) FROM manifest_evidence").fetchone()[0])
        finally:
            db.close()

    # ---- lineage -----------------------------------------------------------------------------------

    def classify(self, name, all_layers):
        """One of CLASSES."""
        row, base = self.row(name), self.declared.base[name]
        chain = row["base_chain_id"]
        if chain is None:
            return "unknown"
        right = chain == chain_id(all_layers[base].layers)
        if not row["base_names"]:
            return "unnamed, boundary " + ("right" if right else "elsewhere")
        if right and base in self.images:
            return "right" if self.is_called(row, self.images[base]) else "wrong"
        above = (all_layers[a] for a in self.declared.ancestors(name))
        return "ancestor" if any(chain == chain_id(a.layers) and self.is_called(row, a)
                                 for a in above) else "wrong"

    @staticmethod
    def is_called(row, image):
        """Whether the answer has one of the image's names; a name that moved on comes with its day."""
        return bool({name.partition(" as of ")[0] for name in row["base_names"]} & set(image.names))

    def expected(self, name, all_layers):
        """The same from layers alone. An unnamed boundary may come from elsewhere: None."""
        if self.declared.base[name] in self.images:
            return "right"
        if self.lineage.nearest(self.images[name]):
            return "ancestor"
        branch = self.lineage.branch(self.images[name])
        if branch is None:
            return None
        same = len(branch) == len(all_layers[self.declared.base[name]].layers)
        return "unnamed, boundary " + ("right" if same else "elsewhere")

    def prove(self, all_layers):
        found = {name: self.classify(name, all_layers) for name in self.asked()}
        counts = Counter(found.values())
        print(f"{self.name}: of {len(found)} images with a declared base:",
              ", ".join(f"{counts[c]} {c}" for c in CLASSES))
        wrong = [name for name, what in found.items() if what == "wrong"]
        for name in wrong:
            print(f"  wrong: {name}: {self.row(name)['base_names']}, declared {self.declared.base[name]}")
        ties = [name for name in found if (self.row(name)["base_ties"] or 0) > 1]
        print(f"{self.name}: {len(wrong)} wrong, {len(ties)} of them tied")
        self.check("no base is wrong", not wrong, str(wrong[:3]))
        expected = {name: self.expected(name, all_layers) for name in found}
        if not self.missing:
            self.check("of what is asked, layers decide all", all(x == "right" for x in expected.values()))
        self.equal("each answer is what the layers prove",
                   {name: found[name] for name in found if expected[name]},
                   {name: what for name, what in expected.items() if what})
        self.above(found, all_layers)
        return counts

    def above(self, found, all_layers):
        """Where only an ancestor has a name, and lines part above it, that is said. Of some: a question each."""
        told, true = {}, {}
        names = [name for name, what in found.items() if what == "ancestor"]
        for name in random.Random(SEED).sample(names, min(len(names), SAMPLE)):
            branch, nearest = (f(self.images[name]) for f in (self.lineage.branch, self.lineage.nearest))
            true[name] = len(branch) if branch and len(branch) > len(nearest) else None
            told[name] = self.census.json("lineage", self.images[name].id)["image"]["lines_part_at"]
        if true:
            right = sum(true[n] == len(all_layers[self.declared.base[n]].layers) for n in true)
            print(f"{self.name}: of {len(true)} ancestors, lines part at the declared base above {right}")
            self.equal("where lines part above an ancestor is told", told, true)

    def outside(self):
        """Bases that the catalogue does not have cannot be named."""
        names = [name for name in sorted(self.declared.outside) if name in self.images]
        told = [name for name in names if self.row(name)["base_names"]]
        self.check("what stands on an image of no host has no named base", names and not told, str(told[:3]))

    def boundaries(self):
        """Of all images: the nearest named base's layers, chain, ties and names."""
        true = {}
        for image in self.images.values():
            chain = self.lineage.nearest(image)
            if chain:
                names = {name for other in self.lineage.ending[chain] for name in other.names}
                true[image.id] = (len(chain), chain_id(chain), self.lineage.ties(image), names)
        told = {i: (row["base_layers"], row["base_chain_id"], row["base_ties"],
                    {name.partition(" as of ")[0] for name in row["base_names"]})
                for i, row in self.rows.items() if row["base_names"]}
        self.equal("nearest bases of all images: layers, chain, ties, names", told, true)
        print(f"{self.name}: {sum(t[2] > 1 for t in true.values())} images stand on a tie")
        self.check("some of them are ties", any(t[2] > 1 for t in true.values()))

    def twins(self):
        """Images that share all layers are told, each with the others."""
        twins, told = self.lineage.twins(), {}
        print(f"{self.name}: {len(twins)} images share all layers with another one")
        for name in twins:
            told[name] = set(self.census.json("image", self.images[name].id)["image"]["same_layers"])
        self.equal("images that share all layers are listed, each with the others", told, twins)

    # ---- bases -------------------------------------------------------------------------------------

    def told_bases(self, level):
        return self.census.json("bases", "--level", level)

    @staticmethod
    def figures(row):
        return tuple(row[key] for key in ("images", "images_on_it", "hosts", "containers_running",
                                          "containers", "nominal_bytes"))

    @staticmethod
    def place(row):
        """Kind and chain: the first of those of one release, which is known by it."""
        return row["kind"], next(iter(row["chain_ids"]), None)

    def compare_bases(self):
        answer = self.told_bases("core")
        core = self.bases.by_core()
        self.equal("core builds: who, and what stands on them",
                   {self.place(row): self.figures(row) for row in answer["rows"]}, core)
        kinds = Counter(kind for kind, _ in core)
        self.equal("core builds: the three counts",
                   [answer["core_builds"][key] for key in ("named", "unnamed", "scratch_images")],
                   [kinds["named"], kinds["unnamed"], core[("scratch", None)][0]])
        self.parents()
        self.equal("families", {row["family"]: self.figures(row) for row in
                                self.told_bases("family")["rows"]}, self.bases.by_family())
        true = self.bases.by_version()
        self.equal("versions, by what is counted",
                   sorted(map(self.figures, self.told_bases("version")["rows"])), sorted(true.values()))
        self.diversity(answer["diversity"], core)

    def parents(self):
        """Where lines part or nothing is known, a step of the history may say more than layers do."""
        told = {self.place(row): self.figures(row)
                for row in self.told_bases("parent")["rows"] if row["kind"] == "named"}
        true = {key: row for key, row in self.bases.by_parent().items() if key[0] == "named"}
        self.equal("nearest bases: who, and what stands on them", told, true)

    def diversity(self, told, core):
        """Of core builds; all images on scratch are one."""
        stored = self.bases.stored_bytes()
        for unit, weights in (("images", [row[0] for row in core.values()]),
                              ("hosts", [row[2] for row in core.values()]),
                              ("containers", [row[4] for row in core.values()]),
                              ("stored", stored.values())):
            true = effective(list(weights))
            got = (told[f"{unit}_effective"], told[f"{unit}_simpson"])
            self.check(f"effective number of core builds by {unit}, Shannon and Simpson",
                       all(abs(g - t) <= 0.001 for g, t in zip(got, true)), f"{got}, expected {true}")


class Test:
    def __init__(self, world, results, data):
        self.world, self.results = world, results
        os.mkdir(world.path("kept"))
        self.stripped = Catalogue(data, world.dir, declared="stripped")
        self.kept = Catalogue(data, world.path("kept"), declared="kept")
        self.declared = Declared(self.stripped.images)
        self.all_layers = read_images(self.stripped.path)
        self.half = self.declared.half(SEED)

    def run(self, name, missing):
        r = Run(self, name, self.stripped, missing)
        r.whole()
        r.check("no declaration came through", r.evidence() == (0, 0), str(r.evidence()))
        counts = r.prove(self.all_layers)
        r.outside()
        r.boundaries()
        if not missing:
            r.twins()
        r.compare_bases()
        return counts

    def declarations(self, name, missing):
        """The same with what builders wrote left in."""
        r = Run(self, name, self.kept, missing)
        all_layers = read_images(self.kept.path)
        r.equal("every declaration is read", r.evidence()[0], len(r.asked()))
        counts = r.prove(all_layers)
        held = [n for n in r.asked() if r.declared.base[n] in r.images]
        r.equal("a declared base that a host has is confirmed",
                {n: (r.row(n)["base_method"], r.row(n)["base_confidence"]) for n in held},
                {n: ("declared", "high") for n in held})
        return counts


def main():
    results = Results("lineage")
    data = os.environ.get("LC_FLEET_DATA", "")
    if not os.path.exists(os.path.join(data, "images.jsonl.gz")):
        results.skip("lineage of real images", "LC_FLEET_DATA names no folder with images.jsonl.gz")
        results.finish()
    with World("lineage", sys.argv[1]) as world:
        print(f"seed {SEED}")
        test = Test(world, results, data)
        asked = len(test.declared.base)
        for run_one, suffix in ((test.run, ""), (test.declarations, ", declared")):
            counts = run_one("all bases" + suffix, set())
            results.check(f"all bases{suffix}: every declared base is found", counts["right"] == asked > 0,
                          str(counts))
            run_one("half of the bases" + suffix, test.half)
    results.finish()


main()
