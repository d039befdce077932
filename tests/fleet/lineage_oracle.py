"""What the layers of a fleet of real images prove, by brute force in python over the files that the
fleet was made from. Nothing here is shared with the program: a chain is the list of its layers.

The rules are those that docs/lineage.md gives: where a line begins (the first layer that is not
empty), where images end in it, what the core build and the nearest base are.
"""

import hashlib
import json
import math
from collections import defaultdict


def chain_id(layers):
    """The chainID of a list of diffIDs, by the image specification."""
    chain = layers[0]
    for diff in layers[1:]:
        chain = "sha256:" + hashlib.sha256(f"{chain} {diff}".encode()).hexdigest()
    return chain


def value_of(os_release, key):
    for line in os_release.splitlines():
        name, _, value = line.partition("=")
        if name == key:
            return value.strip('"')
    return ""


def normal(name):
    """A name of Docker Hub, as these files have it, in its normal form."""
    registry, _, rest = name.partition("/")
    return f"{registry}/library/{rest}" if registry == "docker.io" and "/" not in rest else name


class Image:
    def __init__(self, line):
        config = json.loads(line["config"])
        self.name = line["name"]
        self.id = "sha256:" + hashlib.sha256(line["config"].encode()).hexdigest()
        self.platform = "/".join(config[k] for k in ("os", "architecture", "variant") if config.get(k))
        self.created = config["created"]
        self.listed = line["names"]  # as hosts say them
        self.names = [normal(name) for name in self.listed]
        self.repo_digest = line["manifest"]
        self.layers = tuple(layer[0] for layer in line["layers"])
        self.empty = [layer[2] == 0 for layer in line["layers"]]
        self.first = self.empty.index(False) if False in self.empty else len(self.layers)
        self.facts = {layer[0]: (layer[1], layer[3]) for layer in line["layers"]}

    def line(self):
        """The chains from the genesis layer up, the image's own last."""
        return [self.layers[:n] for n in range(self.first + 1, len(self.layers) + 1)]

    def content(self):
        """How many layers are not empty."""
        return self.empty.count(False)


def read_images(path, but=()):
    """The images of a prepared catalogue by its own names, without those that nobody holds."""
    with open(path, encoding="utf-8") as f:
        images = (Image(json.loads(line)) for line in f)
        return {image.name: image for image in images if image.name not in but}


class Lineage:
    """Every image known here has names, and lies on a host."""

    def __init__(self, images):
        self.images = images
        self.ending = defaultdict(list)   # chain: the images that end there
        self.above = defaultdict(set)     # chain: the layers that stand right on it
        self.stood_on = set()             # chains that another image goes on from
        self.begun = defaultdict(set)     # genesis chain: the whole chains that begin with it
        for image in images.values():
            self.ending[image.layers].append(image)
            for chain in image.line()[:-1]:
                self.above[chain].add(image.layers[len(chain)])
                self.stood_on.add(chain)
            if image.content():
                self.begun[image.line()[0]].add(image.layers)
        self.facts = {diff: fact for image in images.values() for diff, fact in image.facts.items()}

    def core(self, image):
        """(kind, chain): "named", "unnamed" or "scratch"."""
        if not image.content():
            return "scratch", None
        for chain in image.line():
            if chain in self.ending and (chain != image.layers or chain in self.stood_on):
                return "named", chain
        genesis = image.line()[0]
        os_release = self.facts[genesis[-1]][1]
        if os_release and image.content() == 1:
            return "named", image.layers
        if os_release or len(self.begun[genesis]) > 1:
            return "unnamed", genesis
        return "scratch", None

    def nearest(self, image):
        """The longest chain below the image's own where another image ends, or None."""
        return next((c for c in reversed(image.line()[:-1]) if c in self.ending), None)

    def branch(self, image):
        """The longest chain below the image's own that lines leave in different directions, and that is
        longer than a named core build, or None."""
        kind, core = self.core(image)
        floor = len(core) if kind == "named" else 0
        return next((c for c in reversed(image.line()[:-1])
                     if len(self.above[c]) > 1 and len(c) > floor), None)

    def ties(self, image):
        """How many images end at the nearest base; 0 without one."""
        nearest = self.nearest(image)
        return len(self.ending[nearest]) if nearest else 0

    def twins(self):
        """{image: names that others of exactly its layers have, and it has not}, where there are such."""
        return {image.name: {name for other in group for name in other.names} - set(image.names)
                for group in self.ending.values() if len(group) > 1 for image in group}

    def os_release(self, chain):
        """Of the uppermost layer of a chain that has one."""
        return next((self.facts[diff][1] for diff in reversed(chain) if self.facts[diff][1]), "")

    def bytes_once(self, chains):
        return sum(self.facts[diff][0] for diff in {diff for chain in chains for diff in chain})


def effective(weights):
    """(exponential of the Shannon entropy, inverse Simpson index) of positive weights."""
    shares = [w / sum(weights) for w in weights if w > 0]
    if not shares:
        return 0.0, 0.0
    return (math.exp(-sum(p * math.log(p) for p in shares)), 1 / sum(p * p for p in shares))


