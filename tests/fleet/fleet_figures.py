"""What a database tells of a fleet, compared with the truth of the fleet's own generator."""

import os
import re
import sqlite3
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import ledger_oracle  # noqa: E402
from real_fleet import diff_of  # noqa: E402

# What two databases of one fleet do not share: when, from where, and whether a second host has already
# said the same.
PASSING = {"generated_at", "age_days", "address", "first_seen", "last_seen", "size_state"}
FIRST_SEEN = re.compile(r" (as )?of \d{4}-\d\d-\d\d(, [0-9a-f]{12})?$")
ANSWERS = (("summary",), ("bases",), ("duplicates", "--by", "layer"), ("images",), ("layers",), ("hosts",))
OF_LINEAGE = {"summary", "bases", "images"}


def ledger_of(truth):
    """The ledger's terms as the truth has them."""
    stored, chains, unique = (truth[key] for key in (
        "fleet_stored_bytes", "fleet_stored_bytes_by_chain", "fleet_unique_bytes"))
    return {"stored": chains, "unique": unique, "replicas": stored - unique,
            "duplicates": chains - stored, "layout": 0, "unsplit": 0, "orphans": 0}


def compare(equal, census, fleet):
    """Calls equal(what, got, expected) for every figure. Nothing is measured in these fleets, so a copy
    counts with its layer's bytes."""
    t, expected = fleet.truth, ledger_of(fleet.truth)
    summary = census.json("summary")
    for name, answer in (("summary", summary), ("duplicates", census.json("duplicates"))):
        equal(f"the ledger of {name}",
              {term: answer["ledger"][f"{term}_bytes"] for term in expected}, expected)
    equal("hosts, images and places, layers, chains",
          [summary["fleet"][key] for key in ("hosts", "images", "image_places", "layers", "chains")],
          [t[key] for key in ("hosts", "distinct_images", "host_image_pairs", "distinct_layers",
                              "distinct_chains")])
    oracle = ledger_oracle.Census(census.db)
    terms = oracle.ledger(oracle.stores)
    equal("the ledger by brute force over the tables", {term: terms[term] for term in expected}, expected)
    equal("images and the hosts that hold them",
          {row["image_id"]: row["hosts"] for row in census.json("images")["rows"]},
          {fleet.catalogue.ids[name]: count for name, count in fleet.holders().items()})
    rows = census.json("layers")["rows"]
    equal("layers, their hosts and bytes",
          {row["diff_id"]: (row["hosts"], row["nominal_bytes"]) for row in rows}, fleet.layers)
    top = t["top_duplicate_layers"]
    rows.sort(key=lambda row: (-row["replicas_bytes"], row["diff_id"]))
    equal("the layers that lie on most hosts, by bytes",
          [(row["diff_id"], row["hosts"], row["nominal_bytes"], row["replicas_bytes"])
           for row in rows[:len(top)]],
          [(diff_of(x["digest"]), x["hosts"], x["size"], x["duplicate_bytes"]) for x in top])


def lasting(answer):
    """An answer without what passes, also the day when a name was first seen somewhere, by which titles
    are told apart; lists in an order of their own."""
    if isinstance(answer, dict):
        return {key: lasting(value) for key, value in answer.items() if key not in PASSING}
    if isinstance(answer, list):
        return sorted((lasting(item) for item in answer), key=repr)
    return FIRST_SEEN.sub(" of some day", answer) if isinstance(answer, str) else answer


def unknown_configs(census):
    """Images that left before a host sent their config: whether they are somebody's base is not known."""
    with sqlite3.connect(f"file:{census.db}?mode=ro", uri=True) as db:
        return db.execute("SELECT count(*) FROM image WHERE parsed = 0").fetchone()[0]


def compare_answers(equal, census, other):
    """Every answer of one database with the other's. What images stand on follows from all images that
    ever were, so such answers are compared where both databases know the same ones."""
    unknown = [unknown_configs(census), unknown_configs(other)]
    for words in ANSWERS:
        words = (*words, "--fresh-within", "1d")
        if any(unknown) and words[0] in OF_LINEAGE:
            print(f"{words[0]}: not compared, as the databases know all configs but {unknown}", flush=True)
            continue
        equal(f"{words[0]} as of the fleet that was played", lasting(census.json(*words)),
              lasting(other.json(*words)))
