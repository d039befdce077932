"""The main job against a real docker engine: its images, made to be awkward, go through agent and
collector, and every column of the answer is compared with something that we did not write: docker's
own CLI, du, and tars that this test composed. docs/testing.md has the table.
"""

import hashlib
import json
import os
import signal
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
from archive import Layer, config, save  # noqa: E402
from docker_engine import LIMITS, Docker, chain_ids, du  # noqa: E402
from harness import Census, Results, World, normal, run, stop, wait_for  # noqa: E402
from recorder import Recorder  # noqa: E402
from registry import Registry  # noqa: E402

SECRETS = {
    "build argument": "buildarg-7Hq2vN4xTz81",
    "label": "labelsecret-9Kd3mQ5wRb62",
    "url": "urlpass-4Jf8sL6yVc73",
    "environment": "envsecret-1Gt5pW9zXn84",
    "token form": "ghp_" + "Zx9Yw8Vu7Ts6Rq5Po4Nm3Lk2Ji1Hg0Fe9Dc8",
}


# ---- the images -------------------------------------------------------------------------------------


def root_layer(name, version):
    with open("/bin/busybox", "rb") as f:
        busybox = f.read()
    layer = Layer().dir("bin").file("bin/busybox", busybox, 0o755)
    for tool in ("sh", "sleep", "true", "echo", "dd", "mkdir", "rm"):
        layer.symlink(f"bin/{tool}", "busybox")
    layer.dir("etc").dir("tmp").dir("srv")
    return layer.file("etc/os-release", f'ID={name}\nVERSION_ID="{version}"\n'.encode()) \
        .file("srv/old", b"to be hidden\n").dir("srv/deep").file("srv/deep/file", b"x" * 5000)


def written_layers():
    """Layers whose every byte is known here."""
    return {
        "base": root_layer("alder", 1),
        "base2": root_layer("birch", 2),
        "plain": Layer().dir("opt").file("opt/tool", b"t" * 300000).file("opt/empty", b""),
        "links": Layer().dir("data").file("data/a", b"a" * 10000).hard_link("data/b", "data/a")
        .hard_link("data/c", "data/a").symlink("data/s", "a").file("data/z", b"z" * 4096),
        "whiteouts": Layer().dir("srv").whiteout("srv", "old").opaque("srv/deep")
        .file("srv/new", b"n" * 4097),
        "empty": Layer(),
        "deep": Layer().dir("a").dir("a/b").dir("a/b/c").file("a/b/c/one-byte", b"1"),
        "many": many_files(),
    }


def many_files():
    """A directory big enough that its own entry takes more than one block."""
    layer = Layer().dir("many")
    for n in range(1500):
        layer.file(f"many/a-rather-long-file-name-to-fill-the-directory-{n:05}", b"m" * (n % 7))
    return layer


def load_written(docker, world):
    layers = written_layers()
    base, base2, plain = layers["base"], layers["base2"], layers["plain"]
    history = [{"created": "1970-01-01T00:00:00Z", "created_by": f"step {n}", "empty_layer": n > 0}
               for n in range(300)]
    images = [
        (config([base]), [base], ["lc/base:1"]),
        (config([base2]), [base2], ["lc/base2:1"]),
        (config([base, plain]), [base, plain], ["lc/plain:1", "lc/plain:latest", "other/name:x"]),
        (config([base2, plain]), [base2, plain], ["lc/two-parents:1"]),
        (config([base, layers["links"]]), [base, layers["links"]], ["lc/links:1"]),
        (config([base, layers["whiteouts"]]), [base, layers["whiteouts"]], ["lc/whiteouts:1"]),
        (config([base, layers["empty"], layers["empty"]]),
         [base, layers["empty"], layers["empty"]], ["lc/twice-empty:1"]),
        (config([base], history, created=None), [base], ["lc/history:300"]),
        (config([base, layers["deep"]], Labels={"team": "storage", "tier": "gold"}),
         [base, layers["deep"]], []),
        (config([base2, layers["many"]], created="0001-01-01T00:00:00Z"),
         [base2, layers["many"]], ["lc/many:1"]),
    ]
    path = world.path("written.tar")
    save(path, images)
    docker.cli("load", "-q", "-i", path)
    return {layer.diff: layer for layer in layers.values()}


