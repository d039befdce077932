"""Fleets of real images: the catalogue as the player reads it, and fleets with their truth.

The data lies beside the checkout (LC_FLEET_DATA): images.jsonl.gz, the catalogue, and
simulate_fleet.py, which makes fleets from it and counts them by brute force. What the catalogue
does not say is made up from what it says, so that the same catalogue gives the same bytes:

  layer's identity   its compressed digest, as the catalogue has no diffIDs; without one SHA-256 of
                     "none:" and its v1 ID
  layer's bytes      the compressed size; unknown: 0, as the truth counts it
  layer's files      none where the catalogue calls it empty, else one
  os-release         of a distribution's own images, in their first layer
  image's ID         SHA-256 of the config made here, in which the catalogue's name is a label
  repo digest        the index's, else the manifest's, else SHA-256 of the catalogue's name
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


# Repositories of images that are a distribution themselves, with an os-release.
DISTRIBUTIONS = ("alpine", "amazonlinux", "debian", "fedora", "ubuntu")
BASE_LABELS = ("org.opencontainers.image.base.name", "org.opencontainers.image.base.digest")


def first_layer(image):
    """The name of the genesis layer; None where all are empty."""
    return next((truth_name(x) for x in image["layers"] if not x.get("empty")), None)


def os_releases(images):
    """{layer's name: os-release}: of the earliest image of a distribution that begins with it."""
    found = {}
    for image in sorted(images, key=lambda i: (i["created"], i["id"])):
        layers = [x for x in image["layers"] if not x.get("empty")]
        if image["repo"] in DISTRIBUTIONS and len(layers) == 1 and image["tags"]:
            version = min(t["tag"] for t in image["tags"])
            found.setdefault(first_layer(image), f'ID={image["repo"]}\nVERSION_ID="{version}"\n')
    return found


def declare(config, name, digest):
    """What a builder writes of the base: buildah its comment, others labels."""
    config["config"]["Labels"].update(zip(BASE_LABELS, (name, digest)))
    if config["history"]:
        config["history"][-1]["comment"] = f"FROM {name}"
    return config


def strip(config):
    """Takes every declaration of a base out of a config."""
    for label in BASE_LABELS:
        config["config"]["Labels"].pop(label, None)
    for step in config["history"]:
        if "FROM " in step.get("comment", ""):
            del step["comment"]
    return config


def config_of(image):
    return config_text(config_object(image))


def config_text(config):
    return json.dumps(config, sort_keys=True, separators=(",", ":"))


def config_object(image):
    config = {"architecture": image["arch"], "os": image["os"], "created": image["created"],
              "config": {"Labels": {"org.example.catalogue": image["id"]}},
              "rootfs": {"type": "layers", "diff_ids": [diff_of(truth_name(x)) for x in image["layers"]]},
              "history": history_of(image)}
    for ours, theirs in (("variant", "variant"), ("os.version", "os_version")):
        if image.get(theirs):
            config[ours] = image[theirs]
    if image.get("env"):
        config["config"]["Env"] = image["env"]
    return config


def repository_of(image):
    """As an engine writes it out: with the registry."""
    return image["repo"] if "." in image["repo"].split("/")[0] else "docker.io/" + image["repo"]


def manifest_of(image):
    """The repo digest that a pull by tag leaves."""
    return image.get("index_digest") or image.get("manifest_digest") or sha256(image["id"])


class Catalogue:
    """The catalogue in a folder of real data, or what edit(image) makes of each image there.

    declared: configs say the base that the catalogue says, where it has that base too ("kept"), or said
    it and were stripped of it before anything else looked at them ("stripped")."""

    def __init__(self, data, folder, edit=None, declared=None):
        self.declared = declared
        self.generator = os.path.join(data, "simulate_fleet.py")
        self.source = os.path.join(data, "images.jsonl.gz")
        self.path = os.path.join(folder, "catalogue.jsonl")
        self.ids = {}  # image ID by the catalogue's name
        self.images = images = self._read()
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
        systems, by_name = os_releases(images), {image["id"]: image for image in images}
        with open(self.path, "w", encoding="utf-8") as out:
            for image in images:
                config, repository = self._config(image, by_name), repository_of(image)
                self.ids[image["id"]] = sha256(config)
                out.write(json.dumps({
                    "name": image["id"], "config": config, "repository": repository,
                    "manifest": manifest_of(image),
                    "names": sorted({f"{repository}:{t['tag']}" for t in image["tags"] or []}),
                    "layers": [[diff_of(truth_name(x)), sizes.get(truth_name(x), 0),
                                int(not x.get("empty")), systems.get(truth_name(x), "")]
                               for x in image["layers"]]}) + "\n")

    def _config(self, image, by_name):
        config, base = config_object(image), by_name.get(image.get("declared_base_id"))
        if self.declared and base:
            name = f"{repository_of(base)}:{base['tags'][0]['tag']}"
            declare(config, name, manifest_of(base))
        return config_text(strip(config) if self.declared == "stripped" else config)


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
