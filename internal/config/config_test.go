package config

import (
	"bytes"
	"flag"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"jeton/internal/problem"
)

func load(t *testing.T, env []string, args ...string) (Config, error) {
	t.Helper()
	fs := flag.NewFlagSet("jeton", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	l := Bind(fs)
	if err := fs.Parse(args); err != nil {
		return Config{}, err
	}
	return l.Load(env)
}

func TestComplete_zero(t *testing.T) {
	t.Parallel()
	c, err := Config{}.Complete()
	if err != nil {
		t.Fatal(err)
	}
	if !filepath.IsAbs(c.Data) || c.Keys != filepath.Join(c.Data, "keys") || c.URL != "https://localhost:8443" || c.TLS != Local || c.MaxPackSize != 4<<30 {
		t.Errorf("Config{}.Complete() = %+v", c)
	}
	again, err := c.Complete()
	if err != nil || again.URL != c.URL || again.TLS != c.TLS || again.Data != c.Data {
		t.Errorf("completing twice: got %+v, %v, want %+v", again, err, c)
	}
}

func TestComplete_url(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ listen, url, want string }{
		{":443", "", "https://localhost"},
		{"127.0.0.1:0", "", ""},
		{"", "https://Git.Example.com/", "https://git.example.com"},
		{"", "https://git.example.com:443", "https://git.example.com"},
		{"", "https://[::1]:8443", "https://[::1]:8443"},
	} {
		c, err := Config{Listen: tc.listen, URL: tc.url}.Complete()
		if err != nil || c.URL != tc.want {
			t.Errorf("Complete(listen %q, url %q): got %q, %v, want %q", tc.listen, tc.url, c.URL, err, tc.want)
		}
	}
	c, _ := Config{Listen: "127.0.0.1:0"}.Complete()
	if got := c.WithPort(1234).URL; got != "https://localhost:1234" {
		t.Errorf("WithPort(1234).URL = %q", got)
	}
}

func TestComplete_refuses(t *testing.T) {
	t.Parallel()
	proxy := []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
	for _, tc := range []struct {
		name  string
		c     Config
		field string
	}{
		{"plain http", Config{URL: "http://git.example.com"}, "url"},
		{"a path in the URL", Config{URL: "https://git.example.com/x"}, "url"},
		{"a password in the URL", Config{URL: "https://a:b@git.example.com"}, "url"},
		{"TLS off without a proxy", Config{TLS: Off}, "tls"},
		{"a certificate without its key", Config{TLSCert: "x"}, "tls-cert"},
		{"ACME without a URL", Config{ACMEEmail: "a@example.com"}, "url"},
		{"ACME for localhost", Config{ACMEEmail: "a@example.com", URL: "https://localhost"}, "url"},
		{"ACME and files", Config{ACMEEmail: "a@example.com", URL: "https://git.example.com", TLS: ACME, TLSCert: "x"}, "tls-cert"},
		{"a strange mode", Config{TLS: "maybe"}, "tls"},
		{"listen without a port", Config{Listen: "localhost"}, "listen"},
		{"a negative limit", Config{MaxPackSize: -1}, "max-pack-size"},
	} {
		_, err := tc.c.Complete()
		if p := problem.Of(err); err == nil || p.Kind != problem.Invalid || p.Field != tc.field || p.Remedy == "" {
			t.Errorf("%s: got %v, want a problem of %s with a remedy", tc.name, err, tc.field)
		}
	}
	if _, err := (Config{TLS: Off, TrustedProxies: proxy}).Complete(); err != nil {
		t.Errorf("TLS off behind a proxy: %v", err)
	}
}

func TestLoad_order(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "my.toml")
	write(t, file, "listen = \":1\"\nmax-pack-size = \"1GiB\"\ndrain-time = \"5s\"\nkeys = \"k\"\ntrusted-proxy = [\"10.0.0.0/8\", \"::1\"]\nclosed = true\nmax-ref-length = 99\n")
	c, err := load(t, []string{"JETON_LISTEN=:2", "JETON_DRAIN_TIME=6s", "HOME=/x", "JETON_SERVICE_HOST=10.0.0.1", "JETON_PORT=tcp://10.0.0.1:80"},
		"--config", file, "--listen", ":3", "--trusted-proxy", "192.0.2.7", "--trusted-proxy", "192.0.2.64/26")
	if err != nil {
		t.Fatal(err)
	}
	if c.Listen != ":3" || c.DrainTime != 6*time.Second || c.MaxPackSize != 1<<30 || !c.Closed || c.MaxRefLength != 99 || c.Keys != filepath.Join(dir, "k") {
		t.Errorf("load = %+v", c)
	}
	if got := len(c.TrustedProxies); got != 2 || c.TrustedProxies[0].String() != "192.0.2.7/32" {
		t.Errorf("trusted proxies = %v, want the two of the flags", c.TrustedProxies)
	}
}

// TestLoad_toggle: Git LFS is on unless somebody says otherwise, anywhere.
func TestLoad_toggle(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		env, args []string
		want      Toggle
	}{
		{nil, nil, On},
		{nil, []string{"--lfs"}, On},
		{nil, []string{"--lfs=false"}, SwitchedOff},
		{[]string{"JETON_LFS=false"}, nil, SwitchedOff},
		{[]string{"JETON_LFS=false"}, []string{"--lfs=true"}, On},
	} {
		got, err := load(t, c.env, append(c.args, "--data", t.TempDir())...)
		if err != nil || got.LFS != c.want {
			t.Errorf("%v %v: %d, %v", c.env, c.args, got.LFS, err)
		}
	}
	if _, err := load(t, nil, "--lfs=perhaps"); err == nil {
		t.Error("--lfs=perhaps was taken")
	}
}

