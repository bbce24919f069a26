CREATE TABLE signin_passwords (
  account_id {{bigint}} PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE,
  hash TEXT NOT NULL,
  changed_at {{bigint}} NOT NULL
);

-- A session's bearer value is not here: only its digest under a server key.
CREATE TABLE signin_sessions (
  id {{id}},
  account_id {{bigint}} NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  key_id {{bigint}} NOT NULL,
  digest {{bytes}} NOT NULL UNIQUE,
  created_at {{bigint}} NOT NULL,
  seen_at {{bigint}} NOT NULL,
  confirmed_at {{bigint}} NOT NULL,
  expires_at {{bigint}} NOT NULL,
  address TEXT NOT NULL,
  client TEXT NOT NULL
);

CREATE INDEX signin_sessions_account ON signin_sessions (account_id);

-- One-use links to set the site up, to join it, and to choose a new password.
-- account_id is 0 where the link is for nobody yet, created_by where the
-- machine's operator made it.
CREATE TABLE signin_links (
  id {{id}},
  kind TEXT NOT NULL,
  account_id {{bigint}} NOT NULL,
  email TEXT NOT NULL,
  key_id {{bigint}} NOT NULL,
  digest {{bytes}} NOT NULL UNIQUE,
  created_by {{bigint}} NOT NULL,
  created_at {{bigint}} NOT NULL,
  expires_at {{bigint}} NOT NULL,
  used_at {{bigint}} NOT NULL
);

CREATE INDEX signin_links_account ON signin_links (account_id);