def build_images(docker, world):
    context = world.path("context")
    os.makedirs(context, exist_ok=True)
    with open(os.path.join(context, "file"), "w") as f:
        f.write("copied\n" * 1000)
    docker.build("FROM lc/base:1\nCOPY file /file\nLABEL a=b\nRUN true\nWORKDIR /new\nCMD [\"sleep\"]\n",
                 context, "-t", "lc/steps:1")
    docker.build("FROM lc/base:1\nRUN dd if=/dev/zero of=/sparse bs=1 count=1 seek=20000000\n",
                 context, "-t", "lc/sparse:1")
    docker.build("FROM lc/plain:1\nCOPY file /unnamed\n", context)
    docker.build(
        "FROM lc/base:1\nARG TOKEN\nARG HARMLESS=yes\n"
        f"ENV API_KEY={SECRETS['environment']}\nENV MODE=fast\n"
        f"LABEL registry.password={SECRETS['label']}\nLABEL color=blue\n"
        f"RUN echo https://user:{SECRETS['url']}@example.invalid/x > /tmp/u\n"
        f"RUN echo {SECRETS['token form']} > /tmp/t\n", context,
        "--build-arg", f"TOKEN={SECRETS['build argument']}", "-t", "lc/secrets:1")


def make_sparse(docker):
    """Engines store what they unpack non-sparse; a file with a hole on disk is made by hand."""
    image = json.loads(docker.cli("image", "inspect", "lc/sparse:1"))[0]
    path = os.path.join(docker.layer_dir(chain_ids(image["RootFS"]["Layers"])[-1]), "sparse")
    before = os.stat(path)
    with open(path, "r+b") as f:
        f.truncate(0)
        f.truncate(before.st_size)
    return os.stat(path).st_blocks * 512 < before.st_size


# ---- comparisons ---------------------------------------------------------------------------------------


