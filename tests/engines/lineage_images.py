"""Images of which the test knows what they were built on, because it built them: by docker with both of
its builders, by buildah, and by hand with annotations, true ones and lies.

Lineages.expected has one Expected for each name that people would ask for.
"""

import json
import os

from archive import Layer, config
from images import Blob, Image, root_layer

NAME, DIGEST = "org.opencontainers.image.base.name", "org.opencontainers.image.base.digest"
EPOCH = "1970-01-01T00:00:00Z"
NOBODY = "sha256:" + "5a" * 32


class Annotated(Image):
    """An image whose manifest says which base it has."""

    def __init__(self, document, layers, name, digest=None):
        super().__init__(document, layers, form="oci")
        manifest = json.loads(self.data)
        manifest["annotations"] = {NAME: name, **({DIGEST: digest} if digest else {})}
        Blob.__init__(self, self.media, json.dumps(manifest).encode())


class Expected:
    """The answer for one image. base: the IDs of all images that end at its nearest base; empty where
    that has no name. core: the same of its core build. outcomes: {(source, outcome)}, all that must be told
    of these sources besides what is inherited."""

    def __init__(self, base, layers, method, core, kind="named", outcomes=(), above=None):
        self.base, self.layers, self.method = set(base), layers, method
        self.core, self.kind, self.outcomes, self.above = set(core), kind, set(outcomes), above


