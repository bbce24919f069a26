-- The server's keys by name. The keys themselves are files; check_sum tells
-- whether a file holds the key that is meant.
CREATE TABLE server_keys (
	id {{id}},
	created_at {{bigint}} NOT NULL,
	check_sum {{bytes}} NOT NULL UNIQUE,
	retired_at {{bigint}} NOT NULL
);
