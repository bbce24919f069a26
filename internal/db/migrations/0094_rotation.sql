-- When the secret that a token has now was made, and when a person last made one
-- (0: when the token was); when the token was frozen (0: it is not); whether the
-- first use of the secret ends those before it.
ALTER TABLE tokens ADD COLUMN secret_at {{bigint}} NOT NULL DEFAULT 0;
ALTER TABLE tokens ADD COLUMN person_at {{bigint}} NOT NULL DEFAULT 0;
ALTER TABLE tokens ADD COLUMN frozen_at {{bigint}} NOT NULL DEFAULT 0;
ALTER TABLE tokens ADD COLUMN closes_old {{bigint}} NOT NULL DEFAULT 0;

-- The secrets that rotations took out of tokens. They work until ends_at; whoever
-- presents one later freezes the token, unless settled_at says that its owner knows
-- of it. request_key digests the key by which a program asked; it is empty when a
-- person did.
CREATE TABLE token_secrets (
	digest       {{bytes}} NOT NULL PRIMARY KEY,
	token_id     {{bigint}} NOT NULL,
	key_id       {{bigint}} NOT NULL,
	lookup_id    {{bytes}} NOT NULL,
	chain_key    {{bytes}},
	last_eight   TEXT NOT NULL,
	rotated_at   {{bigint}} NOT NULL,
	ends_at      {{bigint}} NOT NULL,
	settled_at   {{bigint}} NOT NULL DEFAULT 0,
	closes       {{bigint}} NOT NULL,
	request_key  {{bytes}} NOT NULL,
	used_at      {{bigint}} NOT NULL DEFAULT 0,
	used_address TEXT NOT NULL DEFAULT '',
	used_client  TEXT NOT NULL DEFAULT ''
);
CREATE INDEX token_secrets_by_token ON token_secrets (token_id, rotated_at);
CREATE UNIQUE INDEX token_secrets_by_lookup ON token_secrets (lookup_id);
