-- Layer Census, schema 1. docs/schema.md explains every table.
--
-- Times are Unix seconds by the collector's clock. Digests are the 32 bytes of SHA-256.
-- Content tables (image, layer, chain, document, name) grow with what is distinct in the fleet;
-- presence tables (host, incarnation, store, presence, presence_name, copy, ...) grow with the fleet.
-- An interval is [from_s, gone_s): gone_s NULL means present. gone_after_s is the last look with it,
-- gone_s the first look without.

CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value ANY NOT NULL
) STRICT, WITHOUT ROWID;

-- ---- the fleet -------------------------------------------------------------------------------

CREATE TABLE host (
    id        INTEGER PRIMARY KEY,
    name      TEXT NOT NULL,
    cluster   TEXT NOT NULL DEFAULT '',
    labels    TEXT NOT NULL DEFAULT '{}',      -- JSON object of strings
    lifetime  INTEGER NOT NULL DEFAULT 1,      -- 1 lasting, 2 ephemeral
    first_s   INTEGER NOT NULL,
    last_s    INTEGER NOT NULL,                -- last sign of life
    retired_s INTEGER,                         -- silent too long, or retired by hand: out of present sums
    ended_s   INTEGER                          -- its name was taken over by another host
) STRICT;
CREATE UNIQUE INDEX host_name ON host (name) WHERE ended_s IS NULL;

CREATE TABLE incarnation (
    id            INTEGER PRIMARY KEY,
    uuid          BLOB NOT NULL UNIQUE,        -- 16 bytes
    host_id       INTEGER NOT NULL REFERENCES host (id),
    fingerprint   BLOB NOT NULL,               -- 32 bytes, of the machine
    first_s       INTEGER NOT NULL,
    last_s        INTEGER NOT NULL,
    ended_s       INTEGER,                     -- another incarnation took the host over
    address       TEXT NOT NULL DEFAULT '',
    agent_version TEXT NOT NULL DEFAULT '',
    os            TEXT NOT NULL DEFAULT '',
    kernel        TEXT NOT NULL DEFAULT '',
    arch          TEXT NOT NULL DEFAULT '',
    generation    INTEGER NOT NULL DEFAULT 0,  -- last durable report
    observed_s    INTEGER NOT NULL DEFAULT 0,  -- when that was observed; never runs backwards
    skew_ms       INTEGER NOT NULL DEFAULT 0,  -- agent's clock minus ours, at hello
    unknown       INTEGER NOT NULL DEFAULT 0   -- fields and values of newer versions, ignored
) STRICT;
CREATE INDEX incarnation_host ON incarnation (host_id);

CREATE TABLE store (
    id              INTEGER PRIMARY KEY,
    incarnation_id  INTEGER NOT NULL REFERENCES incarnation (id),
    key             BLOB NOT NULL,             -- 16 bytes
    engine          TEXT NOT NULL,
    version         TEXT NOT NULL DEFAULT '',
    driver          TEXT NOT NULL,
    space           TEXT NOT NULL DEFAULT '',  -- containerd namespace
    root            TEXT NOT NULL,
    owner           INTEGER NOT NULL DEFAULT 0,
    fs_type         TEXT NOT NULL DEFAULT '',
    block_size      INTEGER NOT NULL DEFAULT 0,
    state           INTEGER NOT NULL,          -- enum rec_store_state
    state_s         INTEGER NOT NULL,          -- since when
    error           TEXT NOT NULL DEFAULT '',
    sample          INTEGER NOT NULL DEFAULT 0,
    problems_more   INTEGER NOT NULL DEFAULT 0,
    sum             BLOB NOT NULL,             -- 32 bytes, the content's digest
    first_s         INTEGER NOT NULL,
    look_s          INTEGER NOT NULL,          -- last good look
    gone_after_s    INTEGER,
    gone_s          INTEGER,
    copies_total    INTEGER NOT NULL DEFAULT 0, -- as the agent counts them, with its measurements
    copies_measured INTEGER NOT NULL DEFAULT 0,
    spaces_s        INTEGER,                    -- when the space rows were measured
    UNIQUE (incarnation_id, key)
) STRICT;

