"""The same N images in every engine, made within seconds: five layers that all share, two of their
own, a history of twelve steps, eight labels. A store grows: fill(n) adds what is missing to n."""

import io
import json
import os
import tarfile

import docker_store
import storage_store
from archive import Layer, config
from docker_engine import Docker
from harness import run, stop, wait_for
from images import Image
from oci_engine import Layout
from podman_engine import Podman

SHARED = [Layer().file(f"base-{n}", b"b" * 100) for n in range(5)]
HISTORY = [{"created": "2026-01-02T03:04:05Z", "created_by": f"step {n}", "empty_layer": n >= 7}
           for n in range(12)]
LABELS = {f"org.example.label-{n}": f"value {n}" for n in range(8)}


def image(number):
    layers = SHARED + [Layer().file(f"own-{number}-{n}", b"o" * 50) for n in range(2)]
    return Image(config(layers, HISTORY, Labels=LABELS), layers, "1", "oci")


def name(number):
    return f"registry.example/team/app{number}:1"


class DockerStore:
    """Written by hand while the daemon is down."""

    def __init__(self, world, chroot=None):
        self.engine = Docker(world, "newer" if chroot else "docker", chroot=chroot)
        self.store = docker_store.Store(self.engine.root)

    def fill(self, count):
        if self.engine.daemon:
            self.engine.stop()
        for n in range(len(self.store.images), count):
            made = image(n)
            self.store.add(made.layers, [name(n)], made.config)
        self.engine.start()

    def pids(self):
        return [self.engine.daemon.pid, self.engine.containerd.pid]

    def end(self):
        for daemon in filter(None, (self.engine.daemon, self.engine.containerd)):
            stop(daemon, 20)


class ContainerdStore:
    """Imported into a containerd on a tmpfs, where its many fdatasyncs cost nothing, and copied to
    the disk; there a containerd is started on it. Without CRI, which looks at everything each ten
    seconds by itself."""

    SNAPSHOTTER = "overlayfs"

    def __init__(self, world, chroot=None):
        self.world, self.chroot, self.count, self.daemon = world, chroot, 0, None
        self.name = "newer" if chroot else "containerd"
        self.memory, self.root = world.path(self.name + "-filled"), None
        self.socket = world.path(f"{self.name}.sock")
        os.makedirs(self.memory, exist_ok=True)
        if not chroot:  # it would not be seen there
            run(["mount", "-t", "tmpfs", "tmpfs", self.memory])

    def _start(self, root):
        path = self.world.path("containerd.toml")
        with open(path, "w", encoding="ascii") as f:
            f.write(f'version = 2\nroot = "{root}"\nstate = "{self.world.path("state")}"\n'
                    'disabled_plugins = ["io.containerd.grpc.v1.cri"]\n'
                    f'[grpc]\naddress = "{self.socket}"\n')
        self.daemon = self.world.start("containerd.log", self.inside("containerd", "-c", path))
        wait_for("containerd", lambda: self.ctr("version"))

    def inside(self, *argv):
        return ["chroot", self.chroot, *argv] if self.chroot else list(argv)

    def ctr(self, *words):
        return run(self.inside("ctr", "-a", self.socket, *words))

    def fill(self, count):
        self.end()
        filled = os.path.join(self.memory, "containerd")
        self._start(filled)
        archive = os.path.join(self.memory, "images.tar")
        save_layout(archive, range(self.count, count))
        self.ctr("images", "import", "--snapshotter", self.SNAPSHOTTER, archive)
        self.end()
        self.count, self.root = count, self.world.path(f"{self.name}-{count}")
        run(["cp", "-a", filled, self.root])
        self._start(self.root)

    def pids(self):
        return [self.daemon.pid]

    def end(self):
        if self.daemon:
            stop(self.daemon, 20)
            self.daemon = None


class PodmanStore:
    """Written by hand; there is no daemon."""

    def __init__(self, world, chroot=None):
        self.podman = Podman(world, "newer" if chroot else "podman", chroot=chroot)
        self.store = storage_store.Store(self.podman.root, self.podman.run_root)

    def fill(self, count):
        for n in range(len(self.store.images), count):
            self.store.add(image(n), [name(n)])
        self.store.save()

    @staticmethod
    def pids():
        return []

    def end(self):
        pass


class LayoutStore:
    def __init__(self, world):
        self.layout = Layout(world)

    def fill(self, count):
        index = self.layout.index()
        for n in range(len(index["manifests"]), count):
            self.layout.write(image(n), name(n), index)


def save_layout(path, numbers):
    """An OCI layout of these images in one tar, named as `ctr images import` wants it."""
    index, seen = [], set()
    with tarfile.open(path, "w") as tar:
        def put(member, data):
            if member not in seen:
                seen.add(member)
                info = tarfile.TarInfo(member)
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))

        put("oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
        for n in numbers:
            made = image(n)
            for part in (made, *made.parts):
                put(f"blobs/sha256/{part.digest[7:]}", part.data)
            index.append(dict(made.descriptor(),
                              annotations={"io.containerd.image.name": name(n)}))
        put("index.json", json.dumps({"schemaVersion": 2, "manifests": index}).encode())
