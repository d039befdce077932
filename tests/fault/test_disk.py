"""The disk and the file under the database: full while hosts report, read-only, not ours, not a file.

The full disk is a small tmpfs that the test mounts in its own folder; without the right to mount it is
skipped. Nothing is acknowledged that is not durable, nothing else is lost, and no restart is needed.
"""

import os
import shutil
import sqlite3
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
sys.path.insert(0, os.path.join(HERE, "..", "sim"))
import docker_store  # noqa: E402
import grpc  # noqa: E402
import python_client  # noqa: E402
from archive import Layer  # noqa: E402
from harness import Census, Results, World, normal, stop, wait_for  # noqa: E402
from honest import Honest  # noqa: E402


def start_agent(world, census, store):
    return world.start("agent.log", [
        world.binary("layercensus-agent"), "run", "--collector", census.address, "--no-find", "--no-api",
        "--docker-root", store.root, "--state-dir", world.path("agent-state"), "--look-interval", "100ms",
        "--reconnect-min", "50ms", "--reconnect-max", "200ms", "--host-name", "filled"])


def add(store, serial):
    store.add([Layer().file(f"data-{serial}", b"x" * 1000)], [f"disk/app:{serial}"])


def truth(store):
    return {i: sorted(normal(n) for n, image in store.names.items() if image == i) for i in store.images}


def answer(census):
    return {row["image_id"]: sorted(row["names"]) for row in census.json("images")["rows"]
            if row["names"][0].startswith(normal("disk/"))}


def text(path):
    with open(path, errors="replace") as f:
        return f.read()


def content(path):
    with open(path, "rb") as f:
        return f.read()


def fill(path):
    """Takes every byte that the disk has left."""
    with open(path, "wb", buffering=0) as f:
        for size in (65536, 4096, 1):
            try:
                while True:
                    f.write(bytes(size))
            except OSError:
                pass


class Foreign:
    """A host of the python client: it sees acknowledgements and statuses themselves."""

    def __init__(self, world, census):
        os.makedirs(world.path("pb"))
        self.pb = python_client.compile_proto(world.path("pb"))
        self.client = python_client.Client(self.pb, grpc.insecure_channel(census.address), "disk")
        self.host = self.client.host("disk")
        self.images = [self.host.image(1)]

    def report(self, generation):
        stream, welcome = self.client.greeted(self.host)
        stream.send(*self.host.inventory(generation, self.images))
        return stream, welcome

    def acknowledged(self, generation):
        stream, _ = self.report(generation)
        got = stream.until("acknowledgement").generation
        stream.close()
        return got == generation

    def refused(self, generation):
        """The status that ends the stream; "acknowledged" where there is none."""
        try:
            stream, _ = self.report(generation)
            stream.until("acknowledgement")
            return "acknowledged"
        except python_client.Failed as e:
            return str(e)


