package cert

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/caddyserver/certmagic"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// openACME prepares a certificate from an ACME authority. The challenge is
// TLS-ALPN alone: it is answered on the server's own listener, so no second
// port is opened.
func openACME(o Options) (*Source, error) {
	issuer, err := issuer(o)
	if err != nil {
		return nil, err
	}
	log := zap.New(&toSlog{log: o.Log})
	storage := &certmagic.FileStorage{Path: filepath.Join(o.Dir, "acme")}
	var config *certmagic.Config
	cache := certmagic.NewCache(certmagic.CacheOptions{
		GetConfigForCert: func(certmagic.Certificate) (*certmagic.Config, error) { return config, nil },
		Logger:           log,
	})
	config = certmagic.New(cache, certmagic.Config{Storage: storage, Logger: log})
	issuer.Logger = log
	config.Issuers = []certmagic.Issuer{certmagic.NewACMEIssuer(config, issuer)}
	return &Source{
		get:   config.GetCertificate,
		next:  []string{"acme-tls/1"},
		start: func(ctx context.Context) error { return config.ManageAsync(ctx, []string{o.Host}) },
		close: cache.Stop,
	}, nil
}

func issuer(o Options) (certmagic.ACMEIssuer, error) {
	host, port, err := net.SplitHostPort(o.Listen)
	if err != nil {
		return certmagic.ACMEIssuer{}, unusable(err, "the address to listen on is none", "Write --listen as :443.")
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		return certmagic.ACMEIssuer{}, unusable(err, "the port to listen on is no number", "Write --listen as :443.")
	}
	i := certmagic.ACMEIssuer{
		CA: o.Directory, Email: o.Email, Agreed: true,
		DisableHTTPChallenge: true,
		ListenHost:           host, AltTLSALPNPort: n,
	}
	if i.CA == "" {
		i.CA = certmagic.LetsEncryptProductionCA
		i.TestCA = certmagic.LetsEncryptStagingCA
	}
	if o.RootsFile == "" {
		return i, nil
	}
	b, err := os.ReadFile(o.RootsFile)
	i.TrustedRoots = x509.NewCertPool()
	if err == nil && !i.TrustedRoots.AppendCertsFromPEM(b) {
		err = errors.New("no certificate in it")
	}
	if err != nil {
		return i, unusable(err, "the file of --acme-roots cannot be used", "It must hold certificates, PEM, and this user must be allowed to read it.")
	}
	return i, nil
}

// toSlog passes what certmagic logs on to our log.
type toSlog struct {
	log    *slog.Logger
	fields []zapcore.Field
}

func level(l zapcore.Level) slog.Level {
	switch {
	case l < zapcore.InfoLevel:
		return slog.LevelDebug
	case l == zapcore.InfoLevel:
		return slog.LevelInfo
	case l == zapcore.WarnLevel:
		return slog.LevelWarn
	}
	return slog.LevelError
}

// Enabled implements zapcore.Core.
func (c *toSlog) Enabled(l zapcore.Level) bool {
	return c.log.Enabled(context.Background(), level(l))
}

// With implements zapcore.Core.
func (c *toSlog) With(fields []zapcore.Field) zapcore.Core {
	return &toSlog{c.log, append(append([]zapcore.Field(nil), c.fields...), fields...)}
}

// Check implements zapcore.Core.
func (c *toSlog) Check(e zapcore.Entry, ce *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if c.Enabled(e.Level) {
		return ce.AddCore(e, c)
	}
	return ce
}

// Write implements zapcore.Core.
func (c *toSlog) Write(e zapcore.Entry, fields []zapcore.Field) error {
	enc := zapcore.NewMapObjectEncoder()
	for _, f := range append(append([]zapcore.Field(nil), c.fields...), fields...) {
		f.AddTo(enc)
	}
	attrs := []slog.Attr{slog.String("from", "acme")}
	for k, v := range enc.Fields {
		attrs = append(attrs, slog.String(k, fmt.Sprint(v)))
	}
	c.log.LogAttrs(context.Background(), level(e.Level), e.Message, attrs...)
	return nil
}

// Sync implements zapcore.Core.
func (c *toSlog) Sync() error { return nil }

var _ zapcore.Core = (*toSlog)(nil)

// acmeCertificate returns the fetched certificate for host, for Inspect.
func acmeCertificate(dir, host string) (*x509.Certificate, error) {
	found, err := filepath.Glob(filepath.Join(dir, "acme", "certificates", "*", host, host+".crt"))
	if err != nil || len(found) == 0 {
		return nil, errors.New("no certificate was fetched yet")
	}
	var newest *x509.Certificate
	for _, path := range found {
		c, err := readCertificate(path)
		if err != nil {
			return nil, err
		}
		if newest == nil || c.NotAfter.After(newest.NotAfter) {
			newest = c
		}
	}
	return newest, nil
}

// readCertificate reads the first certificate of a PEM file.
func readCertificate(path string) (*x509.Certificate, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return firstCertificate(b)
}

// soon is how near a certificate's end Inspect finds worth telling.
const soon = 21 * 24 * time.Hour
