"""How large everything is that tests/bench/run measures."""

NORMAL = {
    "repeat": 3,              # repetitions
    # L1: hosts that report, of a catalogue of so many images, with so many each (L2, L4, L6 too).
    "hosts": 1000, "images": 5000, "per_host": 60,
    # L2, L4: hosts whose differences are measured; rates a second, for so many seconds; how many
    # differences as fast as they go.
    "differing": 10000, "rates": (5000, 50000), "seconds": 5, "differences": 10000,
    # L3: hosts of the larger fleet (the smaller has a tenth); how often a report is asked for.
    "reported": 100000, "asked": 1000,
    # L5, L6: hosts of the fleet; most seconds for the SQL; hosts with a history of so many days.
    "checked": 10000, "sql_seconds": 120, "churning": 1000, "days": 30,
    # B1: images whose bases are decided, on so many hosts with so many each.
    "decided": (1000, 50000, 100),
    # L9, L7 and L10: images of a store.
    "looked": 1000, "scanned": 500,
    # E1, E2, E3: images that an engine holds and lists.
    "listed": (6, 100, 500),
    # L11, L14: seconds in which one agent's heartbeats are counted; hosts that only beat.
    "beats": 20, "beating": 1667,
    # L12, L13: agents that connect; to a real collector.
    "joining": 500, "herd": 10000,
}

QUICK = NORMAL | {
    "repeat": 1, "hosts": 20, "images": 100, "per_host": 10, "differing": 100, "rates": (100, 1000),
    "seconds": 1, "differences": 100, "reported": 100, "asked": 5, "checked": 100, "churning": 20,
    "days": 3, "looked": 20, "scanned": 20, "listed": (6,), "beats": 3, "beating": 20,
    "decided": (10, 100, 10), "joining": 10, "herd": 100,
}

LARGE = NORMAL | {"repeat": 1, "differing": 100000, "checked": 100000, "sql_seconds": 1200,
                  "churning": 10000}
LARGE_ROWS = ("L4", "L5", "L6")
