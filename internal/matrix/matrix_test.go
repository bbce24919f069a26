package matrix

import (
	"net/http"
	"os"
	"sync"
	"testing"

	"jeton/internal/app/apptest"
)

const password = apptest.Password

// oneIn is how much of the product the ordinary run sends beside one carrier of
// every combination. Under the race detector, which makes each request ten times as
// dear, it is next to nothing.
func oneIn() uint32 {
	if underRace {
		return 5_000
	}
	return 100
}

func long() bool { return os.Getenv("JETON_LONG") != "" }

func newMatrix(t *testing.T) *matrix {
	t.Helper()
	alive, suspended := start(t)
	m := &matrix{alive: alive, suspended: suspended, send: alive.s.Client.Do, deployments: map[kase][2]int64{}}
	m.prepare(t)
	return m
}

// miss is a case that ended otherwise than it must.
type miss struct {
	kase
	want, got verdict
	answer    *answer
}

// workers send at the same time. A page that walks a repository lets one
// visitor do four things at once.
const workers = 3

// sweep sends cases, each route's one after the other, and returns the misses.
func (m *matrix) sweep(t *testing.T, routes []route, n uint32) (misses []miss, sent int) {
	t.Helper()
	var lonely []route
	work := make(chan []route, len(routes)+1)
	for _, r := range routes {
		if fixtures[r.String()].hermit {
			lonely = append(lonely, r) // they share people whose sessions they end
			continue
		}
		work <- []route{r}
	}
	work <- lonely
	close(work)
	var mu sync.Mutex
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			for some := range work {
				for _, r := range some {
					for _, c := range sample(casesOf(r), n) {
						want, got, ans := m.run(t, c)
						mu.Lock()
						sent++
						if want != got {
							misses = append(misses, miss{c, want, got, ans})
						}
						mu.Unlock()
					}
				}
			}
		})
	}
	group.Wait()
	return misses, sent
}

// TestMatrix is the matrix against the server as it is.
func TestMatrix(t *testing.T) {
	t.Parallel()
	m := newMatrix(t)
	routes := routesOf(t, m.alive)
	for _, r := range routes {
		if _, ok := ruleFor(r); !ok {
			t.Errorf("%s: no rule says for whom this is; write one in rules_test.go", r)
		}
		if _, ok := fineRuleFor(r); !ok && r.door != "web" && r.door != "oauth" {
			t.Errorf("%s: no rule says which permission this needs; write one in rules_fine_test.go", r)
		}
	}
	n := oneIn()
	if long() {
		n = 1
	}
	misses, sent := m.sweep(t, routes, n)
	for i, x := range misses {
		if i == 40 {
			t.Errorf("and %d more", len(misses)-i)
			break
		}
		t.Errorf("%s: got %s, want %s\n\t%d %.200s", x.kase, x.got, x.want, x.answer.status, x.answer.body)
	}
	t.Logf("%d requests, %d routes", sent, len(routes))
}

// TestSample_complete: whatever is left out of the ordinary run is another
// carrier of something that is in it.
func TestSample_complete(t *testing.T) {
	t.Parallel()
	for r, least := range map[route]int{
		{"web", http.MethodGet, "/{owner}/{repo}"}:               70,
		{"rest", http.MethodGet, "/api/v3/repos/{owner}/{repo}"}: 70,
	} {
		all, some := map[combination]bool{}, map[combination]bool{}
		for _, c := range casesOf(r) {
			all[c.combination()] = true
		}
		for _, c := range sample(casesOf(r), oneIn()) {
			some[c.combination()] = true
		}
		if len(all) < least || len(some) != len(all) {
			t.Errorf("%s: the sample holds %d of %d combinations", r, len(some), len(all))
		}
	}
}
