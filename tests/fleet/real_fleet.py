"""Fleets of real images: the catalogue as the player reads it, and fleets with their truth.

The data lies beside the checkout (LC_FLEET_DATA): images.jsonl.gz, the catalogue, and
simulate_fleet.py, which makes fleets from it and counts them by brute force. What the catalogue
does not say is made up from what it says, so that the same catalogue gives the same bytes:

  layer's identity   its compressed digest, as the catalogue has no diffIDs; without one SHA-256 of
                     "none:" and its v1 ID
  layer's bytes      the compressed size; unknown: 0, as the truth counts it
  image's ID         SHA-256 of the config made here, in which the catalogue's name is a label
  repo digest        the manifest's, else SHA-256 of the catalogue's name
"""

import gzip
import hashlib
import json
import os
import subprocess
import sys


def sha256(text):
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def truth_name(layer):
    """How the truth names a layer."""
    return layer["digest"] or f"none:{layer.get('v1_id')}"


def diff_of(name):
    return name if name.startswith("sha256:") else sha256(name)


def history_of(image):
    """The steps; one that made a layer that the catalogue cannot name is no empty one all the same."""
    return [{"created": step["created"], "created_by": step["created_by"],
             **({"empty_layer": True} if step["layer"] is None else {})}
            for step in image.get("history") or []]


def config_of(image):
    config = {"architecture": image["arch"], "os": image["os"], "created": image["created"],
              "config": {"Labels": {"org.example.catalogue": image["id"]}},
              "rootfs": {"type": "layers", "diff_ids": [diff_of(truth_name(x)) for x in image["layers"]]},
              "history": history_of(image)}
    for ours, theirs in (("variant", "variant"), ("os.version", "os_version")):
        if image.get(theirs):
            config[ours] = image[theirs]
    if image.get("env"):
        config["config"]["Env"] = image["env"]
    return json.dumps(config, sort_keys=True, separators=(",", ":"))


def repository_of(image):
    """As an engine writes it out: with the registry."""
    return image["repo"] if "." in image["repo"].split("/")[0] else "docker.io/" + image["repo"]


class Catalogue:
    """The catalogue in a folder of real data, or what edit(image) makes of each image there."""

    def __init__(self, data, folder, edit=None):
        self.generator = os.path.join(data, "simulate_fleet.py")
        self.source = os.path.join(data, "images.jsonl.gz")
        self.path = os.path.join(folder, "catalogue.jsonl")
        self.ids = {}  # image ID by the catalogue's name
        images = self._read()
        if edit:
            self.source = os.path.join(folder, "images.jsonl.gz")
            for image in images:
                edit(image)
            with gzip.open(self.source, "wt", compresslevel=1, encoding="utf-8") as f:
                f.writelines(json.dumps(image) + "\n" for image in images)
        self._prepare(images)

    def _read(self):
        with gzip.open(self.source, "rt", encoding="utf-8") as f:
            return [json.loads(line) for line in f]

    def _prepare(self, images):
        sizes = {}
        for image in images:
            for layer in image["layers"]:
                if layer["size"] is not None:
                    sizes[truth_name(layer)] = layer["size"]
        with open(self.path, "w", encoding="utf-8") as out:
            for image in images:
                config, repository = config_of(image), repository_of(image)
                self.ids[image["id"]] = sha256(config)
                out.write(json.dumps({
                    "name": image["id"], "config": config, "repository": repository,
                    "manifest": image.get("manifest_digest") or sha256(image["id"]),
                    "names": sorted({f"{repository}:{t['tag']}" for t in image["tags"] or []}),
                    "layers": [[diff_of(truth_name(x)), sizes.get(truth_name(x), 0)]
                               for x in image["layers"]]}) + "\n")


class Fleet:
    """A fleet's file, its truth by the generator's brute force, and what is in the file."""

    def __init__(self, catalogue, path, *options):
        """Makes the file; with "--truth-only" it is there."""
        self.catalogue, self.path = catalogue, path
        subprocess.run([sys.executable, catalogue.generator, "--catalog", catalogue.source, "--out", path,
                        "--truth", path + ".truth", "--truth-layers", path + ".layers", *options],
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        with open(path + ".truth", encoding="utf-8") as f:
            self.truth = json.load(f)["end"]
        with open(path + ".layers", encoding="utf-8") as f:
            rows = [line.rstrip("\n").split("\t") for line in f]
        self.layers = {diff_of(name): (int(hosts), int(size)) for name, size, hosts in rows}
        self.images = {}       # host: the images it holds at the end, by the catalogue's names
        self.generations = {}  # host: its last report's number, an inventory and a difference an event
        self.gone = []
        self._read()

    def _lines(self):
        with open(self.path, encoding="utf-8") as f:
            return [json.loads(line) for line in f]

    def _read(self):
        for line in self._lines():
            host = line["host"]
            if "images" in line:
                self.images[host] = set(line["images"])
                self.generations[host] = 1
            elif line["op"] == "host_gone":
                self.gone.append(host)
                del self.images[host]
            else:
                self.generations[host] += 1
                change = self.images[host].add if line["op"] == "pull" else self.images[host].remove
                change(line["image"])

    def first_day(self):
        """The same fleet before anything happened, in a file of its own."""
        path = self.path + ".day0"
        with open(path, "w", encoding="utf-8") as f:
            f.writelines(json.dumps(line) + "\n" for line in self._lines() if line["t"] == "host")
        return Fleet(self.catalogue, path, "--truth-only")

    def events(self):
        return sum(self.generations.values()) - len(self.generations)

    def holders(self):
        """How many hosts hold each image at the end."""
        counts = {}
        for images in self.images.values():
            for image in images:
                counts[image] = counts.get(image, 0) + 1
        return counts
