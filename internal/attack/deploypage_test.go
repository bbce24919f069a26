package attack

import (
	"html"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"jeton/internal/account"
	"jeton/internal/app/apptest"
	"jeton/internal/id"
	"jeton/internal/right"
	"jeton/internal/token"
)

// freshDeploy takes the secret off the page that shows it.
var freshDeploy = regexp.MustCompile(`id="new-token"[^>]*>(jtd_\w+)<`)

// TestA17_TheLifeOfADeployToken: its pages change, rotate, limit, freeze and shrink it, as
// those of a person's token do, and never let it have more than such a token may.
func TestA17_TheLifeOfADeployToken(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	tok, plain := s.deploy(t, s.shut, "contents=read")
	at, list := "/ada/shut/settings/deploy-tokens/"+stringOf(int64(tok.ID)), "/ada/shut/settings/deploy-tokens"
	person := func() *apptest.Person { return s.Person(t, s.ada) } // signed in just now
	ada := person()
	status := func(what, plain, path string, code int) apptest.Answer {
		t.Helper()
		a := s.Do(t, "GET", path, "", bearer(plain))
		want(t, what, a, code)
		return a
	}
	reads, writes := "/ada/shut.git"+refs, "/ada/shut.git"+packs
	now := func() token.Token {
		t.Helper()
		found, err := s.Tokens.AnyByID(t.Context(), tok.Account, tok.ID)
		if err != nil {
			t.Fatal(err)
		}
		return found
	}

	// A change holds at once, and takes what is offered alone.
	form := func(pairs ...string) url.Values {
		v := url.Values{}
		for i := 0; i+1 < len(pairs); i += 2 {
			v.Set(pairs[i], pairs[i+1])
		}
		return v
	}
	status("it reads alone", plain, writes, 403)
	a := ada.Post(t, at, form("note", "renamed", "level", "write", "statuses", "write", "administration", "write", "workflows", "write", "access", "all"))
	if want(t, "the change", a, 303); a.Header.Get("Location") != at {
		t.Errorf("it leads to %s", a.Header.Get("Location"))
	}
	status("it writes now", plain, writes, 200)
	if got := now(); got.Note != "renamed" || got.Permissions.String() != "statuses=write,contents=write,metadata=read" || got.Access != token.Selected || len(got.Repos) != 1 {
		t.Errorf("after the change: %+v", got)
	}
	want(t, "no level", ada.Post(t, at, form("note", "renamed", "statuses", "write")), 422)
	want(t, "no note", ada.Post(t, at, form("note", " ", "level", "read")), 422)
	want(t, "a level that there is not", ada.Post(t, at, form("note", "renamed", "level", "admin")), 422)
	second, _, err := s.Lifecycle.CreateDeployToken(t.Context(), asPerson(s.ada), s.shut.ID, token.NewDeploy{Note: "second", Permissions: right.ParseFine("contents=read")})
	if err != nil {
		t.Fatal(err)
	}
	want(t, "another one's note", ada.Post(t, at, form("note", "second", "level", "read")), 422)
	page := ada.Get(t, at)
	for _, words := range []string{"renamed", "by <span class=\"strong\">ada</span>", "Never expires", at + "/rotate", at + "/regenerate", at + "/limits", at + "/uses", at + "/explain", "statuses: write, contents: write, metadata: read"} {
		if !strings.Contains(page.Text, words) {
			t.Errorf("its page does not say %q", words)
		}
	}

	// Two secrets, and then one.
	take := func(what string, a apptest.Answer) string {
		t.Helper()
		if a.StatusCode != 303 || a.Header.Get("Location") != list {
			t.Fatalf("%s: %d %s %s", what, a.StatusCode, a.Header.Get("Location"), a.Text)
		}
		found := freshDeploy.FindStringSubmatch(html.UnescapeString(ada.Get(t, list).Text))
		if found == nil {
			t.Fatalf("%s shows no secret", what)
		}
		return found[1]
	}
	rotated := take("a rotation", ada.Post(t, at+"/rotate", form("window", "1h", "expires", "30")))
	status("the new one", rotated, writes, 200)
	status("the old one for an hour", plain, writes, 200)
	want(t, "a rotation meanwhile", ada.Post(t, at+"/rotate", form("window", "1h", "expires", "30")), 409)
	s.Advance(2 * time.Hour)
	status("the old one, late", plain, writes, 401)
	if !strings.Contains(status("the new one is frozen", rotated, writes, 403).Text, "frozen") || now().FrozenAt.IsZero() {
		t.Error("it is not frozen")
	}
	ada = person()
	if p := ada.Get(t, at); !strings.Contains(p.Text, "This token is frozen") || !strings.Contains(p.Text, at+"/uses") || strings.Contains(p.Text, `href=""`) {
		t.Errorf("its page does not say so: %s", p.Text)
	}
	want(t, "unfreeze", ada.Post(t, at+"/unfreeze", form()), 303)
	status("it goes on", rotated, writes, 200)
	third := take("another rotation", ada.Post(t, at+"/rotate", form("window", "7d", "expires", "none")))
	want(t, "the end of the old one", ada.Post(t, at+"/end_old", form()), 303)
	status("the one before", rotated, reads, 401)
	fourth := take("regenerated", ada.Post(t, at+"/regenerate", form("expires", "7")))
	status("regenerated: the old one", third, reads, 401)
	status("regenerated: the new one", fourth, writes, 200)

	// Limits.
	want(t, "limits", ada.Post(t, at+"/limits", form("network", "192.0.2.0/24")), 303)
	status("from elsewhere", fourth, reads, 403)
	want(t, "wrong limits", ada.Post(t, at+"/limits", form("network", "nowhere")), 422)
	want(t, "two uses", ada.Post(t, at+"/limits", form("uses", "2")), 303)
	for i, code := range []int{200, 200, 403} {
		status("use "+stringOf(int64(i+1)), fourth, "/api/v3/repos/ada/shut", code)
	}
	want(t, "no limits", ada.Post(t, at+"/limits", form()), 303)

	// What it did not use is taken away, and a deploy token reads at least.
	s.Advance(8 * 24 * time.Hour)
	ada = person()
	fifth := take("regenerated again", ada.Post(t, at+"/regenerate", form("expires", "none")))
	was := "statuses=write, contents=write, metadata=read"
	want(t, "more than it has", ada.Post(t, at+"/shrink", form("from", was, "permissions", "contents=write,deployments=write,metadata=read")), 409)
	want(t, "nothing at all", ada.Post(t, at+"/shrink", form("from", was, "permissions", "metadata=read")), 422)
	want(t, "what it used", ada.Post(t, at+"/shrink", form("from", was, "permissions", "contents=read,metadata=read")), 303)
	status("it reads", fifth, reads, 200)
	status("it writes no more", fifth, writes, 403)
	if p := ada.Get(t, at+"/explain?action=push&repository=ada/shut"); p.StatusCode != 200 || !strings.Contains(p.Text, "Not allowed") {
		t.Errorf("what it can do: %d %s", p.StatusCode, p.Text)
	}

	// Words that doors print lead to each of its pages.
	number := stringOf(int64(tok.ID))
	for _, rest := range []string{"", "/regenerate", "/rotate", "/limits", "/uses", "/delete", "/explain"} {
		if a := ada.Get(t, "/settings/tokens/"+number+rest); a.Header.Get("Location") != at+rest {
			t.Errorf("%s leads to %d %s", rest, a.StatusCode, a.Header.Get("Location"))
		}
	}

	// Nobody else, and by no other repository's address.
	s.Share(t, s.shut, s.eve, right.Write)
	eve := s.Person(t, s.eve)
	mine := s.Repo(t, s.eve, "mine", true)
	for _, rest := range []string{"", "/rotate", "/regenerate", "/limits", "/uses", "/explain", "/delete"} {
		want(t, "a writer reads "+rest, eve.Get(t, at+rest), 403)
		want(t, "by one's own repository "+rest, eve.Get(t, "/eve/"+mine.Name+"/settings/deploy-tokens/"+number+rest), 404)
		want(t, "by another of the same owner "+rest, ada.Get(t, "/ada/open/settings/deploy-tokens/"+number+rest), 404)
	}
	fill := form("note", "x", "level", "read", "window", "1h", "expires", "30", "from", "contents=read, metadata=read", "permissions", "contents=read")
	for _, rest := range []string{"", "/rotate", "/regenerate", "/limits", "/shrink", "/unfreeze", "/end_old", "/delete", "/nodes/000102030405060708090a0b0c0d0e0f/revoke"} {
		want(t, "a writer posts "+rest, eve.Post(t, at+rest, fill), 403)
		want(t, "posts by one's own repository "+rest, eve.Post(t, "/eve/"+mine.Name+"/settings/deploy-tokens/"+number+rest, fill), 404)
		want(t, "posts by another of the same owner "+rest, ada.Post(t, "/ada/open/settings/deploy-tokens/"+number+rest, fill), 404)
		want(t, "posts about one's own token "+rest, ada.Post(t, "/settings/tokens/"+number+rest, fill), 404)
	}
	// An old sign-in is asked for the password first.
	s.Advance(3 * time.Hour)
	for _, rest := range []string{"/rotate", "/regenerate", "/limits", "", "/delete"} {
		if a := ada.Post(t, at+rest, fill); a.StatusCode == 303 && !strings.Contains(a.Header.Get("Location"), "sudo") && !strings.Contains(a.Header.Get("Location"), "login") || a.StatusCode == 200 && !strings.Contains(a.Text, "password") {
			t.Errorf("%s by an old sign-in: %d %s", rest, a.StatusCode, a.Header.Get("Location"))
		}
	}
	status("it is as it was", fifth, reads, 200)
	if found, err := s.Tokens.AnyByID(t.Context(), second.Account, second.ID); err != nil || found.Note != "second" {
		t.Errorf("the other one: %+v, %v", found, err)
	}
}