def full_disk(world, results):
    disk = world.path("disk")
    os.makedirs(disk)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", disk],
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0
    if not mounted:
        results.skip("a full disk", "no right to mount a tmpfs")
        return
    census = Census(world, name="disk/census")
    census.name = "disk-collector"
    census.start()
    store = docker_store.Store(world.path("docker"))
    for serial in range(3):
        add(store, serial)
    agent = start_agent(world, census, store)
    wait_for("the first answer", lambda: answer(census) == truth(store) and census.settled())
    foreign = Foreign(world, census)
    results.check("with room, a report is acknowledged", foreign.acknowledged(1))
    before = answer(census)

    fill(os.path.join(disk, "filler"))
    serials = iter(range(3, 1000))

    def complaints():
        """One image more each time: what the log has room for without growing is still taken."""
        add(store, next(serials))
        return "UNAVAILABLE" in text(agent.log) and [
            line for line in text(census.process.log).splitlines() if "full" in line]

    log = wait_for("the words of both", complaints)
    results.check("full: the log says so, and what to do", "room" in log[0], log[0])
    foreign.images += [foreign.host.image(n) for n in range(2, 3000)]
    said = foreign.refused(2)
    results.check("full: the stream ends with UNAVAILABLE, unacknowledged",
                  "UNAVAILABLE" in said, said)
    shown = answer(census)
    results.check("full: what was durable is shown, and nothing that is not there",
                  before.items() <= shown.items() <= truth(store).items(),
                  f"{len(before)} before, {len(shown)} of {len(truth(store))} now")
    results.check("full: both stay up", census.process.poll() is None and agent.poll() is None)

    os.remove(os.path.join(disk, "filler"))
    wait_for("the answer after room was made", lambda: answer(census) == truth(store), 20)
    results.check("room again: everything arrives without a restart", True)
    stream, welcome = foreign.client.greeted(foreign.host)
    stream.close()
    results.equal("room again: the refused report was not kept in secret", welcome.generation, 1)
    results.check("room again: the foreign host's report is acknowledged", foreign.acknowledged(2))

    fill(os.path.join(disk, "filler"))
    kept = answer(census)
    stop(agent, 10)
    status = stop(census.process, 10)
    results.check("full: the collector stops cleanly", status == 0, f"status {status}")
    os.remove(os.path.join(disk, "filler"))
    census.start()
    results.equal("after both: everything acknowledged is there", answer(census), kept)
    status, output = census.check()
    results.check("after both: check finds nothing", status == 0, output)
    stop(census.process, 10)


# ---- files ----------------------------------------------------------------------------------------------------


def tell(done):
    return f"status {done.returncode}: {done.stderr}"


def ended(argv, **options):
    return subprocess.run(argv, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=20,
                          **options)


def serve(world, db, **options):
    return ended([world.binary("layercensus-collector"), "serve", "--db", db, "--listen",
                  "unix:" + world.path("other.sock")], **options)


def refused(world, results, name, db, words, programs=("serve", "check", "command"), **options):
    """Each program ends with status 3 and one line with these words, and leaves the file as it was."""
    unchanged = content(db) if os.path.isfile(db) else None
    calls = {
        "serve": lambda: serve(world, db, **options),
        "check": lambda: ended([world.binary("layercensus-collector"), "check", "--db", db], **options),
        "command": lambda: ended([world.binary("layercensus"), "--db", db, "hosts"], **options),
    }
    for program in programs:
        done = calls[program]()
        results.check(f"{name}: {program} says so with status 3",
                      done.returncode == 3 and done.stderr.count("\n") == 1
                      and all(w in done.stderr for w in (db, *words)), tell(done))
    if unchanged is not None:
        results.check(f"{name}: is left alone", content(db) == unchanged)


def change(path, sql):
    db = sqlite3.connect(path)
    db.execute(sql)
    db.close()


