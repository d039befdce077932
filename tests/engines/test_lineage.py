"""Which base an image stands on, by real engines: images built with docker, buildah and by hand, of
which the test knows what they were built on. Four hosts report: one with docker, one with podman, one
whose store a user owns, one with an OCI layout. lineage_images.py has the images."""

import json
import os
import sqlite3
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
from compare import chain_ids  # noqa: E402
from docker_engine import Docker  # noqa: E402
from harness import Census, Results, World, normal, run, stop, wait_for  # noqa: E402
from lineage_images import Lineages  # noqa: E402
from oci_engine import Layout  # noqa: E402
from podman_engine import Podman, own_cache, own_mounts  # noqa: E402
from registry import Registry  # noqa: E402

USER = 61234  # owns a store; nobody else does
WHITE_LIST = """\
mode: white list
rules:
  - name: our bases
    accept:
      base: ["{registry}/team/os"]
"""


class Rig:
    def __init__(self, world, results):
        self.world, self.results = world, results
        os.chmod(world.dir, 0o755)
        own_cache(world)
        self.registry = Registry(world).start()
        self.docker = Docker(world).start()
        self.podman, self.users = Podman(world), Podman(world, name="users")
        self.layout = Layout(world)
        self.made = Lineages(world, self.registry, self.docker, self.podman)
        self.census = Census(world).start()
        self.agents = []

    def report(self, host, *options):
        """An agent of a host's own."""
        self.agents.append(self.world.start(f"{host}.log", [
            self.world.binary("layercensus-agent"), "run", "--collector", self.census.address, "--no-find",
            "--state-dir", self.world.path(f"{host}-state"), "--host-name", host, "--look-interval",
            "500ms", "--reconnect-min", "100ms", "--reconnect-max", "500ms", *options]))

    def start(self):
        self.report("web", "--docker-root", self.docker.root, "--docker-socket", self.docker.socket)
        self.report("build", "--storage-root", self.podman.root)
        self.report("lab", "--storage-root", self.users.root)
        self.report("shelf", "--oci-layout", self.layout.root)

    def fill_layout(self):
        for short in ("hand/right:1", "hand/liar:1"):
            self.layout.copy(self.made.full(short), short.replace("/", "-").replace(":", "-"))

    def fill_users(self):
        """A user's store: root makes it, and gives it away."""
        self.users.pull(self.made.full("other/cedar:3"))
        self.give_away()

    def give_away(self):
        run(["chown", "-R", f"{USER}:{USER}", self.users.root])

    # ---- what the engines say ----------------------------------------------------------------------

    def seen(self):
        """{host: {image: {name}}} by the engines."""
        engines = {"web": self.docker, "build": self.podman, "lab": self.users, "shelf": self.layout}
        return {host: {image: set(map(normal, names)) for image, names in engine.truth().names.items()}
                for host, engine in engines.items()}

    def layers(self):
        """{image ID: diffIDs} by the engines."""
        found = {}
        for engine in (self.docker, self.podman, self.users, self.layout):
            found.update(engine.truth().layers)
        return found

    def told(self):
        return {host: {row["image_id"]: set(row["names"])
                       for row in self.census.json("host", host)["rows"]}
                for host in ("web", "build", "lab", "shelf")}

    def caught_up(self):
        expected = self.seen()
        wait_for("the collector to have it all",
                 lambda: self.told() == expected and self.census.settled(), 90)

    def command(self, *words):
        """(status, standard output, standard error) of the operators' command."""
        done = subprocess.run([self.world.binary("layercensus"), "--db", self.census.db, *words],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
        return done.returncode, done.stdout, done.stderr

    def lineage(self, name):
        return self.census.json("lineage", self.made.ids.get(name, name))


# ---- lineage -----------------------------------------------------------------------------------------


def chain_of(layers, ids):
    """The chain where these images end; None where there are none. They all end at one."""
    chains = {chain_ids(layers[i])[-1] for i in ids}
    assert len(chains) <= 1, chains
    return chains.pop() if chains else None


def compare_lineage(rig, when):
    layers = rig.layers()
    for name, expected in rig.made.expected.items():
        answer = rig.lineage(name)
        image = answer["image"]
        told = {"base": image["base_chain_id"] if image["base_names"] else None,
                "core": image["core_chain_id"] if image["core_kind"] == "named" else None,
                "kind": image["core_kind"]}
        true = {"base": chain_of(layers, expected.base), "core": chain_of(layers, expected.core),
                "kind": expected.kind}
        if expected.method:
            told["method"] = image["core_method" if expected.method == "itself" else "base_method"]
            true["method"] = expected.method
        if expected.base:
            told.update(layers=image["base_layers"], ties=image["base_ties"])
            true.update(layers=expected.layers, ties=len(expected.base))
        if expected.above:
            told["lines part at"], true["lines part at"] = image["lines_part_at"], expected.above
        rig.results.equal(f"{when}: {name}: base and core build", told, true)
        rig.results.equal(f"{when}: {name}: its layers, by the engine",
                          [row["diff_id"] for row in answer["layers"]], layers[rig.made.ids[name]])
        if expected.outcomes:
            sources = {source for source, _ in expected.outcomes}
            told = {(d["source"], d["outcome"]) for d in answer["declarations"] if d["source"] in sources}
            if len(told) > len(expected.outcomes):
                told = {pair for pair in told if pair[1] != "inherited"}
            rig.results.equal(f"{when}: {name}: what became of its declarations", told, expected.outcomes)


def compare_annotations(rig):
    """Base annotations as skopeo reads them from podman's store, of what came from a registry."""
    true, told = {}, {}
    pulled = {image for image, pairs in rig.podman.truth().repo_digests.items() if pairs}
    for name in rig.made.expected:
        image = rig.made.ids[name]
        if image not in pulled:
            continue
        raw = json.loads(run(["skopeo", "inspect", "--raw", rig.podman.skopeo_name(image)]))
        says = (raw.get("annotations") or {}).get("org.opencontainers.image.base.digest")
        if says:
            true[name] = {says}
            told[name] = {d["digest"] for d in rig.lineage(name)["declarations"]
                          if d["source"] == "oci-annotation"}
    rig.results.equal("annotations of bases, as skopeo reads them", told, true)


def moved_tag(rig):
    """The tag went on: what stands on the old version is told with the day, the new one plainly."""
    old = rig.lineage("d/plain:1")["image"]["base"]
    new = rig.lineage("hand/june:1")["image"]["base"]
    rig.results.check("a tag that moved names its old version with the day", "os:12 as of 20" in old, old)
    rig.results.check("and the new one plainly", new.endswith("os:12"), new)


def compare_bases(rig):
    """Images of each core build, counted over what the engines list."""
    rows = {row["chain_id"]: row for row in rig.census.json("bases")["rows"] if row["kind"] == "named"}
    layers = rig.layers()
    told, true = {}, {}
    for name in ("team/os:12 of march", "team/os:12", "team/birch:1"):
        chain = chain_ids(layers[rig.made.ids[name]])[-1]
        told[name] = rows[chain]["images"] if chain in rows else None
        true[name] = sum(chain in chain_ids(diffs) for diffs in layers.values())
    rig.results.equal("images of each core build, by the engines' layers", told, true)


def compare_tree(rig):
    """What stands on a base, and the line of an image."""
    layers = rig.layers()
    base = chain_ids(layers[rig.made.ids["team/birch:1"]])[-1]
    tree = rig.census.json("tree", rig.made.ids["team/birch:1"])
    told = {chain for node in tree["rows"] for chain in [node["chain_id"]] if chain}
    true = {chain for diffs in layers.values() if base in chain_ids(diffs)
            for chain in chain_ids(diffs) if len(chain_ids(diffs)) >= 1}
    rig.results.equal("tree: the chains that stand on a base", told, true)
    line = rig.census.json("tree", "--up", rig.made.ids["hand/right:1"])
    rig.results.equal("tree: the line of an image", [node["chain_id"] for node in line["rows"]],
                      chain_ids(layers[rig.made.ids["hand/right:1"]]))


# ---- policy ------------------------------------------------------------------------------------------


class Policy:
    def __init__(self, rig, name="policy", text=WHITE_LIST):
        self.rig, self.path = rig, rig.world.path(f"{name}.yaml")
        with open(self.path, "w", encoding="utf-8") as f:
            f.write(text.format(registry=rig.registry.host))

    def check(self):
        """(status, {image ID: verdict} without what was only seen, {image ID: seen as})."""
        status, out, err = self.rig.command("-o", "json", "policy", "check", self.path)
        if status not in (0, 1):
            raise AssertionError(f"policy check: {status} {err}")
        rows = json.loads(out)["rows"]
        return (status, {row["image_id"]: {k: v for k, v in row.items() if k != "seen_as"} for row in rows},
                {row["image_id"]: row["seen_as"] for row in rows if row["seen_as"]})


def declares_well(expected, bases):
    """By its config it declares no base, or one of these. No store is trusted, so no annotation counts."""
    outcomes = {outcome for source, outcome in expected.outcomes if source != "oci-annotation"}
    return not outcomes or bool("confirmed" in outcomes and expected.base & bases)


def judge(rig):
    """A white list by the name of a base that the catalogue has. Who only calls himself so, or stands on
    one who does, stays what he was."""
    made, policy = rig.made, Policy(rig)
    status, _, err = rig.command("catalogue", "add", made.full("team/os:12"))
    rig.results.check("the catalogue does not choose between two versions of a name", status == 2, err)
    for version in ("team/os:12", "team/os:12 of march"):
        status, _, err = rig.command("catalogue", "add", f"{made.full('team/os:12')}@{made.ids[version]}")
        rig.results.check(f"the catalogue takes {version} from the fleet", status == 0, err)
    status, verdicts, _ = policy.check()
    rig.results.check("policy check finds violations", status == 1, str(status))
    versions = {made.ids["team/os:12"], made.ids["team/os:12 of march"]}
    good = {name for name, e in made.expected.items() if e.core & versions and declares_well(e, versions)}
    broken = {name for name, image in made.ids.items()
              if verdicts.get(image, {}).get("outcome") == "violation"}
    rig.results.check("what stands on the base that the catalogue names is accepted", good and not good & broken,
                      str(good & broken))
    rig.results.check("what declares only a base whose name does not count is a violation", "d/liar:1" in broken,
                      str(verdicts.get(made.ids["d/liar:1"])))
    rig.results.check("an annotation that no trusted store lists changes nothing", "hand/itself:1" not in broken,
                      str(verdicts.get(made.ids["hand/itself:1"])))
    cedar = made.ids["other/cedar:3"]
    rig.results.check("a foreign chain is a violation", "other/cedar:3" in broken, str(verdicts.get(cedar)))
    impostor(rig, policy, cedar)


def impostor(rig, policy, cedar):
    """The approved name is given to a foreign chain: by a user in his own store, by docker tag in root's."""
    made = rig.made
    approved, foreign = made.full("team/os:12"), made.full("other/cedar:3")
    before = policy.check()
    lines = {name: rig.lineage(name)["image"] for name in made.expected}
    rig.users.cli("tag", foreign, approved)
    rig.users.cli("tag", foreign, made.full("team/os:13"))
    rig.give_away()
    rig.docker.cli("tag", foreign, made.full("team/os:14"))
    rig.caught_up()
    after = policy.check()
    # The foreign images have names that they had not, and no more.
    for verdicts in (before[1], after[1]):
        verdicts[cedar].update(names=[], image="")
    rig.results.equal("tagged by a user and by docker: no verdict changes", after[1], before[1])
    rig.results.equal("tagged by a user and by docker: nor the status", after[0], before[0])
    rig.results.check("the foreign chain is seen as what it calls itself, with the host that says so",
                      approved.rsplit("/", 1)[1] in str(after[2].get(cedar)) and "lab" in str(after[2]),
                      str(after[2]))
    rig.results.equal("nor does any base", {name: rig.lineage(name)["image"] for name in lines}, lines)


FAMILIES = {
    "ours": "mode: white list\nrules:\n  - name: ours\n    accept:\n      family: [debian]\n",
    "not-ours": "mode: black list\nrules:\n  - name: not ours\n    reject:\n      family: [foreignos]\n",
}


def image_named(rig, name):
    return next((row["image_id"] for row in rig.census.json("images")["rows"] if name in row["names"]), None)


def layer_facts(rig, name):
    """[(os-release, whether only users' stores told it)] of the image's first layer."""
    image = image_named(rig, name)
    if image is None:
        return []
    with sqlite3.connect(f"file:{rig.census.db}?mode=ro", uri=True) as db:
        return db.execute("""SELECT l.os_release, l.fact_of_user FROM image i
            JOIN image_chain k ON k.image_id = i.id AND k.position = 0 JOIN chain c ON c.id = k.chain_id
            JOIN layer l ON l.id = c.layer_id WHERE i.digest = ? AND l.fact_state IN (1, 2)""",
                          (bytes.fromhex(image[7:]),)).fetchall()


def forger(rig):
    """A user writes into a layer of his own store, on a host whose root is trusted: what he put there speaks for
    nobody, and goes when root has the layer."""
    theirs, roots = Podman(rig.world, name="theirs"), Podman(rig.world, name="roots")
    top = rig.world.path("foreign")
    os.makedirs(os.path.join(top, "etc"))
    release = os.path.join(top, "etc", "os-release")
    with open(release, "w") as f:
        f.write("ID=foreignos\nVERSION_ID=1\n")
    run(["tar", "-C", top, "--owner=0", "--group=0", "--mtime=@1700000000", "-cf", top + ".tar", "."])
    theirs.cli("import", top + ".tar", "example.com/forged:1")
    roots.pull(rig.made.full("other/cedar:3"))
    forged = run(["find", os.path.join(theirs.root, "overlay"), "-path", "*/diff/etc/os-release"]).split()
    rig.results.equal("the user's store has one layer with an os-release", len(forged), 1)
    with open(forged[0], "w") as f:
        f.write("ID=debian\nVERSION_ID=12\n")
    run(["chown", "-R", f"{USER}:{USER}", theirs.root])
    rig.report("yard", "--storage-root", theirs.root, "--storage-root", roots.root)
    wait_for("the forged layer to be measured", lambda: layer_facts(rig, "example.com/forged:1"), 60)
    rig.results.equal("what a user wrote into a layer is told as a user's",
                      layer_facts(rig, "example.com/forged:1"), [("ID=debian\nVERSION_ID=12\n", 1)])
    status, _, err = rig.command("catalogue", "trust", "store", "yard")
    rig.results.check("the host is trusted to name", status == 0, err)
    checked = {name: Policy(rig, name, text) for name, text in FAMILIES.items()}

    def verdict(name):
        _, verdicts, seen = checked[name].check()
        image = image_named(rig, "example.com/forged:1")
        return verdicts.get(image, {}).get("outcome", "accepted"), seen.get(image, "")
    outcome, seen = verdict("ours")
    rig.results.check("the family that a user wrote into a layer accepts nothing, and is told",
                      outcome == "violation" and "as seen in a user's store only" in seen, f"{outcome} {seen}")
    rig.results.equal("nor does another family reject yet", verdict("not-ours")[0], "accepted")
    roots.cli("import", top + ".tar", "example.com/honest:1")
    wait_for("root's word on the layer", lambda: layer_facts(rig, "example.com/honest:1")
             == [("ID=foreignos\nVERSION_ID=1\n", 0)], 60)
    rig.results.equal("root's layer displaces the user's", layer_facts(rig, "example.com/forged:1"),
                      [("ID=foreignos\nVERSION_ID=1\n", 0)])
    kinds = [event["kind"] for event in rig.census.json("host", "yard")["events"]]
    rig.results.check("which is an event", "facts-replaced" in kinds, str(kinds))
    rig.results.equal("and the family that root has there rejects", verdict("not-ours")[0], "violation")


def main():
    own_mounts()
    results = Results("lineage of real engines")
    with World("lineage-engines", sys.argv[1]) as world:
        rig = Rig(world, results)
        made = rig.made
        made.bases()
        made.by_docker()
        made.by_buildah()
        made.by_hand()
        rig.fill_layout()
        rig.fill_users()
        rig.start()
        rig.caught_up()
        compare_lineage(rig, "before the tag moves")
        compare_annotations(rig)
        made.june()
        rig.caught_up()
        compare_lineage(rig, "after the tag moved")
        moved_tag(rig)
        compare_bases(rig)
        compare_tree(rig)
        judge(rig)
        forger(rig)
        for agent in rig.agents:
            stop(agent, 15)
        status, output = rig.census.check()
        results.check("check finds nothing", status == 0, output[-600:])
    results.finish()


main()
