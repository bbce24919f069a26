-- Applications that somebody registered. Those that every host knows stand in
-- the program and have no rows here.
CREATE TABLE oauth_apps (
	id          {{id}},
	owner_id    {{bigint}} NOT NULL REFERENCES accounts (id),
	client_id   TEXT NOT NULL UNIQUE,
	name        TEXT NOT NULL,
	homepage    TEXT NOT NULL,
	description TEXT NOT NULL,
	callback    TEXT NOT NULL,
	device_flow BOOLEAN NOT NULL,
	expiring    BOOLEAN NOT NULL,
	created_at  {{bigint}} NOT NULL,
	updated_at  {{bigint}} NOT NULL
);
CREATE INDEX oauth_apps_owner ON oauth_apps (owner_id, id);

-- Of a secret only its digest under a server key is kept, and how it ends.
CREATE TABLE oauth_secrets (
	id         {{id}},
	app_id     {{bigint}} NOT NULL REFERENCES oauth_apps (id),
	key_id     {{bigint}} NOT NULL,
	digest     {{bytes}} NOT NULL UNIQUE,
	last_eight TEXT NOT NULL,
	created_at {{bigint}} NOT NULL
);
CREATE INDEX oauth_secrets_app ON oauth_secrets (app_id, id);

-- What people allowed applications, by client id: known ones have no row above.
CREATE TABLE oauth_authorizations (
	id         {{id}},
	account_id {{bigint}} NOT NULL REFERENCES accounts (id),
	client_id  TEXT NOT NULL,
	scopes     TEXT NOT NULL,
	created_at {{bigint}} NOT NULL,
	updated_at {{bigint}} NOT NULL,
	UNIQUE (account_id, client_id)
);
CREATE INDEX oauth_authorizations_client ON oauth_authorizations (client_id);
