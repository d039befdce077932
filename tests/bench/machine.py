"""What a run was measured on, and what else ran there meanwhile."""

import os
import platform
import resource
import sqlite3
import subprocess
import tempfile
import time

QUIET_SHARE = 0.05  # of the processors, taken by others


def busy_seconds():
    """CPU time that all processes of this machine took, and its neighbours from it (steal), all
    processors together."""
    with open("/proc/stat") as f:
        user, nice, system, _, _, irq, softirq, steal = map(int, f.readline().split()[1:9])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def own_seconds():
    """CPU time of this process and of its children that have ended."""
    return sum(u.ru_utime + u.ru_stime for u in map(
        resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)))


class Machine:
    def __init__(self):
        self.began, self.busy, self.own = time.monotonic(), busy_seconds(), own_seconds()

    def others(self):
        """Share of the processors that others took since the beginning. Daemons' children that
        nobody waited for count as others too."""
        others = busy_seconds() - self.busy - (own_seconds() - self.own)
        return max(0, others) / ((time.monotonic() - self.began) * os.cpu_count())

    def text(self):
        files = subprocess.run(["stat", "-f", "-c", "%T", tempfile.gettempdir()], text=True,
                               stdout=subprocess.PIPE, check=True).stdout.strip()
        with open("/proc/cpuinfo") as f:
            models = [line.split(":")[1].strip() for line in f if line.startswith("model name")]
        others = self.others()
        load = "quiet" if others < QUIET_SHARE else "**under load**"
        return (f"{time.strftime('%Y-%m-%d')}, {os.cpu_count()} processors "
                f"({models[0] if models else platform.machine()}), Linux {platform.release()}, SQLite "
                f"{sqlite3.sqlite_version}, files on {files}, "
                f"{(time.monotonic() - self.began) / 60:.1f} minutes. Taken {load}: others took "
                f"{others:.0%} of the processors meanwhile.")