class Pair:
    """The agent and the collector on this engine, and the comparisons."""

    def __init__(self, world, docker, results):
        self.world, self.docker, self.results = world, docker, results
        self.census = Census(world).start()
        self.recorder = Recorder(world.path("recorded.sock"), self.census.address[5:])
        self.agent = None
        self.marks = 0

    def mark(self):
        """A name never used before: an answer that has it was read after everything until now, so that
        an older state that happens to look alike is not taken for the present one."""
        if self.marks:
            self.docker.cli("rmi", f"lc/mark:{self.marks}")
        self.marks += 1
        self.docker.cli("tag", "lc/base:1", f"lc/mark:{self.marks}")

    def start_agent(self):
        self.agent = self.world.start("agent.log", [
            self.world.binary("layercensus-agent"), "run", "--collector",
            "unix:" + self.world.path("recorded.sock"), "--no-find", "--docker-root",
            self.docker.root, "--docker-socket", self.docker.socket, "--state-dir",
            self.world.path("agent-state"), "--look-interval", "200ms", "--host-name", "real",
            "--reconnect-min", "100ms", "--reconnect-max", "500ms"])

    def images(self):
        return {row["image_id"]: row for row in self.census.json("images")["rows"]}

    def compare(self, when):
        """Every column against its oracle, once the answer has caught up with the engine."""
        self.mark()
        oracle = self.docker.inspect_all()
        expected = {i: sorted(map(normal, o["RepoTags"] or [])) for i, o in oracle.items()}

        def caught_up():
            space = self.census.json("host", "real")["space"]
            return {i: sorted(r["names"]) for i, r in self.images().items()} == expected \
                and self.uses() == self.docker_uses() and self.census.settled() \
                and space["allocated_bytes"] == self.docker.allocated_under_roots() \
                and space["difference_bytes"] == 0
        try:
            wait_for("the census to catch up", caught_up, 45)
        except TimeoutError as e:
            print(e)
        rows = self.images()
        check = self.results
        check.equal(f"{when}: image IDs and names", {i: sorted(r["names"]) for i, r in rows.items()},
                    expected)
        check.equal(f"{when}: layers of every image",
                    {i: [layer["diff_id"] for layer in self.census.json("image", i)["rows"]]
                     for i in rows},
                    {i: o["RootFS"].get("Layers") or [] for i, o in oracle.items()})
        check.equal(f"{when}: repo digests", {i: sorted(self.image(i)["repo_digests"]) for i in rows},
                    {i: sorted(o["RepoDigests"] or []) for i, o in oracle.items()})
        check.equal(f"{when}: dangling", {i for i, r in rows.items() if r["kind"] == "dangling"},
                    self.docker.dangling())
        check.equal(f"{when}: intermediate", {i for i, r in rows.items() if r["kind"] == "intermediate"},
                    self.docker.intermediate())
        if self.docker_uses():
            check.equal(f"{when}: containers by image and state", self.uses(), self.docker_uses())
        else:
            check.check(f"{when}: no containers", not self.uses(), str(self.uses()))
        self.compare_bytes(when)

    def compare_configs(self):
        """What an image's config says, as `docker inspect` and `docker history` tell it."""
        oracle = self.docker.inspect_all()
        rows = self.images()
        check = self.results
        check.equal("platform of every image", {i: r["platform"] for i, r in rows.items()},
                    {i: f"{o['Os']}/{o['Architecture']}" for i, o in oracle.items()})
        dated = {i: o for i, o in oracle.items() if not o["Created"].startswith("0001")}
        check.equal("created, to the second", {i: (rows[i]["created"] or "")[:19] for i in dated},
                    {i: o["Created"][:19] for i, o in dated.items()})
        details = {i: self.census.json("image", i) for i in rows}
        secret = {i for i, d in details.items() if "redacted" in json.dumps(d)}
        check.check("only the image with planted secrets, and its steps, are redacted",
                    0 < len(secret) < len(rows) / 2, f"{len(secret)} of {len(rows)}")
        check.equal("labels of every image", {i: sorted(d["image"]["labels"])
                                              for i, d in details.items() if i not in secret},
                    {i: sorted(f"{k}={v}" for k, v in (o["Config"]["Labels"] or {}).items())
                     for i, o in oracle.items() if i not in secret})
        check.equal("history of every image", {i: [h["created_by"] or "" for h in d["history"]]
                                               for i, d in details.items() if i not in secret},
                    {i: self.docker.history(i) for i in oracle if i not in secret})

    def image(self, image):
        return self.census.json("image", image)["image"]

    def uses(self):
        """{image ID: (running, not running)}."""
        return {i: (r["containers_running"], r["containers"] - r["containers_running"])
                for i, r in self.images().items() if r["containers"]}

    def docker_uses(self):
        uses = {}
        for image, running in self.docker.containers().values():
            count = uses.setdefault(image, [0, 0])
            count[0 if running else 1] += 1
        return {i: tuple(c) for i, c in uses.items()}

    def compare_bytes(self, when):
        copies = self.docker.copies()
        check = self.results
        check.equal(f"{when}: allocated bytes of every copy",
                    {c["chain_id"]: c["stored_bytes"]
                     for row in self.census.json("layers")["rows"]
                     for c in self.census.json("layer", row["diff_id"])["rows"] if c["copies"]},
                    copies)
        space = self.census.json("host", "real")["space"]
        check.equal(f"{when}: allocated under the roots is du of the store",
                    space["allocated_bytes"], self.docker.allocated_under_roots())
        check.equal(f"{when}: what the ledger and the rest explain is du of the store",
                    sum(space[k] for k in space if k not in ("allocated_bytes", "difference_bytes")),
                    self.docker.allocated_under_roots())
        check.check(f"{when}: the difference is zero", space["difference_bytes"] == 0, str(space))
        ledger = self.census.json("duplicates")["ledger"]
        check.equal(f"{when}: stored = all copies + orphans", ledger["stored_bytes"],
                    sum(copies.values()) + ledger["orphans_bytes"])

    def compare_facts(self, written):
        held = {row["diff_id"] for row in self.census.json("layers")["rows"]}
        rows = {d: self.census.json("layer", d)["layer"] for d in held & set(written)}
        for column, truth in (("content_bytes", lambda x: x.content),
                              ("nominal_bytes", lambda x: x.nominal),
                              ("files", lambda x: x.files),
                              ("directories", lambda x: x.directories)):
            self.results.equal(f"facts of layers that this test wrote: {column}",
                               {d: row[column] for d, row in rows.items()},
                               {d: truth(x) for d, x in written.items()})


