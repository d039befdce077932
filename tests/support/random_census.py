"""Random databases from a seed: small fleets with everything that the ledger tells apart."""

import random
import time

from census_db import (BLOBS, BY_MANIFEST, EXTRA, GZIP, MISSING, ORPHANS, RUN_UNKNOWN, RUNNING,
                       STOPPED, TOTAL, ZSTD, CensusDb, digest)


def layers(r, db, count):
    names = [f"l{i}" for i in range(count)]
    for name in names:
        nominal = r.choice([None, 0, 4096, r.randrange(1, 5000) * 4096])
        db.layer(name, nominal, os_release='ID=debian\nVERSION_ID="12"\n' if r.random() < 0.2
                 else None)
    return names


def images(r, db, names, count):
    """Lines that branch from one another, repeat a layer now and then, or are not known at all."""
    lines = []
    for i in range(count):
        base = r.choice(lines) if lines and r.random() < 0.7 else []
        line = base[:r.randrange(len(base) + 1)] + r.choices(names, k=r.randrange(0, 5))
        lines.append(line)
        unknown = r.random() < 0.05
        db.image(f"i{i}", None if unknown else line,
                 identity=BY_MANIFEST if unknown else 1, document=r.choice([1, 1, 1, 2]))
    return lines


def manifests(r, db, lines):
    """Some images have several, some of them unconfirmed, or of another number of layers."""
    for i, line in enumerate(lines):
        for t in range(r.randrange(0, 3)):
            count = max(0, len(line) + r.choice([0, 0, 0, 0, -1, 1]))
            blobs = [(r.randrange(3), f"{r.choice(line or 'x')} {t % 2}", r.choice([GZIP, ZSTD]))
                     for _ in range(count)]
            db.manifest(f"i{i}", blobs, name=f"{i} {t}", document=r.choice([1, 1, 2, 3]))


def fill_store(r, db, store, lines):
    chosen = r.sample(range(len(lines)), r.randrange(0, len(lines) + 1))
    for i in chosen:
        gone = r.choice([None, None, None, db.now - 50])
        names = [f"app{i}:{t}" for t in range(r.randrange(0, 3))]
        digests = [(f"app{r.randrange(3)}", digest(f"manifest {i} {t}"))
                   for t in range(r.randrange(0, 3))]
        parent = r.choice([None, None, db.images[f"i{r.choice(chosen)}"]])
        db.put(store, db.images[f"i{i}"], names, unpacked=int(r.random() < 0.85), parent=parent,
               gone=gone, gone_after=gone and gone - 60, repo_digests=digests)
        if gone is None and r.random() < 0.3:
            db.container(store, f"c{store}-{i}", db.images[f"i{i}"],
                         r.choice([RUNNING, STOPPED, RUN_UNKNOWN]),
                         kube_namespace=r.choice(["", "shop"]))
    for layer in sorted(db.layers):
        if r.random() < 0.2:
            db.origin(store, layer, f"app{r.randrange(4)}")
    for key in sorted(db.chains):
        if r.random() < 0.5:
            db.measured(store, key, r.randrange(0, 6000) * 4096, missing=int(r.random() < 0.05))
        if r.random() < 0.06:
            db.exception(store, key, r.choice([EXTRA, MISSING]))
    for klass, kind in ((BLOBS, "kept"), (BLOBS, "only"), (ORPHANS, "leftover"),
                        (ORPHANS, "partial"), (TOTAL, "roots")):
        if r.random() < 0.5:
            db.space(store, klass, kind, r.randrange(0, 1000) * 4096)


def make(path, seed):
    r = random.Random(seed)
    db = CensusDb(path, now=int(time.time()))
    names = layers(r, db, r.randrange(1, 20))
    lines = images(r, db, names, r.randrange(1, 15))
    manifests(random.Random(seed), db, lines)
    for h in range(r.randrange(1, 7)):
        retired = db.now - 100 if r.random() < 0.15 else None
        incarnation = db.host(f"host-{h}", silent=r.choice([0, 10, 1000]), retired=retired,
                              labels={"zone": r.choice("ab"), "fleet": "all"})
        for s in range(r.randrange(1, 5)):
            store = db.store(incarnation, key=f"{h} {s}", engine=r.choice(["docker", "podman"]),
                             owner=r.choice([0, 1000]), state=r.choice([1, 1, 1, 3, 6]),
                             gone=db.now - 20 if r.random() < 0.1 else None)
            fill_store(r, db, store, lines)
    db.db.execute("UPDATE document SET incarnation_id = (SELECT min(id) FROM incarnation) "
                  "WHERE state = 2 AND id % 2")
    db.close()
