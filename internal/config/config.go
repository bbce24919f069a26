// Package config turns flags, JETON_* variables and an optional file into one
// struct. The three say the same things under the same names; flags win over
// variables, variables over the file. It must never print a secret, and it
// never guesses: a name that it does not know is an error that tells the
// nearest one that it does.
package config

import (
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"jeton/internal/problem"
	"jeton/internal/secret"
)

// TLSMode says where the server's certificate comes from.
type TLSMode string

// The modes. Auto becomes one of the others: Files where a certificate is
// named, ACME where an e-mail address for it is, otherwise Local.
const (
	Auto  TLSMode = "auto"
	Local TLSMode = "local"
	Files TLSMode = "files"
	ACME  TLSMode = "acme"
	Off   TLSMode = "off"
)

// Size is a number of bytes.
type Size int64

// CacheSize is a number of bytes like Size, of which none at all can be asked
// for: that is a negative one, since zero is the default.
type CacheSize int64

// Toggle is a switch that is on unless somebody switches it off.
type Toggle uint8

// The two states. The zero value is on.
const (
	On Toggle = iota
	SwitchedOff
)

// Config is everything that can be set. The zero value of every field works
// and means its default, which Complete fills in. What each one is for stands
// in the table of settings.
type Config struct {
	Data   string
	Listen string
	URL    string // scheme, host and port alone, without a closing slash
	Closed bool   // closed to anonymous visitors

	Keys     string
	Database secret.Value // empty: SQLite in the data folder

	TLS            TLSMode
	TLSCert        string
	TLSKey         string
	ACMEEmail      string
	ACMEDirectory  string
	ACMERoots      string
	TrustedProxies []netip.Prefix
	WebhookAllow   []netip.Prefix // networks that webhooks reach though they are not public
	WebhookCA      string         // certificates, PEM, that receivers of webhooks may have beside the system's

	Mail         string       // smtp://, smtps:// or smtp+plain://; empty: mails are files in the data folder
	MailUser     string       // empty: without signing in
	MailPassword secret.Value // of MailUser
	MailFrom     string       // an address; empty: jeton@ the URL's host
	MailHello    string       // how the server names itself; empty: the URL's host
	MailCA       string       // certificates, PEM, that the mail server may have beside the system's

	APIRateLimit      int // requests an hour and account
	MaxPackSize       Size
	MaxFileSize       Size
	MaxObjectSize     Size // the name that MaxFileSize had; it holds where that is not set
	WarnFileSize      Size
	RepositoryQuota   Size // 0: none
	AccountQuota      Size // 0: none
	MaxObjectsPerPush int
	MaxRefsPerPush    int
	MaxRefLength      int
	FetchTimeout      time.Duration
	PushTimeout       time.Duration
	GitCacheSize      CacheSize
	GitBundleSize     Size // zero: none
	LFS               Toggle
	LFSMaxObjectSize  Size
	Git               string
	Maintenance       string // auto or off
	MaintenanceJobs   int    // repositories at a time
	PruneAfter        time.Duration
	DrainTime         time.Duration
	UsesKeep          time.Duration // of tokens
	UsesKeepRevoked   time.Duration // after the token was deleted
	ShutdownTimeout   time.Duration // internal: what follows the drain

	LogLevel  slog.Level
	LogFormat string
}

// Complete fills in the defaults and checks the whole. Completing twice
// changes nothing. A failure is problem.Invalid, its Field the setting's name.
//
// If Listen asks for any free port and no URL is given, URL stays empty:
// whoever listens calls WithPort once the port is known.
func (c Config) Complete() (Config, error) {
	c.defaults()
	var err error
	if c.Data, err = filepath.Abs(c.Data); err != nil {
		return Config{}, problem.Wrap(err, problem.Invalid, "the data folder's path cannot be made absolute", "Give --data an absolute path.")
	}
	if c.Keys == "" {
		c.Keys = filepath.Join(c.Data, "keys")
	}
	if c.Keys, err = filepath.Abs(c.Keys); err != nil {
		return Config{}, problem.Wrap(err, problem.Invalid, "the path of the keys cannot be made absolute", "Give --keys an absolute path.")
	}
	for _, check := range []func(*Config) error{checkListen, checkTLS, checkURL, checkDatabase, checkMail, checkLimits, checkMaintenance} {
		if err := check(&c); err != nil {
			return Config{}, err
		}
	}
	return c, nil
}

// WithPort returns c with the URL of this machine at port, unless a URL is set.
func (c Config) WithPort(port int) Config {
	if c.URL == "" {
		c.URL = localURL(port)
	}
	return c
}

