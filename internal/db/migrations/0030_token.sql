CREATE TABLE tokens (
	id           {{id}},
	account_id   {{bigint}} NOT NULL REFERENCES accounts (id),
	note         TEXT NOT NULL,
	scopes       TEXT NOT NULL,
	last_eight   TEXT NOT NULL,
	created_at   {{bigint}} NOT NULL,
	expires_at   {{bigint}} NOT NULL DEFAULT 0,
	revoked_at   {{bigint}} NOT NULL DEFAULT 0,
	key_id       {{bigint}} NOT NULL,
	digest       {{bytes}} NOT NULL,
	lookup_id    {{bytes}} NOT NULL,
	chain_key    {{bytes}},
	used_at      {{bigint}} NOT NULL DEFAULT 0,
	used_address TEXT NOT NULL DEFAULT '',
	used_client  TEXT NOT NULL DEFAULT '',
	used_repo    TEXT NOT NULL DEFAULT '',
	used_action  TEXT NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX tokens_digest ON tokens (digest);
CREATE UNIQUE INDEX tokens_lookup ON tokens (lookup_id);
CREATE INDEX tokens_account ON tokens (account_id, id);
CREATE UNIQUE INDEX tokens_note ON tokens (account_id, note) WHERE revoked_at = 0;
