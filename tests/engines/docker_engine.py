"""A docker engine of our own: own root, own sockets, own containerd, no network. And its oracles:
what docker itself, du and the layer database say."""

import json
import os

from compare import Truth, chain_ids, du
from harness import run, stop, wait_for

LIMITS = ["--network", "none", "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1000:1000"]


class Docker:
    def __init__(self, world, name="docker", driver="overlay2", chroot=None, settings=None):
        """chroot: where a newer distribution lies, whose daemons run then. settings: what its
        daemon.json says; with the containerd image store there is no driver ("")."""
        self.world, self.name, self.driver = world, name, driver
        self.chroot, self.settings = chroot, settings
        self.root = world.path(name)
        self.socket = world.path(f"{name}.sock")
        self.containerd_socket = world.path(f"{name}-containerd.sock")
        self.client = "/usr/bin/docker"
        self.daemon = self.containerd = None

    def start(self):
        if self.containerd is None or self.containerd.poll() is not None:
            self._start_containerd()
        for leftover in (self.socket, self.world.path(f"{self.name}.pid")):
            if os.path.exists(leftover):
                os.unlink(leftover)
        settings = self.world.path(f"{self.name}.json")
        with open(settings, "w") as f:
            json.dump(self.settings or {}, f)
        self.daemon = self.world.start(f"{self.name}.log", self.inside(
            "dockerd", "--config-file", settings, "--data-root", self.root,
            "--exec-root", self.world.path(f"{self.name}-exec"),
            "--host", f"unix://{self.socket}", "--pidfile", self.world.path(f"{self.name}.pid"),
            "--containerd", self.containerd_socket, "--iptables=false", "--bridge=none",
            "--ip-forward=false", *(["--storage-driver", self.driver] if self.driver else []),
            "--live-restore", "--insecure-registry", "127.0.0.0/8"))
        wait_for("dockerd", lambda: self.cli("version"))
        return self

    def _start_containerd(self):
        path = self.world.path(f"{self.name}-containerd.toml")
        with open(path, "w") as f:
            f.write(f'version = 2\nroot = "{self.world.path(self.name + "-containerd")}"\n'
                    f'state = "{self.world.path(self.name + "-containerd-state")}"\n'
                    'disabled_plugins = ["io.containerd.grpc.v1.cri"]\n'
                    f'[grpc]\naddress = "{self.containerd_socket}"\n')
        self.containerd = self.world.start(f"{self.name}-containerd.log",
                                           self.inside("containerd", "-c", path))
        wait_for("containerd", lambda: os.path.exists(self.containerd_socket))

    def inside(self, *argv):
        return ["chroot", self.chroot, *argv] if self.chroot else list(argv)

    def stop(self):
        stop(self.daemon, 20)

    def cli(self, *words, **options):
        return run([self.client, "-H", f"unix://{self.socket}", *words], **options).strip()

    def build(self, dockerfile, context, *words):
        """The classic builder, which leaves intermediate images."""
        env = dict(os.environ, DOCKER_BUILDKIT="0")
        out = self.cli("build", "--network", "none", "-q", "-f", "-", *words, context,
                       input=dockerfile, env=env)
        return out.splitlines()[-1]

    # ---- oracles -----------------------------------------------------------------------------------

    def inspect_all(self):
        """{image ID: docker inspect}, intermediate ones too."""
        ids = sorted(set(self.cli("images", "-aq", "--no-trunc").split()))
        return {i["Id"]: i for i in json.loads(self.cli("image", "inspect", *ids))} if ids else {}

    def dangling(self):
        return set(self.cli("images", "-q", "--no-trunc", "-f", "dangling=true").split())

    def intermediate(self):
        return set(self.cli("images", "-aq", "--no-trunc").split()) - set(
            self.cli("images", "-q", "--no-trunc").split())

    def containers(self):
        """{container ID: (image ID, running?)} by docker ps and inspect."""
        ids = self.cli("ps", "-aq", "--no-trunc").split()
        if not ids:
            return {}
        return {c["Id"]: (c["Image"], c["State"]["Running"])
                for c in json.loads(self.cli("inspect", *ids))}

    def copies(self):
        """{chainID: allocated bytes by du} of every chain that an image uses."""
        found = {}
        for image in self.inspect_all().values():
            for chain in chain_ids(image["RootFS"].get("Layers") or []):
                if chain not in found:
                    found[chain] = du(self.layer_dir(chain))
        return found

    def truth(self):
        """The whole store as docker and du tell it."""
        truth = Truth()
        for image, told in self.inspect_all().items():
            truth.names[image] = set(told["RepoTags"] or [])
            truth.repo_digests[image] = set(told["RepoDigests"] or [])
            truth.layers[image] = told["RootFS"].get("Layers") or []
            truth.unpacked.add(image)
            if told.get("Parent"):
                truth.parents[image] = told["Parent"]
        truth.copies = self.copies()
        for container, (image, running) in self.containers().items():
            truth.containers[container] = (image, "running" if running else "stopped")
        truth.total = self.allocated_under_roots()
        return truth

    def layer_dir(self, chain):
        entry = os.path.join(self.root, "image", self.driver, "layerdb", "sha256", chain[7:])
        with open(os.path.join(entry, "cache-id")) as f:
            cache_id = f.read().strip()
        if self.driver == "vfs":
            return os.path.join(self.root, "vfs", "dir", cache_id)
        return os.path.join(self.root, self.driver, cache_id, "diff")

    def history(self, image):
        """The commands of an image's history, first step first, by the API: the CLI cuts them."""
        out = run(["curl", "-sf", "--unix-socket", self.socket,
                   f"http://docker/v1.41/images/{image}/history"])
        return [step["CreatedBy"] for step in reversed(json.loads(out))]

    def allocated_under_roots(self):
        """du of the store's two folders: layers and metadata."""
        return du(os.path.join(self.root, self.driver), os.path.join(self.root, "image", self.driver))
