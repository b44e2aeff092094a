-- +goose Up

-- What a list of all that fires needs of an episode: store.Brief as text; NULL
-- when it is over. It is in the index, so that such a list reads no
-- episodes; whoever reads those uses the same index.
ALTER TABLE groups ADD COLUMN brief BLOB;
DROP INDEX groups_open;
CREATE INDEX groups_open ON groups (id, latest, phase, brief) WHERE latest AND phase <> 'over';

-- The episode before; NULL: there was none.
ALTER TABLE groups ADD COLUMN previous INTEGER;
UPDATE groups SET previous = known.previous
FROM (SELECT id, lag(id) OVER (PARTITION BY origin_hash, key_hash ORDER BY episode) AS previous FROM groups) AS known
WHERE known.id = groups.id AND known.previous IS NOT NULL;
