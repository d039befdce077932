"""What `layercensus-agent scan` says of a store, against what its engine says: one check a column.

Each engine's module makes a Truth of its own engine by that engine's commands, skopeo and du.
"""

import hashlib
import json
import os
import re
import subprocess

from harness import describe, run


class Truth:
    """A store as its engine tells it."""

    def __init__(self):
        self.names = {}  # {image: {name}}
        self.repo_digests = {}  # {image: {repository@digest}}
        self.sure_digests = None  # those of them that must be told; None: all
        self.layers = {}  # {image: [diffID]}, of images whose config is here
        self.unpacked = set()  # images
        self.parents = {}  # {image: parent}
        self.by_manifest = set()  # images that are known by their manifest's digest
        self.copies = {}  # {chainID: allocated bytes}
        self.containers = {}  # {container: (image, "running" or "stopped")}
        self.container_names = {}  # {container: name}
        self.spaces = {}  # {(class, kind): bytes}, those the engine tells
        self.total = None  # du of the store's roots


class Scan:
    """One reading of this host, or why there is none."""

    def __init__(self, world, *options, find=False, timeout=60):
        self.argv = [world.binary("layercensus-agent"), "scan", "-o", "json",
                     *([] if find else ["--no-find"]), "--log-level", "warn", *options]
        done = subprocess.run(self.argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              timeout=timeout, check=False)
        self.status, self.complaint = done.returncode, done.stderr
        if not done.stdout:
            raise AssertionError(f"scan ended with {done.returncode}: {done.stderr[-2000:]}")
        self.stores = json.loads(done.stdout)["stores"]

    def store(self, root, driver=None, space=None):
        """The only store there."""
        found = [s for s in self.stores if s["root"].rstrip("/") == root.rstrip("/")
                 and driver in (None, s["driver"]) and space in (None, s["space"])]
        if len(found) != 1:
            seen = [(s["root"], s["driver"], s["space"], s["state"]) for s in self.stores]
            raise AssertionError(f"{len(found)} stores of {root} {driver} {space}; there are {seen}")
        return found[0]


def images(store):
    """{image: its entry}; none where nothing could be read."""
    return {i["id"]: i for i in store["images"] or []}


def names(store):
    """{image: {name}}."""
    return {i: set(e["names"]) for i, e in images(store).items()}


def told_copies(store):
    """{chainID: allocated bytes} of what lies unpacked here."""
    return {layer["chain"]: layer["allocated_bytes"] for image in images(store).values()
            for layer in image["layers"] or [] if layer["directory"]}


def told_spaces(store):
    return {(s["class"], s["kind"]): s["bytes"] for s in store["spaces"] or []}


def check_store(results, when, store, truth):
    """Image by image and layer by layer."""
    seen = images(store)
    results.check(f"{when}: the store is well", store["state"] == "ok" and not store["problems"],
                  f"{store['state']}: {store['error']} {store['problems'][:3]}")
    results.equal(f"{when}: images and names", names(store), truth.names)
    check_repo_digests(results, when, {
        i: {f"{r['repository']}@{r['digest']}" for r in e["repo_digests"]} for i, e in seen.items()},
        truth)
    results.check(f"{when}: known by manifest only", truth.by_manifest ==
                  {i for i, e in seen.items() if e["identity"] == "manifest"},
                  f"got {[i for i, e in seen.items() if e['identity'] == 'manifest']}, "
                  f"expected {truth.by_manifest}")
    results.equal(f"{when}: layers and chains",
                  {i: [(layer["diff"], layer["chain"]) for layer in e["layers"]]
                   for i, e in seen.items() if e["layers"] is not None},
                  {i: list(zip(d, chain_ids(d))) for i, d in truth.layers.items()})
    told = {i for i, e in seen.items() if e["unpacked"]}
    results.check(f"{when}: unpacked images", told == truth.unpacked,
                  f"too many: {told - truth.unpacked}, missing: {truth.unpacked - told}")
    told = {i: e["parent"] for i, e in seen.items() if e["parent"]}
    results.check(f"{when}: parents of images", told == truth.parents, f"{told} {truth.parents}")
    check_use(results, when, store, truth)


def check_repo_digests(results, when, told, truth):
    if truth.sure_digests is None:
        results.equal(f"{when}: repo digests", told, truth.repo_digests)
        return
    results.check(f"{when}: no repo digest that no registry has", all(
        pairs <= truth.repo_digests[i] for i, pairs in told.items()),
        describe(told, truth.repo_digests))
    results.equal(f"{when}: repo digests that are sure",
                  {i: told.get(i) for i in truth.sure_digests}, truth.sure_digests)


def check_use(results, when, store, truth):
    told = {c["id"]: (c["image"], c["state"]) for c in store["containers"]}
    results.check(f"{when}: containers by image and state", told == truth.containers,
                  f"got {told}, expected {truth.containers}")
    told = {c["id"]: c["name"] for c in store["containers"] if c["name"]}
    results.check(f"{when}: names of containers", truth.container_names.items() <= told.items(),
                  f"got {told}, expected {truth.container_names}")


def check_bytes(results, when, store, truth):
    """Every copy, every kind of space that the engine tells, and the account of the whole."""
    if truth.copies:
        results.equal(f"{when}: allocated bytes of every copy", told_copies(store), truth.copies)
    else:
        results.check(f"{when}: nothing is unpacked", not told_copies(store))
    told = told_spaces(store)
    results.check(f"{when}: kinds of space", truth.spaces ==
                  {key: told.get(key, 0) for key in truth.spaces},
                  f"got {told}, expected {truth.spaces}")
    if truth.total is not None:
        check_account(results, when, [store], truth.total)


def check_account(results, when, stores, total):
    """What the stores' terms add up to is du of their roots, difference 0."""
    terms = totals = 0
    for store in stores:
        spaces = told_spaces(store)
        totals += sum(v for (kind, _), v in spaces.items() if kind == "total")
        terms += sum(v for (kind, _), v in spaces.items() if kind != "total")
    results.equal(f"{when}: the store's total is du of its roots", totals, total)
    results.equal(f"{when}: the account's terms add up to it", terms, total)


def differences(got, expected, place=""):
    """Where two JSON values differ, as texts."""
    if isinstance(got, dict) and isinstance(expected, dict):
        found = []
        for key in sorted(set(got) | set(expected), key=str):
            found += differences(got.get(key), expected.get(key), f"{place}/{key}")
        return found
    if isinstance(got, list) and isinstance(expected, list) and len(got) == len(expected):
        return [text for number, pair in enumerate(zip(got, expected))
                for text in differences(*pair, f"{place}/{number}")]
    return [] if got == expected else [f"{place}: {str(got)[:200]}, not {str(expected)[:200]}"]


def chain_ids(diff_ids):
    """ChainIDs by the OCI image spec, written down here once more on purpose."""
    chains, chain = [], None
    for diff in diff_ids:
        chain = diff if chain is None else \
            "sha256:" + hashlib.sha256(f"{chain} {diff}".encode()).hexdigest()
        chains.append(chain)
    return chains


def du(*paths):
    """Allocated bytes by du, hard links once over all paths, this file system only."""
    out = run(["du", "-s", "-x", "-B1", "-c", *paths])
    return int(re.findall(r"^(\d+)\ttotal$", out, re.M)[0])


def below(folder):
    """The paths in a folder."""
    return [os.path.join(folder, name) for name in sorted(os.listdir(folder))]


def repository(name):
    """R of R:TAG or R@DIGEST."""
    name = name.split("@")[0]
    return name.rsplit(":", 1)[0] if ":" in name.rsplit("/", 1)[-1] else name
