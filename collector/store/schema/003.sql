-- Schema 3: where layers come from, what blobs they are transferred as, and the pods of containers.

ALTER TABLE container ADD COLUMN kube_namespace TEXT NOT NULL DEFAULT '';
ALTER TABLE container ADD COLUMN kube_pod TEXT NOT NULL DEFAULT '';

-- Repositories that a store's engine knows to hold a layer, where the repo digests of the store's
-- images do not say so already.
CREATE TABLE origin (
    store_id INTEGER NOT NULL REFERENCES store (id),
    layer_id INTEGER NOT NULL REFERENCES layer (id),
    name_id  INTEGER NOT NULL REFERENCES name (id), -- the repository
    PRIMARY KEY (store_id, layer_id, name_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX origin_layer ON origin (layer_id, name_id);

-- What manifests of images say, each by its digest. Which layer a blob is follows from the image of
-- their config (view layer_blob).
CREATE TABLE manifest (
    id          INTEGER PRIMARY KEY,
    digest      BLOB NOT NULL UNIQUE,
    config      BLOB NOT NULL,   -- digest: the ID of its image, where it is one
    layer_count INTEGER NOT NULL
) STRICT;
CREATE INDEX manifest_config ON manifest (config);

CREATE TABLE manifest_blob (
    manifest_id INTEGER NOT NULL REFERENCES manifest (id),
    position    INTEGER NOT NULL, -- 0 is the lowest layer
    digest      BLOB NOT NULL,
    bytes       INTEGER NOT NULL, -- as it is transferred
    media_type  TEXT NOT NULL,
    PRIMARY KEY (manifest_id, position)
) STRICT, WITHOUT ROWID;

-- The store's host can be asked for manifests.
ALTER TABLE store ADD COLUMN manifests INTEGER NOT NULL DEFAULT 0;
