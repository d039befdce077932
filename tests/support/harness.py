"""What the end-to-end tests share: results, processes that are always ended, waiting by condition.

A test program makes one Results, calls check() for every comparison, and ends with finish().
Each check prints one line: "ok NAME", "FAIL NAME: why" or "skip NAME: why"; tests/run counts them.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time


class Results:
    def __init__(self, area):
        self.area = area
        self.passed = self.failed = self.skipped = 0

    def check(self, name, condition, why=""):
        if condition:
            self.passed += 1
            print(f"ok {self.area}: {name}", flush=True)
        else:
            self.failed += 1
            print(f"FAIL {self.area}: {name}: {why}", flush=True)
        return condition

    def equal(self, name, got, expected):
        """An empty comparison fails: it would prove nothing."""
        if expected in (None, [], {}, set(), ""):
            return self.check(name, False, "nothing to compare with: the oracle is empty")
        return self.check(name, got == expected, describe(got, expected))

    def skip(self, name, why):
        self.skipped += 1
        print(f"skip {self.area}: {name}: {why}", flush=True)

    def finish(self):
        if self.passed + self.failed + self.skipped == 0:
            self.check("something was tested", False, "no check ran")
        sys.exit(1 if self.failed else 0)


def describe(got, expected):
    """The difference of two values, short enough to read."""
    if isinstance(got, dict) and isinstance(expected, dict):
        lines = []
        for key in sorted(set(got) | set(expected), key=str):
            if got.get(key) != expected.get(key):
                lines.append(f"{key}: got {got.get(key)!r}, expected {expected.get(key)!r}")
        return "; ".join(lines[:6]) + (f" (and {len(lines) - 6} more)" if len(lines) > 6 else "")
    if isinstance(got, (set, frozenset)) and isinstance(expected, (set, frozenset)):
        return f"too many: {sorted(got - expected)[:5]!r}, missing: {sorted(expected - got)[:5]!r}"
    return f"got {got!r}, expected {expected!r}"[:1500]


def normal(name):
    """An image's name in normal form, as answers have it: "debian:12" is docker.io/library/debian:12."""
    first, slash, rest = name.partition("/")
    if not slash or not ("." in first or ":" in first or first == "localhost"):
        first, rest = "docker.io", name
    elif first == "index.docker.io":
        first = "docker.io"
    return f"{first}/library/{rest}" if first == "docker.io" and "/" not in rest else f"{first}/{rest}"


class World:
    """A temporary folder and the processes started in it; leaving it ends them, by pid."""

    def __init__(self, name, build):
        self.dir = tempfile.mkdtemp(prefix=f"lc-{name}-")
        self.build = os.path.abspath(build)
        self.programs = {}  # {name: path} of those that lie in the folder itself
        self.children = []

    def __enter__(self):
        """A test that is ended from outside (a time limit) leaves the same way."""
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
        return self

    def __exit__(self, kind, value, trace):
        if value is not None and not isinstance(value, SystemExit):
            self.show_logs()
        for child in reversed(self.children):
            stop(child, 10)
        end_strays(self.dir)
        if os.environ.get("LC_KEEP"):
            print(f"kept: {self.dir}", file=sys.stderr)
        else:
            unmount_below(self.dir)
            shutil.rmtree(self.dir, ignore_errors=True)
        return False

    def path(self, *parts):
        return os.path.join(self.dir, *parts)

    def binary(self, name):
        folder = "agent" if name == "layercensus-agent" else "collector"
        return self.programs.get(name) or os.path.join(self.build, folder, name)

    def open_to_all(self):
        """Lets other users in, and run the programs, also where the checkout is root's alone."""
        os.chmod(self.dir, 0o755)
        for name in ("layercensus-agent", "layercensus-collector", "layercensus"):
            copy = self.path(name)
            shutil.copy(self.binary(name), copy)
            os.chmod(copy, 0o755)
            self.programs[name] = copy

    def start(self, log, argv, env=None):
        """Starts a process whose output goes to a log file in the world's folder."""
        with open(self.path(log), "ab") as out:
            child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                     env=env, start_new_session=True)
        child.log = self.path(log)
        self.children.append(child)
        return child

    def show_logs(self):
        for name in sorted(os.listdir(self.dir)):
            if name.endswith(".log"):
                with open(self.path(name), errors="replace") as f:
                    tail = f.readlines()[-25:]
                print(f"--- {name}", file=sys.stderr)
                sys.stderr.writelines(tail)