// TestA17_TheUsesStayWithWhoGaveTheTokenAway: whoever gets a repository reads nothing of the
// deploy tokens that ended with the transfer: from where the old owner's servers came is not
// theirs. Who deletes one still reads it.
func TestA17_TheUsesStayWithWhoGaveTheTokenAway(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	tok, plain := s.deploy(t, s.shut, "contents=read")
	gone, _, err := s.Lifecycle.CreateDeployToken(t.Context(), asPerson(s.ada), s.shut.ID, token.NewDeploy{Note: "deleted", Permissions: right.ParseFine("contents=read")})
	if err != nil {
		t.Fatal(err)
	}
	want(t, "a use", s.Do(t, "GET", "/ada/shut.git"+refs, "", bearer(plain), "User-Agent: a server of hers"), 200)
	ada := s.Person(t, s.ada)
	uses := func(owner string, tok token.Token) []string {
		at := "/" + owner + "/shut/settings/deploy-tokens/" + stringOf(int64(tok.ID)) + "/uses"
		return []string{at, at + "/export?format=jsonl"}
	}
	want(t, "deleting one", ada.Post(t, strings.TrimSuffix(uses("ada", gone)[0], "/uses")+"/delete", url.Values{}), 303)
	for _, at := range append(uses("ada", tok), uses("ada", gone)...) {
		want(t, at, ada.Get(t, at), 200)
	}
	if _, _, err := s.Lifecycle.TransferRepo(t.Context(), right.Operator(), s.shut.ID, "eve", ""); err != nil {
		t.Fatal(err)
	}
	eve := s.Person(t, s.eve)
	for _, at := range append(uses("eve", tok), uses("eve", gone)...) {
		a := eve.Get(t, at)
		want(t, at, a, 404)
		if strings.Contains(a.Text, "a server of hers") {
			t.Errorf("%s tells of it: %.500s", at, a.Text)
		}
	}
}

