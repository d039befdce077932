"""Where an image says that it comes from, in an attestation as BuildKit writes it: an OCI layout made by
hand, read by two agents, and what the collector then knows of it, asked with sqlite3."""

import json
import os
import shutil
import sqlite3
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
from archive import Layer, config  # noqa: E402
from harness import Census, Results, World, wait_for  # noqa: E402
from images import Blob, Image, Index, OCI, digest  # noqa: E402
from oci_engine import Layout  # noqa: E402

SECRET = "hunter2"
IN_TOTO = "application/vnd.in-toto+json"
ATTESTATIONS, CONFIRMED = 4, 3


class Attestation(Blob):
    """What BuildKit says of an image: one statement for each predicate type."""

    def __init__(self, about, statements):
        self.parts = []
        for kind, predicate in statements.items():
            self.parts.append(Blob(IN_TOTO, json.dumps({
                "_type": "https://in-toto.io/Statement/v0.1", "predicateType": kind,
                "subject": [{"name": "pkg:docker/team/app@1?platform=linux%2Famd64",
                             "digest": {"sha256": about.digest[7:]}}],
                "predicate": predicate}).encode(), {"in-toto.io/predicate-type": kind}))
        document = json.dumps({
            "architecture": "unknown", "os": "unknown", "config": {}, "rootfs": {
                "type": "layers", "diff_ids": [part.digest for part in self.parts]}}).encode()
        layers = [part.descriptor() for part in self.parts]
        self.parts.insert(0, Blob(OCI + ".config.v1+json", document))
        media = OCI + ".manifest.v1+json"
        super().__init__(media, json.dumps({
            "schemaVersion": 2, "mediaType": media, "config": self.parts[0].descriptor(),
            "layers": layers}).encode(),
            {"vnd.docker.reference.type": "attestation-manifest",
             "vnd.docker.reference.digest": about.digest},
            {"architecture": "unknown", "os": "unknown"})


def image(*layers):
    return Image(config(list(layers)), list(layers), form="oci")


def material(uri, of):
    return {"uri": uri, "digest": {"sha256": of[7:]}}


def provenance_02(base):
    """With all that mode=max tells."""
    return {"builder": {"id": "https://build.example/1"}, "buildType": "https://mobyproject.org/buildkit@v1",
            "invocation": {"configSource": {"entryPoint": "Dockerfile"}, "parameters": {
                "frontend": "dockerfile.v0", "args": {"build-arg:TOOL": SECRET, "label:a": SECRET}},
                "environment": {"platform": "linux/amd64"}},
            "buildConfig": {"llbDefinition": [{"op": {"args": ["/bin/sh", "-c", "login " + SECRET]}}]},
            "materials": [
                material("pkg:docker/registry.example/team/os@12?platform=linux%2Famd64", base.digest),
                material("pkg:docker/golang@1.22?platform=linux%2Famd64", digest(b"another stage")),
                {"uri": f"https://me:{SECRET}@git.example/a.git", "digest": {"sha1": "ab" * 20}}]}


def provenance_1(base):
    return {"buildDefinition": {
        "externalParameters": {"request": {"args": {"build-arg:TOOL": SECRET}}},
        "resolvedDependencies": [
            material("pkg:docker/registry.example/team/os@12?platform=linux%2Famd64", base.digest)]},
        "runDetails": {"metadata": {"source": SECRET}}}


class Rig:
    """Two images on one base, each with an attestation: one of each version of the predicate."""

    def __init__(self, world):
        self.world = world
        low, old, new = (Layer().dir("opt").file(f"opt/{name}", name.encode() * 5000)
                         for name in ("low", "old", "new"))
        self.base, self.old, self.new = image(low), image(low, old), image(low, new)
        self.layout = Layout(world)
        self.layout.write(self.base, "registry.example/team/os:12")
        self.publish(self.old, "old", {"https://slsa.dev/provenance/v0.2": provenance_02(self.base),
                                       "https://spdx.dev/Document": {"name": SECRET}})
        self.publish(self.new, "new", {"https://slsa.dev/provenance/v1": provenance_1(self.base)})
        self.census = Census(world).start()

    def publish(self, thing, name, statements):
        self.layout.write(Index([thing, Attestation(thing, statements)]),
                          f"registry.example/team/{name}:1")

    def report(self, host):
        """Each host has a layout of its own, of the same content."""
        root = self.world.path(host)
        shutil.copytree(self.layout.root, root)
        self.world.start(f"{host}.log", [
            self.world.binary("layercensus-agent"), "run", "--collector", self.census.address, "--no-find",
            "--state-dir", self.world.path(f"{host}-state"), "--host-name", host, "--look-interval",
            "500ms", "--reconnect-min", "100ms", "--reconnect-max", "500ms", "--oci-layout", root])

    def rows(self, sql):
        with sqlite3.connect(f"file:{self.census.db}?mode=ro", uri=True) as db:
            return db.execute(sql).fetchall()


def documents(rig, results):
    told = rig.rows(f"SELECT bytes FROM document WHERE kind = {ATTESTATIONS}")
    results.equal("both statements of provenance are here, and nothing else of the attestations",
                  len(told), 2)
    results.check("what a build was given stays on its host",
                  not any(SECRET.encode() in row[0] for row in rig.rows("SELECT bytes FROM document")),
                  str(told))
    wait_for("a second host to confirm them", lambda: rig.rows(
        f"SELECT state FROM document WHERE kind = {ATTESTATIONS}") == [(CONFIRMED,)] * 2)


def evidence(rig, results):
    told = set(rig.rows("SELECT i.config, m.reference, m.digest FROM material m "
                        "JOIN provenance p ON p.statement = m.statement "
                        "JOIN attestation a ON a.manifest = p.manifest "
                        "JOIN manifest i ON i.digest = a.subject"))
    os_12 = ("registry.example/team/os:12", bytes.fromhex(rig.base.digest[7:]))
    results.equal("materials are evidence about the images", told, {
        (bytes.fromhex(rig.old.id[7:]), *os_12), (bytes.fromhex(rig.new.id[7:]), *os_12),
        (bytes.fromhex(rig.old.id[7:]), "docker.io/library/golang:1.22",
         bytes.fromhex(digest(b"another stage")[7:]))})
    images = {row[0] for row in rig.rows("SELECT digest FROM image")}
    results.equal("an attestation is no image", images,
                  {bytes.fromhex(i.id[7:]) for i in (rig.base, rig.old, rig.new)})


def lineage(rig, results):
    for thing in (rig.old, rig.new):
        told = rig.census.json("lineage", thing.id)["image"]
        results.equal("the base that layers confirm",
                      (told["base_names"], told["base_layers"]), (["registry.example/team/os:12"], 1))


def main():
    results = Results("provenance")
    with World("provenance", sys.argv[1]) as world:
        rig = Rig(world)
        rig.report("one")
        wait_for("the evidence of both images",
                 lambda: len(rig.rows("SELECT 1 FROM material")) == 3)
        rig.report("two")
        documents(rig, results)
        evidence(rig, results)
        lineage(rig, results)
        status, output = rig.census.check()
        results.check("check finds nothing", status == 0, output)
    results.finish()


main()
