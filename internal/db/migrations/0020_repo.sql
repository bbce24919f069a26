-- Repositories, who else may use them, and the names they had before.

-- A number that was drawn for a repository being made: it is never drawn again,
-- and its row goes when the repository's comes. One that stays behind names a
-- folder that may be left over.
CREATE TABLE repo_numbers (
	id {{id}},
	at {{bigint}} NOT NULL
);

-- A repository that was deleted and whose folder may still be there.
CREATE TABLE repo_removed (
	id {{bigint}} PRIMARY KEY,
	at {{bigint}} NOT NULL
);

CREATE TABLE repositories (
	id             {{bigint}} PRIMARY KEY,
	owner_id       {{bigint}} NOT NULL REFERENCES accounts (id),
	name           TEXT       NOT NULL,
	name_key       TEXT       NOT NULL,
	description    TEXT       NOT NULL,
	private        BOOLEAN    NOT NULL,
	archived       BOOLEAN    NOT NULL,
	default_branch TEXT       NOT NULL,
	object_format  TEXT       NOT NULL,
	size_kib       {{bigint}} NOT NULL,
	created_at     {{bigint}} NOT NULL,
	updated_at     {{bigint}} NOT NULL,
	pushed_at      {{bigint}} NOT NULL,
	UNIQUE (owner_id, name_key)
);

CREATE TABLE collaborators (
	repo_id    {{bigint}} NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
	account_id {{bigint}} NOT NULL REFERENCES accounts (id),
	level      {{bigint}} NOT NULL,
	created_at {{bigint}} NOT NULL,
	PRIMARY KEY (repo_id, account_id)
);

CREATE INDEX collaborators_account ON collaborators (account_id, repo_id);

-- A name that a repository had under an owner, and until when it redirects.
CREATE TABLE repo_names (
	owner_id {{bigint}} NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
	name_key TEXT       NOT NULL,
	repo_id  {{bigint}} NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
	until    {{bigint}} NOT NULL,
	PRIMARY KEY (owner_id, name_key)
);

CREATE INDEX repo_names_repo ON repo_names (repo_id);
