-- The first narrowing of the chain (only the token's holder makes those), when the
-- narrowed token ends by its limits (0: never), whether the server saw it or was
-- only told to refuse it, and of one that was made by API from where.
ALTER TABLE token_nodes ADD COLUMN top TEXT NOT NULL DEFAULT '';
ALTER TABLE token_nodes ADD COLUMN ends_at {{bigint}} NOT NULL DEFAULT 0;
ALTER TABLE token_nodes ADD COLUMN seen {{bigint}} NOT NULL DEFAULT 0;
ALTER TABLE token_nodes ADD COLUMN made_address TEXT NOT NULL DEFAULT '';
ALTER TABLE token_nodes ADD COLUMN made_client TEXT NOT NULL DEFAULT '';
CREATE INDEX token_nodes_top ON token_nodes (token_id, top);
