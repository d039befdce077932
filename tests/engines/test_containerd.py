"""containerd: several namespaces and snapshotters, CRI's among them, compared with ctr, skopeo, du and
what the registry was given. docs/testing.md has the table of oracles."""

import os
import shutil
import sys
from hashlib import sha256

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
from broken import Place, copy_of, try_places  # noqa: E402
from churn import Sequence, churn  # noqa: E402
from compare import (Scan, check_account, check_bytes, check_store, du, images,  # noqa: E402
                     repository, told_spaces)
from containerd_engine import Containerd, bare, process_age  # noqa: E402
from cri import Cri  # noqa: E402
from harness import Results, World, run  # noqa: E402
from images import awkward_set, image_set  # noqa: E402
from registry import Registry  # noqa: E402

CONTENT = "io.containerd.content.v1.content"
META = "io.containerd.metadata.v1.bolt/meta.db"
SNAPSHOTS = "io.containerd.snapshotter.v1.overlayfs"
STORES = [("churn", "overlayfs"), ("default", "native"), ("default", "overlayfs"),
          ("k8s.io", "overlayfs"), ("kept", "overlayfs"), ("odd", "native")]


class Rig:
    """The engine with its images, and which container was made of which image."""

    def __init__(self, world, results):
        self.world, self.results = world, results
        self.registry = Registry(world).start()
        self.pushed = self.registry.push_all(image_set())
        self.odd = self.registry.push_all(awkward_set())
        self.engine = Containerd(world).start(sandbox=self.name("team/base:1"))
        self.used = {}
        self.pod_names = {}
        self.options = ["--engine", "containerd", "--containerd-root", self.engine.root,
                        "--containerd-socket", self.engine.socket]

    def name(self, short):
        return f"{self.registry.host}/{short}"

    def image(self, short):
        return self.pushed[self.name(short)].id

    def fill(self):
        engine = self.engine
        for name in self.pushed:
            engine.pull("default", name)
        for name in map(self.name, ("team/links:1", "team/twice:1")):
            engine.pull("default", name, snapshotter="native")
        for name in self.odd:
            engine.pull_as_far("odd", name, snapshotter="native")
        engine.pull_as_far("odd", self.name("form/multi:1"), "--all-platforms", snapshotter="native")
        for short in ("team/plain:1", "form/fast:1"):
            engine.fetch("kept", self.name(short))
        engine.fetch("kept", self.name("form/notes:1"))
        engine.pull("churn", self.name("team/base:1"))

    def run_containers(self):
        for name, short in (("lc-runs", "team/plain:1"), ("lc-ended", "team/links:1")):
            self.engine.run("default", self.name(short), name, "/bin/sleep", "3000")
            self.used[name] = self.image(short)
        self.engine.kill("default", "lc-ended")

    def run_pod(self):
        """Kubernetes' way: a pod with a container that runs and one that ended."""
        cri = Cri(self.engine.socket)
        for short in ("team/plain:1", "team/whiteouts:1"):
            self.results.equal(f"CRI calls {short} by its config's digest",
                               cri.pull(self.name(short)), self.image(short))
        pod = cri.pod("web-0", "shop", self.world.path("pod-logs"))
        self.used[pod[0]] = self.image("team/base:1")
        for name, short in (("server", "team/plain:1"), ("once", "team/whiteouts:1")):
            made = cri.container(pod, name, self.name(short), "/bin/sleep", "3000")
            self.used[made] = self.image(short)
            self.pod_names[made] = name
            if name == "once":
                cri.stop(made)
        return cri, pod

    def scan(self, *more):
        return Scan(self.world, *self.options, *more, find=True)

    def store(self, scan, space, snapshotter="overlayfs"):
        return scan.store(self.engine.root, snapshotter, space)

    def truth(self, space, snapshotter):
        truth = self.engine.truth(space, snapshotter, [other for among, other in STORES
                                                       if among == space and other != snapshotter])
        self.engine.add_containers(truth, space, snapshotter, self.used)
        if space == "k8s.io":
            truth.container_names = self.pod_names
        return truth


