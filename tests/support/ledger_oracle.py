#!/usr/bin/env python3
"""The ledger by brute force: sets and dicts over the raw tables, nothing shared with the program.

usage: ledger_oracle.py DATABASE      prints the fleet's terms and each host's as JSON

It follows the definition term by term: a(k) of each copy, n(d) of each layer, c(h,d), H(d); no view
and no index of the program is used. A host's terms are computed from the copies in its own stores,
the fleet's from all copies at once, so that the one is no sum of the other.
"""

import json
import sqlite3
import sys
from collections import defaultdict

TERMS = ("stored", "unique", "replicas", "duplicates", "layout", "unsplit", "blobs_kept",
         "blobs_only", "orphans", "parents", "stores", "engines", "users", "copies", "measured",
         "estimated", "unknown")


def rows(db, text):
    return db.execute(text).fetchall()


class Census:
    def __init__(self, path):
        db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        self.hosts = {h: name for h, name in rows(
            db, "SELECT id, name FROM host WHERE retired_s IS NULL AND ended_s IS NULL")}
        incarnations = {i: h for i, h in rows(
            db, "SELECT id, host_id FROM incarnation WHERE ended_s IS NULL") if h in self.hosts}
        self.stores = {s: (incarnations[i], owner, engine) for s, i, owner, engine in rows(
            db, "SELECT id, incarnation_id, owner, engine FROM store WHERE gone_s IS NULL")
            if i in incarnations}
        self.nominal = dict(rows(db, "SELECT id, nominal_bytes FROM layer"))
        self.chain_layer = dict(rows(
            db, "SELECT id, coalesce(layer_id, claimed_layer_id) FROM chain"))
        image_chains = defaultdict(set)
        for image, chain in rows(db, "SELECT image_id, chain_id FROM image_chain"):
            image_chains[image].add(chain)
        self.copies = self.find_copies(db, image_chains)
        self.allocated = defaultdict(dict)  # store -> chain -> bytes
        for store, chain, amount in db.execute(
                "SELECT store_id, chain_id, allocated_bytes FROM copy"):
            self.allocated[store][chain] = amount
        self.spaces = defaultdict(list)
        for store, klass, kind, amount in rows(db, "SELECT store_id, class, kind, bytes FROM space"):
            self.spaces[store].append((klass, kind, amount))

    def find_copies(self, db, image_chains):
        """{store: the chains that lie unpacked in it}"""
        copies = {store: set() for store in self.stores}
        for store, image in db.execute(
                "SELECT p.store_id, l.image_id FROM presence p JOIN listing l ON l.id = p.listing_id "
                "WHERE p.gone_s IS NULL AND l.unpacked"):
            if store in copies:
                copies[store] |= image_chains[image]
        exceptions = [e for e in rows(db, "SELECT store_id, chain_id, kind FROM exception")
                      if e[0] in copies]
        for store, chain, kind in exceptions:
            if kind == 1:
                copies[store].add(chain)
        for store, chain, kind in exceptions:
            if kind == 2:
                copies[store].discard(chain)
        for store, chain in rows(db, "SELECT store_id, chain_id FROM copy WHERE missing"):
            if store in copies:
                copies[store].discard(chain)
        return copies

    def ledger(self, stores):
        """The terms over these stores. unique counts a layer once among them."""
        t = dict.fromkeys(TERMS, 0)
        held = defaultdict(lambda: defaultdict(list))  # layer -> host -> stores, one for each copy
        for store in stores:
            host = self.stores[store][0]
            for chain in self.copies[store]:
                layer = self.chain_layer[chain]
                n = self.nominal.get(layer)
                a = self.allocated[store].get(chain)
                t["copies"] += 1
                t["measured" if a is not None else "estimated" if n is not None else "unknown"] += 1
                size = a if a is not None else n if n is not None else 0
                t["stored"] += size
                if n is None:
                    t["unsplit"] += size
                else:
                    t["layout"] += size - n
                    held[layer][host].append(store)
            self.add_spaces(t, store)
        for layer, places in held.items():
            n = self.nominal[layer]
            t["unique"] += n
            t["replicas"] += (len(places) - 1) * n
            for copies in places.values():
                t["duplicates"] += (len(copies) - 1) * n
                self.add_causes(t, copies, n)
        return t

    def add_spaces(self, t, store):
        for klass, kind, amount in self.spaces[store]:
            if klass == 2:
                t["blobs_only" if kind == "only" else "blobs_kept"] += amount
            if klass == 3:
                t["orphans"] += amount
            if klass in (2, 3):
                t["stored"] += amount

    def add_causes(self, t, stores, n):
        distinct = set(stores)
        engines = {self.stores[s][1:] for s in distinct}
        users = {owner for owner, _ in engines}
        t["parents"] += (len(stores) - len(distinct)) * n
        t["stores"] += (len(distinct) - len(engines)) * n
        t["engines"] += (len(engines) - len(users)) * n
        t["users"] += (len(users) - 1) * n


def compute(path):
    census = Census(path)
    of_host = {host: [] for host in census.hosts}
    for store, (host, _, _) in census.stores.items():
        of_host[host].append(store)
    return {"fleet": census.ledger(census.stores),
            "hosts": {name: census.ledger(of_host[host]) for host, name in census.hosts.items()}}


if __name__ == "__main__":
    json.dump(compute(sys.argv[1]), sys.stdout, indent=2)
    print()
