"""The images that go into every engine: made to be awkward, written byte for byte, offline.

image_set() tells what each of them is; Registry.push() makes them available. What an engine holds
of them afterwards is asked of the engine, not of this file.
"""

import gzip
import hashlib
import io
import json
import subprocess

from archive import Layer, config, image_id

OCI = "application/vnd.oci.image"
DOCKER = "application/vnd.docker"


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


class Blob:
    """Bytes with a media type; descriptors point to it."""

    def __init__(self, media, data, annotations=None, platform=None):
        self.media, self.data, self.digest = media, data, digest(data)
        self.annotations, self.platform = annotations, platform

    def descriptor(self):
        found = {"mediaType": self.media, "digest": self.digest, "size": len(self.data)}
        if self.platform:
            found["platform"] = self.platform
        if self.annotations:
            found["annotations"] = self.annotations
        return found


def compress(data, how):
    """One layer's tar as a blob travels: gzip without a time in it, zstd, or as it is."""
    if how == "zstd":
        return subprocess.run(["zstd", "-q", "-c"], input=data, stdout=subprocess.PIPE,
                              check=True).stdout
    if how == "tar":
        return data
    out = io.BytesIO()
    with gzip.GzipFile(fileobj=out, mode="wb", compresslevel=int(how), mtime=0) as f:
        f.write(data)
    return out.getvalue()


class Image(Blob):
    """A manifest with its config and layers. compression: "1" to "9" (gzip), "zstd", "tar"."""

    def __init__(self, document, layers, compression="6", form="docker"):
        self.config = document
        self.id = image_id(document)
        self.layers = layers
        self.diffs = [layer.diff for layer in layers]
        oci = form == "oci" or compression == "zstd"
        ending = {"zstd": "+zstd", "tar": ""}.get(compression, "+gzip" if oci else ".gzip")
        layer_media = OCI + ".layer.v1.tar" + ending if oci else \
            DOCKER + ".image.rootfs.diff.tar" + ending
        self.parts = [Blob(OCI + ".config.v1+json" if oci else DOCKER + ".container.image.v1+json",
                           document)]
        self.parts += [Blob(layer_media, compress(layer.bytes, compression)) for layer in layers]
        media = OCI + ".manifest.v1+json" if oci else DOCKER + ".distribution.manifest.v2+json"
        super().__init__(media, json.dumps({
            "schemaVersion": 2, "mediaType": media, "config": self.parts[0].descriptor(),
            "layers": [part.descriptor() for part in self.parts[1:]]}).encode())


class Artifact(Blob):
    """A manifest whose config is no image config. for_image: an attestation of that image."""

    def __init__(self, content, for_image=None):
        self.parts = [Blob(OCI + ".config.v1+json" if for_image else
                           "application/vnd.oci.empty.v1+json", b"{}"),
                      Blob("application/vnd.in-toto+json" if for_image else
                           "application/vnd.example.notes", content)]
        media = OCI + ".manifest.v1+json"
        attestation = {"vnd.docker.reference.type": "attestation-manifest",
                       "vnd.docker.reference.digest": for_image.digest} if for_image else None
        super().__init__(media, json.dumps({
            "schemaVersion": 2, "mediaType": media, "config": self.parts[0].descriptor(),
            "layers": [self.parts[1].descriptor()]}).encode(), attestation,
            {"architecture": "unknown", "os": "unknown"} if for_image else None)


class Index(Blob):
    """Images for several platforms, and attestations about them."""

    def __init__(self, members):
        self.members = members
        media = OCI + ".index.v1+json"
        super().__init__(media, json.dumps({
            "schemaVersion": 2, "mediaType": media,
            "manifests": [member.descriptor() for member in members]}).encode())


# ---- layers ------------------------------------------------------------------------------------------


def root_layer(name, version):
    """A file system that runs: busybox, and the directories that runtimes mount on."""
    with open("/bin/busybox", "rb") as f:
        busybox = f.read()
    layer = Layer().dir("bin").file("bin/busybox", busybox, 0o755)
    for tool in ("sh", "sleep", "true", "echo", "dd", "mkdir", "rm"):
        layer.symlink(f"bin/{tool}", "busybox")
    for directory in ("dev", "etc", "proc", "run", "srv", "sys", "tmp"):
        layer.dir(directory)
    return layer.file("etc/os-release", f'ID={name}\nVERSION_ID="{version}"\n'.encode()) \
        .file("srv/old", b"to be hidden\n").dir("srv/deep").file("srv/deep/file", b"x" * 5000)


