"""Images as archives that the tests write themselves, byte for byte, for `docker load`.

The content facts of these layers are known from what was written, not from any program under test.
"""

import hashlib
import io
import json
import tarfile


class Layer:
    """A layer's tar, and what it must measure as (design: content and nominal bytes)."""

    def __init__(self):
        self.raw = io.BytesIO()
        self.tar = tarfile.open(fileobj=self.raw, mode="w", format=tarfile.PAX_FORMAT)
        self.content = self.nominal_files = self.files = 0
        self.directories = 1  # the root
        self.closed = None

    def _add(self, name, kind, mode, data=b"", link=""):
        info = tarfile.TarInfo(name)
        info.type, info.mode, info.linkname, info.size = kind, mode, link, len(data)
        info.mtime = 1700000000
        self.tar.addfile(info, io.BytesIO(data))

    def dir(self, name):
        self._add(name, tarfile.DIRTYPE, 0o755)
        self.directories += 1
        return self

    def file(self, name, data, mode=0o644):
        self._add(name, tarfile.REGTYPE, mode, data)
        self.content += len(data)
        self.nominal_files += (len(data) + 4095) // 4096 * 4096
        self.files += 1
        return self

    def hard_link(self, name, target):
        self._add(name, tarfile.LNKTYPE, 0o644, link=target)
        return self

    def symlink(self, name, target):
        self._add(name, tarfile.SYMTYPE, 0o777, link=target)
        return self

    def whiteout(self, directory, name):
        """Removes a file of a lower layer. The engine keeps it as a device 0:0."""
        self._add(f"{directory}/.wh.{name}", tarfile.REGTYPE, 0o644)
        return self

    def opaque(self, directory):
        """Hides a directory's lower content."""
        self.dir(directory)
        self._add(f"{directory}/.wh..wh..opq", tarfile.REGTYPE, 0o644)
        return self

    @property
    def bytes(self):
        if self.closed is None:
            self.tar.close()
            self.closed = self.raw.getvalue()
        return self.closed

    @property
    def diff(self):
        return "sha256:" + hashlib.sha256(self.bytes).hexdigest()

    @property
    def nominal(self):
        return self.nominal_files + 4096 * self.directories


def config(layers, history=None, created="2026-01-02T03:04:05.123456789Z", **extra):
    """An image config with the given layers; extra goes into its `config` object."""
    document = {
        "architecture": "amd64", "os": "linux", "config": extra,
        "rootfs": {"type": "layers", "diff_ids": [layer.diff for layer in layers]},
        "history": history if history is not None else
        [{"created": created, "created_by": f"layer {n}"} for n in range(len(layers))],
    }
    if created is not None:
        document["created"] = created
    return json.dumps(document).encode()


def image_id(document):
    return "sha256:" + hashlib.sha256(document).hexdigest()


def save(path, images):
    """Writes a `docker save` archive of [(config bytes, [Layer], [names])]."""
    manifest = []
    with tarfile.open(path, "w") as tar:
        seen = set()

        def put(name, data):
            if name not in seen:
                seen.add(name)
                info = tarfile.TarInfo(name)
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))

        for document, layers, names in images:
            config_name = image_id(document)[7:] + ".json"
            put(config_name, document)
            layer_names = []
            for layer in layers:
                layer_names.append(layer.diff[7:] + "/layer.tar")
                put(layer_names[-1], layer.bytes)
            manifest.append({"Config": config_name, "RepoTags": names or None,
                             "Layers": layer_names})
        put("manifest.json", json.dumps(manifest).encode())
