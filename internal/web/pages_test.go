package web

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"jeton/internal/gate"
	"jeton/internal/gitstore"
	"jeton/internal/notice"
	"jeton/internal/right"
	"jeton/internal/signature"
	"jeton/internal/token"
)

var sampleNow = time.Date(2026, time.November, 23, 14, 30, 0, 0, time.UTC)

func samplePages(t *testing.T) *pages {
	t.Helper()
	p, err := newPages(func() time.Time { return sampleNow })
	if err != nil {
		t.Fatal(err)
	}
	return p
}

type sample struct {
	file, template string
	data           any
}

func samples() []sample {
	viewer := &Viewer{ID: 1, Login: "ada", SiteAdmin: true}
	f := func(title, path string, scripts ...string) Frame {
		return Frame{Title: title, Path: path, Viewer: viewer, Scripts: append([]string{"copy.js", "time.js", "menu.js", "dialog.js"}, scripts...)}
	}
	dev := func(title string, scripts ...string) Frame {
		fr := f(title, "/settings/tokens", scripts...)
		fr.Dev, fr.Here = true, "/settings/tokens"
		fr.Crumbs = []Link{{Text: "Settings", Href: "/settings/profile"}, {Text: "Developer settings", Href: "/settings/tokens"}}
		return fr
	}
	set := func(title, path string) Frame {
		fr := f(title, path)
		fr.Here = path
		fr.Crumbs = []Link{{Text: "Settings", Href: "/settings/profile"}}
		return fr
	}
	anonymous := func(title, path string) Frame { return Frame{Title: title, Path: path, Scripts: []string{"link.js"}} }
	rf := func(title, path, tab string) RepoFrame {
		fr := f(title, path)
		return RepoFrame{Frame: fr, Repo: repoHead{Owner: "ada", Name: "engine", Href: "/ada/engine", Description: "Notes on the analytical engine", Private: true, Size: 3 << 20, Pushed: sampleNow.Add(-3 * time.Hour)},
			Tabs: []Link{{Text: "Code", Href: "/ada/engine", Current: tab == "code"}, {Text: "Commits", Href: "/ada/engine/commits/main", Current: tab == "commits"}, {Text: "Settings", Href: "/ada/engine/settings", Current: tab == "settings"}}}
	}
	repos := []repoRow{
		{Name: "ada/engine", Href: "/ada/engine", Description: "Notes on the analytical engine", Private: true, Own: true, Size: 3 << 20, Pushed: sampleNow.Add(-3 * time.Hour)},
		{Name: "ada/bernoulli", Href: "/ada/bernoulli", Own: true, Size: 12 << 10, Pushed: sampleNow.Add(-12 * 24 * time.Hour)},
		{Name: "course/assignment-one", Href: "/course/assignment-one", Description: "Fork, change, push.", Archived: true, Shared: true},
	}
	tokens := []tokenRow{
		{Href: "/settings/tokens/1", Note: "Laptop", Gives: "repo, workflow", Used: "Last used within the last week", Expiry: newExpiry(sampleNow.Add(40*24*time.Hour), sampleNow)},
		{Href: "/settings/tokens/2", Note: "Course server", Gives: "public_repo", Used: "Never used", Expiry: newExpiry(sampleNow.Add(3*24*time.Hour), sampleNow)},
		{Href: "/settings/tokens/3", Note: "Old script", Gives: "delete_repo, repo, user", Used: "Last used within the last 3 months", Expiry: newExpiry(sampleNow.Add(-3*24*time.Hour), sampleNow), Expired: true},
		{Href: "/settings/tokens/4", Note: "Reads what is public", Used: "Never used", Expiry: expiry{Never: true}},
	}
	fresh := &newToken{Href: "/settings/tokens/5", Note: "Laptop", Secret: "jtp_" + strings.Repeat("EXAMPLE", 5) + "1", Scopes: "repo", Login: "ada", Reduced: true, Expiry: newExpiry(sampleNow.Add(30*24*time.Hour), sampleNow),
		Trust: caLines{"git config --global http.https://localhost:8443/.sslCAInfo /var/lib/jeton/tls/authority.pem", "git config --global http.https://localhost:8443/.sslBackend openssl", strings.Repeat("A1:", 31) + "A1"},
		Clone: "git clone https://localhost:8443/ada/engine.git", API: "curl -u ada https://localhost:8443/api/v3/user",
		Windows: "git config --global credential.https://localhost:8443.helper manager", MacOS: "git config --global credential.https://localhost:8443.helper osxkeychain",
		Linux: `git config --global credential.https://localhost:8443.helper "cache --timeout=28800"`, Plain: "git config --global credential.https://localhost:8443.helper store"}
	use := tokenUse{ID: 1, Explain: newExplainForm("/settings/tokens/1", nil), LastEight: "AbCd1234", Created: sampleNow.Add(-50 * time.Hour), Used: sampleNow.Add(-2 * time.Hour), UsedAddress: "192.0.2.7", UsedClient: "git/2.39.5", UsedRepo: "ada/engine", UsedAction: "repo.fetch"}
	fine := fineForm{Frame: dev("New fine-grained personal access token", "expiry.js", "fine.js"), Action: "/settings/personal-access-tokens", Again: "/settings/personal-access-tokens/new", Name: "Build", Owner: "ada", Max: 50,
		Owners: []resourceOption{{"ada", false, true}, {"course", true, false}}, Access: accessSelected, Groups: groupsFor(gate.Resource{Login: "ada"}, true, right.ParseFine("contents=write")),
		Repos: []repoChoice{{"1", "ada/engine", "Notes", true, true}, {"2", "ada/bernoulli", "", false, false}}, More: 3, Lost: 1}
	refs := refMenu{Ref: "main", Branches: []Link{{Text: "main", Href: "/ada/engine", Current: true}, {Text: "draft", Href: "/ada/engine/tree/draft"}}, Tags: []Link{{Text: "v1.0", Href: "/ada/engine/tree/v1.0"}}}
	latest := &commitRow{Subject: "Describe the difference engine", Author: "Ada", Short: "0a1b2c3", Href: "/ada/engine/commit/0a1b2c3", TreeHref: "/ada/engine/tree/0a1b2c3", Time: sampleNow.Add(-3 * time.Hour), Badge: &badge{Good: true, Why: "It was signed.", Key: "0123456789ABCDEF"}, Checks: &checks{Tone: "tag-success", Text: "Success", Why: "2 of 2 checks succeeded"}}
	files := listing{Latest: latest, Files: []fileRow{{Name: "notes", Href: "/ada/engine/tree/main/notes", Folder: true}, {Name: "README.md", Href: "/x"}, {Name: "a very long name of a file that does not fit into the table.txt", Href: "/x"}, {Name: "link", Kind: "Symbolic link", Href: "/x"}}, Rest: 3}
	clone := cloneBox{URL: "https://localhost:8443/ada/engine.git", Login: "ada", TokenHref: "/settings/tokens/new?description=Git&scopes=repo", Trust: fresh.Trust}
	code, lines, _ := writeCode([]byte("package main\n\nimport \"fmt\"\n\nfunc main() {\n\tfmt.Println(\"<hello> & \u202egoodbye\")\n}\n"))
	diff := gitstore.FileDiff{Hunks: []gitstore.Hunk{{OldStart: 1, OldLines: 3, NewStart: 1, NewLines: 3, Section: "func main() {", Lines: []gitstore.Line{{Op: ' ', Text: "first"}, {Op: '-', Text: "second"}, {Op: '+', Text: "2nd <b>"}, {Op: '\\'}}}}}
	secretive := func(fr Frame) Frame {
		fr.Problem = &Wrongs{Field: "note", Public: "Note has already been taken", Remedy: "Choose another note, or regenerate the token that has it."}
		return fr
	}
	userRows := []userRow{{ID: 1, Login: "ada", Name: "Ada", Email: "ada@example.com", SiteAdmin: true, Created: sampleNow.Add(-90 * 24 * time.Hour)}, {ID: 2, Login: "bob", Suspended: true, Email: "bob@example.com", Created: sampleNow.Add(-9 * 24 * time.Hour)}}
	withFlash := func(fr Frame, text string) Frame { fr.Flash = &Flash{Tone: "good", Text: text}; return fr }
	dark := func(fr Frame) Frame { fr.Theme = "dark"; return fr }
	confirm := func(fr Frame) confirmPage {
		return confirmPage{Frame: fr, Heading: "Delete ada/engine?", Action: "/ada/engine/settings/delete", Button: "I understand, delete this repository", Back: "/ada/engine/settings",
			Consequences: []string{"The repository, its whole history and its settings are deleted for good. Nobody can bring them back.", "Copies that people have cloned stay where they are."}, TypeThis: "ada/engine"}
	}
	return []sample{
		{"welcome", "welcome", &welcomePage{loginPage: loginPage{Frame: anonymous("Welcome", "/"), ReturnTo: "/"}, URL: "https://localhost:8443"}},
		{"login", "login", &loginPage{Frame: Frame{Title: "Sign in", Path: "/login", Problem: &Wrongs{Public: "Incorrect user name or password.", Remedy: "Try again. Passwords are case-sensitive."}}, Login: "ada", ReturnTo: "/settings/tokens/new", Purpose: "You go on to the form for a new token, filled in by the link."}},
		{"setup", "link", &linkPage{Frame: anonymous("Set up this site", "/setup"), Lead: "You will be its first administrator.", Button: "Create the administrator", AskLogin: true, AskEmail: true}},
		{"reset", "link", &linkPage{Frame: anonymous("Choose a new password", "/password_reset"), Lead: "All your sessions end when you do.", Button: "Change password"}},
		{"confirm-email", "confirm-email", &linkPage{Frame: f("Confirm your e-mail address", "/settings/emails/confirm"), Button: "Confirm the address", Login: "ada"}},
		{"sudo", "sudo", &sudoPage{Frame: f("Confirm access", "/sessions/sudo"), Action: "/settings/tokens", ReturnTo: "/settings/tokens/new", Keep: []hiddenField{{"note", "Laptop"}}, Again: true}},
		{"error", "error", &errorPage{Frame: f("Not found", "/x"), Status: 404, StatusText: "Not Found", Heading: "This page was not found", What: "Either there is nothing at this address, or your account may not see it.", Remedy: "Check the address. If somebody gave it to you, ask them for access.", Next: []Link{{Text: "Go to the start page", Href: "/"}}, Request: "0A1B:2C3D4E:5F6071:82930A1B:6741"}},
		{"home", "home", &homePage{Frame: withFlash(f("Your repositories", "/"), "Deleted the repository ada/old."), Repos: repos, HasToken: false}},
		{"home-empty", "home", &homePage{Frame: f("Your repositories", "/")}},
		{"profile", "profile", &profilePage{Frame: f("ada", "/ada"), Login: "ada", Name: "Ada", Bio: "Poetical science.", Location: "London", Website: "https://example.com", Own: true, Repos: repos, Pager: pager{Next: "/ada?page=2"}}},
		{"new-repo", "new-repo", &newRepoPage{Frame: f("New repository", "/new")}},
		{"tokens", "tokens", &tokensPage{Frame: dev("Personal access tokens (classic)"), Tokens: tokens}},
		{"tokens-empty", "tokens", &tokensPage{Frame: dev("Personal access tokens (classic)")}},
		{"tokens-new", "tokens", &tokensPage{Frame: dev("Personal access tokens (classic)"), New: fresh, Tokens: tokens}},
		{"tokens-new-dark", "tokens", &tokensPage{Frame: dark(dev("Personal access tokens (classic)")), New: fresh, Tokens: tokens}},
		{"token-new", "token-new", &tokenForm{Frame: secretive(dev("New personal access token (classic)", "scopes.js", "expiry.js")), Note: "Laptop", Scopes: scopeTree(mustScopes("repo")), Expiry: newExpiryField("30", "", sampleNow), FromLink: true, Unknown: "gist"}},
		{"token-new-dark", "token-new", &tokenForm{Frame: dark(dev("New personal access token (classic)", "scopes.js", "expiry.js")), Scopes: scopeTree(mustScopes("user:email")), Expiry: newExpiryField("none", "", sampleNow)}},
		{"token-edit", "token-edit", &tokenPage{Frame: dev("Edit token", "scopes.js"), tokenUse: use, Note: "Laptop", Scopes: scopeTree(mustScopes("repo")), Expiry: tokens[0].Expiry}},
		{"token-narrowed", "token-edit", func() any {
			u := use
			u.Narrowed = &narrowedPart{Href: "/settings/tokens/1", Limits: []string{"only from 192.0.2.0/24"}, More: 3, Nodes: []nodeRow{
				{Node: strings.Repeat("0a", 16), Name: "the build", Limits: []string{"only ada/engine", "reads, and changes nothing"}, Created: sampleNow.Add(-time.Hour), Used: sampleNow, Address: "192.0.2.7", Client: "git/2.47.1", State: "Live", Live: true, Full: true},
				{Node: strings.Repeat("0b", 16), Name: "0b0b0b0b", Above: "the build", Indent: "↳ ", Created: sampleNow.Add(-time.Hour), Minted: true, State: "Revoked"},
				{Node: strings.Repeat("0c", 16), Name: "deeper", Above: "0b0b0b0b", Indent: "\u2003↳ ", Created: sampleNow.Add(-time.Hour), State: "Ended with 0b0b0b0b"}}}
			return &tokenPage{Frame: dev("Edit token", "scopes.js"), tokenUse: u, Note: "Laptop", Scopes: scopeTree(mustScopes("repo")), Expiry: tokens[0].Expiry}
		}()},
		{"token-limits", "token-limits", func() any {
			p := (&call{}).limitsPage(&token.Token{ID: 1, Note: "Laptop"})
			p.Frame = dev("Limits of Laptop")
			p.Problem = &Wrongs{Field: "network", Public: "“here” is not a network"}
			p.Fields[0].Text, p.Read, p.Uses, p.Megabytes = "here", true, "5", "20"
			return p
		}()},
		{"token-frozen", "token-edit", func() any {
			u := use
			u.Href, u.Frozen, u.Old = "/settings/tokens/1", sampleNow.Add(-time.Hour), &oldSecret{LastEight: "EfGh5678", Ends: sampleNow.Add(20 * time.Hour), Closes: true, Used: sampleNow.Add(-time.Minute), Address: "192.0.2.9", Client: "git/2.39.5"}
			return &tokenPage{Frame: dev("Edit token", "scopes.js"), tokenUse: u, Note: "Laptop", Scopes: scopeTree(mustScopes("repo")), Expiry: tokens[0].Expiry}
		}()},
		{"token-rotate", "token-rotate", &rotatePage{regeneratePage: regeneratePage{Frame: dev("Rotate token", "expiry.js"), Home: "/settings/tokens", Href: "/settings/tokens/1", Note: "Laptop", What: "scopes", Gives: "repo", Expiry: newExpiryField("30", "", sampleNow)},
			Windows: []levelOption{{"1h", "1 hour", false}, {"1d", "1 day", true}}, Closes: true}},
		{"fine-tokens", "fine-tokens", &tokensPage{Frame: dev("Fine-grained personal access tokens"), New: &newToken{Href: "/x", Note: "Build", Secret: fresh.Secret, Login: "ada", PublicOnly: true}, Tokens: []tokenRow{{Href: "/x", Note: "Build", Gives: "contents: write, metadata: read", Reaches: "2 repositories of ada", Used: "Never used", Expiry: expiry{Never: true}}, {Href: "/y", Note: "Reader", Reaches: "Public repositories, read-only", Used: "Never used"}}}},
		{"fine-tokens-empty", "fine-tokens", &tokensPage{Frame: dev("Fine-grained personal access tokens")}},
		{"fine-new", "fine-new", &fineNew{fineForm: fine, Expiry: newExpiryField("30", "", sampleNow)}},
		{"fine-new-wrong", "fine-new", func() any {
			f := fine
			f.Problem, f.FromLink, f.Unknown, f.Repos, f.Find = &Wrongs{Field: "repositories", Public: "Choose between one repository and 50"}, true, "issues: read", nil, "x"
			return &fineNew{fineForm: f, Expiry: newExpiryField("none", "", sampleNow)}
		}()},
		{"fine-edit", "fine-edit", func() any {
			f := fine
			f.Gone, f.Kept, f.Unknown, f.Owners, f.Groups = true, true, "emails: read", nil, groupsFor(gate.Resource{Login: "course", Org: true}, false, right.Fine{})
			return &finePage{fineForm: f, tokenUse: use, Expiry: tokens[1].Expiry}
		}()},
		{"token-explain", "token-explain", &explainPage{Frame: dev("What can this token do?"), Note: "Laptop", Explain: newExplainForm("/settings/tokens/1", nil), Answer: &explainAnswer{What: "repo.push ada/engine refs/heads/main", Kind: "It is refused (403).", Notes: []string{"The repository takes no forced push to main."},
			Parts: []explainPart{{Class: "held", Mark: "✓", Word: "Holds", Says: "The token is good."}, {Class: "none", Mark: "–", Word: "Not asked", Says: "The token may come from every network."},
				{Class: "failed", Mark: "✗", Word: "Fails", Says: "Permission to ada/engine.git denied to bob.", Remedy: "Ask its owner for write access.", Command: "echo url=https://localhost:8443| git credential reject", Decides: true},
				{Class: "failed", Mark: "✗", Word: "Fails", Says: "Your token lacks the repo scope.", Remedy: "Add the scope at", Href: "/settings/tokens/1"}}}}},
		{"token-explain-empty", "token-explain", &explainPage{Frame: secretive(dev("What can this token do?")), Note: "Laptop", Explain: newExplainForm("/settings/tokens/1", nil)}},
		{"token-regenerate", "token-regenerate", &regeneratePage{Frame: dev("Regenerate token", "expiry.js"), Home: "/settings/tokens", Href: "/settings/tokens/1", Note: "Laptop", What: "scopes", Gives: "repo", Expiry: newExpiryField("custom", "", sampleNow)}},
		{"confirm", "confirm", func() any { c := confirm(f("Delete ada/engine?", "/ada/engine/settings/delete")); return &c }()},
		{"set-profile", "set-profile", &profileForm{Frame: withFlash(set("Profile", "/settings/profile"), "Profile saved."), Name: "Ada", Bio: "Poetical science."}},
		{"set-account", "set-account", &accountForm{Frame: set("Account", "/settings/admin"), NewLogin: "ada", Owns: 2}},
		{"set-appearance", "set-appearance", &appearanceForm{Frame: dark(set("Appearance", "/settings/appearance"))}},
		{"set-emails", "set-emails", &emailsPage{Frame: set("Emails", "/settings/emails"), Emails: []emailRow{{ID: 1, Address: "ada@example.com", Primary: true, Verified: true}, {ID: 2, Address: "a.l@example.org", Sent: sampleNow.Add(-time.Hour)}, {ID: 3, Address: "lovelace@example.org"}}, Delivers: true}},
		{"set-notifications", "set-notifications", &noticePage{Frame: set("Notifications", "/settings/notifications"), Primary: "ada@example.com", Kinds: []noticeKind{
			{Name: notice.Ended, Label: "A token has ended", Text: "What used it does not work any more.", On: true}, {Name: notice.Reuse, Label: "An old secret is used after its end", Text: "This is always sent.", On: true, Always: true}}}},
		{"admin-notices", "admin-notices", func() any {
			p := &noticesPage{Frame: adminFrame("Notices"), To: "the mail server mail.example.com:587", LastError: "no such user", Status: notice.Status{Waiting: 3, Late: 1, Sent: 20, Failed: 1, Oldest: sampleNow.Add(-time.Hour), LastErrorAt: sampleNow}}
			p.Here = "/admin/notices"
			return p
		}()},
		{"releases", "releases", &releasesPage{RepoFrame: inContent(rf("Releases", "/ada/engine/releases", "releases")), Releases: []releaseRow{
			{Title: "Version 1", Tag: "v1.0", Author: "ada", Href: "/x", TreeHref: "/x", Latest: true, Time: sampleNow.Add(-time.Hour), HTML: "<p>First.</p>", Assets: []assetRow{{Name: "engine.tar.gz", Href: "/x", Digest: strings.Repeat("0a1b", 16), Size: 3 << 20}}},
			{Title: "v2.0", Tag: "v2.0", Draft: true, Prerelease: true, Time: sampleNow, Assets: []assetRow{{Name: "engine.zip", Digest: strings.Repeat("0a1b", 16), Size: 7}}}}}},
		{"release", "releases", &releasesPage{RepoFrame: inContent(rf("v1.0", "/ada/engine/releases/tag/v1.0", "releases")), One: true, Releases: []releaseRow{{Title: "v1.0", Tag: "v1.0", Author: "ada", Href: "/x", TreeHref: "/x", Time: sampleNow, Text: "<b>"}}}},
		{"releases-empty", "releases", &releasesPage{RepoFrame: inContent(rf("Releases", "/ada/engine/releases", "releases"))}},
		{"tags", "tags", &tagsPage{RepoFrame: inContent(rf("Tags", "/ada/engine/tags", "tags")), Tags: []tagRow{{Name: "v1.0", Subject: "First version", Short: "0a1b2c3", Href: "/x", TreeHref: "/x", Time: sampleNow, Badge: &badge{Good: true, Why: "It was signed."}}, {Name: "odd", Badge: &badge{Why: "Its signature cannot be read."}}}}},
		{"tags-empty", "tags", &tagsPage{RepoFrame: inContent(rf("Tags", "/ada/engine/tags", "tags"))}},
		{"set-keys", "set-keys", &keysPage{Frame: set("SSH and GPG keys", "/settings/keys"), Login: "ada", SSH: []keyRow{{Name: "laptop", Print: "SHA256:" + strings.Repeat("Ab1", 14), Added: sampleNow.Add(-50 * time.Hour), DeleteHref: "/x"}},
			GPG: []keyRow{{Name: "work", Print: "0123456789ABCDEF", Emails: []string{"ada@example.com"}, Subkeys: []string{"FEDCBA9876543210"}, Added: sampleNow, Until: sampleNow.Add(-time.Hour), Expired: true, DeleteHref: "/x"}}}},
		{"set-keys-empty", "set-keys", &keysPage{Frame: set("SSH and GPG keys", "/settings/keys"), Login: "ada"}},
		{"set-key-new", "set-key-new", &keyForm{Frame: set("Add an SSH signing key", "/settings/keys"), Words: wordsFor(signature.SSH)}},
		{"set-key-new-gpg", "set-key-new", &keyForm{Frame: set("Add a GPG key", "/settings/keys"), Words: wordsFor(signature.OpenPGP), GPG: true}},
		{"set-sessions", "set-sessions", &sessionsPage{Frame: set("Sessions", "/settings/sessions"), Sessions: []sessionRow{{1, "Firefox on Linux", "192.0.2.7", sampleNow, sampleNow.Add(-50 * time.Hour), true}, {2, "Chrome on Windows", "198.51.100.3", sampleNow.Add(-20 * time.Hour), sampleNow.Add(-500 * time.Hour), false}}}},
		{"set-repositories", "set-repositories", &repositoriesPage{Frame: set("Repositories", "/settings/repositories"), Repos: repos}},
		{"set-log", "set-log", &logPage{Frame: set("Security log", "/settings/security-log"), Of: (&call{}).ownLog(), Filter: logFilter{Action: "user.login"}, Actions: []string{"user.login"}, Pager: pager{Next: "?before=3"}, Lines: []logRow{{Action: "user.login", Actor: "ada", Credential: "session", Address: "192.0.2.7", Client: "Firefox on Linux", Time: sampleNow.Add(-time.Hour)}, {Action: "oauth_access.create", Target: "Laptop", Actor: "ada", Address: "192.0.2.7", Client: "Firefox", Time: sampleNow.Add(-2 * time.Hour), Detail: []hiddenField{{"scopes", "repo"}}}}}},
		{"admin-log", "set-log", &logPage{Frame: func() Frame { fr := f("Site log", "/admin/log"); fr.Admin, fr.Here = true, "/admin/log"; return fr }(), Of: siteLog(), Lines: []logRow{{Action: "site.rotate_keys", Target: "key 2", Actor: "operator", Credential: "operator", Client: "command line", Time: sampleNow.Add(-time.Hour)}}}},
		{"admin-users", "admin-users", &usersPage{Frame: func() Frame { fr := f("Users", "/admin/users"); fr.Admin, fr.Here = true, "/admin/users"; return fr }(), Users: userRows, Link: &madeLink{Heading: "Invitation link", Text: "Give this link to the person you invite.", URL: "https://localhost:8443/join#EXAMPLE", Until: sampleNow.Add(72 * time.Hour)}}},
		{"admin-user", "admin-user", &userPage{Frame: func() Frame { fr := f("bob", "/admin/users/2"); fr.Admin, fr.Here = true, "/admin/users"; return fr }(), User: &userRows[1], Emails: []emailRow{{ID: 1, Address: "bob@example.com", Primary: true}}}},
		{"repo", "repo", &repoPage{RepoFrame: rf("ada/engine", "/ada/engine", "code"), Refs: refs, CommitsHref: "/ada/engine/commits/main", Listing: files, MayPush: true, Clone: clone, Readme: &readme{Name: "README.md", HTML: "<h1>Engine</h1><p>Notes on the <a href=\"/x\">analytical engine</a>, with <code>code</code>.</p><ul><li>one</li><li>two</li></ul><pre><code>git clone</code></pre>"}}},
		{"repo-empty", "repo", &repoPage{RepoFrame: rf("ada/engine", "/ada/engine", "code"), Empty: true, MayPush: true, Clone: clone}},
		{"tree", "tree", &treePage{RepoFrame: inContent(rf("notes", "/ada/engine/tree/main/notes", "code")), Heading: "notes at main", Refs: refs, Where: pathNav{Root: "/ada/engine", Name: "engine", Parts: []Link{{Text: "notes"}}}, CommitsHref: "/x", Listing: files}},
		{"blob", "blob", &blobPage{RepoFrame: inContent(rf("main.go", "/ada/engine/blob/main/main.go", "code")), Heading: "main.go at main", Name: "main.go", Refs: refs, Where: pathNav{Root: "/ada/engine", Name: "engine", Parts: []Link{{Text: "cmd", Href: "/x"}, {Text: "main.go"}}}, RawHref: "/raw", CommitsHref: "/x", Size: 90, Lines: lines, Code: code}},
		{"blob-binary", "blob", &blobPage{RepoFrame: inContent(rf("x.png", "/ada/engine/blob/main/x.png", "code")), Heading: "x.png at main", Name: "x.png", Refs: refs, Where: pathNav{Root: "/ada/engine", Name: "engine", Parts: []Link{{Text: "x.png"}}}, RawHref: "/raw", CommitsHref: "/x", Size: 90 << 10, Binary: true}},
		{"commits", "commits", &commitsPage{RepoFrame: inContent(rf("Commits", "/ada/engine/commits/main", "commits")), Refs: refs, Days: []commitDay{{Day: "Monday, 23 November 2026", Commits: []commitRow{*latest, *latest}}}, Pager: pager{Next: "/x"}}},
		{"commit", "commit", &commitPage{RepoFrame: inContent(rf("Describe the difference engine", "/ada/engine/commit/0a1b2c3", "commits")), ID: strings.Repeat("0a1b2c3d", 5), Short: "0a1b2c3", Subject: "Describe the difference engine", Body: "It computes by differences.\n\nSee the notes.", Author: "Ada", Time: sampleNow, TreeHref: "/x", Parents: []Link{{Text: "9f8e7d6", Href: "/x"}}, Files: []diffFile{{ID: "f1", Name: "main.go", Added: 1, Removed: 1, Code: writeDiff(&diff)}, {ID: "f2", Name: "x.png", Kind: "Added", Note: "A binary file: its change is not shown."}}, FileCount: 2, Added: 1, Removed: 1, Cut: true, Badge: latest.Badge, Statuses: []statusRow{{checks: wordsOf("failure"), Context: "ci/test", Description: "3 tests failed", Href: "https://ci.example.com/1"}, {checks: wordsOf("success"), Context: "ci/lint"}}}},
		{"repo-settings", "repo-settings", &repoSettingsPage{RepoFrame: here(rf("Settings", "/ada/engine/settings", "settings"), "general"), Name: "engine", Description: "Notes", Branches: []string{"main", "draft"}, DefaultBranch: "main"}},
		{"repo-access", "repo-access", &accessPage{RepoFrame: here(rf("Access", "/ada/engine/settings/access", "settings"), "access"), People: []personRow{{Login: "bob", Levels: []levelOption{{"read", "Read", false}, {"write", "Write", true}, {"admin", "Admin", false}}}}}},
		{"repo-branches", "repo-branches", &branchesPage{RepoFrame: here(rf("Rules", "/ada/engine/settings/branches", "settings"), "branches"), BlockForce: "default", Branches: []ruleRow{{"main", "/ada/engine/settings/branches/1", "Only administrators push, no forced pushes, no deletion."}}}},
		{"repo-hooks", "hooks", &hooksPage{HookFrame: ofRepo(rf("Webhooks", "/ada/engine/settings/hooks", "settings")), Hooks: []hookRow{{URL: "https://ci.example.com/" + strings.Repeat("a-long-path/", 12), Href: "/ada/engine/settings/hooks/1", Events: "push", Says: "The last delivery failed: Timed out."}}}},
		{"repo-hook", "hook", hookSample(ofRepo(rf("Webhook", "/ada/engine/settings/hooks/1", "settings")))},
		{"org-hook", "hook", hookSample(ofOrg(f("Webhook", "/organizations/acme/settings/hooks/1")))},
		{"repo-trusts", "trusts", &trustsPage{HookFrame: ofRepo(rf("Trusted issuers", "/ada/engine/settings/trusts", "settings")), NewHref: "/ada/engine/settings/trusts/new",
			Trusts: []trustRow{{Name: "Deploys", Href: "/ada/engine/settings/trusts/1", Issuer: "https://ci.example.com/" + strings.Repeat("a-long-path/", 12), Subject: "repo:octo/site:*", Gives: "contents: read, for 15 minutes", Refused: sampleNow.Add(-time.Hour), Why: "subject"}},
			Lines:  []trustLine{{At: sampleNow.Add(-time.Hour), Refused: true, Text: "The subject did not fit.", Subject: "repo:" + strings.Repeat("x", 155)}}}},
		{"repo-trust", "trusted", &trustPage{HookFrame: ofRepo(rf("Trusted issuer", "/ada/engine/settings/trusts/1", "settings")), Name: "Deploys", Issuer: "https://ci.example.com", Audience: "https://localhost:8443", Subject: "repo:octo/site:*", Minutes: "15",
			Groups: groupsFor(gate.Resource{Login: "ada"}, false, right.ParseFine("contents=write")), Action: "/ada/engine/settings/trusts/1", DeleteHref: "/ada/engine/settings/trusts/1/delete", Live: 1,
			Asked: "https://localhost:8443", Resource: "https://localhost:8443/ada/engine", Endpoint: "https://localhost:8443/login/oauth/access_token", Clone: "https://localhost:8443/ada/engine.git",
			Lines: []trustLine{{At: sampleNow.Add(-time.Hour), Text: "Given a token until 2026-01-01T00:00:00Z", Subject: "repo:octo/site:main"}}}},
		{"org-hooks", "hooks", &hooksPage{HookFrame: ofOrg(f("Webhooks", "/organizations/acme/settings/hooks"))}},
		{"repo-delivery", "delivery", &deliveryPage{HookFrame: ofRepo(rf("Delivery", "/ada/engine/settings/hooks/1", "settings")), Row: deliveryRow{Href: "/ada/engine/settings/hooks/1/deliveries/2", GUID: "0b1c2d3e-0000-4000-8000-000000000000", Event: "push", Says: "Answered with 200", At: sampleNow, OK: true}, URL: "https://ci.example.com/", Hook: "/ada/engine/settings/hooks/1", Took: 42 * time.Millisecond, Asked: []headLine{{"X-GitHub-Event", "push"}}, Payload: "{\n  \"ref\": \"refs/heads/main\"\n}", Answered: []headLine{{"Content-Type", "text/plain"}}, Answer: "thanks"}},
		{"alerts", "alerts", &alertsPage{RepoFrame: inContent(rf("Secret scanning", "/ada/engine/security/secret-scanning", "security")), Other: "?state=resolved", Looked: sampleNow.Add(-time.Hour), Alerts: []alertRow{{Href: "/ada/engine/security/secret-scanning/1", What: "Personal Access Token", Ending: "AbCd1234", Number: 1, Found: sampleNow.Add(-time.Hour), Live: true, Open: true}}}},
		{"alert", "alert", &alertPage{RepoFrame: inContent(rf("Alert 1", "/ada/engine/security/secret-scanning/1", "security")), Row: alertRow{Href: "/ada/engine/security/secret-scanning/1", What: "Personal Access Token", Ending: "AbCd1234", Number: 1, Found: sampleNow.Add(-time.Hour), Live: true, Open: true}, Mine: true, Note: "Laptop", Bypassed: "bob", Places: []placeRow{{Text: "conf/a.env, line 3", Href: "/x"}, {Text: "the message of the tag 0a1b2c3, line 1"}}, Resolutions: resolutionTexts}},
		{"alert-closed", "alert", &alertPage{RepoFrame: inContent(rf("Alert 2", "/ada/engine/security/secret-scanning/2", "security")), Row: alertRow{Href: "/ada/engine/security/secret-scanning/2", What: "Personal Access Token", Ending: "AbCd1234", Number: 2, Found: sampleNow.Add(-time.Hour), Says: "Used in tests: it guards nothing"}, By: "ada", At: sampleNow.Add(-time.Minute), Comment: "It is an example."}},
		{"unblock", "unblock", &unblockPage{RepoFrame: inContent(rf("Push a token", "/ada/engine/security/secret-scanning/unblock-secret/X", "code")), Ending: "AbCd1234", Mine: true, Action: "/x", Token: "/settings/tokens/1/delete", Reasons: reasonTexts, Until: sampleNow.Add(3 * time.Hour)}},
		{"repo-rule", "repo-rule", &rulePage{RepoFrame: here(rf("Rule", "/ada/engine/settings/branches/1", "settings"), "branches"), Kind: "branch", Pattern: "release/*", Push: "listed", Accounts: "bob", Action: "/ada/engine/settings/branches/1", DeleteHref: "/ada/engine/settings/branches/1/delete"}},
	}
}

