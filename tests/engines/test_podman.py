"""podman and buildah, root's store and a rootless user's: compared with podman's and buildah's own
lists, skopeo, and du. docs/testing.md has the table of oracles."""

import json
import os
import shutil
import subprocess
import sys
import time
from hashlib import sha256

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
from broken import Place, copy_of, try_places  # noqa: E402
from churn import Sequence, churn  # noqa: E402
from compare import Scan, check_bytes, check_store, du, images, names, told_spaces  # noqa: E402
from harness import Results, World, run  # noqa: E402
from images import awkward_set, image_set  # noqa: E402
from podman_engine import CACHE, LIMITS, Podman, User, own_cache, own_mounts  # noqa: E402
from registry import Registry  # noqa: E402

CACHE_FILE = os.path.join(CACHE, "blob-info-cache-v1.boltdb")
ROOTLESS = ("team/base:1", "team/plain:1", "team/links:1", "team/whiteouts:1", "team/unicode:1",
            "form/fast:1")


class Rig:
    def __init__(self, world, results):
        self.world, self.results = world, results
        os.chmod(world.dir, 0o755)
        self.registry = Registry(world).start()
        self.pushed = self.registry.push_all(image_set())
        self.odd = self.registry.push_all(awkward_set())

    def name(self, short):
        return f"{self.registry.host}/{short}"

    def options(self, podman):
        return ["--engine", "containers-storage", "--storage-root", podman.root]

    def compare(self, when, podman):
        truth = podman.truth()
        truth.total = du(*podman.folders())
        truth.spaces.update(((key, 0) for key in (("orphans", "leftover"), ("orphans", "partial"))))
        store = Scan(self.world, *self.options(podman)).store(podman.root)
        check_store(self.results, when, store, truth)
        check_bytes(self.results, when, store, truth)
        return store

    def fill(self, podman):
        for name in [*self.pushed, *self.odd]:
            if not name.endswith("form/notes:1"):
                podman.pull(name)
        podman.pull(self.name("team/two-parents") + "@" +
                    self.pushed[self.name("team/two-parents:1")].digest)
        podman.cli("untag", self.name("team/two-parents:1"))

    def build(self, podman):
        """buildah's layers: an image for each step, and one without a name."""
        context = self.world.path("context")
        os.makedirs(context, exist_ok=True)
        with open(os.path.join(context, "file"), "w", encoding="ascii") as f:
            f.write("copied\n" * 1000)
        base = self.name("team/base:1")
        podman.build(f"FROM {base}\nCOPY file /file\nRUN mkdir /new\nLABEL a=b\n", context,
                     "-t", "lc.test/steps:1")
        podman.build(f"FROM {base}\nCOPY file /unnamed\n", context)


def compare_with_buildah(rig, podman):
    """A second client of the same library lists the same."""
    told = {}
    for image in json.loads(podman.buildah("images", "-a", "--no-trunc", "--json")):
        told.setdefault(image["id"].replace("sha256:", ""), set()).update(
            n for n in image.get("names") or [] if "@" not in n)
    seen = names(Scan(rig.world, "--no-measure", *rig.options(podman)).store(podman.root))
    rig.results.equal("root: images and names as buildah lists them",
                      {i[7:]: n for i, n in seen.items()}, told)


def compare_with_skopeo(rig, podman):
    """Image ID and layers' blobs as skopeo reads them from the store and from the registry."""
    seen = names(Scan(rig.world, "--no-measure", *rig.options(podman)).store(podman.root))
    told, fetched = {}, {}
    for name in rig.pushed:
        raw = run(["skopeo", "inspect", "--tls-verify=false", "--raw", "--config", f"docker://{name}"])
        fetched[name] = "sha256:" + sha256(raw.encode()).hexdigest()
        told[name] = next((i for i, n in seen.items() if name in n), None)
    del fetched[rig.name("team/two-parents:1")], told[rig.name("team/two-parents:1")]
    rig.results.equal("root: image IDs are the digests of the configs that skopeo fetches", told,
                      fetched)
    rig.results.equal("root: image IDs are the digests of the configs that skopeo finds here",
                      {i: "sha256:" + sha256(run(["skopeo", "inspect", "--raw", "--config",
                                                  podman.skopeo_name(i)]).encode()).hexdigest()
                       for i in seen}, {i: i for i in seen})


