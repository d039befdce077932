"""OCI layout directories: by skopeo from a registry, and written by hand for what skopeo does not
copy. And their oracle: the files themselves, read by the image specification, and du."""

import json
import os

from compare import Truth, du
from harness import run


class Layout:
    def __init__(self, world, name="layout"):
        self.root = world.path(name)

    def copy(self, source, name, *words):
        """From the registry, under a name of the layout's."""
        run(["skopeo", "copy", "-q", "--src-tls-verify=false", *words, f"docker://{source}",
             f"oci:{self.root}:{name}"])

    def write(self, thing, name=None, index=None):
        """Puts an image, index or artifact of images.py in, with all that it points to. index: what
        index.json holds besides; else what it holds now."""
        for member in getattr(thing, "members", []):
            self._write_blobs(member)
        self._write_blobs(thing)
        index = index or self.index()
        entry = thing.descriptor()
        if name:
            entry["annotations"] = dict(entry.get("annotations") or {},
                                        **{"org.opencontainers.image.ref.name": name})
        index["manifests"].append(entry)
        self._put("index.json", json.dumps(index).encode())
        self._put("oci-layout", b'{"imageLayoutVersion":"1.0.0"}')

    def index(self):
        try:
            with open(os.path.join(self.root, "index.json"), encoding="utf-8") as f:
                return json.load(f)
        except FileNotFoundError:
            return {"schemaVersion": 2, "manifests": []}

    def _write_blobs(self, thing):
        for part in [thing, *getattr(thing, "parts", [])]:
            self._put(os.path.join("blobs", "sha256", part.digest[7:]), part.data)

    def _put(self, name, data):
        """By rename, as every tool does."""
        path = os.path.join(self.root, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path + ".new", "wb") as f:
            f.write(data)
        os.rename(path + ".new", path)

    # ---- oracles -----------------------------------------------------------------------------------

    def blob(self, digest):
        return os.path.join(self.root, "blobs", "sha256", digest[7:])

    def truth(self):
        truth = Truth()
        used = set()
        for entry in self.index()["manifests"]:
            name = (entry.get("annotations") or {}).get("org.opencontainers.image.ref.name")
            found = self._resolve(truth, entry, used)
            if not found:
                truth.by_manifest.add(entry["digest"])
            for image in found or [entry["digest"]]:
                known = truth.names.setdefault(image, set())
                truth.repo_digests.setdefault(image, set())
                if name:
                    known.add(name)
        blobs = os.path.join(self.root, "blobs", "sha256")
        truth.spaces[("blobs", "only")] = du(*(self.blob(d) for d in sorted(used)))
        unused = sorted(set(os.listdir(blobs)) - {d[7:] for d in used})
        truth.spaces[("orphans", "leftover")] = \
            du(*(os.path.join(blobs, name) for name in unused)) if unused else 0
        truth.total = du(self.root)
        return truth

    def _resolve(self, truth, entry, used):
        """The images that a descriptor stands for; notes them, and which blobs they need."""
        digest = entry["digest"]
        if not os.path.exists(self.blob(digest)):
            return []
        used.add(digest)
        with open(self.blob(digest), encoding="utf-8") as f:
            document = json.load(f)
        if "manifests" in document:
            found = []
            for member in document["manifests"]:
                if not os.path.exists(self.blob(member["digest"])):
                    continue
                here = self._resolve(truth, member, used)
                found += here if (member.get("platform") or {}).get("os") != "unknown" else []
            return found
        used.update(p["digest"] for p in [document["config"], *document["layers"]]
                    if os.path.exists(self.blob(p["digest"])))
        return self._image(truth, entry, document)

    def _image(self, truth, entry, document):
        config = self.blob(document["config"]["digest"])
        diffs = None
        if os.path.exists(config):
            with open(config, encoding="utf-8") as f:
                diffs = (json.load(f).get("rootfs") or {}).get("diff_ids")
        if diffs:
            truth.layers[document["config"]["digest"]] = diffs
            return [document["config"]["digest"]]
        if "vnd.docker.reference.type" not in (entry.get("annotations") or {}):
            truth.by_manifest.add(entry["digest"])
        return [entry["digest"]]
