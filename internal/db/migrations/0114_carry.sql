-- From which system a token's secret was brought ('': it is one of ours, '-': one of
-- ours took its place).
ALTER TABLE tokens ADD COLUMN carried TEXT NOT NULL DEFAULT '';
CREATE INDEX tokens_carried ON tokens (id) WHERE carried <> '';

-- What another system kept of a token that was brought over, until it is first used
-- here: then the token gets a digest of ours, and the row goes. stands is the digest
-- that holds the place until then. By salt and last_eight one of Gitea is found, by
-- digest alone any other.
CREATE TABLE foreign_tokens (
	token_id   {{bigint}} NOT NULL PRIMARY KEY,
	scheme     TEXT NOT NULL,
	salt       TEXT NOT NULL,
	digest     {{bytes}} NOT NULL,
	last_eight TEXT NOT NULL,
	stands     {{bytes}} NOT NULL,
	deadline   {{bigint}} NOT NULL
);
CREATE INDEX foreign_tokens_by_ending ON foreign_tokens (last_eight, token_id);
CREATE INDEX foreign_tokens_by_digest ON foreign_tokens (digest);
CREATE INDEX foreign_tokens_by_deadline ON foreign_tokens (deadline);

-- What was brought over from where, so that it is not brought twice: the number that
-- a thing has there, or several with slashes between them, and ours (0: it has
-- none). stamp is when it was made there, by which one database is told from another.
CREATE TABLE carried (
	source TEXT NOT NULL,
	kind   TEXT NOT NULL,
	theirs TEXT NOT NULL,
	ours   {{bigint}} NOT NULL,
	stamp  {{bigint}} NOT NULL,
	at     {{bigint}} NOT NULL,
	PRIMARY KEY (source, kind, theirs)
);
