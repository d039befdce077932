-- Schema 5: what is disputed can be settled, and whose stores a layer was measured in.

-- What each host said of something that two of them told differently. Two hosts with the same word
-- settle it; the rows go then.
CREATE TABLE disputed_word (
    kind           INTEGER NOT NULL, -- 0 facts of a layer, else enum rec_document_kind (2: or an index)
    digest         BLOB NOT NULL,    -- diffID of the layer, digest of the document
    host_id        INTEGER NOT NULL REFERENCES host (id),
    incarnation_id INTEGER NOT NULL REFERENCES incarnation (id),
    word           BLOB NOT NULL,    -- SHA-256 of what it said
    PRIMARY KEY (kind, digest, host_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX disputed_word_host ON disputed_word (host_id);

-- 1: nobody measured it in a store of root's, only in such of other users.
ALTER TABLE layer ADD COLUMN fact_of_user INTEGER NOT NULL DEFAULT 0;

-- Nobody said so before: what a host told that has users' stores may be of those.
UPDATE layer SET fact_of_user = 1 WHERE fact_state > 0 AND EXISTS
 (SELECT 1 FROM store s WHERE s.owner <> 0
  AND s.incarnation_id IN (layer.fact_incarnation, layer.confirm_incarnation));