def compare_ledger_by_hand(pair, written):
    """duplicates and unique from docker's own layer lists and the tars' nominal bytes."""
    docker, census = pair.docker, pair.census
    rows = {row["diff_id"]: row for row in census.json("layers")["rows"]}
    chains = {}
    for image in docker.inspect_all().values():
        diffs = image["RootFS"].get("Layers") or []
        chains.update(zip(chain_ids(diffs), diffs))
    nominal = {d: written[d].nominal if d in written else rows[d]["nominal_bytes"]
               for d in chains.values()}
    unique = sum(nominal[d] for d in set(chains.values()))
    duplicates = sum(nominal[d] for d in chains.values()) - unique
    ledger = census.json("duplicates")["ledger"]
    pair.results.equal("unique bytes from docker's layer lists", ledger["unique_bytes"], unique)
    pair.results.equal("duplicates on one host", ledger["duplicates_bytes"], duplicates)
    pair.results.check("replicas on one host are zero", ledger["replicas_bytes"] == 0, str(ledger))


# ---- the story ---------------------------------------------------------------------------------------------


def compare_with_registry(pair, repository):
    """Image ID and repo digest are the digests of what skopeo fetches from the registry."""
    def fetched(*words):
        raw = run(["skopeo", "inspect", "--tls-verify=false", "--raw", *words,
                   f"docker://{repository}:1"])
        return "sha256:" + hashlib.sha256(raw.encode()).hexdigest()
    row = next(r for r in pair.images().values() if normal(f"{repository}:1") in r["names"])
    pair.results.equal("image ID is the digest of the config that skopeo fetches", row["image_id"],
                       fetched("--config"))
    pair.results.check("its repo digest is that of the manifest that skopeo fetches",
                       f"{repository}@{fetched()}" in
                       pair.image(row["image_id"])["repo_digests"])


def changes(pair, docker, world, registry):
    docker.cli("tag", "lc/plain:1", f"127.0.0.1:{registry.port}/team/plain:1")
    docker.cli("push", "-q", f"127.0.0.1:{registry.port}/team/plain:1")
    pair.compare("after a push to a registry")
    compare_with_registry(pair, f"127.0.0.1:{registry.port}/team/plain")

    extra = Layer().dir("pulled").file("pulled/file", b"p" * 70000)
    base = root_layer("alder", 1)
    save(world.path("pulled.tar"), [(config([base, extra]), [base, extra],
                                     [f"127.0.0.1:{registry.port}/team/pulled:1"])])
    docker.cli("load", "-q", "-i", world.path("pulled.tar"))
    docker.cli("push", "-q", f"127.0.0.1:{registry.port}/team/pulled:1")
    docker.cli("rmi", f"127.0.0.1:{registry.port}/team/pulled:1")
    docker.cli("pull", "-q", f"127.0.0.1:{registry.port}/team/pulled:1")
    pair.compare("after a pull")

    docker.cli("tag", "lc/links:1", "lc/plain:latest")
    docker.cli("tag", "lc/links:1", "lc/steps:1")
    pair.compare("after a retag that leaves a dangling image")

    docker.cli("rmi", "lc/whiteouts:1", "lc/two-parents:1")
    pair.compare("after a removal")

    docker.cli("run", "-d", "--name", "runs", *LIMITS, "lc/plain:1", "/bin/sleep", "3000")
    docker.cli("run", "-d", "--name", "runs-too", *LIMITS, "lc/base:1", "/bin/sleep", "3000")
    docker.cli("run", "--name", "ended", *LIMITS, "lc/base:1", "/bin/true")
    docker.cli("create", "--name", "created", *LIMITS, "lc/links:1", "/bin/true")
    pair.compare("after running containers")

    docker.cli("stop", "-t", "1", "runs-too")
    docker.cli("rm", "ended")
    pair.compare("after stopping and removing containers")