class Releases:
    """Which chains are the platforms of one release: one index lists them. No two of them have one
    platform."""

    def __init__(self, lineage):
        self.platform = {chain: min(image.platform for image in group)
                         for chain, group in lineage.ending.items()}
        self.members = {}
        self.conflicts = 0
        listed = defaultdict(set)
        for image in lineage.images.values():
            listed[image.repo_digest].add(image.layers)
        for _, chains in sorted(listed.items()):
            first, *others = sorted(chains, key=self.order)
            for chain in others:
                self._join(first, chain)

    def order(self, chain):
        return self.platform.get(chain, ""), chain_id(chain)

    def _join(self, one, other):
        a, b = self.of(one), self.of(other)
        if a == b:
            return
        if {self.platform[c] for c in a} & {self.platform[c] for c in b}:
            self.conflicts += 1
            return
        for chain in a | b:
            self.members[chain] = a | b

    def of(self, chain):
        return self.members.get(chain, frozenset((chain,)))

class Bases:
    """The rows of `bases`, at each level, and what is counted for each."""

    def __init__(self, lineage, holders, containers, titles):
        """holders: {image's name: hosts}; containers: {image's name: (running, all)}; titles: {chainID of
        a named core build: the one of its names that is shown}."""
        self.lineage, self.holders, self.containers = lineage, holders, containers
        self.titles = titles
        self.releases = Releases(lineage)

    def rows(self, key_of, chain_of):
        """{key: (images, of these standing on it, hosts, running, containers, bytes once)}. key_of(image)
        is the row that an image belongs to, chain_of(image) its chain in that row, None on scratch."""
        rows = defaultdict(lambda: [0, 0, set(), 0, 0, set()])
        for image in self.lineage.images.values():
            row, chain = rows[key_of(image)], chain_of(image)
            running, containers = self.containers.get(image.name, (0, 0))
            row[0] += 1
            row[1] += image.layers != chain
            row[2] |= self.holders[image.name]
            row[3] += running
            row[4] += containers
            row[5].update([chain] if chain else [])
        return {key: (images, standing, len(hosts), running, some, self.lineage.bytes_once(chains))
                for key, (images, standing, hosts, running, some, chains) in rows.items()}

    def by_release(self, place):
        """The rows by (kind, chainID): the chains of one release are one row, which goes by its first.
        place(image) is (kind, chain)."""
        first = {}
        for kind, chain in map(place, self.lineage.images.values()):
            if chain:
                key = kind, self.releases.of(chain) if kind == "named" else chain
                first[key] = min(first.get(key, chain), chain, key=self.releases.order)

        def key_of(image):
            kind, chain = place(image)
            key = kind, self.releases.of(chain) if kind == "named" else chain
            return kind, chain_id(first[key]) if chain else None
        return self.rows(key_of, lambda image: place(image)[1]), key_of

    def core_chain(self, image):
        return self.lineage.core(image)[1]

    def by_core(self):
        return self.by_release(self.lineage.core)[0]

    def stored_bytes(self):
        """{row of by_core(): bytes of all copies of its chains}: a copy on each host that holds an image
        whose line has the chain, and as large as its layer."""
        hosts, chains = defaultdict(set), defaultdict(set)
        key_of = self.by_release(self.lineage.core)[1]
        for image in self.lineage.images.values():
            for n in range(1, len(image.layers) + 1):
                hosts[image.layers[:n]] |= self.holders[image.name]
            core = self.core_chain(image) or ()
            chains[key_of(image)].update(core[:n] for n in range(1, len(core) + 1))
        return {key: sum(len(hosts[c]) * self.lineage.facts[c[-1]][0] for c in some)
                for key, some in chains.items()}

    def family_of(self, kind, chain):
        """(family, version of its system)."""
        os_release = self.lineage.os_release(chain)
        name = self.titles[chain_id(chain)] if kind == "named" else ""
        repository, _, tag = name.rpartition(":")
        return (value_of(os_release, "ID") or repository.rsplit("/", 1)[-1] or "unknown",
                value_of(os_release, "VERSION_ID") or tag)

    def family_key(self, image):
        kind, chain = self.lineage.core(image)
        return self.family_of(kind, chain)[0] if chain else None

    def by_family(self):
        return self.rows(self.family_key, self.core_chain)

    def version_keys(self):
        """{chain of a named core build: the set of chains of its version}: of one family, version of the
        system and day, or of one release."""
        groups = {}
        named = {chain for kind, chain in map(self.lineage.core, self.lineage.images.values())
                 if kind == "named"}
        alike = defaultdict(set)
        for chain in named:
            days = {image.created[:10] for image in self.lineage.ending[chain]}
            alike[(*self.family_of("named", chain), min(days))].add(chain)
        for chains in [*alike.values(), *(self.releases.of(c) & named for c in named)]:
            whole = set().union(*(groups.get(c, {c}) for c in chains))
            groups.update(dict.fromkeys(whole, frozenset(whole)))
        return groups

    def by_version(self):
        keys = self.version_keys()

        def key(image):
            kind, chain = self.lineage.core(image)
            return keys[chain] if kind == "named" else chain
        return self.rows(key, self.core_chain)

    def parent(self, image):
        """(kind, chain) of the nearest base; an unnamed one only where lines part."""
        nearest = self.lineage.nearest(image)
        if nearest:
            return "named", nearest
        branch = self.lineage.branch(image)
        return ("unnamed", branch) if branch else ("scratch", None)

    def by_parent(self):
        return self.by_release(self.parent)[0]
