-- The uses of tokens. Equal ones within a minute are one line with a count. Like
-- the security log it names tokens, accounts and repositories by number without
-- a foreign key.
CREATE TABLE token_uses (
	id         {{id}},
	token_id   {{bigint}} NOT NULL,
	node       TEXT NOT NULL,
	account_id {{bigint}} NOT NULL,
	first_at   {{bigint}} NOT NULL,
	last_at    {{bigint}} NOT NULL,
	times      {{bigint}} NOT NULL,
	action     TEXT NOT NULL,
	result     TEXT NOT NULL,
	repo_id    {{bigint}} NOT NULL,
	repo       TEXT NOT NULL,
	address    TEXT NOT NULL,
	client     TEXT NOT NULL,
	received   {{bigint}} NOT NULL,
	sent       {{bigint}} NOT NULL
);
CREATE INDEX token_uses_token ON token_uses (token_id, id);
CREATE INDEX token_uses_age ON token_uses (last_at);

-- What the gate ever let each token do, and when last: from which it is known
-- what a token does not need. public: 1 on what everybody may see.
CREATE TABLE token_actions (
	token_id {{bigint}} NOT NULL,
	action   TEXT NOT NULL,
	public   {{bigint}} NOT NULL,
	last_at  {{bigint}} NOT NULL,
	PRIMARY KEY (token_id, action, public)
);

-- The chain over audit_events (log 1) and token_uses (log 2): a keyed digest of
-- each line, and one over that and the link before. It outlives the lines: gone
-- proves that the line gone_by tells of the trimming. The first link (log 0) has
-- in row_id how many lines were taken in without proof.
CREATE TABLE chain (
	seq     {{bigint}} NOT NULL PRIMARY KEY,
	at      {{bigint}} NOT NULL,
	log     {{bigint}} NOT NULL,
	row_id  {{bigint}} NOT NULL,
	key_id  {{bigint}} NOT NULL,
	content {{bytes}} NOT NULL,
	link    {{bytes}} NOT NULL,
	gone_by {{bigint}} NOT NULL DEFAULT 0,
	gone    {{bytes}}
);
CREATE UNIQUE INDEX chain_row ON chain (log, row_id);

-- Lines that are written and not linked yet, each with the proof that this
-- program wrote it. ripe_at: not before then, since it may still grow.
CREATE TABLE chain_due (
	log     {{bigint}} NOT NULL,
	row_id  {{bigint}} NOT NULL,
	ripe_at {{bigint}} NOT NULL,
	key_id  {{bigint}} NOT NULL,
	mac     {{bytes}} NOT NULL,
	bad     {{bigint}} NOT NULL DEFAULT 0,
	PRIMARY KEY (log, row_id)
);
CREATE INDEX chain_due_ripe ON chain_due (ripe_at) WHERE bad = 0;

-- The events of tokens themselves, for the pages of each.
CREATE INDEX audit_events_deeds ON audit_events (account_id, id) WHERE action IN ('oauth_access.create', 'oauth_access.update', 'oauth_access.regenerate', 'oauth_access.destroy',
	'personal_access_token.create', 'personal_access_token.update', 'personal_access_token.regenerate', 'personal_access_token.destroy');
