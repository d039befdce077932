"""kill -9 of the agent or of the collector at any moment, 50 times, while the host's images change:
nothing that was acknowledged is lost, `check` finds nothing, and the answer is the same as that of a
pair which was never disturbed."""

import os
import random
import signal
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
import docker_store  # noqa: E402
from archive import Layer  # noqa: E402
from harness import Census, Results, World, normal, stop, wait_for  # noqa: E402

ROUNDS = int(os.environ.get("LC_KILL_ROUNDS", "50"))
SEED = int(os.environ.get("LC_SEED", "20261123"))


def start_agent(world, census, store, log, state):
    return world.start(log, [
        world.binary("layercensus-agent"), "run", "--collector", census.address, "--no-find",
        "--no-api", "--docker-root", store.root, "--state-dir", world.path(state),
        "--look-interval", "100ms", "--reconnect-min", "50ms", "--reconnect-max", "200ms",
        "--host-name", "killed"])


def change(store, rng, serial):
    """One change as a user would make it."""
    choice = rng.random()
    removable = [i for i in store.images if len(store.images) > 3]
    if choice < 0.5 or not removable:
        base = Layer().dir("etc").file("etc/os-release", b"ID=test%d\n" % (serial % 3))
        top = Layer().file(f"data-{serial}", bytes([serial % 251]) * rng.randrange(1, 60000))
        store.add([base, top], [f"kill/app:{serial}"])
    elif choice < 0.75:
        store.remove(rng.choice(sorted(removable)))
    else:
        store.tag(rng.choice(sorted(store.images)), f"kill/other:{serial}")


def truth(store):
    return {image: sorted(normal(n) for n, i in store.names.items() if i == image) for image in store.images}


def answer(census):
    return {row["image_id"]: sorted(row["names"]) for row in census.json("images")["rows"]}


def ledger(census):
    wait_for("all measurements", census.settled)
    return census.json("duplicates")["ledger"]


def main():
    results = Results("kill")
    rng = random.Random(SEED)
    print(f"seed {SEED}, {ROUNDS} rounds")
    with World("kill", sys.argv[1]) as world:
        store = docker_store.Store(world.path("docker"))
        for serial in range(4):
            change(store, rng, serial)
        census = Census(world).start()
        agent = start_agent(world, census, store, "agent.log", "agent-state")
        wait_for("the first answer", lambda: answer(census) == truth(store))
        broken = []
        for n in range(ROUNDS):
            for extra in range(rng.randrange(1, 4)):
                change(store, rng, 100 + 10 * n + extra)
            time.sleep(rng.random() * 0.4)
            if rng.random() < 0.5:
                stop(agent, 5, signal.SIGKILL)
                agent = start_agent(world, census, store, "agent.log", "agent-state")
            else:
                stop(census.process, 5, signal.SIGKILL)
                status, output = census.check()
                if status != 0:
                    broken.append(f"round {n}: check after the kill: {output[-300:]}")
                census.start()
            try:
                wait_for("the answer", lambda: answer(census) == truth(store), 30)
            except TimeoutError as e:
                broken.append(f"round {n}: {e}: {answer(census)} is not {truth(store)}")
                break
        results.check(f"after each of {ROUNDS} kills the answer is the truth", not broken,
                      "; ".join(broken))
        disturbed = ledger(census)
        stop(agent, 10)
        stop(census.process, 10)
        status, output = census.check()
        results.check("check finds nothing", status == 0, output)
        results.check("both ended cleanly", agent.returncode == 0 and census.process.returncode == 0,
                      f"agent {agent.returncode}, collector {census.process.returncode}")

        calm = Census(world, name="calm").start()
        start_agent(world, calm, store, "calm-agent.log", "calm-state")
        wait_for("the undisturbed answer", lambda: answer(calm) == truth(store))
        results.equal("the ledger is that of an undisturbed pair", disturbed, ledger(calm))
    results.finish()


main()