def compare_all(rig, when):
    """Every namespace and snapshotter against what ctr says of it, which is returned."""
    truths = {key: rig.truth(*key) for key in STORES}
    scan = rig.scan()
    scan.stores = [s for s in scan.stores if s["root"] == rig.engine.root]
    stores = [rig.store(scan, *key) for key in STORES]
    rig.results.equal(f"{when}: namespaces and snapshotters",
                      sorted((s["space"], s["driver"]) for s in scan.stores), sorted(STORES))
    for key, store in zip(STORES, stores):
        title = f"{when}: {key[0]}/{key[1]}"
        check_store(rig.results, title, store, truths[key])
        check_bytes(rig.results, title, store, truths[key])
    check_blobs(rig, when, stores, truths)
    check_account(rig.results, when, stores, rig.engine.store_bytes(["native", "overlayfs"]))
    pods = {c["id"]: (c["kube_namespace"], c["kube_pod"]) for s in stores for c in s["containers"]
            if c["kube_pod"]}
    rig.results.equal(f"{when}: pods of containers", pods,
                      {c: ("shop", "web-0") for c in truths[("k8s.io", "overlayfs")].containers})
    return truths


def check_blobs(rig, when, stores, truths):
    """Blob files by the rule of docs/engines.md: each is charged to the first store that names it, as
    kept where its layer is also unpacked there."""
    engine, charged, expected = rig.engine, set(), {}
    for space, snapshotter in sorted(STORES):
        here, kept = engine.blobs(space), set()
        truth = truths[(space, snapshotter)]
        unpacked = {diff for image in truth.unpacked for diff in truth.layers[image]}
        for target in engine.records(space).values():
            kept |= {blob for blob, diff in engine.layer_blobs(space, target, here).items()
                     if diff in unpacked}
        for blob in set(here) - charged:
            key = (space, snapshotter, "kept" if blob in kept else "only")
            expected[key] = expected.get(key, 0) + du(engine.blob_file(blob))
        charged |= set(here)
    told = {(s["space"], s["driver"], kind): value for s in stores
            for (klass, kind), value in told_spaces(s).items() if klass == "blobs" and value}
    rig.results.equal(f"{when}: blob files, once each", told, expected)
    folder = os.path.join(engine.root, CONTENT, "blobs/sha256")
    rig.results.equal(f"{when}: all of them are du of the blobs' files", sum(told.values()),
                      sum(os.stat(os.path.join(folder, n)).st_blocks * 512
                          for n in os.listdir(folder)))


def compare_with_skopeo(rig):
    """Image ID and repo digest are the digests of what skopeo fetches."""
    seen = images(rig.store(rig.scan("--no-measure"), "default"))
    told, fetched = {}, {}
    for name, thing in rig.pushed.items():
        raw = {words: "sha256:" + sha256(run(
            ["skopeo", "inspect", "--tls-verify=false", *words.split(),
             f"docker://{name}"]).encode()).hexdigest() for words in ("--raw --config", "--raw")}
        fetched[name] = (raw["--raw --config"], raw["--raw"])
        told[name] = next(((i, d["digest"]) for i, e in seen.items() if name in e["names"]
                           for d in e["repo_digests"]
                           if d["repository"] == name.rsplit(":", 1)[0]
                           and d["digest"] == thing.digest), None)
    rig.results.equal("default: image IDs and repo digests as skopeo fetches them", told, fetched)


def changes(rig):
    """A retag, a removal, a second compression of a layer that is here, a kept one unpacked."""
    engine = rig.engine
    engine.ctr("default", "images", "tag", "--force", rig.name("team/links:1"),
               rig.name("team/plain:latest"))
    engine.ctr("default", "images", "rm", "--sync", rig.name("team/many:1"),
               rig.name("team/two-parents:1"))
    engine.pull("kept", rig.name("form/fast:1"))
    engine.fetch("kept", rig.name("form/oci:1"))
    return compare_all(rig, "changed")


def origins(rig, truths):
    """A layer that came from several repositories is known to be in each: by a repo digest of an image
    that has it, or by itself. Ports are left out, as ctr leaves them out of its labels."""
    scan = rig.scan("--no-measure")
    expected = {}
    for key, truth in truths.items():
        implied = {(diff, bare(repository(pair))) for image, pairs in truth.repo_digests.items()
                   for pair in pairs for diff in truth.layers.get(image, ())}
        expected[key] = rig.engine.origins(key[0]) - implied
    rig.results.equal("origins of layers", {key: {
        (o["diff"], bare(o["repository"])) for o in rig.store(scan, *key)["origins"]}
        for key in STORES}, expected)
    rig.results.check("a layer outlives an image that it came with", any(expected.values()))


def since(rig):
    """A container runs since its process started, by the kernel's word; of one that ended nothing is
    known."""
    told = {c["id"]: c["since_seconds"]
            for c in rig.store(rig.scan("--no-measure"), "default")["containers"]}
    age = process_age(rig.engine.pid("default", "lc-runs"))
    rig.results.check("since when a container runs", abs(told["lc-runs"] - age) <= 2,
                      f"{told['lc-runs']} s, not {age:.1f} s")
    rig.results.check("since when a container that ended runs", told["lc-ended"] is None,
                      f"{told['lc-ended']} s")


