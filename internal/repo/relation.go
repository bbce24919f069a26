package repo

import "strings"

// What an account may do on a repository comes from four places: it owns it, it
// collaborates, it belongs to the organisation that owns it (an owner
// administers everything, a member has what every member has), and it is in a
// team of that organisation. The highest counts. The room org writes the last
// two, and tells of each change (change.OrgChanged).

// orgLevels are the columns of the last two for the account whose placeholder
// is ME; the query names repositories r and accounts a. For a person's
// repository nothing is looked up.
const orgLevels = `CASE WHEN a.kind <> 'organization' THEN 0 ELSE COALESCE((
		SELECT CASE WHEN om.role = 2 THEN 3 ELSE og.base_level END
		FROM org_members om JOIN orgs og ON og.account_id = om.org_id
		WHERE om.org_id = r.owner_id AND om.account_id = ME AND om.state = 1), 0) END,
	CASE WHEN a.kind <> 'organization' THEN 0 ELSE COALESCE((
		SELECT MAX(tr.level)
		FROM team_repos tr
		JOIN teams tt ON tt.id = tr.team_id AND tt.org_id = r.owner_id
		JOIN team_members tm ON tm.team_id = tr.team_id AND tm.account_id = ME
		JOIN org_members om ON om.org_id = r.owner_id AND om.account_id = ME AND om.state = 1
		WHERE tr.repo_id = r.id), 0) END`

// byOrg is the condition that one of them is not zero, as sets that are made
// once for a list and not for each of its rows.
const byOrg = `(r.owner_id IN (
		SELECT om.org_id FROM org_members om JOIN orgs og ON og.account_id = om.org_id
		WHERE om.account_id = ME AND om.state = 1 AND (om.role = 2 OR og.base_level > 0))
	OR (r.owner_id, r.id) IN (
		SELECT tt.org_id, tr.repo_id
		FROM team_members tm
		JOIN teams tt ON tt.id = tm.team_id
		JOIN team_repos tr ON tr.team_id = tm.team_id
		JOIN org_members om ON om.org_id = tt.org_id AND om.account_id = ME AND om.state = 1
		WHERE tm.account_id = ME))`

// inOrg are the numbers of the repositories that are the account's by an
// organisation.
const inOrg = `SELECT x.id FROM org_members om JOIN orgs og ON og.account_id = om.org_id JOIN repositories x ON x.owner_id = om.org_id
		WHERE om.account_id = ME AND om.state = 1 AND (om.role = 2 OR og.base_level > 0)
	UNION SELECT tr.repo_id
		FROM team_members tm
		JOIN teams tt ON tt.id = tm.team_id
		JOIN team_repos tr ON tr.team_id = tm.team_id
		JOIN repositories x ON x.id = tr.repo_id AND x.owner_id = tt.org_id
		JOIN org_members om ON om.org_id = tt.org_id AND om.account_id = ME AND om.state = 1
		WHERE tm.account_id = ME`

func asked(text, me string) string { return strings.ReplaceAll(text, "ME", me) }

// columnsFor are what scan reads; the query names repositories r, accounts a and
// the viewer's row of collaborators c. me is the viewer's placeholder.
func columnsFor(me string) string { return columns + ",\n\t" + asked(orgLevels, me) }

// The columns of the queries that are asked most, made once.
var columns2, columns3 = columnsFor("$2"), columnsFor("$3")
