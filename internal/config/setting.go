package config

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"jeton/internal/secret"
)

// Setting is one line of the table of settings: one thing that can be said by
// a flag, by a variable or in the file.
type Setting struct {
	Name    string // the flag's and the file's name
	Value   string // what a value looks like; empty for a switch
	Default string // in words
	Help    string // what it is for
	Secret  bool   // never shown; the variable can name a file that holds it

	field func(*Config) any // a pointer to the field
}

// Variable returns the name of the environment variable that sets it.
func (s Setting) Variable() string {
	return "JETON_" + strings.ToUpper(strings.ReplaceAll(s.Name, "-", "_"))
}

// Settings returns the table of settings in the order of the manual.
func Settings() []Setting { return append([]Setting(nil), settings[:]...) }

var settings = [...]Setting{
	{Name: "data", Value: "DIR", Default: "./data", Help: "The folder that holds everything: database, repositories, keys, certificates.", field: func(c *Config) any { return &c.Data }},
	{Name: "listen", Value: "ADDRESS", Default: "127.0.0.1:8443", Help: "Where the server listens. `:443` is every address of the machine.", field: func(c *Config) any { return &c.Listen }},
	{Name: "url", Value: "URL", Default: "https://localhost:PORT", Help: "The public URL. Every absolute link is made from it, and a request for another host is refused.", field: func(c *Config) any { return &c.URL }},
	{Name: "closed", Default: "open", Help: "Show nothing to visitors who are not signed in, not even public repositories.", field: func(c *Config) any { return &c.Closed }},
	{Name: "keys", Value: "DIR", Default: "DATA/keys", Help: "The folder of the server keys. Put it on another volume than the data to keep a stolen disk useless.", field: func(c *Config) any { return &c.Keys }},
	{Name: "database", Value: "URL", Default: "SQLite in DATA/jeton.db", Secret: true, Help: "A PostgreSQL database, as `postgres://USER@HOST/DATABASE`.", field: func(c *Config) any { return &c.Database }},
	{Name: "tls", Value: "MODE", Default: "auto", Help: "Where the certificate comes from: `local` (an authority of its own), `files`, `acme`, or `off` behind a trusted proxy. `auto` chooses by what else is set.", field: func(c *Config) any { return &c.TLS }},
	{Name: "tls-cert", Value: "FILE", Default: "none", Help: "The certificate with its chain, PEM. It is read again when it changes.", field: func(c *Config) any { return &c.TLSCert }},
	{Name: "tls-key", Value: "FILE", Default: "none", Help: "The certificate's key, PEM.", field: func(c *Config) any { return &c.TLSKey }},
	{Name: "acme-email", Value: "E-MAIL", Default: "none", Help: "Get the certificate from Let's Encrypt, and have its notices sent there. Using it accepts the authority's terms.", field: func(c *Config) any { return &c.ACMEEmail }},
	{Name: "acme-directory", Value: "URL", Default: "Let's Encrypt's", Help: "Another ACME authority.", field: func(c *Config) any { return &c.ACMEDirectory }},
	{Name: "acme-roots", Value: "FILE", Default: "the system's", Help: "Certificates, PEM, that the ACME authority's own server is checked against.", field: func(c *Config) any { return &c.ACMERoots }},
	{Name: "trusted-proxy", Value: "CIDR", Default: "none", Help: "Addresses, parted by commas, from which forwarded headers are believed. Can be given more than once.", field: func(c *Config) any { return &c.TrustedProxies }},
	{Name: "webhook-allow", Value: "CIDR", Default: "none", Help: "Private networks, parted by commas, that webhooks and trusted issuers may be in. Without it they are on the public Internet alone. Can be given more than once.", field: func(c *Config) any { return &c.WebhookAllow }},
	{Name: "webhook-ca", Value: "FILE", Default: "the system's", Help: "Certificates, PEM, that receivers of webhooks and trusted issuers are checked against beside the system's.", field: func(c *Config) any { return &c.WebhookCA }},
	{Name: "mail", Value: "URL", Default: "files in DATA/mail", Help: "The mail server: `smtp://HOST` (port 587, always with STARTTLS), `smtps://HOST` (port 465), or `smtp+plain://127.0.0.1:25` for one on this machine without encryption.", field: func(c *Config) any { return &c.Mail }},
	{Name: "mail-user", Value: "NAME", Default: "none", Help: "The name by which Jeton signs in at the mail server.", field: func(c *Config) any { return &c.MailUser }},
	{Name: "mail-password", Value: "PASSWORD", Default: "none", Secret: true, Help: "Its password.", field: func(c *Config) any { return &c.MailPassword }},
	{Name: "mail-from", Value: "E-MAIL", Default: "jeton@HOST", Help: "The address that mails come from. HOST is that of the public URL.", field: func(c *Config) any { return &c.MailFrom }},
	{Name: "mail-hello", Value: "NAME", Default: "HOST", Help: "The name by which Jeton greets the mail server.", field: func(c *Config) any { return &c.MailHello }},
	{Name: "mail-ca", Value: "FILE", Default: "the system's", Help: "Certificates, PEM, that the mail server is checked against beside the system's.", field: func(c *Config) any { return &c.MailCA }},
	{Name: "api-rate-limit", Value: "N", Default: "15000", Help: "API requests that an account may make in an hour. Git is not counted.", field: func(c *Config) any { return &c.APIRateLimit }},
	{Name: "max-pack-size", Value: "SIZE", Default: "4GiB", Help: "The most that one push may send.", field: func(c *Config) any { return &c.MaxPackSize }},
	{Name: "max-file-size", Value: "SIZE", Default: "100MiB", Help: "The largest file that a push may bring. Larger ones belong into Git LFS.", field: func(c *Config) any { return &c.MaxFileSize }},
	{Name: "max-object-size", Value: "SIZE", Default: "max-file-size", Help: "The name that `max-file-size` had before; it still works.", field: func(c *Config) any { return &c.MaxObjectSize }},
	{Name: "warn-file-size", Value: "SIZE", Default: "50MiB", Help: "Whoever pushes a file larger than this is warned.", field: func(c *Config) any { return &c.WarnFileSize }},
	{Name: "repository-quota", Value: "SIZE", Default: "0, none", Help: "The most that one repository may take on disk, with Git LFS. `jeton repo quota` sets it for one.", field: func(c *Config) any { return &c.RepositoryQuota }},
	{Name: "account-quota", Value: "SIZE", Default: "0, none", Help: "The most that all repositories of one account may take. `jeton user quota` sets it for one.", field: func(c *Config) any { return &c.AccountQuota }},
	{Name: "max-objects-per-push", Value: "N", Default: "2000000", Help: "The most objects (files, folders and commits) that one push may send.", field: func(c *Config) any { return &c.MaxObjectsPerPush }},
	{Name: "max-refs-per-push", Value: "N", Default: "100000", Help: "The most branches and tags that one push may move.", field: func(c *Config) any { return &c.MaxRefsPerPush }},
	{Name: "max-ref-length", Value: "N", Default: "512", Help: "The longest name of a branch or tag, in bytes.", field: func(c *Config) any { return &c.MaxRefLength }},
	{Name: "fetch-timeout", Value: "TIME", Default: "1h", Help: "The longest that one clone or fetch may take.", field: func(c *Config) any { return &c.FetchTimeout }},
	{Name: "push-timeout", Value: "TIME", Default: "1h", Help: "The longest that one push may take.", field: func(c *Config) any { return &c.PushTimeout }},
	{Name: "git-cache-size", Value: "SIZE", Default: "2GiB", Help: "How much disk the answers to clones and fetches may take that are kept for the next who asks the same. `0` keeps none.", field: func(c *Config) any { return &c.GitCacheSize }},
	{Name: "git-bundle-size", Value: "SIZE", Default: "none", Help: "Repositories of at least this size get bundles, files from which newer clients begin a clone that they can take up again. They come on top of the cache, up to twice the size of each such repository.", field: func(c *Config) any { return &c.GitBundleSize }},
	{Name: "lfs", Default: "true", Help: "Git LFS. `--lfs=false` switches it off; what was uploaded stays.", field: func(c *Config) any { return &c.LFS }},
	{Name: "lfs-max-object-size", Value: "SIZE", Default: "5GiB", Help: "The largest single file in Git LFS.", field: func(c *Config) any { return &c.LFSMaxObjectSize }},
	{Name: "git", Value: "PROGRAM", Default: "git", Help: "The git program, 2.39 or newer.", field: func(c *Config) any { return &c.Git }},
	{Name: "maintenance", Value: "MODE", Default: "auto", Help: "`auto` repacks and tidies repositories in the background when they need it; `off` only when somebody asks for it.", field: func(c *Config) any { return &c.Maintenance }},
	{Name: "maintenance-parallel", Value: "N", Default: "1", Help: "Repositories that are maintained at a time, each on one processor at the lowest priority.", field: func(c *Config) any { return &c.MaintenanceJobs }},
	{Name: "prune-after", Value: "TIME", Default: "336h", Help: "How long objects that no branch or tag reaches any more are kept on disk. It must be longer than push-timeout.", field: func(c *Config) any { return &c.PruneAfter }},
	{Name: "drain-time", Value: "TIME", Default: "1m", Help: "How long running clones and pushes may go on after the server was told to end.", field: func(c *Config) any { return &c.DrainTime }},
	{Name: "uses-keep", Value: "TIME", Default: "9600h", Help: "How long the uses of a token are kept, 400 days. At least an hour.", field: func(c *Config) any { return &c.UsesKeep }},
	{Name: "uses-keep-revoked", Value: "TIME", Default: "2160h", Help: "How long the uses of a token are kept after it was deleted, 90 days. At least an hour.", field: func(c *Config) any { return &c.UsesKeepRevoked }},
	{Name: "log-level", Value: "LEVEL", Default: "info", Help: "`debug`, `info`, `warn` or `error`.", field: func(c *Config) any { return &c.LogLevel }},
	{Name: "log-format", Value: "FORMAT", Default: "text", Help: "`text` or `json`.", field: func(c *Config) any { return &c.LogFormat }},
}