# ---- churn ---------------------------------------------------------------------------------------------


def churn_images(rig):
    engine = rig.engine
    base, plain = rig.name("team/base:1"), rig.name("team/plain:1")
    links, first = rig.name("team/links:1"), rig.image("team/base:1")
    sequence = Sequence({base: first})

    def step(change, *words):
        state, through = sequence.now(), []
        if "--force" in words:  # ctr removes the name before it makes it anew
            through = [{name: image for name, image in state.items() if name != words[-1]}]
        change(state)
        sequence.do(lambda: engine.ctr("churn", "images", *words), *through, state)

    def steps():
        for number in range(28):
            name = f"lc.test/churn/n{number % 3}:1"
            for pulled, short in ((plain, "team/plain:1"), (links, "team/links:1")):
                step(lambda s, p=pulled, i=short: s.update({p: rig.image(i)}),
                     "pull", "--plain-http", pulled)
            step(lambda s: s.update({name: first}), "tag", base, name)
            step(lambda s: s.update({name: rig.image("team/plain:1")}), "tag", "--force", plain, name)
            step(lambda s: s.pop(plain), "rm", plain)
            step(lambda s: s.update({name: rig.image("team/links:1")}), "tag", "--force", links, name)
            step(lambda s: s.pop(links), "rm", "--sync", links)
            step(lambda s: s.pop(name), "rm", name)
    churn(rig.results, "containerd, pulls, tags and removals", rig.world, rig.options,
          lambda scan: rig.store(scan, "churn"), sequence, steps, 200)


# ---- broken places -------------------------------------------------------------------------------------


def what_nothing_explains(rig, root):
    """Planted in a copy of the store: a snapshot's directory, a blob and a half pull that no metadata
    knows. Younger than an hour they may be a pull's. (Age is that of the last change of the inode,
    which cannot be planted: unit tests have old ones.)"""
    options = ["--no-api", "--engine", "containerd", "--containerd-root", root]
    before = sum_spaces(Scan(rig.world, *options))
    planted = [os.path.join(root, place) for place in
               (f"{SNAPSHOTS}/snapshots/99999", f"{CONTENT}/ingest/{'a' * 64}",
                f"{CONTENT}/blobs/sha256/{'c' * 64}")]
    for path, name in zip(planted, ("fs/left", "data", "")):
        place = os.path.join(path, name).rstrip("/")
        os.makedirs(os.path.dirname(place), exist_ok=True)
        with open(place, "wb") as f:
            f.write(b"x" * 50000)
    after = sum_spaces(Scan(rig.world, *options))
    rig.results.equal("what no metadata explains, when it is young",
                      {key: after[key] - before.get(key, 0) for key in after
                       if after[key] != before.get(key, 0) and key[0] != "total"},
                      {("outside", "pulling"): du(*planted)})
    shutil.rmtree(planted[0])
    shutil.rmtree(planted[1])
    os.unlink(planted[2])


def sum_spaces(scan):
    total = {}
    for store in scan.stores:
        for key, value in told_spaces(store).items():
            total[key] = total.get(key, 0) + value
    return total


def broken_places(rig):
    engine = rig.engine
    many = rig.pushed[rig.name("form/oci:1")]
    engine.stop()
    root, = copy_of(rig.world, "broken", engine.root)
    what_nothing_explains(rig, root)
    blob = os.path.join(CONTENT, "blobs/sha256/")
    lost = (many.id, many.digest)
    try_places(rig.results, "broken", rig.world, root,
               ["--engine", "containerd", "--containerd-root", root],
               lambda scan: scan.store(root, "overlayfs", "default"), [
                   Place("the records (meta.db)", META, "store", {"missing": None}, ()),
                   Place("the snapshotter's metadata.db", f"{SNAPSHOTS}/metadata.db", "store",
                         {"any": "snapshotter", "oversized": ""}, ()),
                   Place("a manifest", blob + many.digest[7:], "entry",
                         {"any": many.digest[7:19]}, lost),
                   Place("a config", blob + many.id[7:], "entry", {"any": many.id[7:19]}, lost)])


def main():
    results = Results("containerd")
    with World("containerd", sys.argv[1]) as world:
        rig = Rig(world, results)
        print(rig.engine.ctr("", "version").split("Server:")[1].split()[1])
        rig.fill()
        rig.run_containers()
        cri, pod = rig.run_pod()
        compare_all(rig, "first")
        compare_with_skopeo(rig)
        origins(rig, changes(rig))
        since(rig)
        cri.end(pod)
        cri.close()
        churn_images(rig)
        broken_places(rig)
    results.finish()


main()