def daemon_killed(pair, docker, results):
    """The disk is read on; running is known by process, what cannot be known is unknown."""
    before = pair.images()
    pid = int(docker.cli("inspect", "-f", "{{.State.Pid}}", "runs"))
    stop(docker.daemon, 10, signal.SIGKILL)
    wait_for("the store to be marked", lambda: any(
        s["state"] == "daemon-down" for s in pair.census.json("host", "real")["stores"]), 30)
    after = pair.images()
    results.equal("dockerd killed: images and names stay",
                  {i: r["names"] for i, r in after.items()}, {i: r["names"] for i, r in before.items()})
    results.equal("dockerd killed: a container whose process lives is still running",
                  sorted(r["containers_running"] for r in after.values() if r["containers_running"]), [1])
    os.kill(pid, signal.SIGKILL)
    wait_for("running to become unknown", lambda: sum(
        r["containers_unknown"] for r in pair.images().values()) == 1, 60)
    results.check("dockerd killed: a dead process is not called running",
                  all(r["containers_running"] == 0 for r in pair.images().values()))
    docker.start()
    wait_for("the store to be well again", lambda: all(
        s["state"] == "ok" for s in pair.census.json("host", "real")["stores"]), 60)
    pair.compare("after kill -9 of dockerd and a new start")


