"""Figures: what was measured beside its floor, and how they are told."""

import json
import math
import os
import statistics
import subprocess
import threading
import time


class Figure:
    """Values and floors are lists in the order of the repetitions; a ratio is taken within one
    repetition. `goal` is (comparison, number) of the ratio, or of the value where there is none
    (`beside`: the floor stands beside it and is not divided by). `bound`: the values are only lower
    bounds, so that no upper goal is reached by them."""

    def __init__(self, row, name, unit, values, floors=None, floor_name="", goal=None, note="",
                 bound=False, beside=False):
        self.row, self.name, self.unit, self.note = row, name, unit, note
        self.values, self.floors, self.floor_name = list(values), list(floors or []), floor_name
        self.goal, self.bound = goal, bound
        self.ratios = [] if beside else [v / f for v, f in zip(self.values, self.floors)]

    def reached(self):
        if self.goal is None:
            return None
        if self.bound:
            return False
        got = statistics.median(self.ratios or self.values)
        return got >= self.goal[1] if self.goal[0] == ">=" else got <= self.goal[1]

    def json(self):
        return {"row": self.row, "figure": self.name, "unit": self.unit, "values": self.values,
                "floor": self.floor_name, "floors": self.floors, "ratios": self.ratios,
                "goal": "" if self.goal is None else f"{self.goal[0]} {self.goal[1]:g}",
                "reached": self.reached(), "note": self.note}

    def cells(self):
        goal = "" if self.goal is None else f"{self.goal[0]} {number(self.goal[1])}"
        verdict = {None: "", True: "yes", False: "no"}[self.reached()]
        return [self.row, self.name + (f" ({self.note})" if self.note else ""),
                f"{spread(self.values)} {self.unit}".strip(),
                f"{spread(self.floors)} {self.unit}: {self.floor_name}" if self.floors else "",
                spread(self.ratios) if self.ratios else "", goal, verdict]


HEAD = ["row", "figure", "median [min..max]", "floor of the same run", "ratio", "goal", "reached"]


def number(n):
    if n == 0 or 0.001 <= abs(n) < 100:
        return f"{n:.3g}"
    return f"{n:,.0f}" if abs(n) >= 100 else f"{n:.2g}"


def spread(values):
    middle = number(statistics.median(values))
    if len(values) == 1:
        return middle
    return f"{middle} [{number(min(values))}..{number(max(values))}]"


def table(figures):
    """For reading in a terminal; Markdown too."""
    rows = [HEAD] + [f.cells() for f in figures]
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEAD))]
    rows.insert(1, ["-" * w for w in widths])
    return "\n".join("| " + " | ".join(c.ljust(w) for c, w in zip(row, widths)) + " |" for row in rows)


def markdown(figures, failures, machine):
    """As docs/performance.md shows it."""
    rows = [HEAD, ["---"] * len(HEAD)] + [f.cells() for f in figures]
    lines = [machine, ""] + ["| " + " | ".join(row) + " |" for row in rows]
    for row, why in failures.items():
        lines += ["", f"{row} could not be measured: {why}"]
    return "\n".join(lines)


def exponent(small, large, times):
    """How values of two sizes grow where the second is so many times the first."""
    return math.log(statistics.median(large) / statistics.median(small)) / math.log(times)


# ---- what a process costs ------------------------------------------------------------------------


def cpu_seconds(pid):
    """CPU time of a live process, all threads, by the scheduler's nanoseconds."""
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        try:
            with open(f"/proc/{pid}/task/{task}/schedstat") as f:
                total += int(f.read().split()[0])
        except OSError:
            continue
    return total / 1e9


def memory_kb(pid):
    """{"pss", "anon", "rss", "peak"} of a live process, in kB."""
    out = {}
    with open(f"/proc/{pid}/smaps_rollup") as f:
        lines = dict(line.split(":", 1) for line in f if ":" in line and " kB" in line)
    with open(f"/proc/{pid}/status") as f:
        status = dict(line.split(":", 1) for line in f)
    for name, text in (("pss", lines["Pss"]), ("anon", lines["Anonymous"]), ("rss", lines["Rss"]),
                       ("peak", status["VmHWM"])):
        out[name] = int(text.split()[0])
    return out


def timed(argv, accepted=(0,), most=None, stdin=subprocess.DEVNULL):
    """(wall seconds, CPU seconds) of a command that must succeed; TimeoutError after `most`."""
    began = time.monotonic()
    child = subprocess.Popen(argv, stdin=stdin, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    killer = threading.Timer(most, child.kill) if most else None
    if killer:
        killer.start()
    try:
        said = child.stderr.read()
        _, status, usage = os.wait4(child.pid, 0)
    except BaseException:
        child.kill()
        raise
    wall = time.monotonic() - began
    if killer:
        killer.cancel()
    child.returncode = os.waitstatus_to_exitcode(status)
    child.stderr.close()
    if most and wall >= most:
        raise TimeoutError(f"{argv[0]} was ended after {most} s")
    if child.returncode not in accepted:
        raise RuntimeError(f"{argv[0]} ended with {child.returncode}: {said[-300:]!r}")
    return wall, usage.ru_utime + usage.ru_stime


def ask(argv, timeout=600):
    """The JSON objects that a benchmark program prints, one a line."""
    done = subprocess.run([str(a) for a in argv], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, timeout=timeout)
    if done.returncode != 0:
        raise RuntimeError(f"{os.path.basename(argv[0])} ended with {done.returncode}: "
                           f"{done.stderr[-300:]}")
    return [json.loads(line) for line in done.stdout.splitlines()]