func inContent(f RepoFrame) RepoFrame { f.InContent = true; return f }

func here(f RepoFrame, part string) RepoFrame { f.Here, f.InContent = part, true; return f }

func mustScopes(names ...string) right.ScopeSet {
	s, err := right.ParseScopes(names)
	if err != nil {
		panic(err)
	}
	return s
}

// TestPages renders every page and checks what holds for all of them. With
// JETON_PAGES=folder the pages are written there, to be looked at.
func TestPages(t *testing.T) {
	t.Parallel()
	p := samplePages(t)
	out := os.Getenv("JETON_PAGES")
	for _, s := range samples() {
		t.Run(s.file, func(t *testing.T) {
			page, err := p.render(s.template, s.data)
			if err != nil {
				t.Fatal(err)
			}
			checkPage(t, page)
			if out != "" {
				write(t, filepath.Join(out, s.file+".html"), page)
			}
		})
	}
	if out != "" {
		for url, a := range p.assets.files {
			write(t, filepath.Join(out, url), a.body)
		}
	}
}

func write(t *testing.T, name string, b []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, b, 0o644); err != nil {
		t.Fatal(err)
	}
}

// checkPage holds a page to the rules of the house: no inline script or style,
// one heading of the first level, each field labelled, no id twice, each
// reference to an id kept, each button and link named.
func checkPage(t *testing.T, page []byte) {
	t.Helper()
	doc, err := html.Parse(bytes.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	ids, labels, h1 := map[string]bool{}, map[string]bool{}, 0
	for n := range doc.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		if id := attr(n, "id"); id != "" {
			if ids[id] {
				t.Errorf("the id %q is there twice", id)
			}
			ids[id] = true
		}
		if n.Data == "label" {
			labels[attr(n, "for")] = true
			defer func() {
				if !ids[attr(n, "for")] {
					t.Errorf("a label is for %q, which is not there", attr(n, "for"))
				}
			}()
		}
		if n.Data == "h1" && !inside(n, "prose") { // a README has headings of its own
			h1++
		}
	}
	if h1 != 1 {
		t.Errorf("%d headings of the first level, want 1", h1)
	}
	for n := range doc.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		checkElement(t, n, ids, labels)
	}
}