CREATE TABLE problem (
    store_id INTEGER NOT NULL REFERENCES store (id),
    seq      INTEGER NOT NULL,
    subject  TEXT NOT NULL,
    text     TEXT NOT NULL,
    PRIMARY KEY (store_id, seq)
) STRICT, WITHOUT ROWID;

-- ---- content, once for the fleet ---------------------------------------------------------------

CREATE TABLE layer (
    id                  INTEGER PRIMARY KEY,
    diff                BLOB NOT NULL UNIQUE,
    fact_state          INTEGER NOT NULL DEFAULT 0, -- 0 unknown, 1 one host said, 2 confirmed, 3 disputed
    content_bytes       INTEGER,                    -- NULL while unknown or disputed
    nominal_bytes       INTEGER,
    files               INTEGER,
    directories         INTEGER,
    os_release          TEXT,
    fact_incarnation    INTEGER REFERENCES incarnation (id),
    confirm_incarnation INTEGER REFERENCES incarnation (id)
) STRICT;

CREATE TABLE chain (
    id        INTEGER PRIMARY KEY,
    digest    BLOB NOT NULL UNIQUE,
    parent_id INTEGER REFERENCES chain (id), -- NULL: the first layer, or not known yet (layer_id NULL)
    layer_id  INTEGER REFERENCES layer (id), -- NULL: only its digest is known
    depth     INTEGER                        -- 1 for the first layer
) STRICT;

CREATE TABLE image (
    id          INTEGER PRIMARY KEY,
    digest      BLOB NOT NULL UNIQUE,
    identity    INTEGER NOT NULL,              -- enum rec_identity
    parsed      INTEGER NOT NULL DEFAULT 0,    -- 0 document not here, 1 read, 2 not an image config, 3 disputed
    chain_id    INTEGER REFERENCES chain (id), -- of all its layers; NULL: none or not known
    layer_count INTEGER,
    os          TEXT,
    arch        TEXT,
    variant     TEXT,
    created     TEXT,                          -- as the config says
    created_s   INTEGER,                       -- the same, parsed; NULL absent or not a time
    author      TEXT,
    config_bytes INTEGER,
    first_s     INTEGER NOT NULL
) STRICT;

