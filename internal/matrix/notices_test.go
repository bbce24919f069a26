package matrix

import (
	"slices"
	"testing"

	"jeton/internal/app/apptest"
)

// TestMatrix_notices is the test of the test: for each check that a server could
// lack, requests get the answers that such a server would give, and the matrix
// must turn red at them and nowhere else.
func TestMatrix_notices(t *testing.T) {
	t.Parallel()
	m := newMatrix(t)
	all := routesOf(t, m.alive)
	routes := func(names ...string) []route {
		return slices.DeleteFunc(slices.Clone(all), func(r route) bool { return !slices.Contains(names, r.String()) })
	}
	const fetch, push = "git GET /{owner}/{repo}/info/refs?service=git-upload-pack", "git POST /{owner}/{repo}/git-receive-pack"
	const api, patch, emails = "rest GET /api/v3/repos/{owner}/{repo}", "rest PATCH /api/v3/repos/{owner}/{repo}", "rest GET /api/v3/user/emails"
	const teams = "rest GET /api/v3/orgs/{org}/teams"
	const page, raw, access, list = "web GET /{owner}/{repo}", "web GET /{owner}/{repo}/raw/{rest...}", "web GET /{owner}/{repo}/settings/access", "web GET /settings/tokens"
	for name, lacks := range map[string]struct {
		routes []route
		answer func(kase) kase // what such a server would take the request for
	}{
		"expiry":     {routes(fetch, api), func(c kase) kase { return as(c, "expired", "all") }},
		"revocation": {routes(push, emails), func(c kase) kase { return as(c, "revoked", "all") }},
		"suspension": {routes(fetch, emails), func(c kase) kase { c.suspended = false; return c }},
		"scopes of a token that came as Bearer (A1)": {routes(fetch, push), func(c kase) kase {
			if c.carrier == bearer && isToken(c.credential) {
				c.credential = "all"
			}
			return c
		}},
		"scopes of a token that came as the user name (A2)": {routes(api, emails), func(c kase) kase {
			if c.carrier == basicUser && isToken(c.credential) {
				c.credential = "all"
			}
			return c
		}},
		"the level of one page": {routes(access), func(c kase) kase {
			if c.relation == read || c.relation == write {
				c.relation = admin
			}
			return c
		}},
		"the level of one API route": {routes(patch), func(c kase) kase {
			if c.relation == write {
				c.relation = owner
			}
			return c
		}},
		"visibility of raw files (A3)": {routes(raw), func(c kase) kase { c.private = false; return c }},
		"the rule that administrators of the site have no right of their own": {routes(page, api), func(c kase) kase {
			if c.relation == site {
				c.relation = read
			}
			return c
		}},
		"the rule that pages take no token (A5)": {routes(list, page), func(c kase) kase {
			if c.inHeader() && isToken(c.credential) {
				c.carrier, c.credential = inCookie, "recent"
			}
			return c
		}},
		"the rule that the API takes no cookie (M4)": {routes(emails), func(c kase) kase {
			if c.carrier == inCookie && c.credential == "recent" {
				c.carrier, c.credential = bearer, "all"
			}
			return c
		}},
		"the rule that no token stands in a URL (D1)": {routes(fetch, api), func(c kase) kase {
			if c.carrier == inQuery {
				c.carrier = bearer
			}
			return c
		}},
		"the recent sign-in":   {routes("web GET /settings/tokens/new", "web POST /settings/tokens/{token}/delete"), func(c kase) kase { return as(c, "stale", "recent") }},
		"the end of a session": {routes(list), func(c kase) kase { return as(c, "ended", "recent") }},
		"the reach of fine-grained tokens, on a repository (A14)": {routes(api, push), func(c kase) kase { return as(c, fineElsewhere, fineEverything) }},
		"the reach of fine-grained tokens, on an account (A14)":   {routes(emails), func(c kase) kase { return as(c, fineEverything, fineOwn) }},
		"the reach of fine-grained tokens, on an organization":    {routes(teams), func(c kase) kase { return as(c, fineOwn, fineOrg) }},
		"the permissions of fine-grained tokens":                  {routes(push), func(c kase) kase { return as(c, fineContents, fineEverything) }},
		"the levels of fine-grained tokens (A16)":                 {routes(patch), func(c kase) kase { return as(c, fineReads, fineEverything) }},
		"what an application narrowed":                            {routes(patch, emails), func(c kase) kase { return as(c, narrowed, "all") }},
		"the administrators' pages' question": {routes("web GET /admin/users"), func(c kase) kase {
			if c.relation == none {
				c.relation = site
			}
			return c
		}},
	} {
		if len(lacks.routes) == 0 {
			t.Fatalf("%s: the routes are gone", name)
		}
		m.tamper = lacks.answer
		misses, _ := m.sweep(t, lacks.routes, 1)
		m.tamper = nil
		if len(misses) == 0 {
			t.Errorf("a server without %s would pass", name)
		}
		for _, x := range misses {
			if lacks.answer(x.kase) == x.kase {
				t.Errorf("%s: %s is red without a reason: got %s, want %s", name, x.kase, x.got, x.want)
			}
		}
	}
}

