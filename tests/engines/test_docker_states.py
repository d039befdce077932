"""docker with graph drivers: readings while images change in a loop, and every metadata place of its
store damaged in every way. test_docker.py has the comparisons of its columns."""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
from broken import Place, copy_of, try_places  # noqa: E402
from churn import Sequence, churn  # noqa: E402
from compare import Scan, chain_ids, check_bytes, check_store  # noqa: E402
from docker_engine import Docker  # noqa: E402
from harness import Results, World  # noqa: E402
from images import image_set  # noqa: E402
from registry import Registry  # noqa: E402


def options(docker):
    return ["--engine", "docker", "--docker-root", docker.root, "--docker-socket", docker.socket]


def pick(docker):
    return lambda scan: scan.store(docker.root, docker.driver)


def compare(world, results, docker):
    """The set of images that all engines of these tests get."""
    truth = docker.truth()
    store = pick(docker)(Scan(world, *options(docker)))
    check_store(results, "from the registry", store, truth)
    check_bytes(results, "from the registry", store, truth)


def churn_images(world, results, registry):
    docker = Docker(world, "churn").start()
    pushed = {short: f"{registry.host}/team/{short}:1" for short in ("base", "plain", "links")}
    ids = {short: image_set()[f"team/{short}:1"].id for short in pushed}
    docker.cli("pull", "-q", pushed["base"])
    sequence = Sequence({pushed["base"]: ids["base"]})

    def step(change, *words):
        state = sequence.now()
        change(state)
        sequence.do(lambda: docker.cli(*words), state)

    def steps():
        for number in range(26):
            name = f"lc/churn{number % 3}:1"
            for short in ("plain", "links"):
                step(lambda s, n=short: s.update({pushed[n]: ids[n]}), "pull", "-q", pushed[short])
            for short in ("base", "plain", "links"):
                step(lambda s, n=short: s.update({name: ids[n]}), "tag", pushed[short], name)
            step(lambda s: s.pop(pushed["links"]), "rmi", pushed["links"])
            step(lambda s: s.pop(pushed["plain"]), "rmi", pushed["plain"])
            step(lambda s: s.pop(name), "rmi", name)
    churn(results, "docker, pulls, tags and removals", world, options(docker), pick(docker),
          sequence, steps, 200)
    docker.stop()


def broken_places(world, results, docker):
    victim = image_set()["form/oci:1"]
    chain = chain_ids(victim.diffs)[-1]
    docker.stop()
    root, = copy_of(world, "broken", docker.root)
    image = f"image/{docker.driver}/"
    layer = f"{image}layerdb/sha256/{chain[7:]}/"
    lost = (victim.id,)
    named = {"any": chain[7:19]}
    try_places(results, "broken", world, root, ["--engine", "docker", "--docker-root", root],
               lambda scan: scan.store(root, docker.driver), [
                   Place("repositories.json", image + "repositories.json", "store",
                         {"any": "repositories.json", "missing": ""}, ()),
                   Place("a config", f"{image}imagedb/content/sha256/{victim.id[7:]}", "entry",
                         {"any": victim.id[7:19]}, lost),
                   Place("a layer's diff", layer + "diff", "entry", named, lost),
                   Place("a layer's parent", layer + "parent", "entry", named, lost),
                   Place("a layer's cache-id", layer + "cache-id", "entry", named, lost)])


def main():
    results = Results("docker-states")
    with World("docker-states", sys.argv[1]) as world:
        registry = Registry(world).start()
        docker = Docker(world).start()
        for name in registry.push_all(image_set()):
            docker.cli("pull", "-q", name)
        compare(world, results, docker)
        churn_images(world, results, registry)
        broken_places(world, results, docker)
    results.finish()


main()
