package lfs_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"jeton/internal/right"
)

const jsonType = "Content-Type: application/vnd.git-lfs+json"

func bearer(token string) string { return "Authorization: Bearer " + token }

// TestLocks: real git-lfs locks, sees and unlocks; nobody unlocks another's
// file unless they say so, and no push changes it.
func TestLocks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Share(t, w.shut, w.eve, right.Write)
	_, evesToken := w.Token(t, w.eve, "all", "repo")
	ada := w.clone(t, w.git(t, "ada", w.token), "shut")
	ada.Run(t, "lfs", "track", "--lockable", "*.bin")
	w.fill(t, ada, "first")
	ada.Config = []string{"lfs.locksverify=true"}
	eve := w.clone(t, w.git(t, "eve", evesToken), "shut")
	eve.Config = ada.Config

	if out := ada.Run(t, "lfs", "lock", "large.bin"); !strings.Contains(out, "Locked large.bin") {
		t.Errorf("lock: %s", out)
	}
	if out := eve.Run(t, "lfs", "locks"); !strings.Contains(out, "large.bin") || !strings.Contains(out, "ada") {
		t.Errorf("locks: %s", out)
	}
	if out, code := eve.Try(t, "lfs", "lock", "large.bin"); code == 0 || !strings.Contains(out, "already created lock") {
		t.Errorf("a second lock: exit %d\n%s", code, out)
	}
	if out, code := eve.Try(t, "lfs", "unlock", "large.bin"); code == 0 || !strings.Contains(out, "ada") {
		t.Errorf("another's unlock: exit %d\n%s", code, out)
	}
	// A lock holds on every branch, so it is seen and forced from another one.
	eve.Run(t, "checkout", "-q", "-b", "feature")
	eve.Run(t, "lfs", "unlock", "--force", "large.bin")
	if out := ada.Run(t, "lfs", "locks"); strings.Contains(out, "large.bin") {
		t.Errorf("after it was forced: %s", out)
	}
}

// TestLocks_push: what another has locked is not pushed.
func TestLocks_push(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Share(t, w.shut, w.eve, right.Write)
	_, evesToken := w.Token(t, w.eve, "all", "repo")
	ada := w.clone(t, w.git(t, "ada", w.token), "shut")
	w.fill(t, ada, "first")
	eve := w.clone(t, w.git(t, "eve", evesToken), "shut")
	eve.Config = []string{"lfs.locksverify=true"}
	ada.Run(t, "lfs", "lock", "large.bin")
	eve.Commit(t, "large.bin", "second", "A change of what ada has locked")
	if out, code := eve.Try(t, "push", "origin", "HEAD:main"); code == 0 || !strings.Contains(out, "ada") {
		t.Errorf("the push: exit %d\n%s", code, out)
	}
	ada.Run(t, "lfs", "unlock", "large.bin")
	if out, code := eve.Try(t, "push", "origin", "HEAD:main"); code != 0 {
		t.Errorf("the push after the unlock: exit %d\n%s", code, out)
	}
}

// TestLocks_rights: who may read sees locks and makes none, with a token of
// little scope neither; a visitor sees those of a public repository.
func TestLocks_rights(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Share(t, w.shut, w.eve, right.Read)
	_, evesToken := w.Token(t, w.eve, "all", "repo")
	_, narrow := w.Token(t, w.ada, "narrow", "read:user")
	for _, c := range []struct {
		name, repo, method, rest, body string
		header                         string
		want                           int
	}{
		{"a reader sees", "shut", "GET", "locks", "", bearer(evesToken), 200},
		{"a reader locks", "shut", "POST", "locks", `{"path":"a"}`, bearer(evesToken), 403},
		{"a reader verifies", "shut", "POST", "locks/verify", `{}`, bearer(evesToken), 403},
		{"a reader unlocks", "shut", "POST", "locks/1/unlock", `{"force":true}`, bearer(evesToken), 403},
		{"a small token locks", "open", "POST", "locks", `{"path":"a"}`, bearer(narrow), 403},
		{"a visitor sees", "open", "GET", "locks", "", "X-Nothing: x", 200},
		{"a visitor locks", "open", "POST", "locks", `{"path":"a"}`, "X-Nothing: x", 401},
		{"a visitor sees what is hidden", "shut", "GET", "locks", "", "X-Nothing: x", 401},
	} {
		a := w.Do(t, c.method, "/ada/"+c.repo+".git/info/lfs/"+c.rest, c.body, c.header, jsonType)
		if a.StatusCode != c.want {
			t.Errorf("%s: %d %s, want %d", c.name, a.StatusCode, a.Text, c.want)
		}
	}
}

// TestLocks_pages: locks come a page at a time, all of them once.
func TestLocks_pages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	auth, base := bearer(w.token), "/ada/open.git/info/lfs/"
	for i := range 7 {
		if a := w.Do(t, "POST", base+"locks", fmt.Sprintf(`{"path":"f%d","ref":{"name":"refs/heads/main"}}`, i), auth, jsonType); a.StatusCode != 201 {
			t.Fatalf("lock: %d %s", a.StatusCode, a.Text)
		}
	}
	type page struct {
		Locks, Ours, Theirs []struct{ ID, Path string }
		NextCursor          string `json:"next_cursor"`
	}
	read := func(text string) (p page) {
		t.Helper()
		if err := json.Unmarshal([]byte(text), &p); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		return p
	}
	var got, verified []string
	for cursor := ""; ; {
		p := read(w.Do(t, "GET", base+"locks?limit=3&cursor="+cursor, "", auth).Text)
		for _, l := range p.Locks {
			got = append(got, l.Path)
		}
		if cursor = p.NextCursor; cursor == "" {
			break
		}
	}
	for cursor := ""; ; {
		p := read(w.Do(t, "POST", base+"locks/verify", `{"limit":2,"cursor":"`+cursor+`"}`, auth, jsonType).Text)
		for _, l := range p.Ours {
			verified = append(verified, l.Path)
		}
		if len(p.Theirs) > 0 {
			t.Errorf("theirs: %v", p.Theirs)
		}
		if cursor = p.NextCursor; cursor == "" {
			break
		}
	}
	if want := "f0 f1 f2 f3 f4 f5 f6"; strings.Join(got, " ") != want || strings.Join(verified, " ") != want {
		t.Errorf("listed %v, verified %v", got, verified)
	}
	one := read(w.Do(t, "GET", base+"locks?path=f3&refspec=refs/heads/other", "", auth).Text)
	if len(one.Locks) != 1 || one.Locks[0].Path != "f3" {
		t.Errorf("by path: %v", one.Locks)
	}
	if byID := read(w.Do(t, "GET", base+"locks?id="+one.Locks[0].ID, "", auth).Text); len(byID.Locks) != 1 || byID.Locks[0].Path != "f3" {
		t.Errorf("by id: %v", byID.Locks)
	}
	for _, query := range []string{"?cursor=x", "?limit=x", "?limit=-1", "?cursor=-1", "?refspec=%00"} {
		if a := w.Do(t, "GET", base+"locks"+query, "", auth); a.StatusCode != 422 {
			t.Errorf("%s: %d %s", query, a.StatusCode, a.Text)
		}
	}
	if none := read(w.Do(t, "GET", base+"locks?id=x", "", auth).Text); len(none.Locks) != 0 {
		t.Errorf("by an id that is none: %v", none.Locks)
	}
}
