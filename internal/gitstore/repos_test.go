package gitstore

import (
	"fmt"
	"runtime"
	"testing"

	"jeton/internal/gitstore/gittest"
	"jeton/internal/gitstore/object"
	"jeton/internal/id"
)

// The store forgets repositories that nobody uses, and never one that somebody
// does: two that were one would not wait for each other.
func TestRepos_forgotten(t *testing.T) {
	t.Parallel()
	s := testStore(t)
	held := s.Repo(1)
	for n := range id.Repo(maxRecent + 100) {
		s.Repo(n + 2)
	}
	if got := s.repos.light.recent.Len(); got != maxRecent {
		t.Errorf("%d are kept", got)
	}
	for range 10 { // what has no user goes, with its entry, after a collection or two
		runtime.GC()
		s.repos.mu.Lock()
		n := len(s.repos.all)
		s.repos.mu.Unlock()
		if n <= maxRecent+1 {
			break
		}
	}
	if s.Repo(1) != held {
		t.Error("a repository in use was made anew")
	}
	s.repos.forget(1)
	if s.Repo(1) == held {
		t.Error("a deleted one came back")
	}
	runtime.KeepAlive(held)
}

// What is kept of refs is bounded by its weight.
func TestRepos_weight(t *testing.T) {
	t.Parallel()
	s := testStore(t)
	r := testRepo(t, s, 1, object.SHA1)
	dir := gittest.Work(t, r.bare.Dir)
	first := gittest.Commit(t, dir, "1")
	gittest.Git(t, dir, "push", "-q", "origin", "main")
	packed := "# pack-refs with: peeled fully-peeled sorted \n"
	for i := range 20_000 {
		packed += fmt.Sprintf("%s refs/heads/b/%06d\n", first, i)
	}
	gittest.Write(t, r.bare.Dir, "packed-refs", packed)
	if _, err := r.Refs(t.Context()); err != nil {
		t.Fatal(err)
	}
	one := s.repos.heavy.weight
	if one < 20_000*100 || s.repos.light.weight != 0 {
		t.Fatalf("20,000 refs weigh %d", one)
	}
	for n := id.Repo(1000); n < 1100; n++ { // those of others
		s.Repo(n)
	}
	for n := id.Repo(2); n < 100; n++ {
		other := s.Repo(n)
		s.repos.mu.Lock()
		other.remove()
		other.weight.Store(one) // as if it had as many
		s.repos.put(other)
		s.repos.mu.Unlock()
	}
	if heavy := &s.repos.heavy; heavy.weight > maxHeavyWeight || heavy.recent.Len() < 5 {
		t.Errorf("%d weigh %d", heavy.recent.Len(), heavy.weight)
	}
	if n := s.repos.light.recent.Len(); n != 100 {
		t.Errorf("%d of 100 small ones are left", n)
	}
}
