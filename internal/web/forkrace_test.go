package web_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"jeton/internal/app/apptest"
	"jeton/internal/gitstore"
	"jeton/internal/problem"
	"jeton/internal/right"
)

// TestFork_together: people fork a repository while it is pushed to and repacked,
// and while it is deleted. Every fork that was made is whole, and nothing is left
// of one that was not.
func TestFork_together(t *testing.T) {
	t.Parallel()
	span := 3 * time.Second
	if os.Getenv("JETON_LONG") != "" {
		span = time.Minute
	}
	s := apptest.Start(t)
	ada := s.User(t, "ada")
	origin := s.Repo(t, ada, "origin", true)
	people := []string{"bob", "eve"}
	for _, login := range people {
		s.Share(t, origin, s.User(t, login), right.Read)
	}
	_, plain := s.Token(t, ada, "laptop", "repo")
	g := s.Git(t, "ada", plain)
	g.Run(t, "clone", "-q", s.URL()+"/ada/origin.git", "origin")
	in := g.In("origin")
	in.Commit(t, "README.md", "# Hello\n", "First")
	in.Run(t, "push", "-q", "origin", "HEAD:main")

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var (
		work             sync.WaitGroup
		deleted          atomic.Bool
		pushes, upkeeps  atomic.Int64
		mu               sync.Mutex
		acked            = in.Run(t, "rev-parse", "HEAD") // guarded by mu
		forks            = map[string]string{}            // path to what main had at least; guarded by mu
		refused, strange []string                         // guarded by mu
	)
	work.Go(func() {
		for i := 0; ctx.Err() == nil && !deleted.Load(); i++ {
			in.Commit(t, fmt.Sprint("f", i%7), strings.Repeat(fmt.Sprintln(i), 500), "More")
			id := in.Run(t, "rev-parse", "HEAD")
			out, code := in.Try(t, "push", "-q", "origin", "HEAD:main", fmt.Sprintf("HEAD:refs/heads/b%d", i))
			if code != 0 {
				if !deleted.Load() {
					t.Errorf("push: %s", out)
				}
				return
			}
			mu.Lock()
			acked = id
			mu.Unlock()
			pushes.Add(1)
		}
	})
	work.Go(func() {
		for i := 0; ctx.Err() == nil && !deleted.Load(); i++ {
			_, err := s.Lifecycle.MaintainRepo(ctx, origin.ID, gitstore.Maintain{Full: i%2 == 0, Prune: true})
			switch {
			case err == nil:
				upkeeps.Add(1)
			case !deleted.Load() && ctx.Err() == nil && !problem.Is(err, problem.Conflict):
				t.Errorf("maintain: %v", err)
			}
		}
	})
	for _, login := range people {
		p := signedIn(t, s, login)
		work.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				mu.Lock()
				least := acked
				mu.Unlock()
				name := fmt.Sprint("fork", i)
				before := deleted.Load()
				a := p.post("/ada/origin/fork", "name", name, "visibility", "private")
				mu.Lock()
				switch {
				case a.StatusCode == 303 && a.Header.Get("Location") == "/"+login+"/"+name:
					forks["/"+login+"/"+name] = least
				case a.StatusCode == 404 && deleted.Load():
					refused = append(refused, name)
				default:
					strange = append(strange, fmt.Sprintf("%s %s", a.Status, a.text()))
				}
				mu.Unlock()
				if before {
					return
				}
			}
		})
	}
	<-time.After(span)
	enough := func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(forks) >= 2 && upkeeps.Load() > 0 && pushes.Load() > 0
	}
	for patience := 0; !enough() && patience < 60; patience++ { // a busy machine needs longer
		<-time.After(span)
	}
	deleted.Store(true)
	if err := s.Lifecycle.DeleteRepo(t.Context(), right.Operator(), origin.ID); err != nil {
		t.Error(err)
	}
	work.Wait()
	for _, what := range strange {
		t.Errorf("a fork: %.600s", what)
	}
	if err := s.Lifecycle.Close(t.Context()); err != nil { // waits for the removal
		t.Fatal(err)
	}
	for path, least := range forks {
		login := strings.Split(path, "/")[1]
		a, err := s.Accounts.ByLogin(t.Context(), s.DB, login)
		if err != nil {
			t.Fatal(err)
		}
		r, err := s.Repos.Find(t.Context(), s.DB, login, filepath.Base(path), a.ID)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		disk := *g
		disk.Dir = fmt.Sprintf("%s/%d/%d.git", s.Core.Git.Dir(), r.ID/1000, r.ID)
		disk.Config = []string{"safe.directory=*"}
		if out, code := disk.Try(t, "fsck", "--strict", "--full", "--no-dangling"); code != 0 {
			t.Errorf("%s: %s", path, out)
		}
		if out, code := disk.Try(t, "merge-base", "--is-ancestor", least, "main"); code != 0 {
			t.Errorf("%s lacks what was acknowledged before it: %s", path, out)
		}
	}
	left, err := os.ReadDir(filepath.Join(s.Core.Git.Dir(), "tmp"))
	if err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
	if len(forks) < 2 || upkeeps.Load() == 0 || pushes.Load() == 0 {
		t.Errorf("%d forks during %d pushes and %d maintenances", len(forks), pushes.Load(), upkeeps.Load())
	}
	t.Logf("%d forks, %d refused, %d pushes, %d maintenances", len(forks), len(refused), pushes.Load(), upkeeps.Load())
}
