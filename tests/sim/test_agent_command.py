#!/usr/bin/env python3
"""What layercensus-agent says without any collector or store.

usage: test_agent_command.py BUILD-DIRECTORY
"""

import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))

from harness import Results, World

USAGE, UNREACHABLE = 2, 3


def main():
    results = Results("agent-command")
    with World("agent-command", sys.argv[1]) as world:

        def agent(*words):
            return subprocess.run([world.binary("layercensus-agent"), *words], text=True,
                                  capture_output=True, timeout=20, check=False)

        for words in (["--check-config"], ["scan", "--check-config"]):
            got = agent(*words)
            results.equal(f"{' '.join(words)} needs no collector", (got.returncode, got.stdout),
                          (0, "the configuration is fine\n"))
        got = agent("run", "--check-config")
        results.check("run --check-config checks what run needs",
                      got.returncode == USAGE and "no collector" in got.stderr, got.stderr)

        for name, made in (("nothing", None), ("no-store", "etc"), ("no-driver", "image")):
            root = world.path(name)
            if made is not None:
                os.makedirs(os.path.join(root, made))
            got = agent("scan", "--no-api", "--root", root)
            says = f"{root} is no docker data root (no image/<driver> in it)"
            results.check(f"scan of a root with {name} says so",
                          got.returncode == UNREACHABLE and says in got.stderr, got.stderr)

        got = agent("run", "--help")
        results.check("a flag that is on is shown with what its negation does",
                      "--no-find             Do not look" in got.stdout, got.stdout)
    results.finish()


if __name__ == "__main__":
    main()
