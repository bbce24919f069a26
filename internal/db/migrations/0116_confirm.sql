-- Addresses are confirmed by their owners, by a link in a mail. confirm_at is when the
-- latest link was issued: others are worthless. 0: there is none. The link itself is
-- derived, and stands nowhere.
ALTER TABLE account_emails ADD COLUMN confirm_at {{bigint}} NOT NULL DEFAULT 0;

-- The mails of the last day, by which they are bounded. They outlive the address and
-- the account, so that removing it and adding it again sends no more.
CREATE TABLE account_confirm_mails (
  account_id {{bigint}} NOT NULL,
  email_key TEXT NOT NULL,
  asked_at {{bigint}} NOT NULL
);

CREATE INDEX account_confirm_mails_account ON account_confirm_mails (account_id, asked_at);
CREATE INDEX account_confirm_mails_email ON account_confirm_mails (email_key, asked_at);
CREATE INDEX account_confirm_mails_asked ON account_confirm_mails (asked_at);
