"""A newer distribution in a folder of its own, with newer engines, for tests/engines/newer."""

import os
import re
import shutil
import subprocess

from harness import run

PACKAGES = ["ca-certificates", "containerd", "crun", "docker-cli", "docker.io", "iptables", "podman",
            "runc", "skopeo"]
# A mirror may be kept as it was at one day; its lists count as expired then.
APT = ["apt-get", "-y", "-o", "Acquire::Check-Valid-Until=false"]


def own_mirror():
    """The mirror that this machine's packages come from."""
    listed = run(["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"])
    found = re.findall(r"^(?:https?|file):.*[^/\n]", listed, re.M)
    if not found:
        raise SystemExit("newer: apt knows no mirror of this distribution: name one with --mirror")
    return found[0]


class Chroot:
    """A with-statement has the system's mounts in it, and a folder of the host's under its own name,
    so that a path means the same inside and outside."""

    def __init__(self, folder, suite="sid", cache=None, mirror=None):
        self.dir, self.suite, self.cache = folder, suite, cache
        self.mirror = mirror or own_mirror()
        self.mounted = []

    def make(self):
        """Takes minutes, and the distribution's mirror. What is there already is taken as it is."""
        if os.path.exists(os.path.join(self.dir, "usr/sbin/dockerd")):
            return
        if self.cache:
            os.makedirs(self.cache, exist_ok=True)
        print(f"{self.suite} is being installed into {self.dir}", flush=True)
        run(["debootstrap", "--variant=minbase",
             *([f"--cache-dir={self.cache}"] if self.cache else []),
             self.suite, self.dir, self.mirror])
        policy = os.path.join(self.dir, "usr/sbin/policy-rc.d")
        with open(policy, "w", encoding="ascii") as f:
            f.write("#!/bin/sh\nexit 101\n")
        os.chmod(policy, 0o755)
        shutil.copy("/etc/resolv.conf", os.path.join(self.dir, "etc/resolv.conf"))
        if self.cache:
            self._mount(["--bind", self.cache], "var/cache/apt/archives")
        try:
            env = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
            run(["chroot", self.dir, *APT, "update"], env=env)
            run(["chroot", self.dir, *APT, "install", "--no-install-recommends", *PACKAGES], env=env)
        finally:
            self.leave()

    def enter(self, folder):
        self._mount(["--bind", self.dir], "")  # what runs there makes "/" private, a mount then
        self._mount(["-t", "proc", "proc"], "proc")
        for place in ("sys", "dev"):
            self._mount(["--rbind", "/" + place], place)
            run(["mount", "--make-rslave", os.path.join(self.dir, place)])
        self._mount(["--bind", folder], folder.lstrip("/"))
        self._mount(["-t", "tmpfs", "tmpfs"], "run")

    def leave(self):
        for place in reversed(self.mounted):
            subprocess.run(["umount", "-R", "-l", place], check=False)
        self.mounted = []

    def remove(self):
        """Never through a mount."""
        with open("/proc/self/mounts", encoding="utf-8") as f:
            if any(line.split()[1].startswith(self.dir + "/") for line in f):
                raise OSError(f"{self.dir} still has mounts, it stays")
        shutil.rmtree(self.dir)

    def version(self, *argv):
        return run(["chroot", self.dir, *argv]).strip()

    def _mount(self, what, place):
        target = os.path.join(self.dir, place).rstrip("/")
        os.makedirs(target, exist_ok=True)
        run(["mount", *what, target])
        self.mounted.append(target)
