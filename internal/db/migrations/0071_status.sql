-- Statuses of commits. latest marks the last one of each context, which is what
-- is asked for most: beside each commit of a list.
CREATE TABLE commit_statuses (
	id          {{id}},
	repo_id     {{bigint}} NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
	sha         TEXT       NOT NULL,
	context     TEXT       NOT NULL,
	state       TEXT       NOT NULL,
	description TEXT       NOT NULL,
	target_url  TEXT       NOT NULL,
	creator_id  {{bigint}} NOT NULL,
	created_at  {{bigint}} NOT NULL,
	latest      BOOLEAN    NOT NULL
);

CREATE INDEX commit_statuses_sha ON commit_statuses (repo_id, sha, id);
CREATE UNIQUE INDEX commit_statuses_latest ON commit_statuses (repo_id, sha, context) WHERE latest;
