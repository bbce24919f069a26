-- Tokens that an application was given, beside the personal ones (kind 0). Notes
-- are names that people chose for personal tokens alone.
ALTER TABLE tokens ADD COLUMN kind {{bigint}} NOT NULL DEFAULT 0;
ALTER TABLE tokens ADD COLUMN app TEXT NOT NULL DEFAULT '';
DROP INDEX tokens_note;
CREATE UNIQUE INDEX tokens_note ON tokens (account_id, note) WHERE revoked_at = 0 AND kind = 0;
CREATE INDEX tokens_app ON tokens (app, account_id, id) WHERE revoked_at = 0 AND kind = 1;
