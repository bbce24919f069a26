-- One row for each change that empties caches, written in the transaction
-- that makes the change, read by every process, trimmed after an hour.
CREATE TABLE changes (
	id {{id}},
	at {{bigint}} NOT NULL,
	kind TEXT NOT NULL,
	subject {{bigint}} NOT NULL
);
CREATE INDEX changes_at ON changes (at);
