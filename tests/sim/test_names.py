#!/usr/bin/env python3
"""Which image a typed name means, over a database made by plain inserts.

usage: test_names.py BUILD-DIRECTORY

One fleet: an image that root pulled and whose name a user's tag on another host took up; a tag that has
moved while hosts keep the old image; a tag of root's own beside a pulled one; names that only podman's
localhost/ tells apart from what is typed; and builds that are told apart by nothing.
"""

import os
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "support")]

from census_db import CensusDb, digest
from harness import Results
from test_reports import Command

R = "registry.example.com"
SINGULAR = ("image", "lineage", ("policy", "explain"))
NOTES = ("Had the name", "Has the name", "A stronger word")
MANY = 30
LONG = "x" * 3000


def pulled(db, host, image, repository, tag, **columns):
    db.put(db.store(db.host(host), key=f"{host} {image}"), db.images[image], [f"{repository}:{tag}"],
           repo_digests=[(repository, digest(f"index {image}"))], **columns)


def make(path):
    db = CensusDb(path, int(time.time()))
    for name in ("tiny", "acme", "new", "old", "own", "corp", *(f"many {i}" for i in range(MANY))):
        db.layer(f"{name} os", 1000, os_release="ID=tiny\nVERSION_ID=2\n")
        db.image(name, [f"{name} os"], created="2026-01-05T08:00:00Z")
        db.image(f"{name} app", [f"{name} os", f"{name} app"])
    pulled(db, "web-1", "tiny", f"{R}/tiny", 2)
    pulled(db, "web-2", "acme", f"{R}/acme", 7)
    users = db.store(db.host("h6"), key="h6", engine="podman", owner=1000)
    db.put(users, db.images["acme"], [f"{R}/tiny:2"])
    db.put(users, db.images["tiny app"], [f"{R}/tinyapp:1"])
    db.put(users, db.images["acme app"], [f"{R}/acmeapp:1"])
    pulled(db, "web-3", "old", f"{R}/moved", 1, since=500000)
    pulled(db, "web-4", "new", f"{R}/moved", 1, since=3000)
    own = db.store(db.host("build-1"), key="own")
    db.put(own, db.images["own"], [f"{R}/moved:1"])
    db.put(own, db.images["corp"], ["localhost/corp/blessed:1"])
    for i in range(MANY):
        db.put(db.store(db.host(f"u{i}"), key=f"u{i}", engine="podman", owner=1000 + i),
               db.images[f"many {i}"], ["many:1"])
    db.close()


def id_of(name):
    return "sha256:" + digest(f"image {name}").hex()


class Test:
    def __init__(self, results, command, folder):
        self.results, self.command = results, command
        self.rules = os.path.join(folder, "rules.yaml")
        with open(self.rules, "w", encoding="utf-8") as rules:
            rules.write("mode: white list\nrules: []\n")

    def words(self, what):
        return ("--policy", self.rules, *what) if isinstance(what, tuple) else (what,)

    def ask(self, what, subject):
        return self.command.ask(*self.words(what), subject)

    def run(self, what, subject):
        return self.command.run(*self.words(what), subject)

    def singular(self, text, subject, image, note):
        """Every command about one image means this one, and says of the others in its notes."""
        told, notes = [], []
        for what in SINGULAR:
            answer = self.ask(what, subject)
            told.append(answer["image"]["image_id"])
            said = [n for n in answer["notes"] if n.startswith(NOTES)]
            notes.append(any(n.startswith(note[0]) and id_of(note[1])[:19] in n and note[2] in n
                             for n in said) if note else said == [])
        self.results.equal(text, (told, notes), ([id_of(image)] * len(told), [True] * len(told)))

    def users(self):
        self.singular("a user's tag takes a name from nobody, and is told", f"{R}/tiny:2", "tiny",
                      ("Has the name by a weaker word", "acme", "a user's own tag on h6"))
        where = self.command.ask("where", "--built-on", f"{R}/tiny:2")
        self.results.equal("where counts what stands on what is meant",
                           [(row["image_id"], row["relation"], row["hosts"]) for row in where["images"]],
                           [(id_of("tiny"), "itself", 1), (id_of("tiny app"), "built-on", 1)])
        self.results.check("and tells of the rest", any("weaker word" in n for n in where["notes"]),
                           str(where["notes"]))
        text = self.command.run("tree", f"{R}/tiny:2").stdout
        self.results.check("tree draws no branch of it", "tinyapp" in text and "acmeapp" not in text, text)

    def moved(self):
        self.singular("a name that moved on means the image that has it now", f"{R}/moved:1", "new",
                      ("Had the name before", "old", f"{R}/moved:1 as of 2"))
        self.singular("and where root's own tag is weaker than what was pulled, that is told",
                      f"{R}/moved:1", "new", ("Has the name by a weaker word", "own", "tag on build-1"))
        where = self.command.ask("where", f"{R}/moved:1")
        self.results.equal("where tells of all that hosts have under the name",
                           sorted(row["image_id"] for row in where["images"]),
                           sorted(map(id_of, ("old", "new"))))
        title = self.command.ask("lineage", id_of("old"))["image"]["core"]
        self.results.check("the older one is called by its day", f"{R}/moved:1 as of 2" in title, title)
        self.singular("and so it can be typed", title, "old", None)
        self.results.equal("to where as well",
                           [row["image_id"] for row in self.command.ask("where", title)["images"]],
                           [id_of("old")])
        text = self.command.run("tree", title).stdout
        self.results.check("and to tree", title in text, text)

    def unknown(self):
        for typed, meant in (("corp/blessed:1", "localhost/corp/blessed:1"),
                             ("blessed", "localhost/corp/blessed:1"), ("tiny:2", f"{R}/tiny:2"),
                             (f"{R}/tinny:2", f"{R}/tiny:2")):
            for what in (*SINGULAR, "tree"):
                run = self.run(what, typed)
                label = " ".join(what) if isinstance(what, tuple) else what
                self.results.check(f"{label}: {typed} is asked back",
                                   run.returncode != 0 and f"did you mean {meant}" in run.stderr, run.stderr)
            sentence = self.command.run("where", typed).stdout
            self.results.check(f"where: {typed} is asked back", f"did you mean {meant}" in sentence, sentence)
        run = self.command.run("lineage", "nothing/like-it:9")
        self.results.check("a text that is like nothing is told what it could be",
                           run.returncode != 0 and "an image ID" in run.stderr, run.stderr)
        row = self.command.ask("tree", id_of("corp"))["rows"][0]
        run = self.command.run("lineage", row["chain_id"])
        self.results.check("a chain that is no image says which images end there",
                           "is a chain, no image; images that end there: " + id_of("corp")[:19] in run.stderr,
                           run.stderr)

    def ambiguous(self):
        run = self.command.run("lineage", "many:1")
        offered = run.stderr.count("sha256:")
        self.results.check("of many images, whole ones are offered and the rest counted",
                           run.returncode == 2 and 1 < offered < MANY and
                           f"and {MANY - offered} more" in run.stderr, run.stderr)
        run = self.command.run("lineage", LONG)
        self.results.check("a long text is refused with its beginning",
                           run.returncode != 0 and LONG[:100] in run.stderr and len(run.stderr) < 1100,
                           run.stderr[:300])


def main():
    results = Results("names")
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "names.db")
        make(path)
        test = Test(results, Command(os.path.join(sys.argv[1], "collector", "layercensus"), path), folder)
        test.users()
        test.moved()
        test.unknown()
        test.ambiguous()
    results.finish()


if __name__ == "__main__":
    main()
