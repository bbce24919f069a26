package app

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"jeton/internal/gate"
	"jeton/internal/githttp"
	"jeton/internal/httpkit"
	"jeton/internal/lfs"
	"jeton/internal/rest"
)

// metrics counts what the server does, by door and status; never by repository,
// account or address, of which there is no end.
type metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	took     *prometheus.HistogramVec
}

func newMetrics(g *gate.Gate) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "jeton_requests_total", Help: "Requests answered, by door and status."}, []string{"door", "status"}),
		took: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "jeton_request_seconds", Help: "How long answers took, by door.",
			Buckets: prometheus.ExponentialBuckets(0.001, 4, 10)}, []string{"door"}),
	}
	m.registry.MustRegister(m.requests, m.took, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for _, why := range gate.Whys() {
		m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "jeton_credentials_refused_total", Help: "Credentials of Git and the API that were refused, by reason.",
			ConstLabels: prometheus.Labels{"why": why.String()},
		}, func() float64 { return float64(g.Refused(why)) }))
	}
	return m
}

func (m *metrics) seen(r *http.Request, status int, took time.Duration) {
	door := doorOf(r.URL.Path)
	m.requests.WithLabelValues(door, strconv.Itoa(status)).Inc()
	m.took.WithLabelValues(door).Observe(took.Seconds())
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