def daemon_hung(pair, docker, results):
    """A daemon that accepts and never answers stops nothing."""
    os.kill(docker.daemon.pid, signal.SIGSTOP)
    try:
        docker_root_image = pair.images()
        done = subprocess.run(
            [pair.world.binary("layercensus-agent"), "scan", "-o", "json", "--no-find",
             "--docker-root", docker.root, "--docker-socket", docker.socket, "--no-measure"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=30)
        scan = json.loads(done.stdout)
        results.equal("dockerd hangs: scan still reads everything",
                      {i["id"] for s in scan["stores"] for i in s["images"]}, set(docker_root_image))
    finally:
        os.kill(docker.daemon.pid, signal.SIGCONT)


def replace(path, data):
    """A new file under the old name, as any tool writes it; what changes in place is seen by the next
    full pass only."""
    with open(path + ".new", "wb") as f:
        f.write(data)
    os.rename(path + ".new", path)


def put_back(entry, name, new_name):
    """Takes a layer's entry away, renames a file in it, and puts it back, as an engine that makes an
    entry does: a change inside alone is seen by the next full pass only."""
    os.rename(entry, entry + "-away")
    os.rename(os.path.join(entry + "-away", name), os.path.join(entry + "-away", new_name))
    os.rename(entry + "-away", entry)


def broken_entries(pair, docker, results):
    """A corrupt config and a corrupt layer entry are named and hide nothing else."""
    victim = json.loads(docker.cli("image", "inspect", "lc/many:1"))[0]
    path = os.path.join(docker.root, "image", docker.driver, "imagedb", "content", "sha256",
                        victim["Id"][7:])
    with open(path, "rb") as f:
        good = f.read()
    others = set(pair.images()) - {victim["Id"]}
    replace(path, good[:100])
    problems = wait_for("the problem to be named", lambda: [
        p for p in pair.census.json("host", "real")["problems"]
        if victim["Id"][7:19] in p["subject"] + p["text"]], 30)
    results.check("a corrupt config is named", "sha256" in json.dumps(problems), str(problems))
    results.check("a corrupt config hides no other image", others <= set(pair.images()))
    replace(path, good)
    layers = victim["RootFS"]["Layers"]
    entry = os.path.join(docker.root, "image", docker.driver, "layerdb", "sha256",
                         chain_ids(layers)[-1][7:])
    put_back(entry, "diff", "diff.away")
    problems = wait_for("the broken layer to be named", lambda: [
        p for p in pair.census.json("host", "real")["problems"]
        if os.path.basename(entry)[:12] in p["subject"] + p["text"]], 30)
    results.check("a corrupt layer entry is named", bool(problems), str(problems))
    results.check("a corrupt layer entry hides no other image", others <= set(pair.images()))
    put_back(entry, "diff.away", "diff")
    wait_for("the image to be whole again", lambda: victim["Id"] in pair.images() and not
             pair.census.json("host", "real")["problems"], 30)
    results.check("mended, it is whole again", True)


def other_driver(pair, world, results):
    """A host with a whole-tree driver joins: it measures its copies and spoils nobody's layers."""
    before = {r["diff_id"]: r["nominal_bytes"] for r in pair.census.json("layers")["rows"]}
    vfs = Docker(world, "vfs", "vfs").start()
    vfs.cli("load", "-q", "-i", world.path("written.tar"))
    pair.world.start("vfs-agent.log", [
        pair.world.binary("layercensus-agent"), "run", "--collector", pair.census.address,
        "--no-find", "--docker-root", vfs.root, "--docker-socket", vfs.socket, "--state-dir",
        world.path("vfs-state"), "--look-interval", "200ms", "--host-name", "whole-tree"])

    def measured():
        space = pair.census.json("host", "whole-tree")["space"]
        return space["allocated_bytes"] == vfs.allocated_under_roots() \
            and space["difference_bytes"] == 0 and pair.census.settled()
    wait_for("the host with vfs to be measured", measured)
    results.equal("vfs: its images are docker's",
                  {r["image_id"] for r in pair.census.json("host", "whole-tree")["rows"]},
                  set(vfs.inspect_all()))
    after = {r["diff_id"]: r["nominal_bytes"] for r in pair.census.json("layers")["rows"]}
    results.equal("vfs: the layers' sizes are what they were", {d: after.get(d) for d in before},
                  before)
    ledger = {h["host"]: h for h in pair.census.json("duplicates", "--by", "host")["rows"]}
    results.equal("vfs: stored is du of its layer directories", ledger["whole-tree"]["stored_bytes"],
                  sum(vfs.copies().values()))
    results.check("vfs: whole trees are layout, not layers", ledger["whole-tree"]["layout_bytes"] > 0,
                  str(ledger["whole-tree"]))


def secrets(pair, world, results):
    """No planted secret on the wire, in the database, its WAL, or in any log."""
    places = {"wire": pair.recorder.seen()}
    for name in os.listdir(world.dir):
        if name.startswith("collector.db") or name in ("agent.log", "collector.log"):
            with open(world.path(name), "rb") as f:
                places[name] = f.read()
    results.check("the wire was recorded and the database has a WAL",
                  len(places["wire"]) > 10000 and "collector.db-wal" in places, str(list(places)))
    for kind, secret in SECRETS.items():
        where = [place for place, content in places.items() if secret.encode() in content]
        results.check(f"a secret in {kind} does not leave the host", not where, str(where))
    results.check("what is no secret is kept", b"color" in places["wire"] and b"blue" in places["wire"])


def main():
    results = Results("docker")
    with World("docker", sys.argv[1]) as world:
        docker = Docker(world).start()
        version = docker.cli("version", "-f", "{{.Server.Version}}")
        print(f"docker {version}, {docker.driver}")
        registry = Registry(world).start()
        written = load_written(docker, world)
        build_images(docker, world)
        results.check("a sparse file lies in a layer", make_sparse(docker))
        results.check("at least a dozen varied images", len(docker.inspect_all()) >= 12)

        pair = Pair(world, docker, results)
        pair.start_agent()
        pair.compare("first")
        pair.compare_configs()
        pair.compare_facts(written)
        compare_ledger_by_hand(pair, written)
        secrets(pair, world, results)
        changes(pair, docker, world, registry)
        daemon_hung(pair, docker, results)
        daemon_killed(pair, docker, results)
        broken_entries(pair, docker, results)
        other_driver(pair, world, results)
        secrets(pair, world, results)

        stop(pair.agent, 15)
        stop(pair.census.process, 15)
        results.check("agent and collector end cleanly",
                      (pair.agent.returncode, pair.census.process.returncode) == (0, 0),
                      f"{pair.agent.returncode}, {pair.census.process.returncode}")
        status, output = pair.census.check()
        results.check("check finds nothing", status == 0, output)
    results.finish()


main()