def repo_digests(rig, podman):
    """With the cache and without it: of two repositories, that one which the top layer came from; and
    no mere tag."""
    image = rig.pushed[rig.name("team/base:1")]
    pulled, tagged = f"{rig.name('team/base')}@{image.digest}", "docker.io/library/debian"

    def told():
        store = Scan(rig.world, "--no-measure", *rig.options(podman)).store(podman.root)
        return {i: {f"{r['repository']}@{r['digest']}" for r in e["repo_digests"]}
                for i, e in images(store).items()}
    podman.cli("tag", rig.name("team/base:1"), tagged + ":12")
    podman.cli("tag", rig.name("team/many:1"), tagged + ":11")
    rig.results.equal("root: of several repositories, where its layer was met", told()[image.id],
                      {pulled})
    os.rename(CACHE_FILE, CACHE_FILE + ".aside")
    lost = told()
    os.rename(CACHE_FILE + ".aside", CACHE_FILE)
    alone = rig.pushed[rig.name("team/whiteouts:1")]
    rig.results.equal("root: without the cache, of one repository", lost[alone.id],
                      {f"{rig.name('team/whiteouts')}@{alone.digest}"})
    rig.results.check("root: a tag is no repo digest",
                      not any(tagged in pair for pairs in lost.values() for pair in pairs), lost)
    podman.cli("untag", rig.name("team/base:1"), tagged + ":12")
    podman.cli("untag", rig.name("team/many:1"), tagged + ":11")


def changes(rig, podman):
    """Removed, retagged so that one dangles, and used."""
    base, links = rig.name("team/base:1"), rig.name("team/links:1")
    podman.cli("rmi", rig.name("team/many:1"))
    podman.cli("tag", links, rig.name("team/zeros:1"))
    podman.cli("run", "-d", "--name", "runs", *LIMITS, base, "/bin/sleep", "3000")
    podman.cli("run", "--name", "ended", *LIMITS, links, "/bin/true")
    podman.cli("create", "--name", "made", *LIMITS, rig.name("team/whiteouts:1"), "/bin/true")
    store = rig.compare("root, changed", podman)
    rig.results.equal("root, changed: dangling are podman's",
                      {i for i, e in images(store).items() if not e["names"]} - intermediate(podman),
                      podman.dangling())
    podman.cli("rm", "-f", "-t", "0", "runs")
    rig.compare("root, one container gone", podman)
    for name in ("ended", "made"):
        podman.cli("rm", name)


def intermediate(podman):
    listed = podman.listed()
    parents = {i["ParentId"] for i in listed}
    return {"sha256:" + i["Id"] for i in listed if i["Id"] in parents and not i.get("Names")}


def rootless(rig):
    """A user's own podman; what it can do here depends on the kernel."""
    with User(rig.world) as user:
        for driver in ("vfs", "overlay"):
            podman = Podman(rig.world, driver=driver, user=user)
            podman.root += "-" + driver
            podman.places[1] = podman.root
            try:
                podman.pull(rig.name(ROOTLESS[0]))
            except subprocess.CalledProcessError as e:
                rig.results.skip(f"rootless, {driver}", e.stderr.strip().splitlines()[-1])
                continue
            for short in ROOTLESS[1:]:
                podman.pull(rig.name(short))
            podman.cli("run", "-d", "--name", "mine", *LIMITS, rig.name("team/plain:1"),
                       "/bin/sleep", "3000")
            store = rig.compare(f"rootless, {driver}", podman)
            rig.results.check(f"rootless, {driver}: its owner", store["owner"] == user.uid,
                              str(store["owner"]))
            podman.cli("rm", "-f", "-t", "0", "mine")


# ---- churn ---------------------------------------------------------------------------------------------


