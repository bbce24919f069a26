-- Alerts about tokens of this host that stand in repositories, of whatever kind: an
-- application's secret has the number 0. What a token is,
-- and whether it still opens anything, stands with the tokens: of the secret
-- itself nothing is kept but its end, by which its owner knows it.
CREATE TABLE secret_alerts (
	id          {{id}},
	repo_id     {{bigint}} NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
	number      {{bigint}} NOT NULL,
	kind        {{bigint}} NOT NULL,
	app         TEXT       NOT NULL,
	token_id    {{bigint}} NOT NULL,
	owner_id    {{bigint}} NOT NULL,
	last_eight  TEXT       NOT NULL,
	resolution  TEXT       NOT NULL,
	comment     TEXT       NOT NULL,
	resolved_by {{bigint}} NOT NULL,
	resolved_at {{bigint}} NOT NULL,
	created_at  {{bigint}} NOT NULL,
	updated_at  {{bigint}} NOT NULL,
	bypassed_by {{bigint}} NOT NULL,
	bypassed_at {{bigint}} NOT NULL
);

CREATE UNIQUE INDEX secret_alerts_number ON secret_alerts (repo_id, number);
CREATE UNIQUE INDEX secret_alerts_token ON secret_alerts (repo_id, kind, token_id, last_eight);

-- Where it stands. kind is blob, commit or tag: what object_id names.
CREATE TABLE secret_locations (
	id           {{id}},
	alert_id     {{bigint}} NOT NULL REFERENCES secret_alerts (id) ON DELETE CASCADE,
	kind         TEXT       NOT NULL,
	object_id    TEXT       NOT NULL,
	commit_id    TEXT       NOT NULL,
	path         TEXT       NOT NULL,
	line         {{bigint}} NOT NULL,
	start_column {{bigint}} NOT NULL
);

CREATE UNIQUE INDEX secret_locations_place ON secret_locations (alert_id, object_id, line, start_column);

-- What was looked through: the commits that refs named then. due_at is when to
-- look again; 0: not before somebody asks. A repository without a row was never
-- looked at.
CREATE TABLE secret_scans (
	repo_id    {{bigint}} PRIMARY KEY REFERENCES repositories (id) ON DELETE CASCADE,
	tips       TEXT       NOT NULL,
	due_at     {{bigint}} NOT NULL,
	kind       TEXT       NOT NULL,
	started_at {{bigint}} NOT NULL,
	done_at    {{bigint}} NOT NULL
);

CREATE INDEX secret_scans_due ON secret_scans (due_at) WHERE due_at > 0;

-- A push that was refused for a token, and what its sender says of it: with a
-- reason the token may be pushed until then.
CREATE TABLE secret_bypasses (
	id          {{id}},
	placeholder TEXT       NOT NULL,
	repo_id     {{bigint}} NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
	account_id  {{bigint}} NOT NULL,
	kind        {{bigint}} NOT NULL,
	app         TEXT       NOT NULL,
	token_id    {{bigint}} NOT NULL,
	owner_id    {{bigint}} NOT NULL,
	last_eight  TEXT       NOT NULL,
	reason      TEXT       NOT NULL,
	created_at  {{bigint}} NOT NULL,
	until       {{bigint}} NOT NULL
);

CREATE UNIQUE INDEX secret_bypasses_placeholder ON secret_bypasses (placeholder);
CREATE UNIQUE INDEX secret_bypasses_token ON secret_bypasses (repo_id, account_id, kind, token_id, last_eight);
