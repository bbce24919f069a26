-- Releases of repositories and the files that go with them.

-- A draft's tag need not exist, and several drafts may have the same. latest_at
-- orders the releases for the question which one is the latest; 0 comes last.
CREATE TABLE releases (
	id           {{id}},
	repo_id      {{bigint}} NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
	tag          TEXT       NOT NULL,
	target       TEXT       NOT NULL,
	name         TEXT       NOT NULL,
	body         TEXT       NOT NULL,
	draft        BOOLEAN    NOT NULL,
	prerelease   BOOLEAN    NOT NULL,
	author_id    {{bigint}} NOT NULL,
	latest_at    {{bigint}} NOT NULL,
	sort_at      {{bigint}} NOT NULL,
	created_at   {{bigint}} NOT NULL,
	published_at {{bigint}} NOT NULL,
	updated_at   {{bigint}} NOT NULL
);

CREATE UNIQUE INDEX releases_tag ON releases (repo_id, tag) WHERE NOT draft;
CREATE INDEX releases_repo ON releases (repo_id, sort_at);

-- The bytes of an asset lie outside of the database, under blob_key.
CREATE TABLE release_assets (
	id           {{id}},
	release_id   {{bigint}} NOT NULL REFERENCES releases (id) ON DELETE CASCADE,
	repo_id      {{bigint}} NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
	name         TEXT       NOT NULL,
	label        TEXT       NOT NULL,
	content_type TEXT       NOT NULL,
	size         {{bigint}} NOT NULL,
	digest       TEXT       NOT NULL,
	blob_key     TEXT       NOT NULL,
	uploader_id  {{bigint}} NOT NULL,
	downloads    {{bigint}} NOT NULL,
	created_at   {{bigint}} NOT NULL,
	updated_at   {{bigint}} NOT NULL,
	UNIQUE (release_id, name)
);

CREATE INDEX release_assets_repo ON release_assets (repo_id);

-- Bytes that may belong to no asset (any more), and since when.
CREATE TABLE release_loose (
	blob_key TEXT       PRIMARY KEY,
	at       {{bigint}} NOT NULL
);