// isSwitch reports whether the setting needs no value.
func (s Setting) isSwitch() bool {
	switch s.field(new(Config)).(type) {
	case *bool, *Toggle:
		return true
	}
	return false
}

// set reads text into c. The error names the setting and never the text of a
// secret.
func (s Setting) set(c *Config, text string) error {
	text = strings.TrimSpace(text)
	var err error
	switch p := s.field(c).(type) {
	case *string:
		*p = text
	case *secret.Value:
		*p = secret.New(text)
	case *bool:
		*p, err = strconv.ParseBool(text)
	case *Toggle:
		var on bool
		on, err = strconv.ParseBool(text)
		*p = On
		if !on {
			*p = SwitchedOff
		}
	case *int:
		*p, err = strconv.Atoi(text)
	case *Size:
		*p, err = ParseSize(text)
	case *CacheSize:
		var n Size
		if n, err = ParseSize(text); n == 0 {
			n = -1
		}
		*p = CacheSize(n)
	case *time.Duration:
		if *p, err = time.ParseDuration(text); err == nil && *p == 0 {
			err = errors.New("it would be taken for the default")
		}
	case *TLSMode:
		*p = TLSMode(strings.ToLower(text))
	case *slog.Level:
		err = p.UnmarshalText([]byte(text))
	case *[]netip.Prefix:
		*p, err = parsePrefixes(text)
	default:
		panic("config: no way to set " + s.Name)
	}
	if err == nil {
		return nil
	}
	return invalid(s.Name, fmt.Sprintf("%s is not %s: %q", s.Name, kinds[s.Value], text), "Its default is "+s.Default+".")
}

