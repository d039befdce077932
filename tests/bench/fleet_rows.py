"""Rows about a whole fleet's database: answers, check, bytes. The fleets are those that
tests/fleet/load_fleet makes up, with 60 images a host."""

import json
import os
import sqlite3

from collector_rows import program
from figures import Figure, ask, exponent, timed
from harness import run

COMMAND_SECONDS = 20  # a command that takes longer is ended
LOAD_SECONDS = 600  # to make a database
PER_HOST = 60
HERE = os.path.dirname(os.path.abspath(__file__))


class Fleets:
    """Databases that several rows look at, each made once."""

    def __init__(self, world):
        self.world = world

    def database(self, hosts):
        db = self.world.path(f"fleet-{hosts}.db")
        if not os.path.exists(db):
            timed([os.path.join(self.world.build, "tests", "fleet", "load_fleet"), "--synthetic",
                   str(hosts), "--db", db + ".part"], most=LOAD_SECONDS)
            os.rename(db + ".part", db)
        return db


def query(db, sql):
    """Rows, by the sqlite3 command: python's module has no dbstat."""
    return json.loads(run(["sqlite3", "-readonly", "-json", db, sql]) or "[]")


# ---- L3 ------------------------------------------------------------------------------------------

ANSWERS = {"summary": "totals", "bases": "bases", "duplicates": "top duplicates"}


def answers(_, size):
    sizes = size.reported // 10, size.reported
    small, large = ({r["report"]: r for r in ask([
        program(size.fleets.world, "answers"), size.fleets.database(hosts), size.asked])}
                    for hosts in sizes)
    hosts = f"{sizes[1]:,} hosts"
    for report, name in ANSWERS.items():
        yield Figure("L3", f"{name} in an open database, p99", "ms", [large[report]["p99_us"] / 1e3],
                     [large[report]["lookup_p99_us"] / 1e3], "one row by its key, p99", ("<=", 1),
                     f"{hosts}, {large[report]['runs']} runs", beside=True)
        yield Figure("L3", f"{name}: growth exponent, {sizes[0]:,} to {hosts}", "", [exponent(
            [small[report]["p50_us"]], [large[report]["p50_us"]], sizes[1] / sizes[0])],
                     goal=("<=", 0.2))
    yield from commands(size, size.fleets.database(sizes[1]), hosts)


def subjects(db):
    """Something of each kind that a command can be asked about."""
    with sqlite3.connect(f"file:{db}?mode=ro", uri=True) as connection:
        host, image, layer = connection.execute(
            "SELECT (SELECT name FROM host ORDER BY id LIMIT 1), "
            "(SELECT 'sha256:' || lower(hex(digest)) FROM image WHERE parsed = 1 LIMIT 1), "
            "(SELECT 'sha256:' || lower(hex(diff)) FROM layer LIMIT 1)").fetchone()
    return host, image, layer


def commands(size, db, hosts):
    host, image, layer = subjects(db)
    for words in (["summary"], ["bases"], ["duplicates"], ["duplicates", "--by", "layer"], ["hosts"],
                  ["host", host], ["images"], ["image", image], ["layers"], ["layer", layer],
                  ["where", image]):
        spans, late = [], False
        while len(spans) < size.repeat and not late:
            try:
                spans.append(timed([size.fleets.world.binary("layercensus"), "--db", db, *words],
                                   most=COMMAND_SECONDS)[0])
            except TimeoutError:
                spans.append(COMMAND_SECONDS)
                late = True
        floors = [timed(["sqlite3", "-readonly", db, "SELECT count(*) FROM meta"])[0] for _ in spans]
        name = " ".join("X" if w in (host, image, layer) else w for w in words)
        yield Figure("L3", f"layercensus {name}", "ms", [1000 * s for s in spans],
                     [1000 * s for s in floors], "sqlite3 reads one small table", ("<=", 500),
                     hosts + (": ended, a lower bound" if late else ""), late, beside=True)


# ---- L5 ------------------------------------------------------------------------------------------


def check(_, size):
    db = size.fleets.database(size.checked)
    ours = [timed([size.fleets.world.binary("layercensus-collector"), "check", "--db", db])[0]
            for _ in range(size.repeat)]
    note = f"{size.checked * PER_HOST:,} presence rows"
    with open(os.path.join(HERE, "exact.sql"), "rb") as sql:
        try:
            plain = timed(["sqlite3", "-readonly", db], stdin=sql, most=size.sql_seconds)[0]
        except TimeoutError:
            plain = size.sql_seconds
            note += "; the SQL was ended, so the ratio is an upper bound"
    yield Figure("L5", "check, everything recomputed", "s", ours, [plain] * len(ours),
                 "the sums by plain SQL", ("<=", 1 / 50), note)
    yield Figure("L5", "check", "s", ours, [
        timed(["sqlite3", "-readonly", db, "PRAGMA integrity_check"])[0] for _ in ours],
                 "SQLite's own integrity check alone", note=note)


# ---- L6 ------------------------------------------------------------------------------------------


def bytes_of_tables(db):
    """{table: (bytes with all its indexes, rows)}"""
    sizes = {r["tbl_name"]: r["bytes"] for r in query(
        db, "SELECT m.tbl_name, sum(d.pgsize) AS bytes FROM dbstat('main', 1) d "
            "JOIN sqlite_master m ON m.name = d.name GROUP BY 1")}
    return {t: (b, query(db, f'SELECT count(*) AS n FROM "{t}"')[0]["n"]) for t, b in sizes.items()
            if t.startswith("presence")}, sum(sizes.values())


def bytes_of_rows(world, size):
    db = size.fleets.database(size.checked)
    presence, everything = bytes_of_tables(db)
    held = query(db, "SELECT count(*) AS n FROM image_now")[0]["n"]
    if not presence or held == 0:
        raise RuntimeError("no tables called presence..., or nothing in them")
    note = f"{held:,} images on {size.checked:,} hosts"
    yield Figure("L6", "presence: one image on one host, indexes included", "bytes",
                 [presence["presence"][0] / held], goal=("<=", 20), note=note)
    for table in sorted(presence.keys() - {"presence"}):
        yield Figure("L6", f"{table}, beside it for each of them", "bytes",
                     [presence[table][0] / held])
    yield Figure("L6", "the whole file for each of them", "bytes", [everything / held])
    got = ask([program(world, "history"), world.path("history.db"), size.churning, size.images,
               size.per_host, size.days])[0]
    yield Figure("L6", "history: growth a host and day", "bytes", [got["bytes_a_host_and_day"]],
                 note=f"{size.churning:,} hosts, {size.days} days, one image replaced a host and day")


# ---- B1 ------------------------------------------------------------------------------------------


def lineage(world, size):
    """Nothing is kept between answers: each decides anew what every image stands on."""
    runs = ask([program(world, "lineage"), world.path("lineage.db"), *size.decided, size.repeat])
    note = f"{runs[0]['images']:,} images, {runs[0]['chains']:,} chains"
    floors, floor = [r["plain_seconds"] for r in runs], "the same rows stepped through by plain SQL"
    alone = [r["lineage_seconds"] for r in runs]
    both = [r["lineage_seconds"] + r["read_seconds"] for r in runs]
    yield Figure("B1", "which base every image stands on, reading included", "s", both, floors, floor,
                 ("<=", 1), note, beside=True)
    yield Figure("B1", "names and lines alone", "s", alone, floors, floor)
