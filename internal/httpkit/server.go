package httpkit

import (
	"crypto/tls"
	"log/slog"
	"net/http"
	"time"
)

// The limits of the HTTP server, each on purpose.
const (
	headerTimeout  = 10 * time.Second // a client that dribbles its headers is cut off
	idleTimeout    = 2 * time.Minute  // a kept-alive connection without a request
	maxHeaderBytes = 32 << 10         // the longest header that a browser or git sends is far shorter
	maxStreams     = 100              // parallel requests on one HTTP/2 connection
)

// NewServer makes the HTTP server. Bodies and whole answers have no general
// time limit, since a clone may take an hour: the doors bound theirs.
func NewServer(h http.Handler, tlsConfig *tls.Config, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           h,
		TLSConfig:         tlsConfig,
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: maxStreams, SendPingTimeout: 30 * time.Second, PingTimeout: 15 * time.Second},
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}
