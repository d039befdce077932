-- Schema 2: hosts list the same images with the same names by the thousand, so what they say of an
-- image is a content row of its own (listing), and presence is one narrow row instead of three kinds.

-- An image as hosts list it. Distinct: no two rows say the same.
CREATE TABLE listing (
    id        INTEGER PRIMARY KEY,
    image_id  INTEGER NOT NULL REFERENCES image (id),
    identity  INTEGER NOT NULL,             -- enum rec_identity
    unpacked  INTEGER NOT NULL,
    parent_id INTEGER REFERENCES image (id) -- the engine's own parent link
) STRICT;
CREATE INDEX listing_image ON listing (image_id);

CREATE TABLE listing_name (
    listing_id INTEGER NOT NULL REFERENCES listing (id),
    name_id    INTEGER NOT NULL REFERENCES name (id),
    PRIMARY KEY (listing_id, name_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE listing_repo_digest (
    listing_id INTEGER NOT NULL REFERENCES listing (id),
    name_id    INTEGER NOT NULL REFERENCES name (id), -- the repository
    digest     BLOB NOT NULL,                         -- manifest or index
    PRIMARY KEY (listing_id, name_id, digest)
) STRICT, WITHOUT ROWID;

-- Where an image is present that lost names or repo digests during its stay: when it lost the last.
CREATE TEMP TABLE old_loss AS
SELECT p.store_id, p.image_id, max(e.gone_after_s) AS gone_after_s, max(e.gone_s) AS gone_s
FROM (SELECT store_id, image_id, gone_after_s, gone_s FROM presence_name
      WHERE gone_s IS NOT NULL
      UNION ALL
      SELECT store_id, image_id, gone_after_s, gone_s FROM presence_repo_digest
      WHERE gone_s IS NOT NULL) e
JOIN presence p ON p.store_id = e.store_id AND p.image_id = e.image_id
WHERE p.gone_s IS NULL AND e.gone_s > p.from_s
GROUP BY p.store_id, p.image_id;

-- The rows of schema 1. One with a loss is two: until then, and since then.
CREATE TEMP TABLE old_part AS
SELECT p.store_id, p.image_id, p.identity, p.unpacked, p.parent_id,
       coalesce(l.gone_s, p.from_s) AS from_s, iif(l.gone_s IS NULL, NULL, p.from_s) AS since_s,
       p.gone_after_s, p.gone_s
FROM presence p
LEFT JOIN old_loss l ON p.gone_s IS NULL AND l.store_id = p.store_id AND l.image_id = p.image_id
UNION ALL
SELECT p.store_id, p.image_id, p.identity, p.unpacked, p.parent_id, p.from_s, NULL,
       l.gone_after_s, l.gone_s
FROM old_loss l
JOIN presence p ON p.store_id = l.store_id AND p.image_id = l.image_id AND p.gone_s IS NULL;

-- Each with its names and repo digests: those it has now where it is open, else all that it had
-- within its interval, the newest 1,000, which is as many as hosts may list.
CREATE TEMP TABLE old_row AS
SELECT p.*,
       (SELECT group_concat(name_id) FROM
        (SELECT DISTINCT n.name_id FROM presence_name n
         WHERE n.store_id = p.store_id AND n.image_id = p.image_id
           AND iif(p.gone_s IS NULL, n.gone_s IS NULL,
                   n.from_s < p.gone_s AND (n.gone_s IS NULL OR n.gone_s > p.from_s))
         ORDER BY n.name_id DESC LIMIT 1000)) AS names,
       (SELECT group_concat(repo_digest) FROM
        (SELECT r.name_id || ':' || hex(r.digest) AS repo_digest
         FROM presence_repo_digest r
         WHERE r.store_id = p.store_id AND r.image_id = p.image_id
           AND iif(p.gone_s IS NULL, r.gone_s IS NULL,
                   r.from_s < p.gone_s AND (r.gone_s IS NULL OR r.gone_s > p.from_s))
         GROUP BY r.name_id, r.digest ORDER BY r.name_id DESC, r.digest LIMIT 1000)) AS repo_digests
FROM old_part p;

CREATE TEMP TABLE old_listing AS
SELECT row_number() OVER (ORDER BY image_id, min(from_s)) AS id, image_id, identity, unpacked,
       parent_id, names, repo_digests, store_id, from_s, gone_s
FROM old_row
GROUP BY image_id, identity, unpacked, parent_id, names, repo_digests;

INSERT INTO listing (id, image_id, identity, unpacked, parent_id)
SELECT id, image_id, identity, unpacked, parent_id FROM old_listing;

INSERT INTO listing_name (listing_id, name_id)
SELECT l.id, n.value FROM old_listing l, json_each('[' || l.names || ']') n;

INSERT OR IGNORE INTO listing_repo_digest (listing_id, name_id, digest)
SELECT l.id, r.name_id, r.digest FROM old_listing l
JOIN presence_repo_digest r ON r.store_id = l.store_id AND r.image_id = l.image_id
WHERE instr(',' || l.repo_digests || ',', ',' || r.name_id || ':' || hex(r.digest) || ',') > 0;

DROP TABLE presence_name;
DROP TABLE presence_repo_digest;
DROP TABLE presence;

-- since_s: where the image was there before as another listing (a tag came or went), when it came;
-- NULL: at from_s. The rows of one stay of an image in a store share it and touch each other.
-- Both ids point to rows that are never deleted. They are no foreign keys, whose two searches would
-- cost a quarter of each insert: check looks at every one of them.
CREATE TABLE presence (
    store_id     INTEGER NOT NULL, -- of store
    listing_id   INTEGER NOT NULL, -- of listing
    from_s       INTEGER NOT NULL,
    since_s      INTEGER,
    gone_after_s INTEGER,
    gone_s       INTEGER,
    PRIMARY KEY (store_id, listing_id, from_s)
) STRICT, WITHOUT ROWID;

INSERT INTO presence (store_id, listing_id, from_s, since_s, gone_after_s, gone_s)
SELECT r.store_id, l.id, r.from_s, r.since_s, r.gone_after_s, r.gone_s
FROM old_row r
JOIN old_listing l ON l.image_id = r.image_id AND l.identity = r.identity
 AND l.unpacked = r.unpacked AND l.parent_id IS r.parent_id AND l.names IS r.names
 AND l.repo_digests IS r.repo_digests;

DROP TABLE temp.old_loss;
DROP TABLE temp.old_part;
DROP TABLE temp.old_row;
DROP TABLE temp.old_listing;

-- A chain that no config has explained yet is taken to end in the layer that a host first said.
ALTER TABLE chain ADD COLUMN claimed_layer_id INTEGER REFERENCES layer (id);
UPDATE chain SET claimed_layer_id =
    (SELECT min(e.layer_id) FROM exception e WHERE e.chain_id = chain.id)
WHERE layer_id IS NULL;

-- ---- counters ---------------------------------------------------------------------------------
-- Over all present stores of all hosts that are neither retired nor ended; the writer keeps them
-- exact in the transaction that changes what they count, and check recomputes them.

CREATE TABLE count_chain (
    chain_id        INTEGER PRIMARY KEY REFERENCES chain (id),
    copies          INTEGER NOT NULL, -- stores where it lies unpacked
    measured        INTEGER NOT NULL, -- of these, measured ones
    allocated_bytes INTEGER NOT NULL, -- sum over the measured ones
    missing         INTEGER NOT NULL  -- stores whose metadata promise it and whose disk lacks it
) STRICT;

-- Copies of a layer beyond the first on one host, by what sets them apart.
CREATE TABLE count_layer (
    layer_id INTEGER PRIMARY KEY REFERENCES layer (id),
    parents  INTEGER NOT NULL, -- one store: other layers beneath
    stores   INTEGER NOT NULL, -- stores of one engine and user
    engines  INTEGER NOT NULL,
    users    INTEGER NOT NULL
) STRICT;

CREATE TABLE count_listing (
    listing_id INTEGER PRIMARY KEY REFERENCES listing (id),
    stores     INTEGER NOT NULL
) STRICT;

CREATE TABLE count_image (
    image_id   INTEGER PRIMARY KEY REFERENCES image (id),
    again      INTEGER NOT NULL, -- stores beyond the first on one host
    parent_in  INTEGER NOT NULL, -- stores where it has no name and another image names it as parent
    containers INTEGER NOT NULL,
    running    INTEGER NOT NULL,
    unknown    INTEGER NOT NULL  -- containers whose state is not known
) STRICT;

CREATE TABLE count_fleet (
    id           INTEGER PRIMARY KEY CHECK (id = 1),
    blobs_kept   INTEGER NOT NULL, -- allocated bytes, as space has them
    blobs_only   INTEGER NOT NULL,
    orphans      INTEGER NOT NULL,
    upper_bounds INTEGER NOT NULL  -- stores where a part of these is an upper bound
) STRICT;