func as(c kase, from, to string) kase {
	if c.credential == from {
		c.credential = to
	}
	return c
}

// mutants are the server's own checks, each taken out of its source in turn.
var mutants = []apptest.Mutant{
	{File: "internal/right/check.go", Old: "if t.below(PartRight, relation, e.Right, false) {", New: "if false {"},
	{File: "internal/right/check.go", Old: "t.fails(PartExists, true, !f.Exists || relation == None)", New: "t.fails(PartExists, true, !f.Exists)", Also: []apptest.Mutant{
		{File: "internal/right/check.go", Old: "granted < e.Level && actor.granted(e, Metadata, f) < Read", New: "false"}}},
	{File: "internal/right/check.go", Old: "if t.lacks(actor, e, f, granted) {", New: "if false {"},
	{File: "internal/right/check.go", Old: "e.Recent && !actor.IsToken()", New: "false"},
	{File: "internal/right/check.go", Old: "if t.fails(PartExists, e.Permission == Site, !actor.SiteAdmin) {", New: "if false {"},
	{File: "internal/right/reach.go", Old: "case a.Grant.Reach.holds(a, e, f):", New: "case true:"},
	{File: "internal/right/reach.go", Old: "\t\tif r.Owner != f.Owner {", New: "\t\tif false {"},
	{File: "internal/right/reach.go", Old: "_, found := slices.BinarySearch(r.Repos, f.Repo)\n\t\treturn found", New: "_, found := slices.BinarySearch(r.Repos, f.Repo)\n\t\treturn found || true"},
	{File: "internal/right/reach.go", Old: "e.Subject == OfRepo && f.Public {", New: "e.Subject == OfRepo {"},
	{File: "internal/right/reach.go", Old: "return publicRead[p]", New: "return Admin"},
	{File: "internal/right/reach.go", Old: "return r.Owner == f.Owner && (", New: "return ("},
	{File: "internal/right/reach.go", Old: "return r.Owner == actor.Account && (", New: "return actor.Account != 0 && ("},
	{File: "internal/token/fine.go", Old: "case t.Access != Anywhere:", New: "case false:"},
	{File: "internal/gate/gate.go", Old: "if f.Suspended {", New: "if false {"},
	{File: "internal/web/call.go", Old: `if len(c.r.Header.Values("Authorization")) > 0 {`, New: "if false {"},
	{File: "internal/httpkit/guard.go", Old: "if secretInURL(r.URL) {", New: "if false {"},
	{File: "internal/web/web.go", Old: `"/{owner}/{repo}/settings/access", Action: right.RepoAccess, Handle: repoAccess`, New: `"/{owner}/{repo}/settings/access", Action: right.RepoFetch, Handle: repoAccess`},
	{File: "internal/rest/repo.go", Old: "if err := c.also(right.RepoUnarchive); err != nil {", New: "if err := error(nil); err != nil {", Also: []apptest.Mutant{
		{File: "internal/rest/repo.go", Old: "range in.actions(&c.repo.Repo) {", New: "range []right.Action{} {"}}},
	{File: "internal/token/verify.go", Old: "case t.Expired(r.o.Now()):", New: "case false:"},
	{File: "internal/token/verify.go", Old: "case !t.RevokedAt.IsZero():", New: "case false:"},
}

// TestMatrix_mutants builds the server anew without each of its checks and runs
// the matrix against it: it must fail. It takes minutes.
func TestMatrix_mutants(t *testing.T) {
	t.Parallel()
	for _, m := range mutants {
		t.Run(m.Old, func(t *testing.T) {
			m.Present(t)
			if long() {
				m.MustFail(t, "jeton/internal/matrix", "^TestMatrix$")
			}
		})
	}
}
