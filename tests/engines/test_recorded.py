"""Engines that are not in the distribution, read from stores that the libraries which they share with
others write in their places: CRI-O's by podman and containers-storage, K3s's by containerd. The agent
sees a host's root of our own (--host-root), with the engines' configuration and a symlink in it."""

import json
import os
import shutil
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
from compare import Scan, check_store, names  # noqa: E402
from containerd_engine import Containerd  # noqa: E402
from harness import Results, World, run  # noqa: E402
from images import image_set  # noqa: E402
from podman_engine import Podman  # noqa: E402
from registry import Registry  # noqa: E402

SHARED = ("team/base:1", "team/plain:1", "team/twice:1")
POD = "k8s_web-0_shop_3c0d5a64-8d53-4a5e-8a63-3a2d1c1b0a99_0"
# As CRI-O 1.36 writes it into the containers that it makes.
METADATA = {"pod-name": POD, "pod-id": "0" * 64, "name": "nginx", "container-name": "nginx",
            "metadata-name": "nginx", "namespace": "shop", "attempt": 0}


class Host:
    """A host's root in a folder."""

    def __init__(self, world):
        self.world, self.root = world, world.path("h")

    def path(self, inside):
        return self.root + inside

    def write(self, inside, text):
        os.makedirs(os.path.dirname(self.path(inside)), exist_ok=True)
        with open(self.path(inside), "w") as f:
            f.write(text)

    def scan(self):
        return Scan(self.world, "--host-root", self.root, find=True)


def podman_at(host, root, run_root):
    podman = Podman(host.world, name="crio")
    podman.root, podman.run_root = host.path(root), host.path(run_root)
    podman.places = ["--root", podman.root, "--runroot", podman.run_root, "--storage-driver",
                     podman.driver]
    return podman


def make_container(podman, image, name, metadata):
    return run(["containers-storage", "-g", podman.root, "-R", podman.run_root, "-s", podman.driver,
                "create-container", "--volatile", "-j", "-n", name, "-m", json.dumps(metadata),
                image[7:]]).strip()


def crio(results, host, pushed):
    """Its root is behind a symlink that must not leave the host's root."""
    host.write("/etc/crio/crio.conf", '[crio]\nroot = "/var/lib/containers/storage"\n'
                                      'runroot = "/run/crio-run"\n')
    os.makedirs(host.path("/data/storage"))
    os.makedirs(host.path("/var/lib/containers"))
    podman = podman_at(host, "/data/storage", "/run/crio-run")
    for name in pushed:
        podman.pull(name)
    os.symlink("/data/storage", host.path("/var/lib/containers/storage"))
    shutil.copytree("/var/lib/containers/cache", host.path("/var/lib/containers/cache"))
    truth = podman.truth()
    image = sorted(truth.layers)[0]
    made = json.loads(make_container(podman, image, "nginx", METADATA))
    sandbox = json.loads(make_container(podman, image, "pause", dict(METADATA, pod=True)))
    # The distribution's library notes volatile containers beside the others, CRI-O's in this file.
    folder = os.path.join(podman.root, "overlay-containers")
    os.rename(os.path.join(folder, "containers.json"),
              os.path.join(folder, "volatile-containers.json"))
    truth.containers = {c["id"]: (image, "stopped") for c in (made, sandbox)}
    truth.container_names = {}
    store = host.scan().store("/var/lib/containers/storage", "overlay")
    results.equal("crio: the store is CRI-O's", store["engine"], "cri-o")
    check_store(results, "crio", store, truth)
    told = {c["id"]: (c["kube_namespace"], c["kube_pod"]) for c in store["containers"]}
    results.equal("crio: namespace and pod", told.get(made["id"]), ("shop", "web-0"))


def k3s(results, host, pushed):
    containerd = Containerd(host.world, name="k3s")
    containerd.root = host.path("/var/lib/rancher/k3s/agent/containerd")
    containerd.state = host.path("/run/k3s/containerd")
    for folder in (containerd.root, containerd.state):
        os.makedirs(folder)
    containerd.socket = host.path("/run/k3s/containerd/containerd.sock")
    containerd.start()
    for name in pushed:
        containerd.pull("k8s.io", name)
    first = next(iter(pushed))
    containerd.run("k8s.io", first, "runs", "/bin/sleep", "3000")
    store = host.scan().store("/var/lib/rancher/k3s/agent/containerd", "overlayfs", "k8s.io")
    truth = containerd.truth("k8s.io")
    truth.containers = {"runs": (pushed[first].id, "running")}
    check_store(results, "k3s", store, truth)
    results.equal("k3s: all names are there", set().union(*names(store).values()), set(pushed))
    containerd.kill("k8s.io", "runs")
    containerd.stop()
    store = host.scan().store("/var/lib/rancher/k3s/agent/containerd", "overlayfs", "k8s.io")
    results.equal("k3s, stopped: all names are still there", set().union(*names(store).values()),
                  set(pushed))


def main():
    results = Results("recorded")
    with World("rec", sys.argv[1]) as world:
        registry = Registry(world).start()
        pushed = registry.push_all({short: image_set()[short] for short in SHARED})
        host = Host(world)
        crio(results, host, pushed)
        k3s(results, host, pushed)
    results.finish()


main()
