-- Codes of the browser's flow. token_id is the token that a code gave.
CREATE TABLE oauth_codes (
	id         {{id}},
	key_id     {{bigint}} NOT NULL,
	digest     {{bytes}} NOT NULL UNIQUE,
	account_id {{bigint}} NOT NULL REFERENCES accounts (id),
	client_id  TEXT NOT NULL,
	scopes     TEXT NOT NULL,
	redirect   TEXT NOT NULL,
	challenge  TEXT NOT NULL,
	expires_at {{bigint}} NOT NULL,
	used_at    {{bigint}} NOT NULL DEFAULT 0,
	token_id   {{bigint}} NOT NULL DEFAULT 0
);
CREATE INDEX oauth_codes_expires ON oauth_codes (expires_at);
CREATE INDEX oauth_codes_account ON oauth_codes (account_id, client_id);

-- Devices that ask to be signed in. account_id is 0 until somebody decides.
CREATE TABLE oauth_devices (
	id         {{id}},
	key_id     {{bigint}} NOT NULL,
	digest     {{bytes}} NOT NULL UNIQUE,
	user_key   {{bigint}} NOT NULL,
	user_sum   {{bytes}} NOT NULL UNIQUE,
	client_id  TEXT NOT NULL,
	scopes     TEXT NOT NULL,
	address    TEXT NOT NULL,
	client     TEXT NOT NULL,
	created_at {{bigint}} NOT NULL,
	expires_at {{bigint}} NOT NULL,
	state      {{bigint}} NOT NULL DEFAULT 0,
	account_id {{bigint}} NOT NULL DEFAULT 0
);
CREATE INDEX oauth_devices_expires ON oauth_devices (expires_at);
CREATE INDEX oauth_devices_account ON oauth_devices (account_id, client_id) WHERE account_id <> 0;

-- Refresh tokens. All that came of one sign-in renew the same token, which keeps
-- its row; a used one stays, so that its second use is noticed.
CREATE TABLE oauth_refresh (
	id         {{id}},
	key_id     {{bigint}} NOT NULL,
	digest     {{bytes}} NOT NULL UNIQUE,
	account_id {{bigint}} NOT NULL REFERENCES accounts (id),
	client_id  TEXT NOT NULL,
	token_id   {{bigint}} NOT NULL,
	device     BOOLEAN NOT NULL,
	created_at {{bigint}} NOT NULL,
	expires_at {{bigint}} NOT NULL,
	used_at    {{bigint}} NOT NULL DEFAULT 0
);
CREATE INDEX oauth_refresh_token ON oauth_refresh (token_id);
CREATE INDEX oauth_refresh_account ON oauth_refresh (account_id, client_id);
CREATE INDEX oauth_refresh_expires ON oauth_refresh (expires_at);
