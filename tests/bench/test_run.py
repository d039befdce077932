#!/usr/bin/env python3
"""test_run.py BUILD: every row of tests/bench/run gives numbers, at small sizes; how large they are is
no matter here. And the arithmetic of figures."""

import json
import math
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))

from figures import Figure, exponent  # noqa: E402
from harness import Results  # noqa: E402

ROWS = [f"L{n}" for n in (*range(1, 8), *range(9, 15))] + ["B1", "E1", "E2", "E3"]


def numbers(figure):
    """All that the figure says, and whether each of them is a number and nothing is missing."""
    told = figure["values"] + figure["floors"] + figure["ratios"]
    return told, bool(figure["values"]) and all(
        isinstance(n, (int, float)) and math.isfinite(n) for n in told)


def rows_give_numbers(results, build):
    done = subprocess.run([os.path.join(HERE, "run"), "--quick", "--build", build, "-o", "json"],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=600)
    got = json.loads(done.stdout) if done.stdout else {"figures": [], "not_measured": {}}
    for row in ROWS:
        figures = [f for f in got["figures"] if f["row"] == row]
        wrong = [f"{f['figure']}: {numbers(f)[0]}" for f in figures if not numbers(f)[1]]
        why = got["not_measured"].get(row) or "; ".join(wrong) or done.stderr[-500:]
        results.check(f"{row} gives numbers", figures and not wrong and
                      row not in got["not_measured"], why)
    results.equal("small sizes reach and miss nothing",
                  {f["reached"] for f in got["figures"]}, {None})


def figures_judge(results):
    reached = Figure("L0", "f", "s", [1, 9, 2], [2, 3, 4], "floor", ("<=", 0.5))
    results.equal("a ratio is of one repetition, and its median decides",
                  (reached.ratios, reached.reached()), ([0.5, 3.0, 0.5], True))
    results.equal("without a floor the value itself is judged",
                  Figure("L0", "f", "s", [3], goal=("<=", 2)).reached(), False)
    results.check("a floor that only stands beside is not divided by", not Figure(
        "L0", "f", "s", [3], [1], "floor", ("<=", 4), beside=True).ratios)
    results.check("a lower bound never reaches an upper goal", not Figure(
        "L0", "f", "s", [1], [10], "floor", ("<=", 1), bound=True).reached())
    results.equal("ten times the hosts at a hundred times the cost grow with exponent 2",
                  round(exponent([2, 3, 9], [300], 10), 9), 2)


def main():
    results = Results("bench")
    figures_judge(results)
    rows_give_numbers(results, os.path.abspath(sys.argv[1]))
    results.finish()


if __name__ == "__main__":
    main()
