"""Broken places: one file of a real engine's store after the other is damaged, each in four ways, and
the reading must name it and show the rest. On a copy of the store, while no engine runs."""

import os
import shutil
import time
from collections import namedtuple

from compare import Scan, images

OVERSIZED = 256 << 20
DAMAGES = ("truncated", "missing", "garbage", "oversized")

# path: below the store; kind: "entry" (one image or layer: the others stay) or "store" (without it
# nothing can be read); says: {damage: what its message contains}; lost: the images that may go.
Place = namedtuple("Place", "name path kind says lost")


def damage(path, how):
    """Returns what undoes it."""
    aside = path + ".aside"
    os.rename(path, aside)
    if how != "missing":
        with open(aside, "rb") as f:
            good = f.read()
        with open(path, "wb") as f:
            if how == "truncated":
                f.write(good[:len(good) // 8])  # the second half of a database may be unused
            elif how == "garbage":
                f.write(bytes((i * 131 + 89) % 251 for i in range(min(len(good), 1 << 20))))
            else:
                f.write(good)
                f.truncate(OVERSIZED)

    def undo():
        os.replace(aside, path)
    return undo


def try_places(results, title, world, root, options, pick, places, settle=0):
    """One check for each place and damage; prints the table of messages. settle: seconds for which a
    file may count as being written."""
    whole = images(pick(Scan(world, "--no-measure", "--no-api", *options)))
    results.check(f"{title}: the copy is whole", bool(whole))
    for place in places:
        for how in DAMAGES:
            undo = damage(os.path.join(root, place.path), how)
            time.sleep(settle)
            try:
                scan = Scan(world, "--no-measure", "--no-api", *options)
                _check(results, f"{title}: {place.name} {how}", scan, pick, place, how, whole)
            finally:
                undo()
    time.sleep(settle)
    again = images(pick(Scan(world, "--no-measure", "--no-api", *options)))
    results.equal(f"{title}: mended, all is as before", again, whole)


def _check(results, name, scan, pick, place, how, whole):
    says = place.says.get(how, place.says.get("any", ""))
    try:
        store = pick(scan)
    except AssertionError as e:
        results.check(name, says is None, f"the store is gone: {e}")
        return
    told = [f"{p['subject']}: {p['text']}" for p in store["problems"]]
    if store["error"]:
        told.append(store["error"])
    print(f"   {name}: {store['state']}: {' | '.join(told)[:300] or '-'}")
    missing = set(whole) - set(images(store))
    if place.kind == "entry":
        results.check(f"{name}: the others stay", missing <= set(place.lost), f"missing: {missing}")
    elif says:
        results.check(f"{name}: the store is not taken for an empty one",
                      store["state"] in ("unreadable", "corrupt"), store["state"])
    results.check(f"{name}: it is named", not says or any(says in text for text in told),
                  f"expected \"{says}\" in {told}, state {store['state']}")


def copy_of(world, name, *roots):
    """Copies of directories of a live store that stands still: their paths in the same order."""
    found = []
    for number, root in enumerate(roots):
        target = world.path(f"{name}-{number}")
        shutil.copytree(root, target, symlinks=True, copy_function=shutil.copy2, dirs_exist_ok=True,
                        ignore=lambda folder, names: [n for n in names if not _plain(folder, n)])
        found.append(target)
    return found


def _plain(folder, name):
    """Whiteouts are devices; a copy without them serves here."""
    path = os.path.join(folder, name)
    return os.path.islink(path) or os.path.isdir(path) or os.path.isfile(path)
