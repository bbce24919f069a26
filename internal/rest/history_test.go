package rest_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"jeton/internal/gitstore"
	"jeton/internal/repo"
	"jeton/internal/right"
)

// history makes a repository of three commits on main and one beside it.
func (d *desk) history(t *testing.T) (shas []string) {
	t.Helper()
	g := d.git
	g.Run(t, "init", "-q")
	day := 0
	commit := func(who, name, content, message string) {
		day++
		g.Env("GIT_AUTHOR_DATE", fmt.Sprintf("2026-01-%02dT00:00:00Z", day))
		g.Env("GIT_COMMITTER_DATE", fmt.Sprintf("2026-01-%02dT00:00:00Z", day))
		g.Env("GIT_AUTHOR_NAME", who)
		g.Env("GIT_AUTHOR_EMAIL", strings.ToLower(who)+"@example.com")
		g.Commit(t, name, content, message)
		shas = append(shas, g.Run(t, "rev-parse", "HEAD"))
	}
	commit("Ada", "main.go", "package main\n", "One")
	commit("Stranger", "lib/x.py", "print(1)\n", "Two")
	g.Run(t, "mv", "main.go", "app.go")
	commit("Ada", "docs.md", "# Docs\n", "Three")
	g.Run(t, "checkout", "-qb", "side", shas[1])
	commit("Ada", "side.txt", "side\n", "Side")
	g.Run(t, "tag", "-am", "Tagged", "v1.0", shas[1])
	g.Run(t, "tag", "light", shas[0])
	g.Run(t, "push", "-q", d.URL()+"/ada/engine.git", "main", "side", "v1.0", "light")
	return shas
}

func shasOf(t *testing.T, list []dict) []string {
	t.Helper()
	var out []string
	for _, one := range list {
		out = append(out, str(t, one, "sha"))
	}
	return out
}

