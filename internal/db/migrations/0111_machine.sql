-- Accounts that no person is: who manages one (a person or an organization), or
-- the repository that one belongs to. For all others both are 0.
ALTER TABLE accounts ADD COLUMN managed_by {{bigint}} NOT NULL DEFAULT 0;
ALTER TABLE accounts ADD COLUMN managed_repo {{bigint}} NOT NULL DEFAULT 0;
CREATE INDEX accounts_by_manager ON accounts (managed_by) WHERE managed_by <> 0;
CREATE UNIQUE INDEX accounts_by_place ON accounts (managed_repo) WHERE managed_repo <> 0;
