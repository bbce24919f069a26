-- Whom a repository or an organization trusts: an identity token of this issuer,
-- for this audience, whose subject fits the pattern and whose claims are these (JSON,
-- name to text), is exchanged for a token that acts as machine_id (0: as the
-- repository) for some minutes. permissions, access and repos are as in tokens.
CREATE TABLE trusts (
	id           {{id}},
	target       TEXT NOT NULL,
	target_id    {{bigint}} NOT NULL,
	name         TEXT NOT NULL,
	issuer       TEXT NOT NULL,
	audience     TEXT NOT NULL,
	subject      TEXT NOT NULL,
	claims       TEXT NOT NULL,
	permissions  TEXT NOT NULL,
	access       {{bigint}} NOT NULL,
	repos        TEXT NOT NULL,
	machine_id   {{bigint}} NOT NULL,
	minutes      {{bigint}} NOT NULL,
	created_at   {{bigint}} NOT NULL,
	created_by   {{bigint}} NOT NULL,
	updated_at   {{bigint}} NOT NULL,
	updated_by   {{bigint}} NOT NULL,
	used_at      {{bigint}} NOT NULL DEFAULT 0,
	refused_at   {{bigint}} NOT NULL DEFAULT 0,
	refused_why  TEXT NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX trusts_name ON trusts (target, target_id, name);

-- The identity tokens that were exchanged, until they end: none is exchanged twice.
CREATE TABLE trust_uses (
	trust_id {{bigint}} NOT NULL,
	digest   {{bytes}} NOT NULL,
	ends_at  {{bigint}} NOT NULL,
	PRIMARY KEY (trust_id, digest)
);
CREATE INDEX trust_uses_ends ON trust_uses (ends_at);

-- The trust by which a token was given, and with which it ends.
ALTER TABLE tokens ADD COLUMN trust_id {{bigint}} NOT NULL DEFAULT 0;
CREATE INDEX tokens_trust ON tokens (trust_id, id) WHERE trust_id <> 0;