func checkElement(t *testing.T, n *html.Node, ids, labels map[string]bool) {
	t.Helper()
	for _, a := range n.Attr {
		if strings.HasPrefix(a.Key, "on") || a.Key == "style" {
			t.Errorf("<%s> has an inline %s", n.Data, a.Key)
		}
		if a.Key == "src" || n.Data == "link" && a.Key == "href" {
			if !strings.HasPrefix(a.Val, assetPrefix) {
				t.Errorf("<%s> loads %q", n.Data, a.Val)
			}
		}
		if a.Key == "aria-describedby" || a.Key == "aria-labelledby" || a.Key == "data-copy" {
			for _, id := range strings.Fields(a.Val) {
				if !ids[id] {
					t.Errorf("<%s> refers to the id %q, which is not there", n.Data, id)
				}
			}
		}
		if strings.Contains(a.Val, "ZgotmplZ") {
			t.Errorf("<%s %s> was filtered by html/template", n.Data, a.Key)
		}
	}
	switch n.Data {
	case "script":
		if attr(n, "src") == "" {
			t.Error("an inline script")
		}
	case "style":
		t.Error("an inline style")
	case "input", "select", "textarea":
		if kind := attr(n, "type"); kind != "hidden" && attr(n, "aria-hidden") == "" && !labels[attr(n, "id")] {
			t.Errorf("<%s name=%q> has no label", n.Data, attr(n, "name"))
		}
	case "button", "a", "summary":
		if strings.TrimSpace(text(n)) == "" {
			t.Errorf("<%s href=%q> has no name", n.Data, attr(n, "href"))
		}
	case "form":
		if m := attr(n, "method"); m != "post" && m != "get" {
			t.Errorf("a form without a method: %q", attr(n, "action"))
		}
	}
}

func inside(n *html.Node, class string) bool {
	for p := n.Parent; p != nil; p = p.Parent {
		if slices.Contains(strings.Fields(attr(p, "class")), class) {
			return true
		}
	}
	return false
}

func attr(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

func text(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return b.String()
}
