-- Tokens that their holders narrowed, from when the server first saw them, or was
-- told to refuse them. node is the number that its maker drew, parent the node
-- from which it was made (empty: the token itself), limits those of all steps.
CREATE TABLE token_nodes (
	token_id     {{bigint}} NOT NULL,
	node         TEXT NOT NULL,
	parent       TEXT NOT NULL,
	note         TEXT NOT NULL,
	limits       TEXT NOT NULL,
	created_at   {{bigint}} NOT NULL,
	revoked_at   {{bigint}} NOT NULL DEFAULT 0,
	used_at      {{bigint}} NOT NULL DEFAULT 0,
	used_address TEXT NOT NULL DEFAULT '',
	used_client  TEXT NOT NULL DEFAULT '',
	PRIMARY KEY (token_id, node)
);