// TestS5_NoDeployTokenIsChangedAgainstAPolicy: a change, a rotation and a new secret obey
// the policies of the site and of the owner.
func TestS5_NoDeployTokenIsChangedAgainstAPolicy(t *testing.T) {
	t.Parallel()
	g := newGoverned(t, false)
	tok, _, err := g.Lifecycle.CreateDeployToken(t.Context(), asPerson(g.ada), g.plans.ID, token.NewDeploy{Note: "changed", Permissions: right.ParseFine("contents=read")})
	if err != nil {
		t.Fatal(err)
	}
	at, owner := "/works/plans/settings/deploy-tokens/"+stringOf(int64(tok.ID)), g.Person(t, g.ada)
	const day = 24 * time.Hour
	for whose, of := range map[string]account.Account{"this site": {}, "the organization": g.works.Account} {
		g.set(t, id.Account(of.ID), right.Policy{MaxLife: 30 * day, FineOnly: true, Fine: right.ParseFine("contents=read,metadata=read,statuses=write")})
		says := func(what string, a apptest.Answer, code int, text string) {
			t.Helper()
			if a.StatusCode != code || !strings.Contains(a.Text, text) {
				t.Errorf("%s, %s: %d, want %d with %q: %.2000s", whose, what, a.StatusCode, code, text, a.Text)
			}
		}
		says("its page", owner.Get(t, at), 200, "tokens that live longer than 30 days")
		says("a permission", owner.Post(t, at, url.Values{"note": {"changed"}, "level": {"write"}}), 422, "By the policy of "+whose+" a token has no other permissions than")
		says("within", owner.Post(t, at, url.Values{"note": {"changed"}, "level": {"read"}, "statuses": {"write"}}), 303, "")
		for _, how := range []string{"/rotate", "/regenerate"} {
			says(how+", too long", owner.Post(t, at+how, url.Values{"window": {"1h"}, "expires": {"90"}}), 422, "By the policy of "+whose+" a token lives for 30 days at most")
			says(how+", without an end", owner.Post(t, at+how, url.Values{"window": {"1h"}, "expires": {"none"}}), 422, "By the policy of "+whose+" a token lives for 30 days at most")
		}
		says("a new end", owner.Post(t, at+"/regenerate", url.Values{"expires": {"7"}}), 303, "")
		g.set(t, id.Account(of.ID), right.Policy{})
		says("without a policy", owner.Post(t, at+"/regenerate", url.Values{"expires": {"none"}}), 303, "")
	}
}
