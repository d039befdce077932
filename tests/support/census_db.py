"""Makes a collector's database by plain inserts, for tests of the reports.

The schema comes from collector/store/schema; content is added by names that a test can read. A chain
is computed as the image spec says, so that everything but sizes is as a real collector writes it;
close() puts the counters in (counters.py).
"""

import datetime
import hashlib
import json
import os
import sqlite3

import counters

SCHEMA = os.path.join(os.path.dirname(__file__), "..", "..", "collector", "store", "schema")
APPLICATION_ID = 0x4C43656E
TABLES = ("001.sql", "002.sql", "003.sql", "004.sql", "005.sql")

BY_CONFIG, BY_MANIFEST = 1, 2
EXTRA, MISSING = 1, 2
OF_BASE, OF_BUILDER = 1, 2
ANNOTATION, LABEL, FROM, S2I, BUILDPACKS = 1, 2, 3, 4, 5
RUNNING, STOPPED, RUN_UNKNOWN = 1, 2, 3
BLOBS, ORPHANS, OUTSIDE, TOTAL = 2, 3, 4, 5
GZIP = "application/vnd.oci.image.layer.v1.tar+gzip"
ZSTD = "application/vnd.oci.image.layer.v1.tar+zstd"


def digest(text):
    return hashlib.sha256(text.encode()).digest()


def chain_digest(parent, diff):
    if parent is None:
        return diff
    return hashlib.sha256(f"sha256:{parent.hex()} sha256:{diff.hex()}".encode()).digest()


