package carry_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"jeton/internal/app"
	"jeton/internal/carry"
	"jeton/internal/foreign"
	"jeton/internal/foreign/foreigntest"
	"jeton/internal/problem"
)

// another is a process of its own on the same data, as the command is.
func (w *world) another() *app.Core {
	w.t.Helper()
	k, err := app.OpenCore(w.t.Context(), w.Config, app.Options{Now: w.Now})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = k.Close(w.t.Context()) })
	return k
}

// TestRun_together: of several imports at once one is done and the others are refused,
// nothing comes twice, and the server that runs beside them serves what came at once.
func TestRun_together(t *testing.T) {
	t.Parallel()
	w := newWorld(t, foreign.Gitea, foreigntest.Gitea)
	var tokens []string
	for i := range 5 {
		who := w.host.Person(fmt.Sprintf("person%d", i))
		w.host.Repo(who, "engine", true)
		w.put(fmt.Sprintf("person%d/engine.git", i))
		tokens = append(tokens, w.host.Token(who, "all", "all"))
	}
	if w.fetches(tokens[0], "person0/engine") {
		t.Fatal("a token works before it was brought")
	}
	read, err := foreign.Read(t.Context(), w.system, w.where)
	if err != nil {
		t.Fatal(err)
	}
	plan := carry.Plan{System: w.system, World: read, Repositories: w.folder, Until: w.Now().Add(carry.DefaultLife)}
	first, entered, wait := w.another(), make(chan struct{}), make(chan struct{})
	var lines []carry.Item
	var running sync.WaitGroup
	running.Go(func() {
		err := first.Carry.Run(t.Context(), plan, func(i carry.Item) {
			if lines = append(lines, i); len(lines) == 1 {
				close(entered)
				<-wait
			}
		})
		if err != nil {
			t.Error(err)
		}
	})
	<-entered
	for name, k := range map[string]*app.Core{"a third process": w.another(), "the server itself": w.Core} {
		err := k.Carry.Run(t.Context(), plan, func(i carry.Item) { t.Errorf("%s: %v", name, i) })
		if p := problem.Of(err); !problem.Is(err, problem.Conflict) || p.Public != "Another import is running." || p.Remedy == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	dry := plan
	dry.Dry = true
	if err := w.Carry.Run(t.Context(), dry, func(carry.Item) {}); err != nil {
		t.Errorf("a dry run: %v", err)
	}
	close(wait)
	running.Wait()
	if slices.ContainsFunc(lines, func(i carry.Item) bool { return i.Done != carry.Made }) {
		t.Errorf("the first: %v", lines)
	}
	for i, token := range tokens {
		at := fmt.Sprintf("person%d/engine", i)
		if !w.fetches(token, at) || !w.pushes(token, at, "next") {
			t.Errorf("%s does not work at the server", at)
		}
	}
	has(t, w.run(), "there account person0", "there repository person0/engine", "there token person0")
	if n := w.rows(`SELECT COUNT(*) FROM repositories`); n != 5 {
		t.Errorf("%d repositories", n)
	}
}
