package app

import (
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"jeton/internal/gate"
	"jeton/internal/githttp"
	"jeton/internal/gitstore"
	"jeton/internal/gitstore/keep"
	"jeton/internal/httpkit"
	"jeton/internal/lfs"
	"jeton/internal/mail"
	"jeton/internal/rest"
)

// metrics counts what the server does, by door and status; never by repository,
// account or address, of which there is no end.
type metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	took     map[string]prometheus.Observer // by door

	mu      sync.RWMutex
	counted map[answered]prometheus.Counter // those of requests that were needed so far; guarded by mu
}

// answered is one of the counters of requests.
type answered struct {
	door   string
	status int
}

func newMetrics(g *gate.Gate, git *gitstore.Store) *metrics {
	took := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "jeton_request_seconds", Help: "How long answers took, by door.",
		Buckets: prometheus.ExponentialBuckets(0.001, 4, 10)}, []string{"door"})
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "jeton_requests_total", Help: "Requests answered, by door and status."}, []string{"door", "status"}),
		took:     map[string]prometheus.Observer{},
		counted:  map[answered]prometheus.Counter{},
	}
	for _, door := range []string{"rest", "lfs", "git", "web"} {
		m.took[door] = took.WithLabelValues(door)
	}
	m.registry.MustRegister(m.requests, took, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for _, why := range gate.Whys() {
		m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "jeton_credentials_refused_total", Help: "Credentials of Git and the API that were refused, by reason.",
			ConstLabels: prometheus.Labels{"why": why.String()},
		}, func() float64 { return float64(g.Refused(why)) }))
	}
	m.keptAnswers(git)
	return m
}

// keptAnswers tells how much the cache of fetches saves, and what it holds.
func (m *metrics) keptAnswers(git *gitstore.Store) {
	for how, count := range map[string]func(keep.Counts) int64{
		"kept":   func(c keep.Counts) int64 { return c.Hits },
		"joined": func(c keep.Counts) int64 { return c.Joined },
		"made":   func(c keep.Counts) int64 { return c.Made },
	} {
		m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "jeton_fetch_answers_total", Help: "Answers to clones and fetches: kept from before, joined while they were made, or made.",
			ConstLabels: prometheus.Labels{"how": how},
		}, func() float64 { return float64(count(git.FetchCounts())) }))
	}
	m.registry.MustRegister(
		prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "jeton_fetch_evicted_total", Help: "Kept answers that were removed for others."},
			func() float64 { return float64(git.FetchCounts().Evicted) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "jeton_fetch_kept", Help: "Answers to clones and fetches that are kept now."},
			func() float64 { return float64(git.FetchCounts().Answers) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "jeton_fetch_kept_bytes", Help: "What they take on disk."},
			func() float64 { return float64(git.FetchCounts().Bytes) }))
}

// notices tells how mails to the owners of tokens go.
func (m *metrics) notices(f *mail.Flow, waiting func() float64) {
	m.registry.MustRegister(
		prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "jeton_notices_sent_total", Help: "Notices about tokens that were sent by mail."},
			func() float64 { return float64(f.Sent()) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "jeton_notices_failed_total", Help: "Notices about tokens that were given up."},
			func() float64 { return float64(f.Failed()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "jeton_notices_waiting", Help: "Notices about tokens that wait to be sent; -1 when the database does not say."}, waiting))
}

func (m *metrics) seen(r *http.Request, status int, took time.Duration) {
	door := doorOf(r.URL.Path)
	m.counter(answered{door, status}).Inc()
	m.took[door].Observe(took.Seconds())
}

// counter returns the counter of requests that were answered like this. To find
// it by its labels takes several times as long.
func (m *metrics) counter(a answered) prometheus.Counter {
	m.mu.RLock()
	c := m.counted[a]
	m.mu.RUnlock()
	if c != nil {
		return c
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	c = m.requests.WithLabelValues(a.door, strconv.Itoa(a.status))
	m.counted[a] = c
	return c
}

func doorOf(path string) string {
	switch {
	case strings.HasPrefix(path, rest.Prefix):
		return "rest"
	case lfs.Serves(path):
		return "lfs"
	case githttp.Serves(path):
		return "git"
	}
	return "web"
}

// handler tells the metrics to this machine alone: they say how busy the site
// is and which version of Go it runs. A trusted proxy that does not say for
// whom it asks asks for anybody.
func (m *metrics) handler(p *httpkit.Proxies) http.Handler {
	h := promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !p.Client(r).IsLoopback() || p.Hides(r) {
			http.NotFound(w, r)
			return
		}
		h.ServeHTTP(w, r)
	})
}
