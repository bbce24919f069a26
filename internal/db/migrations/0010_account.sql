-- Users, and later organisations: whoever owns repositories. The login's
-- unique form is its lower case; kind tells users from organisations.
CREATE TABLE accounts (
  id {{id}},
  kind TEXT NOT NULL,
  login TEXT NOT NULL,
  login_key TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL DEFAULT '',
  bio TEXT NOT NULL DEFAULT '',
  location TEXT NOT NULL DEFAULT '',
  website TEXT NOT NULL DEFAULT '',
  site_admin BOOLEAN NOT NULL DEFAULT FALSE,
  suspended_at {{bigint}} NOT NULL DEFAULT 0,
  created_at {{bigint}} NOT NULL,
  updated_at {{bigint}} NOT NULL
);

-- Few accounts administer the site, and their number is asked often.
CREATE INDEX accounts_admins ON accounts (id) WHERE site_admin;

-- Logins that were given up: held for the account that had them, so that old
-- addresses lead to it and to nobody else, until they are free again.
CREATE TABLE account_names (
  name_key TEXT PRIMARY KEY,
  account_id {{bigint}} NOT NULL,
  until {{bigint}} NOT NULL
);

CREATE INDEX account_names_account ON account_names (account_id);

CREATE TABLE account_emails (
  id {{id}},
  account_id {{bigint}} NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  email TEXT NOT NULL,
  email_key TEXT NOT NULL UNIQUE,
  is_primary BOOLEAN NOT NULL,
  verified BOOLEAN NOT NULL,
  created_at {{bigint}} NOT NULL
);

CREATE INDEX account_emails_account ON account_emails (account_id);

-- An account has at most one primary address.
CREATE UNIQUE INDEX account_emails_primary ON account_emails (account_id) WHERE is_primary;