def stop(child, seconds, sig=signal.SIGTERM):
    """Ends a process that we started: politely, then for good. Returns its status."""
    if child.poll() is None:
        child.send_signal(sig)
        try:
            child.wait(seconds)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
    return child.returncode


def end_strays(folder):
    """What our processes started and left behind (an engine's shims and their containers): those whose
    command line names our own folder, and their descendants."""
    parents, ours = {}, set()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                if folder.encode() + b"/" in f.read():
                    ours.add(int(pid))
            with open(f"/proc/{pid}/stat") as f:
                parents[int(pid)] = int(f.read().rsplit(")", 1)[1].split()[1])
        except OSError:
            continue
    grown = True
    while grown:
        more = {pid for pid, parent in parents.items() if parent in ours} - ours
        ours |= more
        grown = bool(more)
    for pid in ours - {os.getpid()}:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def unmount_below(folder):
    """Mounts that a killed engine left behind in our own folder."""
    with open("/proc/self/mounts") as f:
        mounts = [line.split()[1] for line in f]
    for mount in sorted((m for m in mounts if m.startswith(folder + "/")), reverse=True):
        subprocess.run(["umount", "-l", mount], check=False)


def wait_for(what, condition, seconds=60):
    """Polls until condition() is true and returns its value; an exception counts as not yet."""
    deadline = time.monotonic() + seconds
    last = None
    while time.monotonic() < deadline:
        try:
            value = condition()
            if value:
                return value
            last = f"last answer: {value!r}"
        except (subprocess.CalledProcessError, OSError, ValueError, KeyError, AssertionError) as e:
            last = repr(e)
        time.sleep(0.1)
    raise TimeoutError(f"waited {seconds} s for {what}; {last}")


def run(argv, **options):
    """Runs to the end and returns stdout as text; a failure shows what the program said."""
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)
    if done.returncode != 0:
        sys.stderr.write(done.stderr)
        raise subprocess.CalledProcessError(done.returncode, argv, done.stdout, done.stderr)
    return done.stdout


class Census:
    """A collector and its command, in a world."""

    def __init__(self, world, *options, name="collector"):
        self.world = world
        self.name = name
        self.db = world.path(f"{name}.db")
        self.address = "unix:" + world.path(f"{name}.sock")
        self.options = options
        self.process = None

    def start(self):
        self.process = self.world.start(
            f"{self.name}.log",
            [self.world.binary("layercensus-collector"), "serve", "--db", self.db,
             "--listen", self.address, *self.options])
        wait_for("the collector's socket", lambda: self.alive() and os.path.exists(self.address[5:]))
        return self

    def alive(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"the collector ended with status {self.process.returncode}")
        return True

    def json(self, *words):
        return json.loads(run([self.world.binary("layercensus"), "--db", self.db, "-o", "json",
                               *words]))

    def settled(self):
        """Whether every config is here and nothing is estimated any more."""
        coverage = self.json("summary")["coverage"]
        return not any(coverage[key] for key in ("images_unknown", "layers_unknown",
                                                 "copies_estimated", "copies_unknown"))

    def check(self):
        """The collector's own check: (exit status, output)."""
        done = subprocess.run([self.world.binary("layercensus-collector"), "check", "--thorough",
                               "--db", self.db],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        return done.returncode, done.stdout
