"""Nonsense on the command line, in configuration files and in the environment, for all three programs: exit
status 2, and one line that names the flag, the variable, or file and line, the value, and what is expected.

The options are those that --help lists, so that a new one is tried without being named here.
"""

import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
from harness import Census, Results, World, stop  # noqa: E402

PROGRAMS = {  # program: its commands with options of their own
    "layercensus-collector": ["serve"],
    "layercensus-agent": ["run", "scan"],
    "layercensus": ["duplicates", "where"],
}
NUMBERS = {"TIME", "N", "ENTRIES", "BYTES"}
CHOICES = {"FORM", "LEVEL", "KIND", "WHAT"}
BUILT_IN = {"help", "version", "config", "check-config"}


def ended(argv, env=None):
    return subprocess.run(argv, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=20, env={**os.environ, **(env or {})})


def refused(results, name, done, *words):
    """With status 2 and one line that holds all the words."""
    return results.check(f"{name}: refused", done.returncode == 2 and done.stderr.count("\n") == 1
                         and done.stdout == "" and all(w in done.stderr for w in words),
                         f"status {done.returncode}, expected {words} in {done.stderr!r}")


def options_of(program, command):
    """(name, what it takes or None) of each option that --help lists."""
    found, listing = [], False
    for line in ended([program, command, "--help"]).stdout.splitlines():
        listing = bool(re.match(r"(General o|O)ptions.*:$", line)) or listing and line != ""
        option = re.match(r" {2,6}(?:-\w, )?--(?:no-)?([\w-]+)(?: ([^ ]+))?", line)
        if listing and option and option[1] not in BUILT_IN:
            found.append((option[1], option[2]))
    return found


# ---- every option by itself --------------------------------------------------------------------------------


def one_option(world, results, program, command, name, nonsense):
    """As a flag, in a file and as a variable."""
    argv = [world.binary(program), command, "--check-config"]
    prefix = {"layercensus": "LAYERCENSUS"}.get(program, program.upper().replace("-", "_"))
    variable = f"{prefix}_{name.upper().replace('-', '_')}"
    path = world.path("wrong.conf")
    with open(path, "w") as f:
        f.write(f"# the third line is wrong\n\n{name} = {nonsense}\n")
    for form, done, where in (
            ("flag", ended([*argv, f"--{name}={nonsense}"]), f"--{name}: "),
            ("file", ended([*argv, "--config", path]), f"{path}:3: {name}: "),
            ("variable", ended(argv, {variable: nonsense}), f"{variable}: ")):
        refused(results, f"{program} {command} {name}, {form} {nonsense[:20]!r}", done, where,
                f'"{nonsense}"', "expected")


def every_option(world, results):
    for program, commands in PROGRAMS.items():
        tried = 0
        for command in commands:
            for name, takes in options_of(world.binary(program), command):
                if takes in NUMBERS:
                    for nonsense in ("perhaps", "-1", "9" * 30):
                        one_option(world, results, program, command, name, nonsense)
                elif takes is None or takes in CHOICES:
                    one_option(world, results, program, command, name, "perhaps")
                else:
                    continue
                tried += 1
        results.check(f"{program}: --help lists its options", tried >= 4, f"{tried} options tried")


# ---- files ---------------------------------------------------------------------------------------------------