def churn_images(rig):
    podman = Podman(rig.world, "churn")
    base, plain, links = (rig.name(f"team/{n}:1") for n in ("base", "plain", "links"))
    ids = {name: rig.pushed[name].id for name in (base, plain, links)}
    podman.pull(base)
    sequence = Sequence({base: ids[base]})

    def step(change, *words):
        state = sequence.now()
        change(state)
        sequence.do(lambda: podman.cli(*words), state)

    def steps():
        for number in range(29):
            name = f"lc.test/churn/n{number % 3}:1"
            for pulled in (plain, links):
                step(lambda s, p=pulled: s.update({p: ids[p]}), "pull", "-q", "--tls-verify=false",
                     pulled)
            step(lambda s: s.update({name: ids[base]}), "tag", base, name)
            step(lambda s: s.update({name: ids[plain]}), "tag", plain, name)
            step(lambda s: s.pop(name), "untag", plain, name)
            step(lambda s: s.pop(plain), "rmi", plain)
            step(lambda s: s.pop(links), "rmi", links)
    churn(rig.results, "podman, pulls, tags and removals", rig.world, rig.options(podman),
          lambda scan: scan.store(podman.root), sequence, steps, 200)


# ---- broken places -------------------------------------------------------------------------------------


def what_nothing_explains(rig, root):
    """Planted in a copy of the store."""
    options = ["--no-api", "--engine", "containers-storage", "--storage-root", root]
    before = told_spaces(Scan(rig.world, *options).store(root))
    orphan = os.path.join(root, "overlay", "d" * 64)
    os.makedirs(os.path.join(orphan, "diff"))
    with open(os.path.join(orphan, "diff", "left"), "wb") as f:
        f.write(b"x" * 50000)
    after = told_spaces(Scan(rig.world, *options).store(root))
    rig.results.equal("what no metadata explains", after.get(("orphans", "leftover"), 0) -
                      before.get(("orphans", "leftover"), 0), du(orphan))
    totals = [sum(v for (kind, _), v in told.items() if kind == "total")
              for told in (before, after)]
    rig.results.equal("the account follows it", totals[1] - totals[0], du(orphan))
    shutil.rmtree(orphan)


def broken_places(rig, podman):
    podman.cli("create", "--name", "listed", *LIMITS, rig.name("team/base:1"), "/bin/true")
    root, = copy_of(rig.world, "broken", podman.root)
    podman.cli("rm", "listed")
    what_nothing_explains(rig, root)
    victim = rig.pushed[rig.name("form/oci:1")].id
    lost = (victim,)
    big = f"overlay-images/{victim[7:]}/"
    config = next(n for n in os.listdir(os.path.join(root, big)) if n.startswith("="))
    try_places(rig.results, "broken", rig.world, root, rig.options(podman)[:3] + [root],
               lambda scan: scan.store(root), [
                   Place("images.json", "overlay-images/images.json", "store",
                         {"missing": None, "any": "images.json"}, ()),
                   Place("layers.json", "overlay-layers/layers.json", "store",
                         {"any": "layers.json"}, ()),
                   Place("containers.json", "overlay-containers/containers.json", "entry",
                         {"any": "containers.json", "missing": ""}, ()),
                   Place("a config", big + config, "entry", {"any": victim[7:19]}, lost),
                   Place("a manifest", big + "manifest", "entry",
                         {"any": victim[7:19], "missing": ""}, lost)])


def main():
    own_mounts()
    results = Results("podman")
    with World("podman", sys.argv[1]) as world:
        own_cache(world)
        started = time.monotonic()
        rig = Rig(world, results)
        podman = Podman(world)
        print(podman.cli("--version"), "overlay; rootless: vfs, overlay")
        rig.fill(podman)
        rig.compare("root, pulled", podman)
        rig.build(podman)
        rig.compare("root, built", podman)
        compare_with_buildah(rig, podman)
        compare_with_skopeo(rig, podman)
        repo_digests(rig, podman)
        changes(rig, podman)
        rootless(rig)
        churn_images(rig)
        broken_places(rig, podman)
        print(f"{time.monotonic() - started:.0f} s")
    results.finish()


main()