// Host returns the URL's host name, without a port.
func (c Config) Host() string {
	u, err := url.Parse(c.URL)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// SQLite returns the path of the database file.
func (c Config) SQLite() string { return filepath.Join(c.Data, "jeton.db") }

// Repositories returns the folder of the repositories.
func (c Config) Repositories() string { return filepath.Join(c.Data, "repositories") }

// TLSDir returns the folder of the certificates that the server makes or gets.
func (c Config) TLSDir() string { return filepath.Join(c.Data, "tls") }

// LargeFiles returns the folder of the large files.
func (c Config) LargeFiles() string { return filepath.Join(c.Data, "lfs") }

// Releases returns the folder of the files of releases.
func (c Config) Releases() string { return filepath.Join(c.Data, "releases") }

// Mails returns the folder of the mails, where no server sends them.
func (c Config) Mails() string { return filepath.Join(c.Data, "mail") }

// Cache returns the folder whose content may be deleted at any time.
func (c Config) Cache() string { return filepath.Join(c.Data, "cache") }

// GitCache returns the folder of answers to fetches, in Cache.
func (c Config) GitCache() string { return filepath.Join(c.Cache(), "fetches") }

// GitBundles returns the folder of bundles, in Cache.
func (c Config) GitBundles() string { return filepath.Join(c.Cache(), "bundles") }

// Backups returns the folder of the copies that are made before a migration.
func (c Config) Backups() string { return filepath.Join(c.Data, "backups") }

// Socket returns the path of the socket over which commands wake the server.
func (c Config) Socket() string { return filepath.Join(c.Data, "jeton.sock") }

func (c *Config) defaults() {
	def(&c.Data, "data")
	def(&c.Listen, "127.0.0.1:8443")
	def(&c.TLS, Auto)
	if c.TLS == Auto {
		switch {
		case c.TLSCert != "" || c.TLSKey != "":
			c.TLS = Files
		case c.ACMEEmail != "":
			c.TLS = ACME
		default:
			c.TLS = Local
		}
	}
	def(&c.APIRateLimit, 15000)
	def(&c.MaxPackSize, 4<<30)
	def(&c.MaxFileSize, c.MaxObjectSize)
	def(&c.MaxFileSize, 100<<20)
	def(&c.WarnFileSize, 50<<20)
	def(&c.MaxObjectsPerPush, 2_000_000)
	def(&c.MaxRefsPerPush, 100_000)
	def(&c.MaxRefLength, 512)
	def(&c.FetchTimeout, time.Hour)
	def(&c.PushTimeout, time.Hour)
	def(&c.GitCacheSize, 2<<30)
	def(&c.LFSMaxObjectSize, 5<<30)
	def(&c.Git, "git")
	def(&c.Maintenance, "auto")
	def(&c.MaintenanceJobs, 1)
	def(&c.PruneAfter, 14*24*time.Hour)
	def(&c.DrainTime, time.Minute)
	def(&c.UsesKeep, 400*24*time.Hour)
	def(&c.UsesKeepRevoked, 90*24*time.Hour)
	def(&c.ShutdownTimeout, 10*time.Second)
	def(&c.LogFormat, "text")
}

func def[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

func invalid(name, public, remedy string) error {
	return &problem.Error{Kind: problem.Invalid, Field: name, Public: public, Remedy: remedy}
}

func checkListen(c *Config) error {
	_, port, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return invalid("listen", "listen is not an address and a port: "+c.Listen, "Write it as 127.0.0.1:8443, [::1]:8443 or :8443.")
	}
	n, err := net.LookupPort("tcp", port)
	if err != nil {
		return invalid("listen", "listen has no port that exists: "+c.Listen, "Use a number from 1 to 65535.")
	}
	if c.URL == "" && n != 0 && c.TLS != ACME {
		c.URL = localURL(n)
	}
	return nil
}

func localURL(port int) string {
	if port == 443 {
		return "https://localhost"
	}
	u := url.URL{Scheme: "https", Host: net.JoinHostPort("localhost", strconv.Itoa(port))}
	return u.String()
}

func checkURL(c *Config) error {
	if c.URL == "" {
		return nil
	}
	const remedy = "Write it as https://git.example.com or https://git.example.com:8443: people reach the server there."
	u, err := url.Parse(c.URL)
	switch {
	case err != nil || u.Hostname() == "":
		return invalid("url", "url is not a URL", remedy)
	case u.Scheme != "https":
		return invalid("url", "url does not begin with https://", "Tokens travel in every request; they are only taken over HTTPS. "+remedy)
	case u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.Trim(u.Path, "/") != "":
		return invalid("url", "url has more than a host and a port", remedy)
	}
	u.Host = strings.TrimSuffix(strings.ToLower(u.Host), ":443")
	for _, r := range u.Host {
		if r > 0x7e || r <= ' ' {
			return invalid("url", "url's host is not plain ASCII", "Write an international name in its xn-- form.")
		}
	}
	c.URL = "https://" + u.Host
	return nil
}

func checkTLS(c *Config) error {
	switch c.TLS {
	case Local:
	case Files:
		if c.TLSCert == "" || c.TLSKey == "" {
			return invalid("tls-cert", "a certificate needs both its file and its key's", "Give --tls-cert and --tls-key together.")
		}
	case ACME:
		return checkACME(c)
	case Off:
		if len(c.TrustedProxies) == 0 {
			return invalid("tls", "tls=off without a proxy that does TLS", "Name the proxy's addresses with --trusted-proxy, as in --trusted-proxy 127.0.0.1/32; or leave --tls away.")
		}
	default:
		return invalid("tls", "tls is none of auto, local, files, acme and off", "Leave it away: auto does what the other settings ask for.")
	}
	if c.TLS != Files && (c.TLSCert != "" || c.TLSKey != "") {
		return invalid("tls-cert", "a certificate is named, but tls is "+string(c.TLS), "Set --tls=files, or leave --tls-cert and --tls-key away.")
	}
	return nil
}

func checkACME(c *Config) error {
	if c.TLSCert != "" || c.TLSKey != "" {
		return invalid("tls-cert", "a certificate is named, and ACME is asked for as well", "Leave one of the two away.")
	}
	u, err := url.Parse(c.URL)
	if err != nil || c.URL == "" {
		return invalid("url", "ACME needs the public URL", "Set --url https://YOUR.DOMAIN, the name that the certificate shall be for.")
	}
	host := u.Hostname()
	if _, err := netip.ParseAddr(host); err == nil || host == "localhost" || !strings.Contains(host, ".") {
		return invalid("url", "ACME gives certificates to public domain names only", "Set --url to a name that resolves to this machine, or leave --acme-email away to use a local authority.")
	}
	if c.ACMEDirectory != "" {
		if d, err := url.Parse(c.ACMEDirectory); err != nil || d.Scheme != "https" || d.Host == "" {
			return invalid("acme-directory", "acme-directory is not an https:// URL", "Leave it away to use Let's Encrypt.")
		}
	}
	return nil
}

func checkDatabase(c *Config) error {
	plain := c.Database.Reveal()
	if plain == "" || strings.HasPrefix(plain, "postgres://") || strings.HasPrefix(plain, "postgresql://") {
		return nil
	}
	return invalid("database", "database does not begin with postgres://", "Write it as postgres://USER@HOST/DATABASE, or leave it away to use SQLite in the data folder.")
}

func checkLimits(c *Config) error {
	for name, n := range map[string]int64{
		"api-rate-limit": int64(c.APIRateLimit), "max-pack-size": int64(c.MaxPackSize), "max-file-size": int64(c.MaxFileSize),
		"max-object-size": int64(c.MaxObjectSize), "warn-file-size": int64(c.WarnFileSize), "repository-quota": int64(c.RepositoryQuota), "account-quota": int64(c.AccountQuota),
		"max-objects-per-push": int64(c.MaxObjectsPerPush), "max-refs-per-push": int64(c.MaxRefsPerPush), "max-ref-length": int64(c.MaxRefLength),
		"git-bundle-size": int64(c.GitBundleSize),
		"fetch-timeout":   int64(c.FetchTimeout), "push-timeout": int64(c.PushTimeout), "drain-time": int64(c.DrainTime),
		"maintenance-parallel": int64(c.MaintenanceJobs), "prune-after": int64(c.PruneAfter), "lfs-max-object-size": int64(c.LFSMaxObjectSize),
	} {
		if n < 0 {
			return invalid(name, name+" is negative", "Leave it away to use the default.")
		}
	}
	if c.LogFormat != "text" && c.LogFormat != "json" {
		return invalid("log-format", "log-format is neither text nor json", "Leave it away to use text.")
	}
	return nil
}

func checkMaintenance(c *Config) error {
	for name, keep := range map[string]time.Duration{"uses-keep": c.UsesKeep, "uses-keep-revoked": c.UsesKeepRevoked} {
		if keep < time.Hour {
			return invalid(name, name+" is shorter than an hour", "Leave it away, or give a time such as 2160h.")
		}
	}
	if c.Maintenance != "auto" && c.Maintenance != "off" {
		return invalid("maintenance", "maintenance is neither auto nor off", "Leave it away: auto tends each repository when it needs it.")
	}
	// A push may refer to what was in reach when it began.
	if c.PruneAfter <= c.PushTimeout {
		return invalid("prune-after", "prune-after is not longer than a push may take", "Give it more than push-timeout, which is "+c.PushTimeout.String()+"; or leave it away to use two weeks.")
	}
	return nil
}
