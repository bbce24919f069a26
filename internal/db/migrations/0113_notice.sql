-- What the people who own tokens are told of. A row is written in the transaction
-- of what it tells. mark tells it from others of its kind about the same token: the
-- end that comes, the network that is new. detail is JSON without secrets. It waits
-- until due_at (0: it does not wait any more). state: 0 waiting, 1 sent, 2 given up,
-- 3 not wanted or not true any more.
CREATE TABLE notices (
	id         {{id}},
	account_id {{bigint}} NOT NULL,
	kind       TEXT       NOT NULL,
	token_id   {{bigint}} NOT NULL,
	mark       TEXT       NOT NULL,
	detail     TEXT       NOT NULL,
	created_at {{bigint}} NOT NULL,
	due_at     {{bigint}} NOT NULL,
	tries      {{bigint}} NOT NULL DEFAULT 0,
	state      {{bigint}} NOT NULL DEFAULT 0,
	done_at    {{bigint}} NOT NULL DEFAULT 0,
	error      TEXT       NOT NULL DEFAULT ''
);

CREATE UNIQUE INDEX notices_once ON notices (token_id, kind, mark);
CREATE INDEX notices_due ON notices (due_at, id) WHERE due_at > 0;
CREATE INDEX notices_done ON notices (done_at) WHERE done_at > 0;
CREATE INDEX notices_account ON notices (account_id);

-- The kinds that somebody does not want by mail.
CREATE TABLE notice_choices (
	account_id {{bigint}} NOT NULL,
	kind       TEXT       NOT NULL,
	PRIMARY KEY (account_id, kind)
);

-- From which networks a token was used: a hundred at most, the latest ones.
CREATE TABLE token_networks (
	token_id {{bigint}} NOT NULL,
	network  TEXT       NOT NULL,
	first_at {{bigint}} NOT NULL,
	last_at  {{bigint}} NOT NULL,
	PRIMARY KEY (token_id, network)
);

CREATE INDEX token_networks_last ON token_networks (last_at);

-- Webhooks of people: hooks.target is user, and target_id the account's number. An
-- event that is a person's own has their number here.
ALTER TABLE hook_events ADD COLUMN person_id {{bigint}} NOT NULL DEFAULT 0;
