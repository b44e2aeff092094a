-- +goose Up

-- The revision that a card of the post's own showed last: after a digest it is
-- behind shown.
ALTER TABLE posts ADD COLUMN carded INTEGER NOT NULL DEFAULT 0;
UPDATE posts SET carded = shown;

-- The post of the episode before at the same address, which goes first; 0: none.
ALTER TABLE posts ADD COLUMN follows INTEGER NOT NULL DEFAULT 0;
