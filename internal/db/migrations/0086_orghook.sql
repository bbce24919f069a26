-- Webhooks of organisations: hooks.target is organization, and target_id the
-- account's number. An event is of an organisation itself (org_id, and repo_id
-- where a repository has part in it), or of a repository (org_id is 0).
ALTER TABLE hook_events ADD COLUMN org_id {{bigint}} NOT NULL DEFAULT 0;

-- The client id of the application that made a hook of an organisation; empty: a
-- person did.
ALTER TABLE hooks ADD COLUMN app TEXT NOT NULL DEFAULT '';
