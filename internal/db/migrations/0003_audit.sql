-- The security log. It names accounts, repositories and tokens by number
-- without a foreign key, for it outlives them.
CREATE TABLE audit_events (
	id {{id}},
	at {{bigint}} NOT NULL,
	action TEXT NOT NULL,
	account_id {{bigint}} NOT NULL,
	actor_kind TEXT NOT NULL,
	actor_id {{bigint}} NOT NULL,
	actor_login TEXT NOT NULL,
	token_id {{bigint}} NOT NULL,
	token_note TEXT NOT NULL,
	session_id {{bigint}} NOT NULL,
	repo_id {{bigint}} NOT NULL,
	target TEXT NOT NULL,
	address TEXT NOT NULL,
	client TEXT NOT NULL,
	request TEXT NOT NULL,
	detail TEXT NOT NULL
);
CREATE INDEX audit_events_account ON audit_events (account_id, id);
CREATE INDEX audit_events_token ON audit_events (token_id, id) WHERE token_id <> 0;
