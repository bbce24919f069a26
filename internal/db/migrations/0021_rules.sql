-- What may be done to branches and tags, and how much may be stored.

-- A rule speaks of the branches or the tags that match its pattern.
CREATE TABLE ref_rules (
	id             {{id}},
	repo_id        {{bigint}} NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
	kind           {{bigint}} NOT NULL,
	pattern        TEXT       NOT NULL,
	push           {{bigint}} NOT NULL,
	include_admins BOOLEAN    NOT NULL,
	allow_force    BOOLEAN    NOT NULL,
	allow_delete   BOOLEAN    NOT NULL,
	created_at     {{bigint}} NOT NULL,
	UNIQUE (repo_id, kind, pattern)
);

-- Who may push where a rule lists accounts.
CREATE TABLE ref_rule_accounts (
	rule_id    {{bigint}} NOT NULL REFERENCES ref_rules (id) ON DELETE CASCADE,
	account_id {{bigint}} NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
	PRIMARY KEY (rule_id, account_id)
);

CREATE INDEX ref_rule_accounts_account ON ref_rule_accounts (account_id);

-- rules_at moves with every change of the rules, and is 0 while there was none.
-- A quota is in bytes; 0 is none, -1 what is set for the whole site.
ALTER TABLE repositories ADD COLUMN rules_at {{bigint}} NOT NULL DEFAULT 0;
ALTER TABLE repositories ADD COLUMN block_force {{bigint}} NOT NULL DEFAULT 0;
ALTER TABLE repositories ADD COLUMN lfs_bytes {{bigint}} NOT NULL DEFAULT 0;
ALTER TABLE repositories ADD COLUMN quota {{bigint}} NOT NULL DEFAULT -1;
ALTER TABLE accounts ADD COLUMN quota {{bigint}} NOT NULL DEFAULT -1;
