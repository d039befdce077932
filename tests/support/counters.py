"""The counters of a census database by brute force, as tally.c defines them: sets and dicts over the
raw tables. Makes a file that plain inserts filled one that a collector could have written."""

from collections import Counter, defaultdict

EXTRA, MISSING = 1, 2
BLOBS, ORPHANS = 2, 3
RUNNING, RUN_UNKNOWN = 1, 3

PRESENT = ("SELECT s.id, i.host_id, s.owner, s.engine FROM store s "
           "JOIN incarnation i ON i.id = s.incarnation_id JOIN host h ON h.id = i.host_id "
           "WHERE s.gone_s IS NULL AND i.ended_s IS NULL AND h.retired_s IS NULL "
           "AND h.ended_s IS NULL")


def grouped(rows):
    """{first column: the rows' rests}"""
    found = defaultdict(list)
    for key, *rest in rows:
        found[key].append(rest)
    return found


class Tally:
    def __init__(self, db):
        self.stores = {store: place for store, *place in db.execute(PRESENT)}
        self.chain_layer = dict(db.execute(
            "SELECT id, coalesce(layer_id, claimed_layer_id) FROM chain"))
        self.image_chains = grouped(db.execute("SELECT image_id, chain_id FROM image_chain"))
        self.named = {row[0] for row in db.execute("SELECT listing_id FROM listing_name")}
        self.listed = grouped(db.execute(
            "SELECT p.store_id, l.id, l.image_id, l.unpacked, l.parent_id FROM presence p "
            "JOIN listing l ON l.id = p.listing_id WHERE p.gone_s IS NULL"))
        self.exceptions = grouped(db.execute("SELECT store_id, chain_id, kind FROM exception"))
        self.copies = grouped(db.execute(
            "SELECT store_id, chain_id, allocated_bytes, missing FROM copy"))
        self.chains = defaultdict(Counter)
        self.layer_stores = defaultdict(list)  # (layer, host) -> a store for each copy
        self.listings, self.images = Counter(), defaultdict(Counter)
        for store in self.stores:
            self.count_chains(store)
            self.count_images(store)
        self.count_again()
        self.count_containers(db)
        self.fleet = self.count_spaces(db)

    def count_chains(self, store):
        promised = {chain for _, image, unpacked, _ in self.listed[store] if unpacked
                    for chain, in self.image_chains[image]}
        promised |= {chain for chain, kind in self.exceptions[store] if kind == EXTRA}
        lacking = {chain for chain, kind in self.exceptions[store] if kind == MISSING}
        lacking |= {chain for chain, _, missing in self.copies[store] if missing}
        allocated = {chain: amount for chain, amount, missing in self.copies[store] if not missing}
        for chain in promised:
            if chain in lacking:
                self.chains[chain]["missing"] += 1
                continue
            self.chains[chain]["copies"] += 1
            if chain in allocated:
                self.chains[chain].update(measured=1, allocated_bytes=allocated[chain])
            self.layer_stores[self.chain_layer[chain], self.stores[store][0]].append(store)

    def count_images(self, store):
        unnamed = {image for listing, image, _, _ in self.listed[store]
                   if listing not in self.named}
        for listing, image, _, _ in self.listed[store]:
            self.listings[listing] += 1
            self.images[image]["stores"] += 1
            self.images[image][self.stores[store][0], "host"] = 1
        for parent in {parent for *_, parent in self.listed[store]} & unnamed:
            self.images[parent]["parent_in"] += 1

    def count_again(self):
        for counts in self.images.values():
            hosts = sum(1 for key in counts if isinstance(key, tuple))
            counts["again"] = counts["stores"] - hosts
        self.layers = defaultdict(Counter)
        for (layer, _), copies in self.layer_stores.items():
            if layer is None:
                continue
            stores = set(copies)
            engines = {tuple(self.stores[store][1:]) for store in stores}
            users = {owner for owner, _ in engines}
            self.layers[layer].update(parents=len(copies) - len(stores),
                                      stores=len(stores) - len(engines),
                                      engines=len(engines) - len(users), users=len(users) - 1)

    def count_containers(self, db):
        for store, image, state in db.execute("SELECT store_id, image_id, state FROM container"):
            if store in self.stores:
                self.images[image].update(containers=1, running=int(state == RUNNING),
                                          unknown=int(state == RUN_UNKNOWN))

    def count_spaces(self, db):
        fleet, bounds = Counter(), set()
        for store, klass, kind, amount, bound in db.execute(
                "SELECT store_id, class, kind, bytes, upper_bound FROM space"):
            if store not in self.stores or klass not in (BLOBS, ORPHANS):
                continue
            if klass == ORPHANS:
                fleet["orphans"] += amount
            else:
                fleet["blobs_only" if kind == "only" else "blobs_kept"] += amount
            if bound:
                bounds.add(store)
        fleet["upper_bounds"] = len(bounds)
        return fleet


def put(db, table, key, columns, counts):
    db.execute(f"DELETE FROM {table}")
    marks = ", ".join("?" * (len(columns) + 1))
    db.executemany(f"INSERT INTO {table} ({key}, {', '.join(columns)}) VALUES ({marks})",
                   [(number, *(count[column] for column in columns))
                    for number, count in counts.items()])


def fill(db):
    """Writes the counters of all that the file holds, in place of those that it has."""
    t = Tally(db)
    put(db, "count_chain", "chain_id", ("copies", "measured", "allocated_bytes", "missing"),
        t.chains)
    put(db, "count_layer", "layer_id", ("parents", "stores", "engines", "users"), t.layers)
    put(db, "count_listing", "listing_id", ("stores",),
        {number: {"stores": count} for number, count in t.listings.items()})
    put(db, "count_image", "image_id", ("again", "parent_in", "containers", "running", "unknown"),
        t.images)
    put(db, "count_fleet", "id", ("blobs_kept", "blobs_only", "orphans", "upper_bounds"),
        {1: t.fleet})
