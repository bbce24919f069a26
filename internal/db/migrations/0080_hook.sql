-- Webhooks: who wants to be told of what, what happened, and what became of
-- telling it.

-- target and target_id say what the hook is of: a repository, so far. The hook
-- acts by the right of account_id, who saved it last: without that right it
-- stands still. events is a list with a comma around each name.
CREATE TABLE hooks (
	id           {{id}},
	target       TEXT       NOT NULL,
	target_id    {{bigint}} NOT NULL,
	account_id   {{bigint}} NOT NULL,
	url          TEXT       NOT NULL,
	content_type TEXT       NOT NULL,
	secret       {{bytes}},
	events       TEXT       NOT NULL,
	active       BOOLEAN    NOT NULL,
	created_at   {{bigint}} NOT NULL,
	updated_at   {{bigint}} NOT NULL,
	failures     {{bigint}} NOT NULL,
	last_code    {{bigint}} NOT NULL,
	last_status  TEXT       NOT NULL
);

CREATE INDEX hooks_target ON hooks (target, target_id);

-- Something that happened, written in the transaction in which it did. body is
-- what it has to say by itself; payload is what is sent, made before the first
-- delivery and kept for the others.
CREATE TABLE hook_events (
	id         {{id}},
	guid       TEXT       NOT NULL,
	repo_id    {{bigint}} NOT NULL,
	event      TEXT       NOT NULL,
	action     TEXT       NOT NULL,
	account_id {{bigint}} NOT NULL,
	login      TEXT       NOT NULL,
	at         {{bigint}} NOT NULL,
	body       TEXT       NOT NULL,
	payload    {{bytes}}
);

CREATE INDEX hook_events_repo ON hook_events (repo_id);

-- One attempt to tell one hook of an event. It waits until due_at; 0 is done,
-- and then the rest says how it went.
CREATE TABLE hook_deliveries (
	id           {{id}},
	hook_id      {{bigint}} NOT NULL,
	event_id     {{bigint}} NOT NULL,
	redelivery   BOOLEAN    NOT NULL,
	attempt      {{bigint}} NOT NULL,
	due_at       {{bigint}} NOT NULL,
	delivered_at {{bigint}} NOT NULL,
	duration     {{bigint}} NOT NULL,
	code         {{bigint}} NOT NULL,
	status       TEXT       NOT NULL,
	url          TEXT       NOT NULL,
	asked        TEXT       NOT NULL,
	answered     TEXT       NOT NULL,
	answer       {{bytes}}
);

CREATE INDEX hook_deliveries_hook ON hook_deliveries (hook_id, id);
CREATE INDEX hook_deliveries_event ON hook_deliveries (event_id);
CREATE INDEX hook_deliveries_due ON hook_deliveries (due_at, hook_id) WHERE due_at > 0;
