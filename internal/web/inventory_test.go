package web_test

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"

	"golang.org/x/net/html"

	"jeton/internal/app/apptest"
	"jeton/internal/audit"
	"jeton/internal/id"
	"jeton/internal/org"
	"jeton/internal/repo"
	"jeton/internal/right"
	"jeton/internal/token"
)

// listed are the numbers of the tokens on a page.
func (g page) listed() string {
	var out []string
	for n := range g.doc.Descendants() {
		if n.Type == html.ElementNode && n.Data == "input" && attr(n, "name") == "token" {
			out = append(out, attr(n, "value"))
		}
	}
	return strings.Join(out, " ")
}

func numbers(tokens ...token.Token) string {
	var out []string
	for _, t := range tokens {
		out = append(out, fmt.Sprint(t.ID))
	}
	return strings.Join(out, " ")
}

// hides fails for what must not be on a page, or in a file.
func hides(t *testing.T, where, text string, secrets ...string) {
	t.Helper()
	for _, one := range secrets {
		if strings.Contains(text, one) {
			t.Errorf("%s tells %q", where, one)
		}
	}
}

func (g page) ids() string { return attr(g.find("input", "name", "ids"), "value") }

// TestInventory_site: an administrator finds the tokens of all accounts, and ends
// what was chosen with a reason that both sides can read.
func TestInventory_site(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	root, ada, bob := s.Admin(t, "chief"), s.User(t, "ada"), s.User(t, "bob")
	s.Repo(t, ada, "diary", true)
	used, plain := s.Token(t, ada, "=HYPERLINK(1)", "repo", "user")
	other, _ := s.Token(t, bob, "laptop", "admin:org")
	own, _ := s.Token(t, root, "own")
	fine, finePlain := s.FineToken(t, bob, token.NewFine{Name: "deploys", Owner: bob.ID, Access: token.AllOf}, "contents=read")
	s.Do(t, "GET", "/api/v3/repos/ada/diary", "", "Authorization: token "+plain)
	told(t, s)

	const path = "/admin/tokens"
	p := signedIn(t, s, "chief")
	all := p.get(path).want(t, 200, "Every token of every account", "ada", "laptop", "admin:org", "never used", "never ends", "127.0.0.1", "all repositories of bob", "…"+used.LastEight)
	if got := all.listed(); got != numbers(fine, own, other, used) {
		t.Errorf("listed: %s", got)
	}
	hides(t, "the page", all.body, plain, finePlain, "diary")
	for query, want := range map[string]string{
		"owner=bob": numbers(fine, other), "kind=fine-grained": numbers(fine), "unused=never": numbers(other, own, fine), "used=1d": numbers(used), "of=bob": numbers(fine),
		"may=repo": numbers(used), "may=contents": numbers(fine), "reach=all": numbers(fine), "owner=bob&kind=classic": numbers(other), "ends=30d": "", "older=1y": "", "owner=nobody": "",
	} {
		g := p.get(path+"?"+query).want(t, 200)
		if got := g.listed(); got != want {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
	}
	p.get(path+"?unused=45d").want(t, 200, "45d", "None matches this filter")
	for _, query := range []string{"kind=x", "unused=-1d", "may=nothing", "ends=soon", "after=x", "after=AAAA"} {
		p.get(path+"?"+query).want(t, 422)
		p.get(path+"/revoke?all=yes&"+strings.Replace(query, "after", "kind", 1)).want(t, 422)
		p.get(path+"/export?format=csv&"+strings.Replace(query, "after", "kind", 1)).want(t, 422)
	}
	hostile := p.get(path+"?owner="+url.QueryEscape(`"><script>`)+"&after=").want(t, 200, `"><script>`)
	hides(t, "the page", hostile.body, "<script>")

	// The file holds what the list shows, and nothing that a spreadsheet runs.
	file := p.get(path + "/export?format=csv&unused=")
	rows, err := csv.NewReader(strings.NewReader(file.body)).ReadAll()
	if err != nil || len(rows) != 5 || rows[4][3] != "'=HYPERLINK(1)" || rows[4][0] != fmt.Sprint(used.ID) {
		t.Errorf("%v, %v", rows, err)
	}
	hides(t, "the file", file.body, plain, "diary")
	var one map[string]any
	lines := strings.Split(strings.TrimSpace(p.get(path+"/export?format=jsonl&owner=ada").body), "\n")
	if err := json.Unmarshal([]byte(lines[0]), &one); err != nil || len(lines) != 1 || one["login"] != "ada" || one["token_last_eight"] != used.LastEight {
		t.Errorf("%v, %v", lines, err)
	}
	p.get(path+"/export?format=xml").want(t, 404)

	// Chosen, asked about, ended; what does not match any more is left alone.
	p.get(path+"/revoke").want(t, 422, "No token is chosen")
	if got := p.get(path+"?chosen=page").want(t, 200); !has(got.find("input", "name", "token"), "checked") {
		t.Error("the boxes are not ticked")
	}
	ask := p.get(path+"/revoke?all=yes&unused=never&owner=bob").want(t, 200, "Revoke 2 tokens?", "Not used: Never used", "Owner: bob", "cannot be undone")
	p.post(path+"/revoke", "ids", ask.ids(), "unused", "never", "owner", "bob").want(t, 422, "Write why")
	p.post(path+"/revoke", "ids", ask.ids(), "owner", "bob", "reason", strings.Repeat("x", 301)).want(t, 422, "too long")
	s.Do(t, "GET", "/api/v3/user", "", "Authorization: token "+finePlain) // it is used after all
	told(t, s)
	p.follow(p.post(path+"/revoke", "ids", ask.ids(), "unused", "never", "owner", "bob", "reason", "nobody knows them")).want(t, 200, "Ended 1 token.", "1 other was left alone")
	if bearerOf(t, s, finePlain, "/api/v3/user") != 200 {
		t.Error("a token that was used after the question ended")
	}
	p.follow(p.post(path+"/revoke", "ids", fmt.Sprint(used.ID), "reason", "leaked")).want(t, 200, "Ended 1 token.")
	if bearerOf(t, s, plain, "/api/v3/user") != 401 {
		t.Error("a token that was ended opens something")
	}
	p.post(path+"/revoke", "ids", fmt.Sprint(used.ID), "reason", "again").want(t, 303)
	p.get(path+"/revoke?token="+fmt.Sprint(used.ID)).want(t, 409, "None of these tokens is left")
	logged(t, s, ada.ID, "oauth_access.destroy", "leaked")
	logged(t, s, root.ID, "site.end_token", "leaked")
	logged(t, s, bob.ID, "oauth_access.destroy", "nobody knows them")
	if line := logged(t, s, root.ID, "site.end_token", ""); line.Target != "ada" || strings.Contains(fmt.Sprint(line.Detail), "HYPERLINK") {
		t.Errorf("%+v", line)
	}
	p.post(path+"/revoke", "ids", strings.Repeat("1,", 1001), "reason", "x").want(t, 422, "more than 1000")

	// It is the administrators' alone.
	for who, status := range map[string]int{"ada": 404, "": 303} {
		q := visitor(t, s)
		if who != "" {
			q = signedIn(t, s, who)
		}
		for _, rest := range []string{"", "/export?format=csv", "/revoke?all=yes"} {
			q.get(path+rest).want(t, status)
		}
		q.post(path+"/revoke", "ids", fmt.Sprint(fine.ID), "reason", "x")
	}
	if bearerOf(t, s, finePlain, "/api/v3/user") != 200 {
		t.Error("somebody else ended a token")
	}
}

// logged is the newest line of an account's log about action, which tells text.
func logged(t *testing.T, s *apptest.Server, a id.Account, action, text string) audit.Line {
	t.Helper()
	lines, err := s.Audit.List(t.Context(), audit.Query{Account: a, Action: action})
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range lines {
		if strings.Contains(fmt.Sprint(l.Detail), text) {
			return l
		}
	}
	t.Fatalf("no line of %d about %s tells %q: %v", a, action, text, lines)
	return audit.Line{}
}

// TestInventory_organization: its owners see what can touch what is theirs, and of
// people's own tokens no more than that; they end what is for them alone, and shut out
// what is not.
func TestInventory_organization(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	owner, ada, guest, stranger := s.User(t, "chief"), s.User(t, "ada"), s.User(t, "gwen"), s.User(t, "sam")
	guild, other := s.Org(t, owner, "guild"), s.Org(t, stranger, "rivals")
	s.Join(t, guild, org.Member, ada)
	s.Join(t, other, org.Member, ada)
	hall, err := s.Lifecycle.CreateRepo(t.Context(), right.Operator(), repo.NewRepo{Owner: guild.ID, Name: "hall", Private: true})
	if err != nil {
		t.Fatal(err)
	}
	s.Share(t, hall, guest, right.Read)
	s.Repo(t, ada, "diary", true)
	classic, plain := s.Token(t, ada, "my secret plan", "repo", "user", "admin:gpg_key")
	s.Token(t, ada, "keys alone", "admin:gpg_key", "user")
	s.Token(t, ada, "nothing")
	s.Token(t, stranger, "elsewhere", "repo")
	outside, _ := s.Token(t, guest, "of a guest", "public_repo", "workflow")
	fine, finePlain := s.FineToken(t, ada, token.NewFine{Name: "robot", Owner: guild.ID, OwnerIsOrg: true, Access: token.Selected, Repos: []id.Repo{hall.ID}}, "contents=read")
	s.FineToken(t, ada, token.NewFine{Name: "at home", Owner: ada.ID, Access: token.AllOf}, "contents=read")
	s.FineToken(t, ada, token.NewFine{Name: "at the other's", Owner: other.ID, OwnerIsOrg: true, Access: token.AllOf}, "contents=read")
	s.Do(t, "GET", "/api/v3/repos/ada/diary", "", "Authorization: token "+plain, "User-Agent: private-tool")
	told(t, s)

	const path = "/organizations/guild/settings/tokens"
	p := signedIn(t, s, "chief")
	p.get("/organizations/guild/settings").want(t, 200, "All tokens")
	all := p.get(path).want(t, 200, "Every token that can touch", "robot", "1 repository of guild", "gwen", "public_repo, workflow", "…"+classic.LastEight)
	if got := all.listed(); got != numbers(fine, outside, classic) {
		t.Errorf("listed: %s", got)
	}
	private := []string{"secret plan", "keys alone", "of a guest", "diary", "private-tool", "127.0.0.1", "admin:gpg_key</span>", "repo, user", "sam", "at home", "at the other"}
	hides(t, "the page", all.body, private...)
	file := p.get(path + "/export?format=csv").body
	hides(t, "the file", file, private...)
	if rows, _ := csv.NewReader(strings.NewReader(file)).ReadAll(); len(rows) != 4 || !strings.HasSuffix(rows[3][13], "T00:00:00Z") {
		t.Errorf("the moment of the last use is told: %v", rows)
	}
	hides(t, "the file", p.get(path+"/export?format=jsonl").body, private...)
	for query, want := range map[string]string{"may=admin:gpg_key": "", "may=repo": numbers(classic), "of=rivals": numbers(fine, outside, classic), "owner=sam": "", "owner=ada": numbers(fine, classic), "barred=yes": "",
		"unused=never&owner=ada": numbers(fine)} {
		if got := p.get(path+"?"+query).want(t, 200).listed(); got != want {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
	}

	// One ends, the others are shut out, and can be let in again.
	ask := p.get(path+"/revoke?token="+strings.ReplaceAll(numbers(fine, classic), " ", "&token=")).want(t, 200, "Revoke 2 tokens?", "alone end for good", "stay good for everything else")
	p.follow(p.post(path+"/revoke", "ids", ask.ids(), "reason", "audit of March")).want(t, 200, "Ended 1 token.", "Shut 1 token out of what is guild’s.")
	if bearerOf(t, s, finePlain, "/api/v3/user") != 401 {
		t.Error("a token for the organization alone did not end")
	}
	if bearerOf(t, s, plain, "/api/v3/repos/guild/hall") == 200 || bearerOf(t, s, plain, "/api/v3/repos/ada/diary") != 200 {
		t.Error("a token is not shut out of the organization alone")
	}
	logged(t, s, ada.ID, "personal_access_token.destroy", "audit of March")
	logged(t, s, ada.ID, "oauth_access.shut_out", "audit of March")
	hides(t, "the organization's log", fmt.Sprint(logged(t, s, guild.ID, "org.shut_out_token", "audit of March")), "secret plan")
	logged(t, s, guild.ID, "org.end_token", "audit of March")
	if got := p.get(path).listed(); got != numbers(outside) {
		t.Errorf("listed: %s", got)
	}
	p.get(path+"?barred=yes").want(t, 200, "Shut out", "Let the chosen ones in again")
	back := p.get(path+"/let_in?barred=yes&token="+numbers(classic)).want(t, 200, "Let in 1 token?")
	p.follow(p.post(path+"/let_in", "ids", back.ids(), "barred", "yes", "reason", "it was ours")).want(t, 200, "Let 1 token in again.")
	if bearerOf(t, s, plain, "/api/v3/repos/guild/hall") != 200 {
		t.Error("the token is still shut out")
	}
	logged(t, s, ada.ID, "oauth_access.let_in", "it was ours")

	// What is another's is not theirs to end or to see, whatever number they send.
	theirs, _ := s.Token(t, stranger, "theirs", "repo")
	p.follow(p.post(path+"/revoke", "ids", fmt.Sprint(theirs.ID), "reason", "x")).want(t, 200, "1 other was left alone")
	for who, status := range map[string]int{"ada": 403, "gwen": 403, "sam": 403} {
		q := signedIn(t, s, who)
		for _, rest := range []string{"", "/export?format=csv", "/revoke?all=yes", "/let_in?all=yes"} {
			q.get(path+rest).want(t, status)
		}
		q.post(path+"/revoke", "ids", fmt.Sprint(classic.ID), "reason", "x").want(t, status)
		q.post(path+"/let_in", "ids", fmt.Sprint(classic.ID), "reason", "x").want(t, status)
	}

	// Who left takes their tokens out of the list.
	if err := s.Lifecycle.RemoveMember(t.Context(), right.Operator(), guild.ID, ada.ID, false); err != nil {
		t.Fatal(err)
	}
	if got := p.get(path).listed(); got != numbers(outside) {
		t.Errorf("after ada left: %s", got)
	}
	p.get(path+"/revoke?token="+numbers(classic)).want(t, 409)
	if err := s.Repos.RemoveCollaborator(t.Context(), right.Operator(), hall.ID, guest.ID); err != nil {
		t.Fatal(err)
	}
	if got := p.get(path).listed(); got != "" {
		t.Errorf("after the guest left: %s", got)
	}
}

// TestInventory_paging: pages show each token once while others are made and end, and
// many hands that end the same ones end each once.
func TestInventory_paging(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	s.Admin(t, "chief")
	ada := s.User(t, "ada")
	var made []token.Token
	for i := range 120 {
		one, _ := s.Token(t, ada, fmt.Sprintf("note %d", i), "repo")
		made = append(made, one)
	}
	p := signedIn(t, s, "chief")
	seen := map[string]int{}
	for at, n := "/admin/tokens?owner=ada", 0; at != ""; n++ {
		g := p.get(at).want(t, 200, "Owner: ada")
		for _, one := range strings.Fields(g.listed()) {
			seen[one]++
		}
		s.Token(t, ada, fmt.Sprintf("later %d", n), "repo")
		if _, err := s.Tokens.Revoke(t.Context(), right.Operator(), ada.ID, made[n].ID); err != nil {
			t.Fatal(err)
		}
		at = attr(g.find("a", "rel", "next"), "href")
	}
	for i := 3; i < 120; i++ {
		if n := seen[fmt.Sprint(made[i].ID)]; n != 1 {
			t.Errorf("token %d was listed %d times", i, n)
		}
	}
	ask := p.get("/admin/tokens/revoke?all=yes&owner=ada").want(t, 200, "Revoke 120 tokens?", "And 100 more tokens")
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() { p.post("/admin/tokens/revoke", "ids", ask.ids(), "owner", "ada", "reason", "all") })
	}
	wg.Wait()
	lines, err := s.Audit.List(t.Context(), audit.Query{Account: ada.ID, Action: "oauth_access.destroy", Limit: 500})
	if err != nil || len(lines) != 123 {
		t.Errorf("%d ends are logged, %v", len(lines), err)
	}
	p.get("/admin/tokens?owner=ada").want(t, 200, "None matches")
}