func TestLoad_fileInDataFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "jeton.toml"), `url = "https://git.example.com"`)
	c, err := load(t, nil, "--data", dir)
	if err != nil || c.URL != "https://git.example.com" {
		t.Errorf("load = %q, %v", c.URL, err)
	}
	write(t, filepath.Join(dir, "jeton.toml"), `data = "/elsewhere"`)
	if _, err := load(t, nil, "--data", dir); err == nil {
		t.Error("a file in the data folder moved the data folder")
	}
}

func TestLoad_unknown(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "my.toml")
	write(t, file, `max_pack_sise = "1GiB"`)
	for _, tc := range []struct {
		name    string
		env     []string
		args    []string
		nearest string
	}{
		{"a variable", []string{"JETON_DATABSE=x"}, nil, "JETON_DATABASE"},
		{"a file for what is no secret", []string{"JETON_LISTEN_FILE=x"}, nil, "JETON_LISTEN"},
		{"a name in the file", nil, []string{"--config", file}, "max-pack-size"},
	} {
		_, err := load(t, tc.env, tc.args...)
		if err == nil || !strings.Contains(problem.Of(err).Remedy, tc.nearest+".") {
			t.Errorf("%s: got %v, want the nearest name %s", tc.name, err, tc.nearest)
		}
	}
}

// TestLoad_cacheSize: of the cache, unlike of limits, there can be none.
func TestLoad_cacheSize(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		args []string
		want CacheSize
	}{{nil, 2 << 30}, {[]string{"--git-cache-size", "1GiB"}, 1 << 30}, {[]string{"--git-cache-size=0"}, -1}} {
		c, err := load(t, nil, tc.args...)
		if err != nil || c.GitCacheSize != tc.want {
			t.Errorf("load(%v): got %d, %v, want %d", tc.args, c.GitCacheSize, err, tc.want)
		}
	}
}

func TestLoad_secret(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "url"), "postgres://u:sesame@h/d\n")
	c, err := load(t, []string{"JETON_DATABASE_FILE=" + filepath.Join(dir, "url")}, "--data", dir)
	if err != nil || c.Database.Reveal() != "postgres://u:sesame@h/d" {
		t.Errorf("the database of a file: got %q, %v", c.Database.Reveal(), err)
	}
	write(t, filepath.Join(dir, "bad.toml"), "database = \"mysql://u:sesame@h/d\"\n")
	write(t, filepath.Join(dir, "worse.toml"), "database = \"postgres://u:sesame@h/d\n")
	for _, args := range [][]string{{"--config", filepath.Join(dir, "bad.toml")}, {"--config", filepath.Join(dir, "worse.toml")}, {"--database", "mysql://u:sesame@h"}} {
		_, err := load(t, nil, args...)
		if err == nil || strings.Contains(err.Error()+problem.Of(err).Remedy, "sesame") {
			t.Errorf("%v: got %v, want an error without the password", args, err)
		}
	}
	if _, err := load(t, []string{"JETON_DATABASE=postgres://h/d", "JETON_DATABASE_FILE=" + filepath.Join(dir, "url")}); err == nil {
		t.Error("a variable and its _FILE were both taken")
	}
}

func TestLoad_values(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"--max-pack-size", "2XB"}, {"--drain-time", "5"}, {"--prune-after", "0s"}, {"--push-timeout", "0"}, {"--trusted-proxy", "example.com"}, {"--log-level", "loud"}, {"--api-rate-limit", "many"}, {"--log-format", "xml"}} {
		if _, err := load(t, nil, args...); err == nil || !strings.Contains(err.Error(), strings.TrimPrefix(args[0], "--")) {
			t.Errorf("%v: got %v, want an error that names the setting", args, err)
		}
	}
	for text, want := range map[string]Size{"12": 12, "3kB": 3000, "3 KiB": 3072, "2g": 2 << 30, "1TB": 1e12} {
		if got, err := ParseSize(text); err != nil || got != want {
			t.Errorf("ParseSize(%q) = %d, %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "-1", "9999999999TB", "1.5GB", "GB"} {
		if got, err := ParseSize(text); err == nil {
			t.Errorf("ParseSize(%q) = %d, want an error", text, got)
		}
	}
}

// TestReference holds the manual's table and the program together. With
// JETON_UPDATE=1 it writes the table instead of comparing.
func TestReference(t *testing.T) {
	t.Parallel()
	const path, begin, end = "../../docs/operations.md", "<!-- settings: made by go test ./internal/config -->\n", "<!-- end of settings -->"
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := bytes.Cut(b, []byte(begin))
	table, tail, ok2 := bytes.Cut(rest, []byte(end))
	if !ok || !ok2 {
		t.Fatalf("%s has not the marks around the table of settings", path)
	}
	if string(table) == Reference() {
		return
	}
	if os.Getenv("JETON_UPDATE") == "" {
		t.Fatalf("the table of settings in %s is not the program's: run JETON_UPDATE=1 go test ./internal/config", path)
	}
	write(t, path, string(head)+begin+Reference()+end+string(tail))
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
