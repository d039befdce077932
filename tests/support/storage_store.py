"""A containers/storage store written by hand, as podman 4.3 lays it out, for benchmarks that need
more images than an engine can be waited for. podman lists and inspects them.
"""

import base64
import gzip
import hashlib
import io
import json
import os
import re
import tarfile

CREATED = "2026-01-02T03:04:05.123456789Z"
GZIP = 2  # archive.Compression of containers/storage
PLAIN_NAME = re.compile(r"[a-z0-9.]+")


def file_name(name):
    """The file of big data, as containers/storage's makeBigDataBaseName() has it."""
    return name if PLAIN_NAME.fullmatch(name) else "=" + base64.b64encode(name.encode()).decode()


class Store:
    """The overlay driver; images are images.Image."""

    def __init__(self, root, run_root):
        self.root = root
        self.images, self.layers = [], {}  # entries of images.json; chain -> entry of layers.json
        for folder in ("overlay/l", "overlay-images", "overlay-layers", "overlay-containers"):
            os.makedirs(os.path.join(root, folder), mode=0o700)
        # As whatever pulls leaves them. Without the lock's bytes podman reads layers.json anew for
        # each layer of each image that it lists.
        os.makedirs(os.path.join(run_root, "overlay-layers"), mode=0o700)
        for name, content in (("mountpoints.json", b"[]"), ("mountpoints.lock", os.urandom(64))):
            with open(os.path.join(run_root, "overlay-layers", name), "wb") as f:
                f.write(content)

    def _write(self, name, data):
        path = os.path.join(self.root, name)
        with open(path + ".tmp", "wb") as f:
            f.write(data)
        os.rename(path + ".tmp", path)

    def add(self, image, names):
        """Call save() after the last one."""
        top = None
        for layer, blob in zip(image.layers, image.parts[1:]):
            top = self._add_layer(top, layer, blob)
        data = {"sha256:" + image.id[7:]: image.config, "manifest-" + image.digest: image.data,
                "manifest": image.data}
        folder = os.path.join("overlay-images", image.id[7:])
        os.mkdir(os.path.join(self.root, folder), 0o700)
        for name, content in data.items():
            self._write(os.path.join(folder, file_name(name)), content)
        self.images.append({
            "id": image.id[7:], "digest": image.digest, "names": names, "names-history": names,
            "layer": top, "metadata": "{}", "big-data-names": list(data),
            "big-data-sizes": {name: len(content) for name, content in data.items()},
            "big-data-digests": {name: "sha256:" + hashlib.sha256(content).hexdigest()
                                 for name, content in data.items()},
            "created": CREATED})

    def _add_layer(self, parent, layer, blob):
        entry = hashlib.sha256(f"{parent} {layer.diff}".encode()).hexdigest()
        if entry in self.layers:
            return entry
        folder = os.path.join(self.root, "overlay", entry)
        link = entry[:26].upper()
        os.makedirs(os.path.join(folder, "diff"))
        os.mkdir(os.path.join(folder, "work" if parent else "empty"), 0o700)
        os.symlink(f"../{entry}/diff", os.path.join(self.root, "overlay", "l", link))
        for name, text in (("link", link), ("lower", self._lower(parent))):
            if text:
                self._write(os.path.join("overlay", entry, name), text.encode())
        with tarfile.open(fileobj=io.BytesIO(layer.bytes)) as tar:
            tar.extractall(os.path.join(folder, "diff"))
        self._write(os.path.join("overlay-layers", entry + ".tar-split.gz"), gzip.compress(b""))
        told = {"id": entry, "parent": parent, "created": CREATED,
                "compressed-diff-digest": blob.digest, "compressed-size": len(blob.data),
                "diff-digest": layer.diff, "diff-size": len(layer.bytes), "compression": GZIP,
                "uidset": [0], "gidset": [0]}
        self.layers[entry] = {key: value for key, value in told.items() if value is not None}
        return entry

    def _lower(self, layer):
        """The links of a layer and of all below it, top first."""
        found = []
        while layer:
            found.append("l/" + layer[:26].upper())
            layer = self.layers[layer].get("parent")
        return ":".join(found)

    def save(self):
        """What lists them all, and new lock files, by which others see a change."""
        for kind, entries in (("images", self.images), ("layers", list(self.layers.values()))):
            self._write(f"overlay-{kind}/{kind}.json", json.dumps(entries).encode())
        for kind in ("images", "layers", "containers"):
            self._write(f"overlay-{kind}/{kind}.lock", os.urandom(64))
