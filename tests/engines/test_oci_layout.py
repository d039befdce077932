"""OCI layout directories, by skopeo and by hand, compared with what the files say by the image
specification, with skopeo and with du."""

import os
import shutil
import sys
from hashlib import sha256

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
from broken import Place, try_places  # noqa: E402
from churn import Sequence, churn  # noqa: E402
from compare import Scan, check_bytes, check_store, du, names, told_spaces  # noqa: E402
from harness import Results, World, run  # noqa: E402
from images import awkward_set, image_set  # noqa: E402
from oci_engine import Layout  # noqa: E402
from registry import Registry  # noqa: E402


def options(layout):
    return ["--engine", "oci-layout", "--oci-layout", layout.root]


def compare(results, world, when, layout):
    store = Scan(world, *options(layout)).store(layout.root)
    truth = layout.truth()
    check_store(results, when, store, truth)
    check_bytes(results, when, store, truth)
    return store


def by_skopeo(world, results, pushed):
    layout = Layout(world, "by-skopeo")
    for number, name in enumerate(pushed):
        layout.copy(name, f"copy-{number}", *(["--all"] if "form/multi" in name else []))
    store = compare(results, world, "by skopeo", layout)
    seen, told, found = names(store), {}, {}
    for number, name in enumerate(pushed):
        if "form/multi" in name:
            continue
        raw = run(["skopeo", "inspect", "--raw", "--config", f"oci:{layout.root}:copy-{number}"])
        found[f"copy-{number}"] = "sha256:" + sha256(raw.encode()).hexdigest()
        told[f"copy-{number}"] = next((i for i, n in seen.items() if f"copy-{number}" in n), None)
    results.equal("by skopeo: image IDs are the digests of the configs that skopeo finds", told,
                  found)
    return layout


def by_hand(world, results):
    """An index of several platforms, only one of them here; an artifact; one blob twice."""
    layout = Layout(world, "by-hand")
    for name, thing in {**image_set(), **awkward_set()}.items():
        layout.write(thing, name.replace(":", "-"))
    layout.write(image_set()["form/oci:1"])
    compare(results, world, "by hand", layout)
    multi = image_set()["form/multi:1"]
    arm = multi.members[1]
    for blob in [arm, *arm.parts]:
        os.unlink(layout.blob(blob.digest))
    compare(results, world, "by hand, one platform of two", layout)
    for blob in [multi.members[0], multi.members[0].parts[0]]:
        os.unlink(layout.blob(blob.digest))
    compare(results, world, "by hand, no platform", layout)
    return layout


def leftovers(world, results, layout):
    """A blob that nothing names: the name may follow, for an hour."""
    path = layout.blob("sha256:" + "e" * 64)
    with open(path, "wb") as f:
        f.write(b"x" * 30000)
    told = told_spaces(Scan(world, *options(layout)).store(layout.root))
    results.equal("a young blob that nothing names", told.get(("outside", "pulling")), du(path))
    results.equal("the account has it", sum(v for (k, _), v in told.items() if k != "total"),
                  du(layout.root))
    os.unlink(path)


def churn_layout(world, results, source):
    """skopeo writes into a layout, in its way."""
    layout = Layout(world, "churn")
    sources = [(name, image) for image, known in source.truth().names.items() for name in known][:7]
    base = image_set()["team/base:1"]
    layout.write(base, "base")
    sequence = Sequence({"base": base.id})

    def steps():
        for number in range(210):
            state = sequence.now()
            short, image = sources[number % len(sources)]
            name = f"n{number % 5}"
            state[name] = image
            sequence.do(lambda n=name, s=short: run(
                ["skopeo", "copy", "-q", f"oci:{source.root}:{s}", f"oci:{layout.root}:{n}"]),
                        state)
    churn(results, "OCI layout, writes by skopeo", world, options(layout),
          lambda scan: scan.store(layout.root), sequence, steps, 200)


def broken_places(world, results, layout):
    root = world.path("broken")
    shutil.copytree(layout.root, root)
    victim = image_set()["time/offset:1"]
    lost = (victim.id, victim.digest)
    try_places(results, "broken", world, root, ["--engine", "oci-layout", "--oci-layout", root],
               lambda scan: scan.store(root), [
                   Place("index.json", "index.json", "store", {"any": "index.json"}, ()),
                   Place("oci-layout", "oci-layout", "store", {"any": "oci-layout"}, ()),
                   Place("a manifest", "blobs/sha256/" + victim.digest[7:], "entry",
                         {"any": victim.digest[7:19]}, lost),
                   Place("a config", "blobs/sha256/" + victim.id[7:], "entry",
                         {"any": victim.id[7:19], "missing": ""}, lost)], settle=1.1)


def young(world, results, layout):
    """What was broken a moment ago may be half written: the store moves, and the rest of it is there."""
    root = world.path("young")
    shutil.copytree(layout.root, root)
    scan = ["--engine", "oci-layout", "--oci-layout", root]
    whole = names(Scan(world, "--no-measure", *scan).store(root))
    victim = image_set()["time/offset:1"]
    with open(os.path.join(root, "blobs/sha256", victim.digest[7:]), "r+b") as f:
        f.truncate(100)
    store = Scan(world, "--no-measure", *scan).store(root)
    results.equal("young: the state", store["state"], "moving")
    results.check("young: the others stay", set(whole) - set(names(store)) <= {victim.id},
                  f"{set(whole) - set(names(store))}")
    results.check("young: it is named", any(victim.digest in p["subject"] for p in store["problems"]),
                  str(store["problems"]))


def main():
    results = Results("oci-layout")
    with World("layout", sys.argv[1]) as world:
        registry = Registry(world).start()
        pushed = registry.push_all(image_set())
        copied = by_skopeo(world, results, pushed)
        layout = by_hand(world, results)
        leftovers(world, results, layout)
        churn_layout(world, results, copied)
        young(world, results, layout)
        broken_places(world, results, layout)
    results.finish()


main()
