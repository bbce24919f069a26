-- Who approved what a fine-grained token may do (0: the machine's administrator, or
-- nobody did): what an owner let in as their own holds while they are one.
ALTER TABLE tokens ADD COLUMN approved_by {{bigint}} NOT NULL DEFAULT 0;

-- What was approved of the token before it asked for more.
ALTER TABLE token_requests ADD COLUMN had TEXT NOT NULL DEFAULT '';

-- For the next statement alone.
CREATE INDEX token_requests_decided ON token_requests (token_id) WHERE outcome = 1;

UPDATE tokens SET approved_by = COALESCE(
	(SELECT MAX(q.decided_by) FROM token_requests q WHERE q.token_id = tokens.id AND q.outcome = 1 AND q.decided_at >= tokens.approved_at),
	(SELECT CASE WHEN a.managed_by <> 0 THEN a.managed_by ELSE a.id END FROM accounts a WHERE a.id = tokens.account_id), 0)
WHERE approved_at > 0;

DROP INDEX token_requests_decided;

-- Those whose maker has lost the organization since wait from now on.
UPDATE tokens SET approved_at = 0, approved_by = 0
WHERE approved_at > 0 AND approved_by <> owner_id
	AND EXISTS (SELECT 1 FROM accounts a WHERE a.id = tokens.account_id AND (a.id = tokens.approved_by OR a.managed_by = tokens.approved_by))
	AND NOT EXISTS (SELECT 1 FROM org_members m WHERE m.org_id = tokens.owner_id AND m.account_id = tokens.approved_by AND m.role = 2 AND m.state = 1);

INSERT INTO token_requests (token_id, org_id, reason, created_at)
SELECT t.id, t.owner_id, '', t.created_at FROM tokens t JOIN policies p ON p.account_id = t.owner_id
WHERE t.kind = 4 AND t.revoked_at = 0 AND t.approved_at = 0 AND p.rules LIKE '%"approve":true%'
	AND ',' || t.barred || ',' NOT LIKE '%,' || t.owner_id || ',%'
	AND NOT EXISTS (SELECT 1 FROM token_requests q WHERE q.token_id = t.id AND q.outcome = 0);
