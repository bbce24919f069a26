package matrix

import "strings"

// contentRules are about a repository's content by the API: who reads it may read
// all of it, who pushes may write it, and the rules for branches are the business of
// those who administer the repository.
var contentRules = []rule{
	about(`rest \w+ /api/v3/repos/\{owner\}/\{repo\}/branches/\{branch\}/protection(/.*)?`, manager, "repo", false),
	about(`rest GET /api/v3/repos/\{owner\}/\{repo\}/(contents|readme|raw|tarball|zipball|legacy|git|commits|compare|branches|tags|contributors|languages)\b.*`, reader, "repo to read", false),
	about(`rest (PUT|DELETE) /api/v3/repos/\{owner\}/\{repo\}/contents/.*`, writer, "repo", false),
	about(`rest (POST|PATCH|DELETE) /api/v3/repos/\{owner\}/\{repo\}/git/.*`, writer, "repo", false),
	about(`rest POST /api/v3/repos/\{owner\}/\{repo\}/(branches/\{branch\}/rename|merges|merge-upstream)`, writer, "repo", false),
}

// unprotected is how a request about the rule of a branch ends that has none.
func unprotected(a *answer) bool {
	return a.status == 404 && strings.Contains(a.body, "Branch not protected")
}

// contentFixtures are what the requests of these routes need. Nothing is changed:
// the handler is reached, and finds the body wrong.
var contentFixtures = func() map[string]fixture {
	const protection = " /api/v3/repos/{owner}/{repo}/branches/{branch}/protection"
	out := map[string]fixture{"rest PUT" + protection: {body: `{"lock_branch":true}`}}
	for _, route := range []string{"DELETE" + protection, "POST" + protection + "/enforce_admins", "DELETE" + protection + "/enforce_admins",
		"DELETE" + protection + "/restrictions",
		"POST" + protection + "/restrictions/users", "PUT" + protection + "/restrictions/users", "DELETE" + protection + "/restrictions/users",
		"POST" + protection + "/restrictions/apps", "PUT" + protection + "/restrictions/apps", "DELETE" + protection + "/restrictions/apps"} {
		out["rest "+route] = fixture{body: `{"users":[],"apps":[]}`, reached: unprotected}
	}
	return out
}()
