-- Public keys of accounts, by which signatures of commits and tags are checked:
-- SSH keys, OpenPGP keys, and the subkeys of those.

-- A subkey's row names its key in parent_id and has no material of its own. What
-- a key says of itself never changes; created_at and expires_at are the key's
-- own, added_at is when it came here.
CREATE TABLE public_keys (
	id          {{id}},
	account_id  {{bigint}} NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
	parent_id   {{bigint}} NOT NULL DEFAULT 0,
	kind        TEXT       NOT NULL,
	name        TEXT       NOT NULL,
	key_id      TEXT       NOT NULL,
	fingerprint TEXT       NOT NULL,
	material    TEXT       NOT NULL,
	packet      TEXT       NOT NULL,
	emails      TEXT       NOT NULL,
	can         {{bigint}} NOT NULL,
	revoked     BOOLEAN    NOT NULL,
	created_at  {{bigint}} NOT NULL,
	expires_at  {{bigint}} NOT NULL,
	added_at    {{bigint}} NOT NULL
);

CREATE UNIQUE INDEX public_keys_once ON public_keys (account_id, kind, parent_id, fingerprint);
CREATE INDEX public_keys_key ON public_keys (account_id, key_id);
CREATE INDEX public_keys_parent ON public_keys (parent_id);
