"""A fleet that changes every day and never grows: each host holds as many images as before, all of one
catalogue that is known after the first day. What grows under it is history, and whatever leaks."""

import json
import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "fleet"))
from real_fleet import config_of, diff_of, sha256, truth_name  # noqa: E402

IMAGES, BASES, LAYERS, IMAGES_A_HOST = 300, 12, 6, 20


def layers_of(number):
    names = [f"base {number % BASES} {depth}" for depth in range(LAYERS // 2)]
    names += [f"image {number} {depth}" for depth in range(LAYERS // 2)]
    return [{"digest": sha256(name), "size": 1000 * (1 + len(name) % 7)} for name in names]


def write_catalogue(path):
    with open(path, "w", encoding="utf-8") as f:
        for number in range(IMAGES):
            layers = layers_of(number)
            repository = f"registry.example/soak/app{number}"
            config = config_of({"id": f"app{number}", "arch": "amd64", "os": "linux", "layers": layers,
                                "created": "2026-01-02T03:04:05Z"})
            f.write(json.dumps({
                "name": f"app{number}", "config": config, "repository": repository,
                "manifest": sha256(repository), "names": [f"{repository}:1"],
                "layers": [[diff_of(truth_name(x)), x["size"]] for x in layers]}) + "\n")


def write_fleet(path, hosts, days, seed):
    """Each day each host removes one of its images and pulls another one. Returns the names of hosts."""
    rng = random.Random(seed)
    names = [f"soak-{n:04}" for n in range(hosts)]
    held = [rng.sample(range(IMAGES), IMAGES_A_HOST) for _ in names]
    with open(path, "w", encoding="utf-8") as f:
        for name, images in zip(names, held):
            f.write(json.dumps({"t": "host", "day": 0, "host": name, "arch": "amd64",
                                "images": [f"app{i}" for i in images]}) + "\n")
        for day in range(1, days + 1):
            for name, images in zip(names, held):
                gone = images.pop(rng.randrange(len(images)))
                come = rng.choice([i for i in range(IMAGES) if i != gone and i not in images])
                images.append(come)
                for op, image in (("remove", gone), ("pull", come)):
                    f.write(json.dumps({"t": "event", "day": day, "host": name, "op": op,
                                        "image": f"app{image}"}) + "\n")
    return names
