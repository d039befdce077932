"""A docker graph-driver store written by hand, as docker 20.10 lays it out, for tests that need to
change a store faster than an engine does, or to break it. Every change is atomic as docker's is:
files are renamed into place, an image's names go first and its layers last.
"""

import hashlib
import io
import json
import os
import shutil
import sys
import tarfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "engines"))
import archive  # noqa: E402
from docker_engine import chain_ids  # noqa: E402


class Store:
    def __init__(self, root, driver="overlay2"):
        self.root, self.driver = root, driver
        self.image = os.path.join(root, "image", driver)
        self.names = {}   # name -> image ID
        self.images = {}  # image ID -> [chainID]
        for folder in ("imagedb/content/sha256", "imagedb/metadata/sha256", "layerdb/sha256",
                       "layerdb/mounts", "layerdb/tmp", "distribution"):
            os.makedirs(os.path.join(self.image, folder), mode=0o700, exist_ok=True)
        os.makedirs(os.path.join(root, driver, "l"), exist_ok=True)
        os.makedirs(os.path.join(root, "containers"), exist_ok=True)
        self._write_names()

    def _replace(self, path, data):
        temporary = os.path.join(os.path.dirname(path), ".tmp-" + os.path.basename(path))
        with open(temporary, "wb") as f:
            f.write(data)
        os.rename(temporary, path)

    def _write_names(self):
        repositories = {}
        for name, image in self.names.items():
            repository = name.split("@")[0] if "@" in name else name.rsplit(":", 1)[0]
            repositories.setdefault(repository, {})[name] = image
        self._replace(os.path.join(self.image, "repositories.json"),
                      json.dumps({"Repositories": repositories}).encode())

    def layer_dir(self, chain):
        with open(os.path.join(self.image, "layerdb", "sha256", chain[7:], "cache-id")) as f:
            return os.path.join(self.root, self.driver, f.read().strip(), "diff")

    def _add_chain(self, chain, parent, layer):
        entry = os.path.join(self.image, "layerdb", "sha256", chain[7:])
        if os.path.exists(entry):
            return
        cache_id = hashlib.sha256(chain.encode()).hexdigest()
        diff = os.path.join(self.root, self.driver, cache_id, "diff")
        os.makedirs(diff)
        with tarfile.open(fileobj=io.BytesIO(layer.bytes)) as tar:
            tar.extractall(diff, filter="fully_trusted") if hasattr(tarfile, "data_filter") \
                else tar.extractall(diff)
        link = hashlib.sha256(cache_id.encode()).hexdigest()[:26].upper()
        with open(os.path.join(self.root, self.driver, cache_id, "link"), "w") as f:
            f.write(link)
        os.symlink(f"../{cache_id}/diff", os.path.join(self.root, self.driver, "l", link))
        written = os.path.join(self.image, "layerdb", "tmp", "write-set-1")
        os.makedirs(written)
        content = {"diff": layer.diff, "cache-id": cache_id, "size": str(layer.content)}
        if parent:
            content["parent"] = parent
        for name, text in content.items():
            with open(os.path.join(written, name), "w") as f:
                f.write(text)
        os.rename(written, entry)

    def add(self, layers, names, document=None):
        """Adds an image from archive.Layers; returns its ID."""
        document = document or archive.config(layers)
        image = archive.image_id(document)
        chains = chain_ids([layer.diff for layer in layers])
        for n, layer in enumerate(layers):
            self._add_chain(chains[n], chains[n - 1] if n else None, layer)
        self._replace(os.path.join(self.image, "imagedb", "content", "sha256", image[7:]), document)
        self.images[image] = chains
        self.tag(image, *names)
        return image

    def tag(self, image, *names):
        for name in names:
            self.names[name] = image
        self._write_names()

    def untag(self, *names):
        for name in names:
            self.names.pop(name)
        self._write_names()

    def remove(self, image):
        """Removes an image, its names, and the chains that no other image needs."""
        self.names = {n: i for n, i in self.names.items() if i != image}
        self._write_names()
        os.unlink(os.path.join(self.image, "imagedb", "content", "sha256", image[7:]))
        chains = self.images.pop(image)
        needed = {c for others in self.images.values() for c in others}
        for chain in reversed(chains):
            if chain not in needed:
                entry = os.path.join(self.image, "layerdb", "sha256", chain[7:])
                directory = os.path.dirname(self.layer_dir(chain))
                os.rename(entry, entry + "-123-removing")
                shutil.rmtree(entry + "-123-removing")
                shutil.rmtree(directory)
