-- The ways in which all tokens that were not revoked are listed: by when they were
-- made, by when they were last used (or made, if they never were), by when they end,
-- by their kind or owner, and the never used ones. Who never ends and is used no more is asked
-- for often, and has an index of its own. By their end they are found for notices, too.
-- Of the last use the day is indexed (days since 1970 in UTC, 0 for never), not the moment:
-- what changes no index is cheap to write, and this is written all the time. PostgreSQL
-- needs some room in each page for that.
{{postgres}}ALTER TABLE tokens SET (fillfactor = 90);
ALTER TABLE tokens ADD COLUMN used_day {{bigint}} NOT NULL DEFAULT 0;
UPDATE tokens SET used_day = used_at / 86400000000 WHERE used_at > 0;
CREATE INDEX tokens_made ON tokens (created_at, id) WHERE revoked_at = 0;
CREATE INDEX tokens_active ON tokens ((CASE WHEN used_day = 0 THEN created_at / 86400000000 ELSE used_day END), id) WHERE revoked_at = 0;
CREATE INDEX tokens_end ON tokens (expires_at, id) WHERE revoked_at = 0;
CREATE INDEX tokens_kind ON tokens (kind, created_at, id) WHERE revoked_at = 0;
CREATE INDEX tokens_unused ON tokens (created_at, id) WHERE revoked_at = 0 AND used_day = 0;
CREATE INDEX tokens_endless ON tokens ((CASE WHEN used_day = 0 THEN created_at / 86400000000 ELSE used_day END), id) WHERE revoked_at = 0 AND expires_at = 0;
CREATE INDEX tokens_barred ON tokens (id) WHERE revoked_at = 0 AND barred <> '';
CREATE INDEX tokens_whose ON tokens (account_id, id) WHERE revoked_at = 0;