// TestCommits: lists with every filter, paging, and one commit in every form.
func TestCommits(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	if a := d.ask(t, 409, "GET", "/commits", nil); !strings.Contains(a.Text, "Git Repository is empty.") {
		t.Errorf("empty: %s", a.Text)
	}
	s := d.history(t)
	for query, want := range map[string][]string{
		"":                               {s[2], s[1], s[0]},
		"sha=side":                       {s[3], s[1], s[0]},
		"sha=" + s[1]:                    {s[1], s[0]},
		"sha=v1.0":                       {s[1], s[0]},
		"path=lib":                       {s[1]},
		"path=nowhere":                   nil,
		"author=ada":                     {s[2], s[0]},
		"author=stranger@example.com":    {s[1]},
		"author=nobody":                  nil,
		"since=2026-01-02T00:00:00Z":     {s[2], s[1]},
		"until=2026-01-02T00:00:00Z":     {s[1], s[0]},
		"per_page=1&page=2":              {s[1]},
		"per_page=1&page=9":              nil,
		"author=--output=/tmp/jeton-bad": nil,
		"path=--output=/tmp/jeton-bad":   nil,
	} {
		if got := shasOf(t, d.list(t, "/commits?"+query)); !slices.Equal(got, want) {
			t.Errorf("?%s: %v, want %v", query, got, want)
		}
	}
	link := d.ask(t, 200, "GET", "/commits?per_page=1&page=2", nil).Header.Get("Link")
	for _, rel := range []string{`page=1&per_page=1>; rel="prev"`, `page=3&per_page=1>; rel="next"`, `page=1&per_page=1>; rel="first"`} {
		if !strings.Contains(link, rel) {
			t.Errorf("Link is %s, without %s", link, rel)
		}
	}
	d.ask(t, 404, "GET", "/commits?sha=none", nil)
	d.ask(t, 422, "GET", "/commits?since=yesterday", nil)

	one := d.object(t, 200, "GET", "/commits/"+s[2], nil)
	files := one["files"].([]any)
	if get(t, one, "author.login") != "ada" || get(t, one, "commit.tree.sha") == "" || len(files) != 2 {
		t.Errorf("one commit: %v", one)
	}
	if get(t, files[0], "filename") != "app.go" || get(t, files[0], "status") != "renamed" || get(t, files[0], "previous_filename") != "main.go" {
		t.Errorf("the renamed file: %v", files[0])
	}
	if get(t, files[1], "status") != "added" || get(t, files[1], "patch") != "@@ -0,0 +1 @@\n+# Docs" || get(t, one, "stats.additions") != 1.0 {
		t.Errorf("the added file: %v", files[1])
	}
	if other := d.object(t, 200, "GET", "/commits/"+s[1], nil); other["author"] != nil {
		t.Errorf("a stranger: %v", other["author"])
	}
	for media, want := range map[string]string{"sha": s[2], "diff": "diff --git a/docs.md b/docs.md", "patch": "Subject: [PATCH] Three"} {
		if a := d.ask(t, 200, "GET", "/commits/main", nil, "Accept: application/vnd.github."+media); !strings.Contains(a.Text, want) {
			t.Errorf("%s: %s", media, a.Text)
		}
	}
	modified := d.ask(t, 200, "GET", "/commits/"+s[2], nil).Header.Get("Last-Modified")
	if modified != "Sat, 03 Jan 2026 00:00:00 GMT" {
		t.Errorf("Last-Modified is %q", modified)
	}
	tags := d.list(t, "/tags")
	if len(tags) != 2 || tags[0]["name"] != "v1.0" || get(t, tags[0], "commit.sha") != s[1] || get(t, tags[1], "commit.sha") != s[0] {
		t.Errorf("tags: %v", tags)
	}
	if l := d.object(t, 200, "GET", "/languages", nil); len(l) != 2 || l["Go"] != 13.0 || l["Python"] != 9.0 {
		t.Errorf("languages: %v", l)
	}
	if c := d.list(t, "/contributors"); len(c) != 1 || c[0]["login"] != "ada" || c[0]["contributions"] != 2.0 {
		t.Errorf("contributors: %v", c)
	}
	if c := d.list(t, "/contributors?anon=1"); len(c) != 2 || c[1]["type"] != "Anonymous" || c[1]["email"] != "stranger@example.com" {
		t.Errorf("contributors: %v", c)
	}
}

