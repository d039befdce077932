-- Views for dashboards and for people with sqlite3. Their names and columns are stable; they only
-- select, and docs/schema.md explains each. Digests are texts here ("sha256:..."), times are Unix
-- seconds. "Now" means: neither gone, nor on a host that is retired or whose name was taken over.

DROP VIEW IF EXISTS host_now;
CREATE VIEW host_now AS
SELECT h.id AS host_id, h.name AS host, h.cluster, h.labels, h.lifetime, h.first_s, h.last_s,
       i.id AS incarnation_id, i.address, i.agent_version, i.os, i.kernel, i.arch, i.generation,
       i.observed_s, i.skew_ms
FROM host h
JOIN incarnation i ON i.id = (SELECT n.id FROM incarnation n WHERE n.host_id = h.id
                              ORDER BY n.ended_s IS NULL DESC, n.last_s DESC, n.id DESC LIMIT 1)
WHERE h.retired_s IS NULL AND h.ended_s IS NULL;

DROP VIEW IF EXISTS store_now;
CREATE VIEW store_now AS
SELECT s.id AS store_id, h.id AS host_id, h.name AS host, s.engine, s.version, s.driver, s.space,
       s.root, s.owner, s.fs_type, s.state, s.state_s, s.error, s.sample, s.look_s,
       s.manifests
FROM store s
JOIN incarnation i ON i.id = s.incarnation_id
JOIN host h ON h.id = i.host_id
WHERE s.gone_s IS NULL AND i.ended_s IS NULL AND h.retired_s IS NULL AND h.ended_s IS NULL;

DROP VIEW IF EXISTS image_now;
CREATE VIEW image_now AS
SELECT s.host_id, s.host, s.store_id, s.engine, l.image_id,
       'sha256:' || lower(hex(i.digest)) AS image, l.unpacked, l.parent_id,
       coalesce(p.since_s, p.from_s) AS from_s, i.os, i.arch, i.variant, i.created, i.layer_count
FROM presence p
JOIN store_now s ON s.store_id = p.store_id
JOIN listing l ON l.id = p.listing_id
JOIN image i ON i.id = l.image_id
WHERE p.gone_s IS NULL;

-- from_s: since when the host lists the image with just these names and digests.
DROP VIEW IF EXISTS name_now;
CREATE VIEW name_now AS
SELECT s.host_id, s.host, s.store_id, l.image_id, 'sha256:' || lower(hex(i.digest)) AS image,
       n.text AS name, p.from_s
FROM presence p
JOIN store_now s ON s.store_id = p.store_id
JOIN listing l ON l.id = p.listing_id
JOIN image i ON i.id = l.image_id
JOIN listing_name t ON t.listing_id = l.id
JOIN name n ON n.id = t.name_id
WHERE p.gone_s IS NULL;

DROP VIEW IF EXISTS repo_digest_now;
CREATE VIEW repo_digest_now AS
SELECT s.host_id, s.host, s.store_id, l.image_id, 'sha256:' || lower(hex(i.digest)) AS image,
       n.text AS repository, 'sha256:' || lower(hex(r.digest)) AS digest, p.from_s
FROM presence p
JOIN store_now s ON s.store_id = p.store_id
JOIN listing l ON l.id = p.listing_id
JOIN image i ON i.id = l.image_id
JOIN listing_repo_digest r ON r.listing_id = l.id
JOIN name n ON n.id = r.name_id
WHERE p.gone_s IS NULL;

DROP VIEW IF EXISTS container_now;
CREATE VIEW container_now AS
SELECT s.host_id, s.host, s.store_id, c.container, c.name, c.image_id,
       'sha256:' || lower(hex(i.digest)) AS image, c.state, c.since_s, c.kube_namespace, c.kube_pod
FROM container c
JOIN store_now s ON s.store_id = c.store_id
JOIN image i ON i.id = c.image_id;

DROP VIEW IF EXISTS layer_of_image;
CREATE VIEW layer_of_image AS
SELECT k.image_id, k.position, k.chain_id, 'sha256:' || lower(hex(c.digest)) AS chain, c.layer_id,
       'sha256:' || lower(hex(l.diff)) AS layer, l.content_bytes, l.nominal_bytes, l.files
FROM image_chain k
JOIN chain c ON c.id = k.chain_id
LEFT JOIN layer l ON l.id = c.layer_id;