def files(world, results):
    path, drop_in = world.path("c.conf"), world.path("c.conf.d", "9.conf")
    cases = (
        (b"nonsense\n", 1, "expected name = value"),
        (b"# fine\n[serve]\n", 2, "sections"),
        (b"confg = x\n", 1, "unknown name"),
        (b"= x\n", 1, "unknown name"),
        (b"\xff\xfe = \xff\n", 1, "unknown name"),
        (b"\0\0\0\n", 1, "zero byte"),
        (b"help = yes\n", 1, "command line"),
        (b"config = /etc/other.conf\n", 1, "command line"),
        (b"label = " + b"x" * 5000 + b"\n", 1, "too long"),
        (b"# " + b"x" * 100 + b"\n" + b"\n" * (2 << 20), None, "too long"),
    )
    for program in PROGRAMS:
        argv = [world.binary(program), "--check-config", "--config", path]
        for content, line, words in cases:
            with open(path, "wb") as f:
                f.write(content)
            refused(results, f"{program}, a file with {content[:20]!r}", ended(argv), f"{path}:{line or ''}",
                    words)
        with open(path, "w") as f:
            f.write("# nothing\n")
        results.check(f"{program}, a file with nothing: good", ended(argv).returncode == 0)
        os.makedirs(os.path.dirname(drop_in), exist_ok=True)
        with open(drop_in, "w") as f:
            f.write("confg = x\n")
        refused(results, f"{program}, a file in .conf.d", ended(argv), f"{drop_in}:1: ", "unknown name")
        os.remove(drop_in)
        for name in ("none.conf", "."):
            done = ended([world.binary(program), "--check-config", "--config", world.path(name)])
            results.check(f"{program} --config {name}: status 3, and the file is named",
                          done.returncode == 3 and world.path(name) in done.stderr, done.stderr)
    with open(path, "w") as f:
        f.write("log-level = info\nlog-level = warn\n")
    refused(results, "an option twice in a file",
            ended([world.binary("layercensus-agent"), "--check-config", "--config", path]),
            f"{path}:2: log-level", "twice")
    with open(path, "w") as f:
        f.write("log-levle = info\n")
    refused(results, "a misspelt option in a file",
            ended([world.binary("layercensus-agent"), "--check-config", "--config", path]),
            f"{path}:1: ", '"log-level"?')


# ---- texts, and options together -----------------------------------------------------------------------------


