"""A containerd of our own with its CRI plugin: own root, own socket. And its oracles: what ctr says
of each namespace, what skopeo fetched, du."""

import json
import os
import re
import subprocess

from compare import Truth, chain_ids, du, repository
from harness import run, stop, wait_for

LAYER = re.compile(r"\.layer\.|rootfs\.diff")


class Containerd:
    def __init__(self, world, name="containerd", chroot=None):
        """chroot: where a newer distribution lies, whose programs run then."""
        self.world, self.name, self.chroot = world, name, chroot
        self.root, self.state = world.path(name), world.path(f"{name}-state")
        self.socket = world.path(f"{name}.sock")
        self.runc_root = world.path(f"{name}-runc")  # else runc's own, which all engines share
        self.daemon, self.documents = None, {}
        # Version 2 lets its daemon pull, which unpacks with one snapshotter only, unless told not to.
        self.pulls = ["images", "pull", "--plain-http", *(["--local"] if chroot else [])]

    def inside(self, *argv):
        return ["chroot", self.chroot, *argv] if self.chroot else list(argv)

    def start(self, registry=None, sandbox=None):
        path = self.world.path(f"{self.name}.toml")
        with open(path, "w") as f:
            f.write(f'version = 2\nroot = "{self.root}"\nstate = "{self.state}"\n'
                    f'[grpc]\naddress = "{self.socket}"\n'
                    '[plugins."io.containerd.grpc.v1.cri"]\ndisable_tcp_service = true\n'
                    'stream_server_port = "0"\nrestrict_oom_score_adj = true\n')
            if sandbox:
                f.write(f'sandbox_image = "{sandbox}"\n')
            f.write('[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]\n'
                    'runtime_type = "io.containerd.runc.v2"\n'
                    '[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]\n'
                    f'Root = "{self.runc_root}"\n')
        self.daemon = self.world.start(f"{self.name}.log", self.inside("containerd", "-c", path))
        wait_for("containerd", lambda: self.ctr("", "version"))
        return self

    def stop(self):
        stop(self.daemon, 20)

    def ctr(self, space, *words, **options):
        chosen = ["-n", space] if space else []
        return run(self.inside("ctr", "-a", self.socket, *chosen, *words), **options)

    def pull(self, space, name, *words, snapshotter="overlayfs"):
        self.ctr(space, *self.pulls, "--snapshotter", snapshotter, *words, name)

    def pull_as_far(self, space, name, *words, snapshotter="overlayfs"):
        """What cannot be unpacked (an artifact, an attestation) is there all the same."""
        subprocess.run(self.inside("ctr", "-a", self.socket, "-n", space, *self.pulls,
                                   "--snapshotter", snapshotter, *words, name),
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        if name not in self.records(space):
            raise OSError(f"ctr left nothing of {name}")

    def fetch(self, space, name, *words):
        """Blobs and the image's record, nothing unpacked."""
        self.ctr(space, "content", "fetch", "--plain-http", *words, name)

    def run(self, space, image, name, *words, snapshotter="overlayfs"):
        self.ctr(space, "run", "-d", "--null-io", "--runc-binary", "/usr/sbin/runc", "--runc-root",
                 self.runc_root, "--snapshotter", snapshotter, image, name, *words)

    def kill(self, space, name):
        """The container's process ends; the container stays."""
        self.ctr(space, "tasks", "kill", "-s", "9", name)
        wait_for("the task to end", lambda: self.tasks(space).get(name) != "RUNNING")

    # ---- oracles -----------------------------------------------------------------------------------

    def table(self, space, *words):
        """Rows of a table of ctr's, without its head."""
        return [line.split() for line in self.ctr(space, *words).splitlines()[1:]]

    def spaces(self):
        return sorted(row[0] for row in self.table("", "namespaces", "ls"))

    def records(self, space):
        """{name: target's digest}."""
        return {row[0]: row[2] for row in self.table(space, "images", "ls")}

    def tasks(self, space):
        return {row[0]: row[2] for row in self.table(space, "tasks", "ls")}

    def blobs(self, space):
        """{digest: size} of what the namespace references."""
        return {row[0]: row[1] for row in self.table(space, "content", "ls")}

    def fetched_from(self, space):
        """{digest: {registry's host, without its port, and repository}}, by containerd's labels."""
        found = {}
        for row in self.table(space, "content", "ls"):
            for label in row[-1].split(",containerd.io/"):
                source = re.match(r"(?:containerd.io/)?distribution\.source\.([^=:]+)(?::\d+)?=(.*)",
                                  label)
                if source:
                    found.setdefault(row[0], set()).update(
                        f"{source[1]}/{repo}" for repo in source[2].split(","))
        return found

    def origins(self, space):
        """{(diffID, repository)} by those labels, of every layer whose diffID anything tells."""
        here, fetched, found = self.blobs(space), self.fetched_from(space), set()
        diffs = {blob: {label} for blob, label in self._uncompressed(space).items()}
        for target in self.records(space).values():
            for blob, diff in self.layer_blobs(space, target, here).items():
                diffs.setdefault(blob, set()).add(diff)
        for blob, known in diffs.items():
            found.update((diff, place) for diff in known for place in fetched.get(blob, ()))
        return found

    def _uncompressed(self, space):
        """{layer's blob: diffID}, as noted where it was unpacked."""
        found = {}
        for row in self.table(space, "content", "ls"):
            label = re.search(r"containerd\.io/uncompressed=(sha256:[0-9a-f]{64})", row[-1])
            if label:
                found[row[0]] = label[1]
        return found

    def pid(self, space, name):
        return next(int(row[1]) for row in self.table(space, "tasks", "ls") if row[0] == name)

    def document(self, space, digest):
        if digest not in self.documents:  # what has a digest never changes
            self.documents[digest] = json.loads(self.ctr(space, "content", "get", digest))
        return self.documents[digest]

    def chains(self, space, snapshotter):
        return {row[0] for row in self.table(space, "snapshots", "--snapshotter", snapshotter, "ls")
                if row[0].startswith("sha256:")}

    def usage(self, space, snapshotter):
        """{chainID: bytes}, as the snapshotter noted them at unpacking."""
        rows = self.table(space, "snapshots", "--snapshotter", snapshotter, "usage", "-b")
        return {row[0]: int(row[1]) for row in rows if row[0].startswith("sha256:")}

    def directories(self, space, tops):
        """{chainID: directory} below each of these chains of overlayfs: containerd itself names them
        when it is asked for the mounts of a view."""
        found = {}
        snapshots = os.path.join(self.root, "io.containerd.snapshotter.v1.overlayfs", "snapshots")
        before = set(os.listdir(snapshots))
        for number, (top, chains) in enumerate(sorted(tops.items())):
            key = f"view-{number}"
            mount = json.loads(self.ctr(space, "snapshots", "view", "--mounts", key, top))[0]
            lower = [o[9:] for o in mount["Options"] if o.startswith("lowerdir=")]
            folders = lower[0].split(":") if lower else [mount["Source"]]
            subprocess.run(self.inside("ctr", "-a", self.socket, "-n", space, "snapshots", "rm", key),
                           stderr=subprocess.DEVNULL, check=False)  # it may be collected already
            found.update(zip(reversed(chains), folders))
        self.collect(space)
        wait_for("the views to be gone", lambda: set(os.listdir(snapshots)) <= before)
        return found

    def collect(self, space):
        """Lets containerd remove now what nothing holds: else it may take its time."""
        self.ctr(space, "leases", "create", "--id", "lc-collect")
        self.ctr(space, "leases", "delete", "--sync", "lc-collect")

    def resolve(self, space, target, here):
        """[(manifest or None, its digest, config's digest)] of the images that a record stands for."""
        if target not in here:
            return []
        document = self.document(space, target)
        if "manifests" not in document:
            return [(document, target, document["config"]["digest"])]
        found = []
        for member in document["manifests"]:
            if (member.get("platform") or {}).get("os") != "unknown":
                found += [r for r in self.resolve(space, member["digest"], here) if r[2] in here]
        return found

    def truth(self, space, snapshotter="overlayfs", others=()):
        """The store of one namespace and snapshotter, as ctr and du tell it. An image belongs to
        where it is unpacked; unpacked nowhere, to the first of the namespace's snapshotters."""
        truth, here, fetched = Truth(), self.blobs(space), self.fetched_from(space)
        snapshots = self.chains(space, snapshotter)
        elsewhere = {chain for other in others for chain in self.chains(space, other)}
        tops = {}
        for name, target in self.records(space).items():
            resolved = self.resolve(space, target, here)
            for digest, config in [r[1:] for r in resolved] or [(target, None)]:
                image, diffs = self._image(space, here, digest, config)
                top = (chain_ids(diffs) or [None])[-1]
                if top not in snapshots and (top in elsewhere or
                                             any(other < snapshotter for other in others)):
                    continue
                if diffs:
                    truth.layers[image] = diffs
                else:
                    truth.by_manifest.add(image)
                _name(truth, image, name, {d for d in (target, digest)
                                           if bare(repository(name)) in fetched.get(d, ())})
                if top in snapshots:
                    truth.unpacked.add(image)
                    tops[top] = chain_ids(diffs)
        if snapshotter == "overlayfs":
            truth.copies = {chain: du(folder)
                            for chain, folder in self.directories(space, tops).items()}
        else:
            usage = self.usage(space, snapshotter)
            truth.copies = {c: usage[c] for chains in tops.values() for c in chains}
        return truth

    def _image(self, space, here, digest, config):
        """(what it is known by, its layers)."""
        diffs = (self.document(space, config).get("rootfs") or {}).get("diff_ids") \
            if config in here else None
        return (config, diffs) if diffs else (digest, [])

    def store_bytes(self, shared, alone=()):
        """du of what containerd keeps for images: content, records, snapshotters. Where several stores
        share a snapshotter, or the content, the directory's own blocks are nobody's: only what is in
        it. alone: snapshotters of one store."""
        def folder(name):
            return os.path.join(self.root, "io.containerd." + name)
        snapshotters = {name: folder("snapshotter.v1." + name) for name in (*shared, *alone)}
        content = folder("content.v1.content")
        whole = du(content, folder("metadata.v1.bolt"), *snapshotters.values())
        around = [os.path.join(snapshotters[s], below) for s in shared for below in ("", "snapshots")]
        if len(shared) + len(alone) > 1 or shared:
            around += [os.path.join(content, below) for below in ("", "blobs", "blobs/sha256")]
        return whole - sum(os.stat(path).st_blocks * 512 for path in around)

    def add_containers(self, truth, space, snapshotter, images):
        """images: {container: image}, as the test started them."""
        tasks = self.tasks(space)
        for row in self.table(space, "containers", "ls"):
            told = json.loads(self.ctr(space, "containers", "info", row[0]))
            if told["Snapshotter"] == snapshotter:
                state = "running" if tasks.get(row[0]) == "RUNNING" else "stopped"
                truth.containers[row[0]] = (images[row[0]], state)

    def layer_blobs(self, space, target, here):
        """{layer's blob: diffID} of what a record stands for."""
        found = {}
        for manifest, digest, config in self.resolve(space, target, here):
            found.update(zip((part["digest"] for part in manifest["layers"]),
                             self._image(space, here, digest, config)[1]))
        return found

    def blob_file(self, digest):
        return os.path.join(self.root, "io.containerd.content.v1.content", "blobs", "sha256",
                            digest[7:])


def _name(truth, image, name, digests):
    """A record's name is one of the image's names, or one of its repo digests, or CRI's own."""
    known = truth.names.setdefault(image, set())
    pairs = truth.repo_digests.setdefault(image, set())
    if name.startswith("sha256:"):
        return
    if "@" in name:
        pairs.add(name)
    else:
        known.add(name)
    pairs.update(f"{repository(name)}@{digest}" for digest in digests)


def process_age(pid):
    """Seconds, by proc(5)."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as f:
        started = int(f.read().rsplit(")", 1)[1].split()[19]) / os.sysconf("SC_CLK_TCK")
    with open("/proc/uptime", encoding="ascii") as f:
        return float(f.read().split()[0]) - started


def bare(place):
    """A repository without its registry's port."""
    return re.sub(r"^([^/:]+):\d+/", r"\1/", place)