-- Positions count: one image may hold the same layer twice.
CREATE TABLE image_chain (
    image_id INTEGER NOT NULL REFERENCES image (id),
    position INTEGER NOT NULL, -- 0 is the lowest layer
    chain_id INTEGER NOT NULL REFERENCES chain (id),
    PRIMARY KEY (image_id, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE image_history (
    image_id   INTEGER NOT NULL REFERENCES image (id),
    seq        INTEGER NOT NULL,
    created    TEXT,
    created_by TEXT,
    comment    TEXT,
    empty      INTEGER NOT NULL, -- empty_layer of the config
    PRIMARY KEY (image_id, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE image_label (
    image_id INTEGER NOT NULL REFERENCES image (id),
    key      TEXT NOT NULL,
    value    TEXT NOT NULL,
    PRIMARY KEY (image_id, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE document (
    id                  INTEGER PRIMARY KEY,
    kind                INTEGER NOT NULL,           -- enum rec_document_kind
    digest              BLOB NOT NULL,              -- of the original bytes
    state               INTEGER NOT NULL,           -- 1 proven by digest, 2 redacted and said by one host,
                                                    -- 3 redacted and confirmed, 4 disputed
    rules               INTEGER NOT NULL,
    cuts                INTEGER NOT NULL,
    incarnation_id      INTEGER REFERENCES incarnation (id),
    confirm_incarnation INTEGER REFERENCES incarnation (id),
    received_s          INTEGER NOT NULL,
    bytes               BLOB NOT NULL,              -- last: what stands before is read without it
    UNIQUE (kind, digest)
) STRICT;

CREATE TABLE name (
    id   INTEGER PRIMARY KEY,
    text TEXT NOT NULL UNIQUE
) STRICT;

-- ---- presence -----------------------------------------------------------------------------------

CREATE TABLE presence (
    store_id     INTEGER NOT NULL REFERENCES store (id),
    image_id     INTEGER NOT NULL REFERENCES image (id),
    from_s       INTEGER NOT NULL,
    identity     INTEGER NOT NULL,              -- enum rec_identity, as this host says
    unpacked     INTEGER NOT NULL,
    parent_id    INTEGER REFERENCES image (id), -- the engine's own parent link
    gone_after_s INTEGER,
    gone_s       INTEGER,
    PRIMARY KEY (store_id, image_id, from_s)
) STRICT, WITHOUT ROWID;

CREATE TABLE presence_name (
    store_id     INTEGER NOT NULL REFERENCES store (id),
    image_id     INTEGER NOT NULL REFERENCES image (id),
    name_id      INTEGER NOT NULL REFERENCES name (id),
    from_s       INTEGER NOT NULL,
    gone_after_s INTEGER,
    gone_s       INTEGER,
    PRIMARY KEY (store_id, image_id, name_id, from_s)
) STRICT, WITHOUT ROWID;

CREATE TABLE presence_repo_digest (
    store_id     INTEGER NOT NULL REFERENCES store (id),
    image_id     INTEGER NOT NULL REFERENCES image (id),
    name_id      INTEGER NOT NULL REFERENCES name (id), -- the repository
    digest       BLOB NOT NULL,                         -- manifest or index
    from_s       INTEGER NOT NULL,
    gone_after_s INTEGER,
    gone_s       INTEGER,
    PRIMARY KEY (store_id, image_id, name_id, digest, from_s)
) STRICT, WITHOUT ROWID;

-- Chains that presence does not explain, or that it promises and the disk does not hold.
CREATE TABLE exception (
    store_id INTEGER NOT NULL REFERENCES store (id),
    chain_id INTEGER NOT NULL REFERENCES chain (id),
    kind     INTEGER NOT NULL, -- enum rec_exception_kind
    layer_id INTEGER NOT NULL REFERENCES layer (id),
    PRIMARY KEY (store_id, chain_id)
) STRICT, WITHOUT ROWID;

-- Measured copies.
CREATE TABLE copy (
    store_id        INTEGER NOT NULL REFERENCES store (id),
    chain_id        INTEGER NOT NULL REFERENCES chain (id),
    allocated_bytes INTEGER NOT NULL,
    missing         INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (store_id, chain_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE container (
    store_id     INTEGER NOT NULL REFERENCES store (id),
    container    TEXT NOT NULL, -- the engine's ID
    image_id     INTEGER NOT NULL REFERENCES image (id),
    name         TEXT NOT NULL DEFAULT '',
    state        INTEGER NOT NULL, -- enum rec_run_state
    since_s      INTEGER,
    PRIMARY KEY (store_id, container)
) STRICT, WITHOUT ROWID;

CREATE TABLE space (
    store_id    INTEGER NOT NULL REFERENCES store (id),
    class       INTEGER NOT NULL, -- enum rec_space_class
    kind        TEXT NOT NULL,
    bytes       INTEGER NOT NULL, -- allocated
    count       INTEGER NOT NULL,
    upper_bound INTEGER NOT NULL,
    PRIMARY KEY (store_id, class, kind)
) STRICT, WITHOUT ROWID;

-- ---- what happened --------------------------------------------------------------------------------

-- Conflicts, lies, refused reports; the newest 10,000 are kept.
CREATE TABLE event (
    id             INTEGER PRIMARY KEY,
    at_s           INTEGER NOT NULL,
    host_id        INTEGER REFERENCES host (id),
    incarnation_id INTEGER REFERENCES incarnation (id),
    kind           TEXT NOT NULL,
    subject        TEXT NOT NULL,
    text           TEXT NOT NULL
) STRICT;

-- History that is lost: the host changed while it could not say so.
CREATE TABLE gap (
    incarnation_id INTEGER NOT NULL REFERENCES incarnation (id),
    from_s         INTEGER NOT NULL,
    to_s           INTEGER NOT NULL,
    reason         TEXT NOT NULL,
    PRIMARY KEY (incarnation_id, from_s)
) STRICT, WITHOUT ROWID;