def together(world, results):
    there = ["--collector", "127.0.0.1:7"]
    far = ["--listen", "192.0.2.1:7443"]
    cases = {
        "layercensus-collector": (
            ([], ["expected a command", "--help"]),
            (["sreve"], ['"sreve"', '"serve"?']),
            (["serve", "now"], ['"now"']),
            (["serve", "--heartbeet", "5s"], ["--heartbeet", "--heartbeat?"]),
            (["serve", "-Z"], ["-Z", "--help"]),
            (["serve", "--heartbeat"], ["--heartbeat", "TIME"]),
            (["--heartbeat", "5s", "serve"], ["--heartbeat", "behind"]),
            (["check", "--heartbeat", "5s"], ["--heartbeat", '"check"']),
            (["serve", "--silence", "60s"], ["--silence", "60000 ms", "expected", "--heartbeat"]),
            (["serve", "--retire-after", "60s"], ["--retire-after", "60000 ms", "expected", "--silence"]),
            (["serve", "--ephemeral-after", "60s"], ["--ephemeral-after", "expected", "--silence"]),
            (["serve", "--cert", "c.pem"], ["--cert", "--key"]),
            (["serve", "--key", "c.key"], ["--cert", "--key"]),
            (["serve", "--ca", "ca.pem"], ["--ca", "--cert"]),
            (["serve", *far], ["192.0.2.1", "--cert", "--plaintext"]),
            (["serve", *far, "--cert", "c.pem", "--key", "c.key"], ["192.0.2.1", "--ca", "--trust-host-names"]),
            (["serve", "--db", ""], ["--db", '""', "expected"]),
            (["backup"], ["FILE", "backup"]),
            (["backup", "a", "b"], ['"b"']),
            (["host", "retire"], ["retire NAME|PATTERN"]),
            (["host", "remove", "x"], ["remove", "expected", "retire"]),
        ),
        "layercensus-agent": (
            ([], ["expected a command", "--help"]),
            (["rnu"], ['"rnu"', '"run"?']),
            (["run"], ["--collector host:7443", "scan"]),
            (["run", "--collector", "nonsense:port:7"], ["--collector", "nonsense:port:7"]),
            (["run", "--collector", ":7443"], ["--collector", ":7443", "expected a host"]),
            (["run", "--collector", "h:0"], ["--collector", "h:0", "1 to 65535"]),
            (["run", "--collector", "h:65536"], ["--collector", "h:65536", "0 to 65535"]),
            (["run", "--collector", "unix:"], ["--collector", "expected a path"]),
            (["run", "--collector", ""], ["--collector", '""', "expected host:port"]),
            (["run", *there, "--cert", "c.pem"], ["--cert", "--key"]),
            (["run", *there, "--plaintext", "--ca", "ca.pem"], ["--plaintext", "--ca"]),
            (["run", *there, "--server-name", ""], ["--server-name", '""', "expected"]),
            (["run", *there, "--server-name", "a b"], ["--server-name", '"a b"', "expected"]),
            (["run", *there, "--label", "rack"], ["--label", '"rack"', "expected KEY=VALUE"]),
            (["run", *there, "--label", "r@ck=1"], ["--label", '"r@ck=1"', "letters"]),
            (["run", *there, "--label", "a=1", "--label", "a=2"], ["--label a", "twice"]),
            (["run", *there, "--label", "a=" + "x" * 5000], ["--label", "expected at most"]),
            (["run", *there, "--cluster", "c" * 5000], ["--cluster", "5000 bytes", "expected at most"]),
            (["run", *there, "--host-name", "a b", "--check-config"], ["--host-name", '"a b"', "expected"]),
            (["run", *there, "--reconnect-min", "5s", "--reconnect-max", "1s"],
             ["--reconnect-max", "1000 ms", "expected", "--reconnect-min", "5000 ms"]),
            (["run", *there, "--look-interval", "1h", "--scan-interval", "1m"],
             ["--scan-interval", "60000 ms", "expected", "--look-interval"]),
            (["run", *there, "--no-find"], ["--no-find", "--docker-root"]),
            (["run", *there, "--state-dir", ""], ["--state-dir", '""', "absolute path"]),
            (["run", *there, "--docker-root", "docker"], ["--docker-root", '"docker"', "absolute path"]),
            (["run", *there, "--docker-root", "/" + "d" * 9000], ["--docker-root", "expected at most"]),
            (["scan", "--root", ""], ["--root", '""', "absolute path"]),
            (["scan", "now"], ['"now"']),
        ),
        "layercensus": (
            ([], ["expected a command", "--help"]),
            (["hots"], ['"hots"', '"hosts"?']),
            (["hosts", "now"], ['"now"']),
            (["host"], ["HOST", "host"]),
            (["host", ""], ["empty"]),
            (["hosts", "--sort", "colour"], ["--sort", "colour", "expected COLUMN", "duplicates_bytes"]),
            (["hosts", "--sort", "host:up"], ["--sort", "host:up", "COLUMN:desc"]),
            (["hosts", "--sort", ""], ["--sort", "expected COLUMN"]),
            (["summary", "--sort", "host"], ["--sort", "summary"]),
            (["hosts", "--label", "rack"], ["--label", "rack", "expected KEY=VALUE"]),
            (["hosts", "--by", "layer"], ["--by", '"hosts"']),
        ),
    }
    census = Census(world, name="options").start()
    stop(census.process, 10)
    for program, rows in cases.items():
        given = ["--db", census.db] if program == "layercensus" else []
        for words, expected in rows:
            refused(results, f"{program} {' '.join(words)[:60]}", ended([world.binary(program), *given, *words]),
                    *expected)


def misspelt_variables(world, results):
    """Not refused, since others may set them, but never without a word."""
    for program, variable, meant in (
            ("layercensus-collector", "LAYERCENSUS_COLLECTOR_HEARTBEET", "LAYERCENSUS_COLLECTOR_HEARTBEAT"),
            ("layercensus-agent", "LAYERCENSUS_AGENT_COLECTOR", "LAYERCENSUS_AGENT_COLLECTOR"),
            ("layercensus", "LAYERCENSUS_LIMITS", "LAYERCENSUS_LIMIT")):
        done = ended([world.binary(program), "--check-config"], {variable: "1"})
        results.check(f"{program}: warns of {variable}", done.returncode == 0 and variable in done.stderr
                      and meant in done.stderr, f"status {done.returncode}: {done.stderr}")


def main():
    results = Results("options")
    with World("options", sys.argv[1]) as world:
        every_option(world, results)
        files(world, results)
        together(world, results)
        misspelt_variables(world, results)
    results.finish()


main()
