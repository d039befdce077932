"""A podman and buildah store of our own, root's or a user's. And its oracles: podman's and buildah's
lists and inspections, skopeo, du."""

import json
import os
import signal
import subprocess
import sys

from compare import Truth, chain_ids, du
from harness import run

CACHE = "/var/lib/containers/cache"
LIMITS = ["--network", "none", "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1000:1000"]


def own_cache(world):
    """Root's blob info cache lies at one place, wherever the store is. From here on, this program and
    all that it starts see an empty one there; the host's is left alone."""
    os.makedirs(CACHE, exist_ok=True)
    os.makedirs(world.path("cache"))
    run(["mount", "--bind", world.path("cache"), CACHE])


def own_mounts():
    """Starts this program anew where its mounts are its own."""
    if os.environ.get("LC_OWN_MOUNTS") != str(os.getpid()):
        os.environ["LC_OWN_MOUNTS"] = str(os.getpid())
        os.execvp("unshare", ["unshare", "--mount", "--propagation", "private", sys.executable,
                              *sys.argv])


def repository(name):
    """The name without its tag and digest."""
    name = name.split("@")[0]
    return name.rsplit(":", 1)[0] if ":" in name.rsplit("/", 1)[-1] else name


class Podman:
    def __init__(self, world, name="podman", driver="overlay", user=None, chroot=None):
        """user: a User, whose store is then made by the user's own podman below its home."""
        self.world, self.driver, self.user, self.chroot = world, driver, user, chroot
        self.root = os.path.join(user.home, ".local/share/containers/storage") if user \
            else world.path(name)
        self.run_root = os.path.join(user.run, "containers") if user else world.path(f"{name}-run")
        self.places = ["--root", self.root, "--runroot", self.run_root, "--storage-driver", driver]
        self.pairs = {}
        self.common = ["--cgroup-manager", "cgroupfs", "--events-backend", "file"]
        if not user:
            self.common += ["--tmpdir", world.path(f"{name}-tmp")]

    def inside(self, argv):
        if self.user:
            return self.user.command(argv)
        return ["chroot", self.chroot, *argv] if self.chroot else argv

    def cli(self, *words, **options):
        return run(self.inside(["podman", *self.places, *self.common, "--runtime", "runc", *words]),
                   **options).strip()

    def buildah(self, *words, **options):
        return run(self.inside(["buildah", *self.places, *words]), **options).strip()

    def pull(self, name):
        return self.cli("pull", "-q", "--tls-verify=false", name)

    def build(self, dockerfile, context, *words):
        """Leaves each step's image behind, as --layers does."""
        return self.buildah("bud", "--layers", "--isolation", "chroot", "-f", "-", *words, context,
                            input=dockerfile)

    def skopeo_name(self, image):
        """The image as skopeo names it here."""
        return f"containers-storage:[{self.driver}@{self.root}+{self.run_root}]@{image[7:]}"

    # ---- oracles -----------------------------------------------------------------------------------

    def folders(self):
        """Where layers, images and containers are; libpod's own files beside them are no part of it."""
        return [os.path.join(self.root, self.driver + end)
                for end in ("", "-layers", "-images", "-containers")]

    def listed(self):
        """podman's own list, intermediate images too."""
        return json.loads(self.cli("images", "-a", "--no-trunc", "--format", "json"))

    def inspect_all(self):
        ids = sorted({i["Id"] for i in self.listed()})
        return {"sha256:" + i["Id"]: i for i in json.loads(self.cli("image", "inspect", *ids))} \
            if ids else {}

    def truth(self):
        """The whole store as podman and du tell it."""
        truth = Truth()
        inspected = self.inspect_all()
        for image, told in inspected.items():
            truth.names[image] = set(told["RepoTags"] or [])
            truth.repo_digests[image] = {pair for pair in told["RepoDigests"] or []
                                         if self.is_real(pair)}
            truth.layers[image] = told["RootFS"].get("Layers") or []
            truth.unpacked.add(image)
            chains = chain_ids(truth.layers[image])
            for chain, folder in zip(reversed(chains), self.directories(told)):
                if chain not in truth.copies:
                    truth.copies[chain] = du(folder)
        truth.sure_digests = self.sure(truth, inspected)
        for container in json.loads(self.cli("ps", "-a", "--no-trunc", "--format", "json")):
            truth.containers[container["Id"]] = (
                "sha256:" + container["ImageID"],
                "running" if container["State"] == "running" else "stopped")
            truth.container_names[container["Id"]] = container["Names"][0]
        return truth

    @staticmethod
    def sure(truth, inspected):
        """The repo digests of images that never had a name of another repository. Of the others nothing
        on disk tells a pull from a tag, unless their top layer was fetched; nor does it where layers
        travelled uncompressed."""
        return {i: truth.repo_digests[i] for i, told in inspected.items()
                if truth.repo_digests[i] and "form/tar:1" not in str(truth.names[i])
                and len({repository(name) for name in told["NamesHistory"]}) == 1}

    def is_real(self, pair):
        """podman shows each repository of a name with each manifest of the image. The registry knows
        which of these pairs there are."""
        if pair not in self.pairs:
            self.pairs[pair] = subprocess.run(
                ["skopeo", "inspect", "--tls-verify=false", "--raw", f"docker://{pair}"],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode == 0
        return self.pairs[pair]

    def directories(self, told):
        """The directories of an image's layers from the top down, by podman image inspect. Of a
        driver with whole trees it names the topmost only; the others are in the layers' list."""
        data = told["GraphDriver"]["Data"]
        if data and "UpperDir" in data:
            return [data["UpperDir"], *filter(None, data.get("LowerDir", "").split(":"))]
        layers = {layer["id"]: layer for layer in self.layers()}
        with open(os.path.join(self.root, f"{self.driver}-images", "images.json"),
                  encoding="utf-8") as f:
            layer = next(i["layer"] for i in json.load(f) if i["id"] == told["Id"])
        found = []
        while layer:
            found.append(os.path.join(self.root, self.driver, "dir", layer))
            layer = layers[layer].get("parent")
        return found

    def layers(self):
        with open(os.path.join(self.root, f"{self.driver}-layers", "layers.json"),
                  encoding="utf-8") as f:
            return json.load(f)

    def dangling(self):
        return {"sha256:" + i for i in self.cli(
            "images", "-q", "--no-trunc", "-f", "dangling=true").replace("sha256:", "").split()}


class User:
    """A user of our own with subordinate IDs, for a rootless store."""

    NAME = "lcrootless"

    def __init__(self, world):
        self.home, self.run = world.path("home"), world.path("user-run")
        self.uid = None

    def __enter__(self):
        run(["useradd", "-m", "-d", self.home, "-s", "/bin/sh", self.NAME])
        self.uid = int(run(["id", "-u", self.NAME]))
        os.makedirs(self.run, 0o700)
        os.chown(self.run, self.uid, self.uid)
        return self

    def __exit__(self, *_):
        """podman leaves a process that keeps the user's name space."""
        try:
            with open(os.path.join(self.run, "libpod/tmp/pause.pid"), encoding="ascii") as f:
                os.kill(int(f.read()), signal.SIGKILL)
        except (OSError, ValueError):
            pass
        subprocess.run(["userdel", "-f", self.NAME], stderr=subprocess.DEVNULL, check=False)

    def command(self, argv):
        return ["setpriv", "--reuid", str(self.uid), "--regid", str(self.uid), "--init-groups",
                "env", "-i", "-C", self.home, f"HOME={self.home}", f"XDG_RUNTIME_DIR={self.run}",
                "PATH=/usr/sbin:/usr/bin:/sbin:/bin", *argv]
