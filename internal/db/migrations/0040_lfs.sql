-- Large files (Git LFS): which objects each repository holds, and who has
-- locked which of its files.

-- A repository holds an object only after all of its bytes were sent to it. The
-- bytes lie outside of the database, once for all repositories.
CREATE TABLE lfs_objects (
	repo_id    {{bigint}} NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
	oid        TEXT       NOT NULL,
	size       {{bigint}} NOT NULL,
	created_at {{bigint}} NOT NULL,
	PRIMARY KEY (repo_id, oid)
);

CREATE INDEX lfs_objects_oid ON lfs_objects (oid);

-- Bytes that may belong to no repository (any more), and since when. Bytes that
-- are named nowhere are left alone: they may be another database's.
CREATE TABLE lfs_loose (
	oid TEXT       PRIMARY KEY,
	at  {{bigint}} NOT NULL
);

CREATE INDEX lfs_loose_at ON lfs_loose (at);

CREATE TABLE lfs_locks (
	id         {{id}},
	repo_id    {{bigint}} NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
	path       TEXT       NOT NULL,
	account_id {{bigint}} NOT NULL REFERENCES accounts (id),
	ref        TEXT       NOT NULL,
	created_at {{bigint}} NOT NULL
);

CREATE UNIQUE INDEX lfs_locks_path ON lfs_locks (repo_id, path);
CREATE INDEX lfs_locks_account ON lfs_locks (account_id);