def layer_set():
    many = Layer().dir("many")
    for n in range(300):
        many.file(f"many/a-rather-long-file-name-to-fill-the-directory-{n:05}", b"m" * (n % 7))
    return {
        "base": root_layer("alder", 1),
        "base2": root_layer("birch", 2),
        "arm": Layer().dir("bin").file("bin/true", b"for another processor\n", 0o755),
        "plain": Layer().dir("opt").file("opt/tool", b"t" * 300000).file("opt/empty", b""),
        "links": Layer().dir("data").file("data/a", b"a" * 10000).hard_link("data/b", "data/a")
        .hard_link("data/c", "data/a").symlink("data/s", "a").file("data/z", b"z" * 4096),
        "whiteouts": Layer().dir("srv").whiteout("srv", "old").opaque("srv/deep")
        .file("srv/new", b"n" * 4097),
        "empty": Layer(),
        "zeros": Layer().dir("var").file("var/zeros", bytes(2000000)),
        "unicode": Layer().dir("größe").file("größe/Ærøskøbing-東京-\U0001f433", b"u" * 777),
        "many": many,
    }


# ---- images ------------------------------------------------------------------------------------------


def multi_platform(layers):
    """amd64 and arm64, and what a builder attests of the first."""
    amd = Image(config([layers["base2"], layers["links"]], Cmd=["/bin/true"]),
                [layers["base2"], layers["links"]], form="oci")
    amd.platform = {"architecture": "amd64", "os": "linux"}
    document = json.loads(config([layers["arm"]]))
    document["architecture"] = "arm64"
    arm = Image(json.dumps(document).encode(), [layers["arm"]], form="oci")
    arm.platform = {"architecture": "arm64", "os": "linux", "variant": "v8"}
    return Index([amd, arm, Artifact(b'{"_type":"https://in-toto.io/Statement/v0.1"}', amd)])


def image_set():
    """{name below a registry: Image, Index or Artifact}. Several names may have one image."""
    layers = layer_set()
    base, base2, plain = layers["base"], layers["base2"], layers["plain"]
    steps = [{"created": "1970-01-01T00:00:00Z", "created_by": f"step {n}", "empty_layer": n > 0}
             for n in range(300)]

    def image(names, how="6", form="docker", **extra):
        used = [layers[name] for name in names.split()]
        return Image(config(used, Cmd=["/bin/sleep", "3000"], **extra), used, how, form)

    found = {
        "team/base:1": image("base"),
        "team/base2:1": image("base2"),
        "team/plain:1": image("base plain"),
        "team/two-parents:1": image("base2 plain"),
        "team/links:1": image("base links"),
        "team/whiteouts:1": image("base whiteouts"),
        "team/twice:1": image("base plain links plain"),
        "team/empty:1": image("base empty empty"),
        "team/zeros:1": image("base zeros"),
        "team/unicode:1": image("base2 unicode", Labels={"größe": "東京", "team": "storage"}),
        "team/many:1": image("base2 many", created="0001-01-01T00:00:00Z"),
        "time/none:1": Image(config([base], steps, created=None), [base]),
        "time/epoch:1": image("base", created="1970-01-01T00:00:00Z"),
        "time/offset:1": image("base", created="2024-01-02T03:04:05.123456789+02:00"),
        "form/oci:1": image("base2 links unicode", "9", "oci"),
        "form/fast:1": image("base2 unicode plain", "1"),
        "form/multi:1": multi_platform(layers),
    }
    found["team/plain:latest"] = found["other/deep/name:x.y_z-1"] = found["team/plain:1"]
    found["other/base:1"] = found["team/base:1"]
    return found


def awkward_set():
    """What not every engine takes: zstd, tars as they are, an artifact."""
    layers = layer_set()

    def image(names, how):
        used = [layers[name] for name in names.split()]
        return Image(config(used), used, how, "oci")
    return {"form/zstd:1": image("base2 links whiteouts", "zstd"),
            "form/tar:1": image("base2 whiteouts", "tar"),
            "form/notes:1": Artifact(b"an artifact, no image\n")}
