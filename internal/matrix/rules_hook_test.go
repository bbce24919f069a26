package matrix

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"jeton/internal/hook"
	"jeton/internal/id"
	"jeton/internal/repo"
	"jeton/internal/right"
)

// hookRules are about webhooks: they belong to who administers the repository, and
// have scopes of their own beside repo and public_repo.
var hookRules = []rule{
	about(`rest GET /api/v3/repos/\{owner\}/\{repo\}/hooks(/.*)?`, manager, "read:repo_hook", false),
	about(`rest POST /api/v3/repos/\{owner\}/\{repo\}/hooks/\{hook_id\}/(pings|tests)`, manager, "read:repo_hook", false),
	about(`rest (POST|PATCH) /api/v3/repos/\{owner\}/\{repo\}/hooks(/.*)?`, manager, "write:repo_hook", false),
	about(`rest DELETE /api/v3/repos/\{owner\}/\{repo\}/hooks/\{hook_id\}`, manager, "admin:repo_hook", false),
	about(`web POST /\{owner\}/\{repo\}/settings/hooks/.*`, manager, "", true),
	about(`web GET /\{owner\}/\{repo\}/settings/hooks/(new|\{hook\}/delete)`, manager, "", true),
}

// orgHookRules are about the webhooks of organisations. Their scope is apart from
// admin:org, and GitHub hides them from tokens without it.
var orgHookRules = []rule{
	missingFor(about(`rest \w+ /api/v3/orgs/\{org\}/hooks(/.*)?`, orgOwner, "admin:org_hook", false)),
	about(`web POST /organizations/\{org\}/settings/hooks/.*`, orgOwner, "", true),
	about(`web GET /organizations/\{org\}/settings/hooks/(new|\{hook\}/delete)`, orgOwner, "", true),
}

var hookNeeds = map[string]need{
	"admin:org_hook": {public: []string{"admin:org_hook"}},
	"read:repo_hook": {public: []string{"repo", "public_repo", "admin:repo_hook", "write:repo_hook", "read:repo_hook"},
		private: []string{"repo", "admin:repo_hook", "write:repo_hook", "read:repo_hook"}},
	"write:repo_hook": {public: []string{"repo", "public_repo", "admin:repo_hook", "write:repo_hook"}, private: []string{"repo", "admin:repo_hook", "write:repo_hook"}},
	"admin:repo_hook": {public: []string{"repo", "public_repo", "admin:repo_hook"}, private: []string{"repo", "admin:repo_hook"}},
}

// hooked is a webhook of a repository or organisation with something that it was told.
type hooked struct {
	hook     id.Hook
	delivery id.Delivery
	doomed   id.Hook // which requests may delete
	at       hook.Place
	by       right.Actor
}

func hookPlace(r repo.Repo) hook.Place {
	return hook.Place{Repo: r.ID, Owner: r.Owner, Name: r.FullName()}
}

// hookUp gives the repository or organisation a webhook that reaches nobody.
func (w *world) hookUp(t *testing.T, at hook.Place, by right.Actor) *hooked {
	t.Helper()
	h := &hooked{at: at, by: by}
	h.hook = w.makeHook(t, h, "http://127.0.0.1:1/"+by.App)
	deadline := time.After(20 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		list, err := w.s.Hooks.Deliveries(t.Context(), w.s.DB, h.hook, 0, 1, nil)
		if err != nil {
			t.Fatal(err)
		}
		if len(list) == 1 {
			h.delivery = list[0].ID
			return h
		}
		select {
		case <-deadline:
			t.Fatal("the webhook was told nothing")
		case <-tick.C:
		}
	}
}

func (w *world) makeHook(t testing.TB, of *hooked, url string) id.Hook {
	t.Helper()
	h, err := w.s.Hooks.Create(t.Context(), of.by, of.at, hook.Patch{URL: &url})
	if err != nil {
		t.Fatal(err)
	}
	return h.ID
}

// hooksOf are the webhooks of what a request is about.
func (m *matrix) hooksOf(c kase) *hooked {
	w := m.world(c)
	switch {
	case strings.HasPrefix(c.path, "/settings/hooks"):
		return m.person(c).hooks
	case c.ofOrg() && c.credential == ofApp: // which has to do with its own alone
		return w.appHooks
	case c.ofOrg():
		return w.orgHooks
	}
	return w.hooks[c.private]
}

// hookOf is the webhook that a request names: one that may go, for the route that
// deletes.
func (m *matrix) hookOf(t testing.TB, c kase) id.Hook {
	t.Helper()
	w := m.world(c)
	h := m.hooksOf(c)
	if c.method != "DELETE" {
		if c.method == "POST" && strings.HasSuffix(c.path, "/settings/hooks/{hook}/delete") {
			return 1 << 40 // none: the others need theirs
		}
		return h.hook
	}
	all, err := w.s.Hooks.List(t.Context(), w.s.DB, h.at.Of())
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(all, func(one hook.Hook) bool { return one.ID == h.doomed }) {
		h.doomed = w.makeHook(t, h, "http://127.0.0.1:1/doomed"+h.by.App)
	}
	return h.doomed
}

func (m *matrix) hookPath(t testing.TB, c kase) []string {
	t.Helper()
	h := m.hooksOf(c)
	one, delivery := strconv.FormatInt(int64(m.hookOf(t, c)), 10), strconv.FormatInt(int64(h.delivery), 10)
	return []string{"{hook_id}", one, "{hook}", one, "{delivery_id}", delivery, "{delivery}", delivery}
}