-- One row for each chain that lies unpacked in a store. allocated_bytes is NULL where the copy was
-- not measured; nominal_bytes is NULL where nobody has told its layer's size.
DROP VIEW IF EXISTS copy_now;
CREATE VIEW copy_now AS
SELECT s.host_id, s.host, s.store_id, k.chain_id, 'sha256:' || lower(hex(c.digest)) AS chain,
       l.id AS layer_id, 'sha256:' || lower(hex(l.diff)) AS layer, m.allocated_bytes,
       l.nominal_bytes
FROM (SELECT p.store_id, t.chain_id
      FROM presence p
      JOIN listing a ON a.id = p.listing_id
      JOIN image_chain t ON t.image_id = a.image_id
      WHERE p.gone_s IS NULL AND a.unpacked = 1
      UNION
      SELECT e.store_id, e.chain_id FROM exception e WHERE e.kind = 1) k
JOIN store_now s ON s.store_id = k.store_id
JOIN chain c ON c.id = k.chain_id
LEFT JOIN exception x ON x.store_id = k.store_id AND x.chain_id = k.chain_id
LEFT JOIN layer l ON l.id = coalesce(c.layer_id, c.claimed_layer_id)
LEFT JOIN copy m ON m.store_id = k.store_id AND m.chain_id = k.chain_id
WHERE coalesce(x.kind, 1) <> 2 AND coalesce(m.missing, 0) = 0;

DROP VIEW IF EXISTS space_now;
CREATE VIEW space_now AS
SELECT s.host_id, s.host, s.store_id, s.root, p.class, p.kind, p.bytes, p.count, p.upper_bound
FROM space p
JOIN store_now s ON s.store_id = p.store_id;

-- Repositories that hold a layer. implied 0: an engine's files on the host tell so; 1: the host holds
-- an image of the layer that was pulled from there, or pushed to it.
DROP VIEW IF EXISTS layer_origin;
CREATE VIEW layer_origin AS
SELECT s.host_id, s.host, s.store_id, l.id AS layer_id, 'sha256:' || lower(hex(l.diff)) AS layer,
       n.text AS repository, o.implied
FROM (SELECT store_id, layer_id, name_id, 0 AS implied FROM origin
      UNION ALL
      SELECT DISTINCT p.store_id, c.layer_id, r.name_id, 1
      FROM presence p
      JOIN listing t ON t.id = p.listing_id
      JOIN listing_repo_digest r ON r.listing_id = t.id
      JOIN image_chain k ON k.image_id = t.image_id
      JOIN chain c ON c.id = k.chain_id
      WHERE p.gone_s IS NULL) o
JOIN store_now s ON s.store_id = o.store_id
JOIN layer l ON l.id = o.layer_id
JOIN name n ON n.id = o.name_id;

-- The blobs that layers are transferred as: one row for each manifest that says so of a layer of its
-- image. confirmed 0: the manifest, or the image's config, is only one host's word.
DROP VIEW IF EXISTS layer_blob;
CREATE VIEW layer_blob AS
SELECT l.id AS layer_id, 'sha256:' || lower(hex(l.diff)) AS layer,
       'sha256:' || lower(hex(b.digest)) AS blob, b.bytes, b.media_type,
       'sha256:' || lower(hex(m.digest)) AS manifest, b.position, i.id AS image_id,
       'sha256:' || lower(hex(i.digest)) AS image, d.state <> 2 AND f.state <> 2 AS confirmed
FROM manifest m
JOIN document d ON d.kind = 2 AND d.digest = m.digest
JOIN image i ON i.digest = m.config AND i.layer_count = m.layer_count
JOIN document f ON f.kind = 1 AND f.digest = i.digest
JOIN manifest_blob b ON b.manifest_id = m.id
JOIN image_chain k ON k.image_id = i.id AND k.position = b.position
JOIN chain c ON c.id = k.chain_id
JOIN layer l ON l.id = c.layer_id;

-- What each present image stands on, by the collector's last survey; survey_s says when that was.
DROP VIEW IF EXISTS lineage_now;
CREATE VIEW lineage_now AS
SELECT l.image_id, 'sha256:' || lower(hex(i.digest)) AS image, l.core_kind, l.core,
       'sha256:' || lower(nullif(hex(c.digest), '')) AS core_chain,
       nullif(l.family, '') AS family, nullif(l.version, '') AS version, nullif(l.base, '') AS base,
       'sha256:' || lower(nullif(hex(b.digest), '')) AS base_chain, l.base_layers,
       nullif(l.method, '') AS method, nullif(l.confidence, '') AS confidence, v.at_s AS survey_s
FROM lineage l
JOIN image i ON i.id = l.image_id
LEFT JOIN chain c ON c.id = l.core_chain_id
LEFT JOIN chain b ON b.id = l.base_chain_id
CROSS JOIN survey v;