def wrong_files(world, results):
    census = Census(world, name="made").start()
    stop(census.process, 10)

    notes = world.path("notes.txt")
    with open(notes, "w") as f:
        f.write("my notes\n" * 1000)
    refused(world, results, "a file that is no database", notes, ["database"])

    other = world.path("other.sqlite")
    change(other, "CREATE TABLE bookmarks (url TEXT)")
    refused(world, results, "another program's database", other, [])

    newer = world.path("newer.db")
    shutil.copy(census.db, newer)
    change(newer, "PRAGMA user_version = 999")
    refused(world, results, "a newer schema", newer, ["999"])

    cut = world.path("cut.db")
    shutil.copy(census.db, cut)
    os.truncate(cut, os.path.getsize(cut) // 2)
    refused(world, results, "half a database", cut, [], programs=("serve",))

    os.makedirs(world.path("folder"))
    refused(world, results, "a directory", world.path("folder"), [])
    pipe = world.path("pipe")
    os.mkfifo(pipe)
    refused(world, results, "a pipe", pipe, ["regular file"], programs=("serve",))
    refused(world, results, "no file", world.path("none.db"), [], programs=("check", "command"))
    refused(world, results, "no folder", world.path("none/at/all.db"), ["folder"], programs=("serve",))


def read_only(world, results):
    folder = world.path("read-only")
    os.makedirs(folder)
    census = Census(world, name="read-only/census")
    census.name = "read-only-collector"
    census.start()
    stop(census.process, 10)
    if subprocess.run(["mount", "-o", "bind", folder, folder], stderr=subprocess.DEVNULL).returncode != 0 \
            or subprocess.run(["mount", "-o", "remount,bind,ro", folder]).returncode != 0:
        results.skip("a read-only file system", "no right to mount")
    else:
        refused(world, results, "a read-only file system", census.db, ["read-only"], programs=("serve",))
        done = ended([world.binary("layercensus"), "--db", census.db, "hosts"])
        results.check("a read-only file system: the command reads all the same", done.returncode == 0,
                      tell(done))
        status, output = census.check()
        results.check("a read-only file system: so does check", status == 0, output)
        subprocess.run(["umount", folder], check=True)
    if os.geteuid() != 0:
        results.skip("a file of another user", "the test does not run as root")
        return
    world.open_to_all()
    os.chmod(folder, 0o755)
    for path in (census.db, census.db + ".lock"):
        os.chmod(path, 0o644)
    nobody = {"user": 65534, "group": 65534, "extra_groups": []}
    refused(world, results, "a file of another user", census.db, ["owner"], programs=("serve",), **nobody)
    os.chmod(census.db, 0o600)
    refused(world, results, "a file that may not be read", census.db, [],
            programs=("command", "check"), **nobody)


def by_a_mount(world, results, census):
    """The one file by itself, as containers are given it: its lock file lies elsewhere."""
    name = "a second collector by a mount of the file"
    mounted = world.path("mounted.db")
    with open(mounted, "wb"):
        pass
    if subprocess.run(["mount", "--bind", census.db, mounted], stderr=subprocess.DEVNULL).returncode != 0:
        results.skip(name, "no right to mount")
        return
    done = serve(world, mounted)
    results.check(f"{name}: status 3, and what to do",
                  done.returncode == 3 and "another name" in done.stderr and "stop" in done.stderr, tell(done))
    subprocess.run(["umount", mounted], check=True)


def second_collector(world, results):
    census = Census(world, name="owned").start()
    honest = Honest(world, census)
    pid = str(census.process.pid)
    done = serve(world, census.db)
    results.check("a second collector: status 3, and the first one's process is named",
                  done.returncode == 3 and pid in done.stderr and "another" in done.stderr, tell(done))
    done = ended([world.binary("layercensus-collector"), "host", "retire", "x*", "--db", census.db])
    results.check("host retire beside a collector: status 3, and what to do",
                  done.returncode == 3 and pid in done.stderr and "stop" in done.stderr, tell(done))
    os.symlink(census.db, world.path("by-another-name.db"))
    done = serve(world, world.path("by-another-name.db"))
    results.check("a second collector by a symbolic link: status 3, and the first one's process is named",
                  done.returncode == 3 and pid in done.stderr, tell(done))
    os.link(census.db, world.path("linked.db"))
    done = serve(world, world.path("linked.db"))
    results.check("a second collector by a hard link: status 3, and what to do",
                  done.returncode == 3 and "hard link" in done.stderr and "remove" in done.stderr, tell(done))
    os.remove(world.path("linked.db"))
    by_a_mount(world, results, census)
    os.rename(census.db, census.db + ".away")
    shutil.copy(census.db + ".away", census.db)
    done = serve(world, census.db)
    results.check("a second collector on what was put in the file's place: status 3, the process is named",
                  done.returncode == 3 and pid in done.stderr, tell(done))
    os.rename(census.db + ".away", census.db)
    honest.well(results, "second collectors")
    stop(honest.process, 5)
    status = stop(census.process, 10)
    results.check("and ends cleanly", status == 0, f"status {status}")


def main():
    results = Results("disk")
    with World("disk", sys.argv[1]) as world:
        wrong_files(world, results)
        read_only(world, results)
        second_collector(world, results)
        full_disk(world, results)
    results.finish()


main()
