-- The ways in which all tokens that were not revoked are listed: by when they were
-- made, by when they were last used (or made, if they never were), by when they end,
-- by their kind or owner, and the never used ones. Who never ends and is used no more is asked
-- for often, and has an index of its own. By their end they are found for notices, too.
CREATE INDEX tokens_made ON tokens (created_at, id) WHERE revoked_at = 0;
CREATE INDEX tokens_active ON tokens ((CASE WHEN used_at = 0 THEN created_at ELSE used_at END), id) WHERE revoked_at = 0;
CREATE INDEX tokens_end ON tokens (expires_at, id) WHERE revoked_at = 0;
CREATE INDEX tokens_kind ON tokens (kind, created_at, id) WHERE revoked_at = 0;
CREATE INDEX tokens_unused ON tokens (created_at, id) WHERE revoked_at = 0 AND used_at = 0;
CREATE INDEX tokens_endless ON tokens ((CASE WHEN used_at = 0 THEN created_at ELSE used_at END), id) WHERE revoked_at = 0 AND expires_at = 0;
CREATE INDEX tokens_barred ON tokens (id) WHERE revoked_at = 0 AND barred <> '';
CREATE INDEX tokens_whose ON tokens (account_id, id) WHERE revoked_at = 0;
