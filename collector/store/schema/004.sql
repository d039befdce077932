-- Schema 4: what images say of the base that they were built on, who first called an image so, and
-- what the collector works out of both by itself.

-- What an image's config says: labels and history. Made anew where the rules of reading change
-- (meta, evidence_rules).
CREATE TABLE base_evidence (
    image_id  INTEGER NOT NULL REFERENCES image (id),
    source    INTEGER NOT NULL, -- enum fleet_evidence_source
    seq       INTEGER NOT NULL, -- several of one source, in the config's order
    role      INTEGER NOT NULL, -- enum fleet_evidence_role
    reference TEXT NOT NULL,    -- an image's name in normal form without digest, '' none; or a builder
    digest    BLOB,             -- manifest or index that it names
    top       BLOB,             -- diffID of the base's uppermost layer
    layers    INTEGER,          -- how many of the lowest layers are the base's
    PRIMARY KEY (image_id, source, seq)
) STRICT, WITHOUT ROWID;

-- The same from a manifest's annotations.
CREATE TABLE manifest_evidence (
    manifest  BLOB NOT NULL,    -- digest
    source    INTEGER NOT NULL,
    seq       INTEGER NOT NULL,
    reference TEXT NOT NULL,
    digest    BLOB,
    PRIMARY KEY (manifest, source, seq)
) STRICT, WITHOUT ROWID;

-- Attestations that indexes list, each about the manifest of an image; BuildKit writes them.
CREATE TABLE attestation (
    in_index BLOB NOT NULL, -- digest of the index
    manifest BLOB NOT NULL, -- digest of the attestation's own manifest
    subject  BLOB NOT NULL, -- digest of the image's manifest
    PRIMARY KEY (in_index, manifest, subject)
) STRICT, WITHOUT ROWID;
CREATE INDEX attestation_subject ON attestation (subject);

-- Which layers of a manifest are statements of where an image comes from (SLSA provenance).
CREATE TABLE provenance (
    manifest  BLOB NOT NULL, -- digest
    statement BLOB NOT NULL, -- digest: a document of kind 4, where somebody has given it
    PRIMARY KEY (manifest, statement)
) STRICT, WITHOUT ROWID;

-- The images that a build took, as a statement says.
CREATE TABLE material (
    statement BLOB NOT NULL,    -- digest
    seq       INTEGER NOT NULL, -- in the statement's order
    reference TEXT NOT NULL,    -- an image's name in normal form without digest
    digest    BLOB,
    PRIMARY KEY (statement, seq)
) STRICT, WITHOUT ROWID;

-- The manifests that a statement is about. One without a row here is about those that its
-- attestation is about.
CREATE TABLE statement_subject (
    statement BLOB NOT NULL, -- digest
    subject   BLOB NOT NULL, -- digest of a manifest
    PRIMARY KEY (statement, subject)
) STRICT, WITHOUT ROWID;

-- How many layers the parent of the image has that brought this one, as a content manifest in it
-- says (Red Hat); NULL: not said, not known or disputed.
ALTER TABLE layer ADD COLUMN base_layers INTEGER;

-- The first store of root's (of_root 1), and of other users' (0), that listed an image just so. A
-- row is never changed.
CREATE TABLE listing_first (
    listing_id INTEGER NOT NULL REFERENCES listing (id),
    of_root    INTEGER NOT NULL,
    store_id   INTEGER NOT NULL REFERENCES store (id),
    at_s       INTEGER NOT NULL,
    PRIMARY KEY (listing_id, of_root)
) STRICT, WITHOUT ROWID;

INSERT INTO listing_first (listing_id, of_root, store_id, at_s)
SELECT listing_id, of_root, store_id, at_s FROM
 (SELECT p.listing_id, s.owner = 0 AS of_root, p.store_id, p.from_s AS at_s,
         row_number() OVER (PARTITION BY p.listing_id, s.owner = 0
                            ORDER BY p.from_s, p.store_id) AS n
  FROM presence p JOIN store s ON s.id = p.store_id)
WHERE n = 1;

-- ---- the collector's own survey (docs/schema.md) -------------------------------------------------

-- The last one. epoch is one more with each survey that changed a row of lineage.
CREATE TABLE survey (
    id        INTEGER PRIMARY KEY CHECK (id = 1),
    epoch     INTEGER NOT NULL,
    at_s      INTEGER NOT NULL, -- the instant that it tells of
    took_ms   INTEGER NOT NULL,
    catalogue TEXT NOT NULL,    -- the file, '' none
    policy    TEXT NOT NULL
) STRICT;

-- What each present image whose config is known stands on, in the words of the report "images".
CREATE TABLE lineage (
    image_id      INTEGER PRIMARY KEY REFERENCES image (id),
    core_kind     TEXT NOT NULL,
    core          TEXT NOT NULL,
    core_chain_id INTEGER REFERENCES chain (id), -- NULL: scratch
    family        TEXT NOT NULL,
    version       TEXT NOT NULL,
    base          TEXT NOT NULL,                 -- first name of the nearest base, '' none
    base_chain_id INTEGER REFERENCES chain (id),
    base_layers   INTEGER,
    method        TEXT NOT NULL,
    confidence    TEXT NOT NULL
) STRICT;

-- Figures of reports, the last of each day (UTC).
CREATE TABLE figure_day (
    report TEXT NOT NULL,
    sheet  TEXT NOT NULL,
    item   TEXT NOT NULL,    -- first cell of the row, '' where the sheet is one object
    key    TEXT NOT NULL,    -- column
    day_s  INTEGER NOT NULL, -- its first second
    value  INTEGER NOT NULL,
    PRIMARY KEY (report, sheet, item, key, day_s)
) STRICT, WITHOUT ROWID;
