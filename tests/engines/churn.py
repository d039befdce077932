"""An engine whose images change in a loop, and readings meanwhile: none may show half a state.

A Sequence knows every state that its steps go through. A reading is right if what it shows is one of
the states that the engine was in between the reading's beginning and its end.
"""

import threading
import time

from compare import Scan


PAUSE = 0.04  # between two readings: the engine needs a processor too


class Sequence:
    """Steps that are done one after the other: each is an action and the states it goes through, the
    last of which it leaves behind. A state is {name: image}, of tagged names."""

    def __init__(self, start):
        self.states = [[dict(start)]]  # of each step done; the last item is where it ended
        self.reached = 0  # steps that are done
        self.begun = 0
        self.failure = None
        self.lock = threading.Lock()

    def now(self):
        return dict(self.states[-1][-1])

    def do(self, action, *states):
        with self.lock:
            self.states.append([dict(state) for state in states])
            self.begun += 1
        action()
        with self.lock:
            self.reached += 1

    def mark(self):
        with self.lock:
            return self.reached, self.begun

    def possible(self, before, after):
        """The states from that of `before` steps done to that of `after` steps begun."""
        with self.lock:
            found = [self.states[before][-1]]
            for states in self.states[before + 1:after + 1]:
                found += states
        return found


def tagged(store):
    """{name: image} of a store, marks of digests left out."""
    return {name: image["id"] for image in store["images"] for name in image["names"]}


def churn(results, name, world, options, pick, sequence, steps, least):
    """Runs `steps` (a function that does them all by sequence.do) beside a loop of scans with these
    options; pick(scan) is the store."""
    def work():
        try:
            steps()
        except Exception as e:  # pylint: disable=broad-except
            sequence.failure = e

    worker = threading.Thread(target=work)
    worker.start()
    readings = moving = 0
    halves, problems = [], []
    seen = set()
    while worker.is_alive():
        before = sequence.mark()[0]
        store = pick(Scan(world, "--no-measure", *options))
        after = sequence.mark()[1]
        readings += 1
        time.sleep(PAUSE)
        if store["state"] == "moving":
            moving += 1
            continue
        if store["state"] != "ok" or store["problems"]:
            problems.append(f"{store['state']} {store['error']} {store['problems'][:2]}")
        if store["images"] is None:
            continue
        shown = tagged(store)
        seen.add(str(sorted(shown.items())))
        possible = sequence.possible(before, after)
        if shown not in possible:
            halves.append(f"{sorted(shown)} in steps {before}..{after}: "
                          f"{[sorted(set(p.items()) ^ set(shown.items())) for p in possible][:4]}")
    worker.join()
    print(f"{name}: {sequence.reached} changes, {readings} readings, {moving} of them moving, "
          f"{len(seen)} different states seen")
    results.check(f"{name}: the changes went well", sequence.failure is None, repr(sequence.failure))
    results.check(f"{name}: at least {least} changes", sequence.reached >= least,
                  str(sequence.reached))
    results.check(f"{name}: the readings saw it change", len(seen) > 3, f"{len(seen)} states")
    results.check(f"{name}: most readings are of a store that stood still", moving * 2 < readings,
                  f"{moving} of {readings}")
    results.check(f"{name}: no reading is half a state", not halves,
                  f"{len(halves)} of {readings}: {halves[:3]}")
    results.check(f"{name}: moving is no problem", not problems,
                  f"{len(problems)} of {readings}: {problems[:3]}")