// TestCompare: of branches, of tags, and of a fork that the caller may read.
func TestCompare(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	s := d.history(t)
	for basehead, want := range map[string]string{
		"main...main": "identical 0 0", "main...side": "diverged 1 1", "v1.0...main": "ahead 1 0", "main...v1.0": "behind 0 1", s[0] + "..." + s[3]: "ahead 2 0",
		"ada:main...ada:side": "diverged 1 1", "ada:engine:main...side": "diverged 1 1",
	} {
		c := d.object(t, 200, "GET", "/compare/"+basehead, nil)
		if got := fmt.Sprint(c["status"], " ", c["ahead_by"], " ", c["behind_by"]); got != want {
			t.Errorf("%s: %s, want %s", basehead, got, want)
		}
	}
	c := d.object(t, 200, "GET", "/compare/light...main", nil)
	commits := c["commits"].([]any)
	if len(commits) != 2 || get(t, commits[0], "sha") != s[1] || get(t, commits[1], "sha") != s[2] || c["total_commits"] != 2.0 || get(t, c, "merge_base_commit.sha") != s[0] || len(c["files"].([]any)) != 3 {
		t.Errorf("compare: %v", c)
	}
	c = d.object(t, 200, "GET", "/compare/light...main?per_page=1&page=2", nil)
	if commits := c["commits"].([]any); len(commits) != 1 || get(t, commits[0], "sha") != s[2] || c["total_commits"] != 2.0 || len(c["files"].([]any)) != 0 {
		t.Errorf("the second page: %v", c)
	}
	for media, want := range map[string]string{"diff": "rename from main.go", "patch": "Subject: [PATCH 2/2] Three"} {
		if a := d.ask(t, 200, "GET", "/compare/light...main", nil, "Accept: application/vnd.github."+media); !strings.Contains(a.Text, want) {
			t.Errorf("%s: %s", media, a.Text)
		}
	}
	for _, bad := range []string{"main", "main..side", "...main", "main...", "main...none", "eve:main...main", "main...bob:x:main", "--help...main", "main...-x"} {
		d.ask(t, 404, "GET", "/compare/"+bad, nil)
	}
	// A fork of bob's, with a commit of its own.
	bob := d.User(t, "bob")
	d.Share(t, d.repo, bob, right.Read)
	_, plain := d.Token(t, bob, "bob", "repo")
	_, err := d.Lifecycle.ForkRepo(t.Context(), right.Operator(), d.repo, repo.NewRepo{Owner: bob.ID, Name: "machine", Private: true}, gitstore.Fork{}, func(context.Context) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	body := dict{"message": "Mine", "content": b64("mine\n")}
	if a := d.as(t, plain, "PUT", "/api/v3/repos/bob/machine/contents/mine.txt", body); a.StatusCode != 201 {
		t.Fatal(a.Text)
	}
	got := object(t, d.as(t, plain, "GET", "/compare/main...bob:main", nil))
	if got["status"] != "ahead" || get(t, got["files"].([]any)[0], "filename") != "mine.txt" || len(got["commits"].([]any)) != 1 {
		t.Errorf("with a fork: %v", got)
	}
	if back := object(t, d.as(t, plain, "GET", "/api/v3/repos/bob/machine/compare/ada:main...main", nil)); back["status"] != "ahead" {
		t.Errorf("from the fork: %v", back)
	}
	// Ada may not read it, and does not learn that it is there.
	d.ask(t, 404, "GET", "/compare/main...bob:main", nil)
	d.ask(t, 404, "GET", "/compare/main...bob:machine:main", nil)
}

// TestArchives: what the links lead to holds the files under the right names.
func TestArchives(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.ask(t, 404, "GET", "/tarball", nil)
	s := d.history(t)
	folder := "ada-engine-" + s[2][:7]
	for _, ref := range []string{"", "/main", "/refs/heads/main", "/" + s[2]} {
		a := d.ask(t, 302, "GET", "/tarball"+ref, nil)
		file := d.ask(t, 200, "GET", strings.TrimPrefix(a.Header.Get("Location"), d.URL()), nil)
		if got := file.Header.Get("Content-Disposition"); got != "attachment; filename="+folder+".tar.gz" {
			t.Errorf("Content-Disposition is %s", got)
		}
		z, err := gzip.NewReader(strings.NewReader(file.Text))
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for r := tar.NewReader(z); ; {
			h, err := r.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if h.Typeflag == tar.TypeReg {
				names = append(names, h.Name)
			}
		}
		if want := []string{folder + "/app.go", folder + "/docs.md", folder + "/lib/x.py"}; !slices.Equal(names, want) {
			t.Errorf("%s: %v, want %v", ref, names, want)
		}
	}
	a := d.ask(t, 302, "GET", "/zipball/side", nil)
	to := strings.TrimPrefix(a.Header.Get("Location"), d.URL())
	file := d.ask(t, 200, "GET", to, nil)
	z, err := zip.NewReader(bytes.NewReader([]byte(file.Text)), int64(len(file.Text)))
	if err != nil || len(z.File) < 3 || !strings.HasPrefix(z.File[0].Name, "ada-engine-"+s[3][:7]+"/") {
		t.Errorf("zip: %v, %v", err, z)
	}
	d.ask(t, 304, "GET", to, nil, "If-None-Match: "+file.Header.Get("ETag"))
	if a := d.Do(t, "GET", to, ""); a.StatusCode != 404 {
		t.Errorf("without a credential: %d", a.StatusCode)
	}
	for _, bad := range []string{"none", "..%2f..%2fx", "--output=x"} {
		d.ask(t, 404, "GET", "/tarball/"+bad, nil)
	}
}