class Lineages:
    def __init__(self, world, registry, docker, podman):
        self.world, self.registry, self.docker, self.podman = world, registry, docker, podman
        self.layers = self._layers()
        self.pushed = {}    # images written here, by the name without the registry
        self.ids = {}       # image ID by the name that the test has for it
        self.expected = {}  # Expected by the same name
        self.context = world.path("context")
        os.makedirs(self.context)
        for name in ("one", "two", "three"):
            with open(os.path.join(self.context, name), "w", encoding="ascii") as f:
                f.write(name * 1000)

    @staticmethod
    def _layers():
        return {
            "alder": root_layer("alder", 12), "birch": root_layer("birch", 1),
            "cedar": root_layer("cedar", 3), "dogwood": root_layer("dogwood", 4),
            "march": Layer().dir("usr").file("usr/updates", b"of march\n"),
            "june": Layer().dir("usr").file("usr/updates", b"of june\n"),
            "app": Layer().dir("opt").file("opt/app", b"a" * 50000),
            "other app": Layer().dir("opt").file("opt/app", b"b" * 60000),
            "lone": Layer().dir("opt").file("opt/lone", b"c" * 70000),
        }

    def full(self, short):
        return f"{self.registry.host}/{short}"

    def push(self, short, names, annotate=None, **extra):
        """annotate: (name, digest) of the base that the manifest claims."""
        used = [self.layers[n] for n in names.split(", ")]
        document = config(used, Cmd=["/bin/sleep", "3000"], **extra)
        thing = Annotated(document, used, *annotate) if annotate else Image(document, used)
        self.registry.push(short, thing)
        self.pushed[short] = thing
        return thing

    def bases(self):
        """Two of one family at one tag come one after the other: june() is the later."""
        self.push("team/os:12", "alder, march", created=EPOCH)
        self.push("team/birch:1", "birch")
        self.push("team/birch-twin:1", "birch", Labels={"made": "again"})
        self.push("other/cedar:3", "cedar")
        for short in ("team/os:12", "team/birch:1", "team/birch-twin:1", "other/cedar:3"):
            self.docker.cli("pull", "-q", self.full(short))
            self.ids[short] = self.pushed[short].id
        self.ids["team/os:12 of march"] = self.ids["team/os:12"]
        self.podman.pull(self.full("team/os:12"))
        self.podman.pull(self.full("team/birch:1"))

    def june(self):
        self.push("team/os:12", "alder, june", created="2024-06-01T00:00:00Z")
        self.podman.pull(self.full("team/os:12"))
        self.ids["team/os:12"] = self.pushed["team/os:12"].id
        self.push("hand/june:1", "alder, june, app")
        self.podman.pull(self.full("hand/june:1"))
        self._by_hand("hand/june:1", Expected([self.ids["team/os:12"]], 2, "contains",
                                              [self.ids["team/os:12"]]))

    # ---- docker ------------------------------------------------------------------------------------

    def _docker(self, name, dockerfile, kit=False):
        if kit:
            env = dict(os.environ, DOCKER_BUILDKIT="1")
            self.docker.cli("build", "--network", "none", "-q", "-f", "-", "-t", name, self.context,
                            input=dockerfile, env=env)
        else:
            self.docker.build(dockerfile, self.context, "-t", name)
        self.ids[name] = self.docker.cli("image", "inspect", "-f", "{{.Id}}", name)
        return self.ids[name]

    def by_docker(self):
        os12, birch = self.full("team/os:12"), self.full("team/birch:1")
        march = [self.ids["team/os:12"]]
        label = f"LABEL {NAME}="
        expect = self.expected
        self._docker("d/plain:1", f"FROM {os12}\nCOPY one /one\nRUN mkdir /new\nCMD [\"sleep\"]\n")
        expect["d/plain:1"] = Expected(march, 2, "contains", march)
        self._docker("d/kit:1", f"FROM {os12}\nCOPY two /two\nCOPY three /three\n", kit=True)
        expect["d/kit:1"] = Expected(march, 2, "contains", march)
        for name, own in (("d/sibling:1", "one"), ("d/sibling:2", "two")):
            self._docker(name, f"FROM {os12}\nRUN mkdir /shared\nCOPY {own} /own\n")
            expect[name] = Expected(march, 2, "contains", march, above=3)
        self._docker("d/liar:1", f"FROM {os12}\n{label}{birch}\nCOPY three /liar\n")
        expect["d/liar:1"] = Expected(march, 2, "contains", march,
                                      outcomes=[("oci-label", "contradicted")])
        parent = self._docker("d/parent:1", f"FROM {os12}\n{label}{os12}\nCOPY one /parent\n")
        expect["d/parent:1"] = Expected(march, 2, "declared", march, outcomes=[("oci-label", "confirmed")])
        self._docker("d/child:1", "FROM d/parent:1\nCOPY two /child\n")
        expect["d/child:1"] = Expected([parent], 3, "contains", march,
                                       outcomes=[("oci-label", "inherited")])
        self._docker("d/lone:1", "FROM scratch\nCOPY one /only\n")
        expect["d/lone:1"] = Expected([], None, "none", [], "scratch")
        self._birches(birch)
        self.docker.cli("tag", os12, "local/base:9")

    def _birches(self, birch):
        """Three images of one layer list: a tie, whichever way an image was built on one of them."""
        relabelled = self._docker("d/relabelled:1", f"FROM {birch}\nLABEL a=b\n")
        tie = [self.ids["team/birch:1"], self.ids["team/birch-twin:1"], relabelled]
        self._docker("d/tied:1", f"FROM {birch}\nCOPY one /tied\n")
        self.expected["d/tied:1"] = Expected(tie, 1, "contains", tie)
        for name in ("team/birch:1", "team/birch-twin:1", "d/relabelled:1"):
            self.expected[name] = Expected([], None, "itself", tie)

    # ---- buildah -----------------------------------------------------------------------------------

    def _buildah(self, name, dockerfile, *words):
        built = self.podman.buildah("bud", "--isolation", "chroot", "-f", "-", *words, "-t", name, self.context,
                                    input=dockerfile).splitlines()[-1]
        self.ids[name] = "sha256:" + built
        return self.ids[name]

    def _through_registry(self, name, short):
        """Manifests, and so annotations, are known of what has a repo digest."""
        self.podman.cli("push", "-q", "--tls-verify=false", name, self.full(short))
        self.podman.pull(self.full(short))

    def by_buildah(self):
        """It writes annotations of the base, and a comment into the history."""
        os12, march = self.full("team/os:12"), [self.ids["team/os:12"]]
        confirmed = [("history-from", "confirmed")]
        expect, names = self.expected, "lc.test/b"
        plain = self._buildah(f"{names}/plain:1", f"FROM {os12}\nCOPY one /one\n", "--layers")
        self._through_registry(f"{names}/plain:1", "built/plain:1")
        expect[f"{names}/plain:1"] = Expected(march, 2, "declared", march, outcomes=[
            *confirmed, ("oci-annotation", "confirmed")])
        self._buildah(f"{names}/nested:1", f"FROM {names}/plain:1\nCOPY two /two\n", "--layers")
        expect[f"{names}/nested:1"] = Expected([plain], 3, "declared", march, outcomes=confirmed)
        self._buildah(f"{names}/steps:1", f"FROM {os12}\nCOPY one /1\nRUN mkdir /new\nCOPY two /2\n", "--layers")
        expect[f"{names}/steps:1"] = Expected(march, 2, "declared", march, outcomes=confirmed)
        self._buildah(f"{names}/flat:1", f"FROM {os12}\nCOPY three /three\nRUN mkdir /new\n")
        expect[f"{names}/flat:1"] = Expected(march, 2, "declared", march, outcomes=confirmed)
        self._siblings(names, march, confirmed)
        squashed = self._buildah(f"{names}/squashed:1", f"FROM {os12}\nCOPY one /one\n", "--squash")
        self._through_registry(f"{names}/squashed:1", "built/squashed:1")
        expect[f"{names}/squashed:1"] = Expected([], None, "itself", [squashed], outcomes=[
            ("oci-annotation", "contradicted"), ("history-from", "unverifiable")])
        self._buildah(f"{names}/epoch:1", f"FROM {os12}\nCOPY two /epoch\n", "--timestamp", "0")
        expect[f"{names}/epoch:1"] = Expected(march, 2, "declared", march, outcomes=confirmed)

    def _siblings(self, names, march, confirmed):
        """One ends where the other one's first step does, but was no base of it: the builder's word counts
        for more than the layers. Once it has a name, buildah goes on from it by its cache, and says so."""
        os12, expect = self.full("team/os:12"), self.expected
        step = f"FROM {os12}\nRUN mkdir /shared\n"
        self._buildah(f"{names}/sibling:2", step + "COPY two /own\n", "--layers")
        first = self._buildah(f"{names}/sibling:1", step, "--layers")
        for name in ("sibling:1", "sibling:2"):
            expect[f"{names}/{name}"] = Expected(march, 2, "declared", march, outcomes=confirmed)
        self._buildah(f"{names}/cached:1", step + "COPY three /own\n", "--layers")
        expect[f"{names}/cached:1"] = Expected([first], 3, "declared", march, outcomes=confirmed)

    # ---- by hand -----------------------------------------------------------------------------------

    def _by_hand(self, short, expected):
        self.podman.pull(self.full(short))
        self.ids[short] = self.pushed[short].id
        self.expected[short] = expected

    def by_hand(self):
        os12, march = self.pushed["team/os:12"], [self.ids["team/os:12"]]
        birch = self.pushed["team/birch:1"]
        says, no = "oci-annotation", ("oci-annotation", "contradicted")
        self.push("hand/right:1", "alder, march, app", (self.full("team/os:12"), os12.digest))
        self._by_hand("hand/right:1", Expected(march, 2, "declared", march, outcomes=[(says, "confirmed")]))
        self.push("hand/liar:1", "alder, march, other app", (self.full("team/birch:1"), birch.digest))
        self._by_hand("hand/liar:1", Expected(march, 2, "contains", march, outcomes=[no]))
        self.push("hand/nobody:1", "dogwood, other app, app", ("example.com/gone:1", NOBODY))
        self._by_hand("hand/nobody:1", Expected([], None, None, [], "unnamed",
                                                outcomes=[(says, "unverifiable")]))
        self.push("hand/epoch:1", "alder, march, lone", created=EPOCH)
        self._by_hand("hand/epoch:1", Expected(march, 2, "contains", march))
        self.push("hand/itself:1", "alder, march, app, lone", (self.full("hand/itself:1"),))
        itself = self.pushed["hand/right:1"].id
        self._by_hand("hand/itself:1", Expected([itself], 3, "contains", march,
                                                outcomes=[(says, "unverifiable")]))
        self.expected["team/os:12 of march"] = Expected([], None, "itself", march)
