"""A docker engine of our own: own root, own sockets, own containerd, no network. And its oracles:
what docker itself, du and the layer database say."""

import hashlib
import json
import os
import re
import subprocess

from harness import run, stop, wait_for

LIMITS = ["--network", "none", "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1000:1000"]


class Docker:
    def __init__(self, world, name="docker", driver="overlay2"):
        self.world, self.name, self.driver = world, name, driver
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
        self.daemon = self.world.start(f"{self.name}.log", [
            "dockerd", "--data-root", self.root, "--exec-root", self.world.path(f"{self.name}-exec"),
            "--host", f"unix://{self.socket}", "--pidfile", self.world.path(f"{self.name}.pid"),
            "--containerd", self.containerd_socket, "--iptables=false", "--bridge=none",
            "--ip-forward=false", "--storage-driver", self.driver, "--live-restore",
            "--insecure-registry", "127.0.0.0/8"])
        wait_for("dockerd", lambda: self.cli("version"))
        return self

    def _start_containerd(self):
        path = self.world.path(f"{self.name}-containerd.toml")
        with open(path, "w") as f:
            f.write(f'version = 2\nroot = "{self.world.path(self.name + "-containerd")}"\n'
                    f'state = "{self.world.path(self.name + "-containerd-state")}"\n'
                    'disabled_plugins = ["io.containerd.grpc.v1.cri"]\n'
                    f'[grpc]\naddress = "{self.containerd_socket}"\n')
        self.containerd = self.world.start(f"{self.name}-containerd.log", ["containerd", "-c", path])
        wait_for("containerd", lambda: os.path.exists(self.containerd_socket))

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


def chain_ids(diff_ids):
    """ChainIDs by the OCI image spec, written down here once more on purpose."""
    chains, chain = [], None
    for diff in diff_ids:
        chain = diff if chain is None else \
            "sha256:" + hashlib.sha256(f"{chain} {diff}".encode()).hexdigest()
        chains.append(chain)
    return chains


def du(*paths):
    """Allocated bytes by du, hard links once over all paths, this file system only."""
    out = run(["du", "-s", "-x", "-B1", "-c", *paths])
    return int(re.findall(r"^(\d+)\ttotal$", out, re.M)[0])


class Registry:
    """The distribution's docker-registry on loopback."""

    def __init__(self, world, port):
        self.world, self.port = world, port

    def start(self):
        config = self.world.path("registry.yml")
        with open(config, "w") as f:
            f.write("version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: "
                    f"{self.world.path('registry')}\nhttp:\n  addr: 127.0.0.1:{self.port}\n")
        self.world.start("registry.log", ["docker-registry", "serve", config])
        wait_for("the registry", lambda: subprocess.run(
            ["curl", "-sf", f"http://127.0.0.1:{self.port}/v2/"],
            stdout=subprocess.DEVNULL).returncode == 0)
        return self
