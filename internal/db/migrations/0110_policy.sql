-- What the owners of a site (account 0) or of an organization want of the tokens
-- that touch what is theirs.
CREATE TABLE policies (
	account_id {{bigint}} NOT NULL PRIMARY KEY,
	rules      TEXT NOT NULL,
	updated_at {{bigint}} NOT NULL,
	updated_by {{bigint}} NOT NULL
);

-- When the owners of the organization that a fine-grained token reaches approved
-- what it may do (0: they did not), and the numbers of owners, with commas, who
-- have shut the token out of what is theirs.
ALTER TABLE tokens ADD COLUMN approved_at {{bigint}} NOT NULL DEFAULT 0;
ALTER TABLE tokens ADD COLUMN barred TEXT NOT NULL DEFAULT '';

-- What was asked of an organization's owners about a fine-grained token, and what
-- became of it (outcome: 0 nothing yet, 1 approved, 2 denied).
CREATE TABLE token_requests (
	id         {{id}},
	token_id   {{bigint}} NOT NULL,
	org_id     {{bigint}} NOT NULL,
	reason     TEXT NOT NULL,
	created_at {{bigint}} NOT NULL,
	outcome    {{bigint}} NOT NULL DEFAULT 0,
	decided_at {{bigint}} NOT NULL DEFAULT 0,
	decided_by {{bigint}} NOT NULL DEFAULT 0,
	answer     TEXT NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX token_requests_open ON token_requests (token_id) WHERE outcome = 0;
CREATE INDEX token_requests_by_org ON token_requests (org_id, outcome, id);
