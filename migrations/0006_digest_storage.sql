-- Digests are hashes: trying to compress them costs processor time for every committed batch and never saves a byte.

ALTER TABLE sync_digests ALTER COLUMN digests SET STORAGE EXTERNAL;
