-- What the ledger and the reports rest on, from scratch by plain SQL: copies and hosts of every
-- chain and layer, bytes of every host, hosts of every image, unique + replicas + duplicates.
PRAGMA cache_size = -1000000;

CREATE TEMP TABLE copies AS
SELECT host_id, chain_id, layer_id, nominal_bytes FROM copy_now;

SELECT count(*), sum(copies), sum(hosts) FROM
  (SELECT count(*) AS copies, count(DISTINCT host_id) AS hosts FROM copies GROUP BY chain_id);

SELECT count(*), sum(bytes), sum((hosts - 1) * bytes), sum((copies - hosts) * bytes) FROM
  (SELECT max(nominal_bytes) AS bytes, count(*) AS copies, count(DISTINCT host_id) AS hosts
   FROM copies GROUP BY layer_id);

SELECT count(*), sum(bytes) FROM
  (SELECT sum(nominal_bytes) AS bytes FROM copies GROUP BY host_id);

SELECT count(*), sum(hosts) FROM
  (SELECT count(DISTINCT host_id) AS hosts FROM image_now GROUP BY image_id);