var kinds = map[string]string{
	"": "true or false", "N": "a whole number", "SIZE": "a size such as 500MB or 2GiB", "TIME": "a time such as 90s, 10m or 2h",
	"LEVEL": "one of debug, info, warn and error", "CIDR": "a list of addresses or networks such as 10.0.0.0/8",
}

// ParseSize reads a number of bytes with an optional unit: kB, MB, GB, TB are
// powers of 1000; K, KiB, M, MiB, G, GiB, T, TiB powers of 1024.
func ParseSize(text string) (Size, error) {
	digits := strings.TrimRight(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ ")
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("not a size: %q", text)
	}
	unit, ok := units[strings.ToLower(strings.TrimSpace(text[len(digits):]))]
	if !ok || n > (1<<63-1)/unit {
		return 0, fmt.Errorf("not a size: %q", text)
	}
	return Size(n * unit), nil
}

var units = map[string]int64{
	"": 1, "b": 1, "kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12,
	"k": 1 << 10, "kib": 1 << 10, "m": 1 << 20, "mib": 1 << 20, "g": 1 << 30, "gib": 1 << 30, "t": 1 << 40, "tib": 1 << 40,
}

func parsePrefixes(text string) ([]netip.Prefix, error) {
	var out []netip.Prefix
	for _, part := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' }) {
		if a, err := netip.ParseAddr(part); err == nil {
			out = append(out, netip.PrefixFrom(a, a.BitLen()))
			continue
		}
		p, err := netip.ParsePrefix(part)
		if err != nil {
			return nil, err
		}
		out = append(out, p.Masked())
	}
	return out, nil
}