class CensusDb:
    def __init__(self, path, now=1_770_000_000):
        self.now = now
        self.db = sqlite3.connect(path)
        for name in (*TABLES, "views.sql"):
            with open(os.path.join(SCHEMA, name), encoding="utf-8") as f:
                text = f.read()
            self.db.executescript(text)
        self.db.execute("INSERT INTO meta VALUES ('collector_id', ?)", (digest("collector")[:16],))
        self.db.execute("INSERT INTO meta VALUES ('views', ?)",
                        (hashlib.sha256(text.encode()).hexdigest(),))
        self.db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        self.db.execute(f"PRAGMA user_version = {len(TABLES)}")
        self.layers, self.chains, self.images, self.names = {}, {}, {}, {}
        self.listings = {}

    def close(self):
        self.fill_firsts()
        counters.fill(self.db)
        self.db.commit()
        self.db.execute("PRAGMA journal_mode = WAL")
        self.db.close()

    def fill_firsts(self):
        """The first store of root's, and of another user's, that listed each listing."""
        self.db.execute(
            "INSERT OR IGNORE INTO listing_first (listing_id, of_root, store_id, at_s) "
            "SELECT listing_id, of_root, store_id, at_s FROM (SELECT p.listing_id, "
            "s.owner = 0 AS of_root, p.store_id, p.from_s AS at_s, row_number() OVER (PARTITION BY "
            "p.listing_id, s.owner = 0 ORDER BY p.from_s, p.store_id) AS n FROM presence p "
            "JOIN store s ON s.id = p.store_id) WHERE n = 1")

    def insert(self, table, **columns):
        marks = ", ".join("?" * len(columns))
        return self.db.execute(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})",
                               tuple(columns.values())).lastrowid

    # ---- the fleet

    def host(self, name, silent=0, retired=None, ended=None, **columns):
        """Returns the incarnation's number. silent: seconds since its last sign of life."""
        labels = json.dumps(columns.pop("labels", {}))
        last = self.now - silent
        host = self.insert("host", name=name, labels=labels, first_s=self.now - 864000, last_s=last,
                           retired_s=retired, ended_s=ended, **columns)
        return self.insert("incarnation", uuid=digest(f"uuid {host}")[:16], host_id=host,
                           fingerprint=digest(f"machine {host}"), first_s=self.now - 864000,
                           last_s=last, ended_s=ended, address="192.0.2.1:4000",
                           agent_version="0.1.0", os="Debian GNU/Linux 12", kernel="6.1.0",
                           arch="amd64")

    def store(self, incarnation, key="", engine="docker", driver="overlay2", owner=0, state=1,
              gone=None, **columns):
        columns.setdefault("root", "/var/lib/docker")
        return self.insert("store", incarnation_id=incarnation, key=digest(f"key {key}")[:16],
                           engine=engine, driver=driver, owner=owner, state=state,
                           state_s=self.now - 3600, sum=bytes(32), first_s=self.now - 864000,
                           look_s=self.now - 30, gone_s=gone, version="24.0.7", fs_type="ext4",
                           block_size=4096, **columns)

    def problem(self, store, subject, text, seq=0):
        self.insert("problem", store_id=store, seq=seq, subject=subject, text=text)

    def event(self, incarnation, kind, subject, text, ago=0):
        host = self.db.execute("SELECT host_id FROM incarnation WHERE id = ?",
                               (incarnation,)).fetchone()[0]
        self.insert("event", at_s=self.now - ago, host_id=host, incarnation_id=incarnation,
                    kind=kind, subject=subject, text=text)

    # ---- content

    def layer(self, name, nominal=None, content=None, files=None, directories=None,
              os_release=None, diff=None, state=None):
        if name not in self.layers:
            diff = diff or digest(f"layer {name}")
            known = nominal is not None
            number = self.insert(
                "layer", diff=diff, fact_state=state if state is not None else int(known) * 2,
                nominal_bytes=nominal, content_bytes=content if content is not None else nominal,
                files=files if files is not None else (3 if known else None),
                directories=directories if directories is not None else (2 if known else None),
                os_release=os_release if os_release is not None else ("" if known else None))
            self.layers[name] = (number, diff)
        return self.layers[name]

    def chain(self, layer_names):
        """The chain of these layers, the lowest first: (number, digest)."""
        key = tuple(layer_names)
        if not key:
            return None, None
        if key not in self.chains:
            parent, parent_digest = self.chain(key[:-1])
            layer, diff = self.layer(key[-1])
            value = chain_digest(parent_digest, diff)
            number = self.insert("chain", digest=value, parent_id=parent, layer_id=layer,
                                 depth=len(key))
            self.chains[key] = (number, value)
        return self.chains[key]

    def image(self, name, layer_names=None, identity=BY_CONFIG, document=1, **columns):
        """An image with these layers; None: its config is not known. Returns its number."""
        if name in self.images:
            return self.images[name]
        known = layer_names is not None
        value = digest(f"image {name}")
        top = self.chain(layer_names)[0] if layer_names else None
        parsed = columns.pop("parsed", int(known))
        said_by = columns.pop("said_by", None)
        history = columns.pop("history", None)
        labels = columns.pop("labels", {})
        columns.setdefault("os", "linux" if known else None)
        columns.setdefault("arch", "amd64" if known else None)
        if columns.get("created"):
            at = datetime.datetime.fromisoformat(columns["created"].replace("Z", "+00:00"))
            columns.setdefault("created_s", int(at.timestamp()))
        number = self.insert("image", digest=value, identity=identity, parsed=parsed, chain_id=top,
                             layer_count=len(layer_names) if known else None,
                             first_s=self.now - 864000, **columns)
        for i in range(len(layer_names or [])):
            self.insert("image_chain", image_id=number, position=i,
                        chain_id=self.chain(layer_names[:i + 1])[0])
        for i, (created_by, empty) in enumerate(history or []):
            self.insert("image_history", image_id=number, seq=i, created="2026-01-10T08:00:00Z",
                        created_by=created_by, comment=None, empty=empty)
        for key, text in labels.items():
            self.insert("image_label", image_id=number, key=key, value=text)
        if known:
            self.insert("document", kind=1, digest=value, state=document, bytes=b"{}", rules=0,
                        cuts=0, incarnation_id=said_by, received_s=self.now - 864000)
        self.images[name] = number
        return number

    def image_id(self, name):
        return "sha256:" + digest(f"image {name}").hex()

    def manifest(self, image, blobs, name=None, document=1):
        """A manifest of an image, by the name of either. blobs: bytes, or (bytes, name, media
        type), of each layer, the lowest first."""
        value = digest(f"manifest {name or image}")
        self.insert("document", kind=2, digest=value, state=document, bytes=b"{}", rules=0, cuts=0,
                    received_s=self.now - 864000)
        number = self.insert("manifest", digest=value, config=digest(f"image {image}"),
                             layer_count=len(blobs))
        for i, blob in enumerate(blobs):
            amount, blob_name, media_type = blob if isinstance(blob, tuple) else (
                blob, f"{name or image} {i}", GZIP)
            self.insert("manifest_blob", manifest_id=number, position=i,
                        digest=digest(f"blob {blob_name}"), bytes=amount, media_type=media_type)

    def evidence(self, image, source, reference, role=OF_BASE, named=None, top=None, layers=None):
        """What an image's config says of its base, or builder; named: a manifest's or index's digest."""
        number = self.images[image]
        seq = self.db.execute("SELECT count(*) FROM base_evidence WHERE image_id = ? AND source = ?",
                              (number, source)).fetchone()[0]
        self.db.execute("INSERT INTO base_evidence VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                        (number, source, seq, role, reference, named, top, layers))

    def name(self, text):
        if text not in self.names:
            self.names[text] = self.insert("name", text=text)
        return self.names[text]

    # ---- presence

    def listing(self, image, names=(), unpacked=1, parent=None, repo_digests=()):
        """An image as hosts list it. Returns its number."""
        key = (image, frozenset(names), unpacked, parent, frozenset(repo_digests))
        if key not in self.listings:
            number = self.insert("listing", image_id=image, identity=BY_CONFIG, unpacked=unpacked,
                                 parent_id=parent)
            for text in sorted(set(names)):
                self.insert("listing_name", listing_id=number, name_id=self.name(text))
            for repository, value in sorted(set(repo_digests)):
                self.insert("listing_repo_digest", listing_id=number,
                            name_id=self.name(repository), digest=value)
            self.listings[key] = number
        return self.listings[key]

    def put(self, store, image, names=(), unpacked=1, parent=None, since=86400, gone=None,
            gone_after=None, repo_digests=(), lost=(), lost_at=None):
        """lost: names that it had there as well, until lost_at."""
        start, came = self.now - since, None
        if lost:
            number = self.listing(image, (*names, *lost), unpacked, parent, repo_digests)
            self.insert("presence", store_id=store, listing_id=number, from_s=start,
                        gone_after_s=lost_at - 60, gone_s=lost_at)
            start, came = lost_at, start
        number = self.listing(image, names, unpacked, parent, repo_digests)
        self.insert("presence", store_id=store, listing_id=number, from_s=start, since_s=came,
                    gone_after_s=gone_after, gone_s=gone)

    def measured(self, store, layer_names, allocated, missing=0):
        self.insert("copy", store_id=store, chain_id=self.chain(layer_names)[0],
                    allocated_bytes=allocated, missing=missing)

    def exception(self, store, layer_names, kind):
        self.insert("exception", store_id=store, chain_id=self.chain(layer_names)[0], kind=kind,
                    layer_id=self.layer(layer_names[-1])[0])

    def container(self, store, container, image, state=RUNNING, **columns):
        self.insert("container", store_id=store, container=digest(container).hex(),
                    image_id=image, name=container, state=state, since_s=self.now - 600, **columns)

    def origin(self, store, layer_name, repository):
        self.insert("origin", store_id=store, layer_id=self.layer(layer_name)[0],
                    name_id=self.name(repository))

    def space(self, store, kind_class, kind, amount, count=1, upper_bound=0):
        self.db.execute("INSERT INTO space VALUES (?, ?, ?, ?, ?, ?)",
                        (store, kind_class, kind, amount, count, upper_bound))
