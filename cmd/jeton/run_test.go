package main

import (
	"bytes"
	"flag"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"jeton/internal/config"
	"jeton/internal/right"
)

func TestRun_exitCodes(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	for _, tc := range []struct {
		line string
		want int
	}{
		{"", exitOK},
		{"help", exitOK},
		{"help token create", exitOK},
		{"token create -h", exitOK},
		{"version", exitOK},
		{"--version", exitOK},
		{"user create ada --data " + data, exitOK},
		{"user create ada --data " + data, exitFailed},
		{"user list --data " + data, exitOK},
		{"user list --data " + data + "x", exitFailed},
		{"no such", exitUsage},
		{"user", exitUsage},
		{"user list --json=maybe", exitUsage},
		{"user list --nothing", exitUsage},
		{"user create", exitUsage},
		{"user create a b", exitUsage},
		{"token create ada --note n", exitUsage},
		{"token revoke ada x", exitUsage},
		{"serve --max-pack-size huge", exitUsage},
		{"help nothing", exitUsage},
		{"user create --data " + data + " -- -dash", exitFailed}, // an argument, and no login
	} {
		var out, errs bytes.Buffer
		got := run(t.Context(), strings.Fields(tc.line), strings.NewReader(""), &out, &errs, nil)
		if got != tc.want {
			t.Errorf("jeton %s: got exit code %d, want %d\n%s", tc.line, got, tc.want, &errs)
		}
		if (got != exitOK) != (out.Len() == 0) || got != exitOK && !strings.HasPrefix(errs.String(), "jeton: ") {
			t.Errorf("jeton %s: standard output %q, standard error %q", tc.line, &out, &errs)
		}
	}
}

// TestUsage holds the usage texts and the flags together: each flag that a
// command takes is in its help, and each that the help names is taken.
func TestUsage(t *testing.T) {
	t.Parallel()
	common := []string{"data", "keys", "database", "url", "git", "config", "json"}
	for _, cmd := range commands() {
		c := &call{ctx: t.Context(), name: cmd.name, given: []string{"--help"}, stdout: io.Discard, stderr: io.Discard, flags: flag.NewFlagSet(cmd.name, flag.ContinueOnError)}
		c.flags.SetOutput(io.Discard)
		_ = cmd.run(c) // --help ends it before it does anything
		if !strings.HasPrefix(cmd.usage, "Usage: jeton "+cmd.name) {
			t.Errorf("%s: its help begins with %q", cmd.name, strings.SplitN(cmd.usage, "\n", 2)[0])
		}
		as := strings.Contains(cmd.usage, "flags as for serve")
		c.flags.VisitAll(func(f *flag.Flag) {
			if !strings.Contains(cmd.usage, "--"+f.Name) && !slices.Contains(common, f.Name) && !as {
				t.Errorf("%s: its help does not name --%s", cmd.name, f.Name)
			}
		})
		for _, word := range strings.FieldsFunc(cmd.usage, func(r rune) bool { return strings.ContainsRune(" \n[]|=,.;:()\"", r) }) {
			name, ok := strings.CutPrefix(word, "--")
			other := name == "help" || name == "log-format" || strings.Contains(cmd.usage, `"jeton backup --`+name)
			if ok && !other && c.flags.Lookup(name) == nil {
				t.Errorf("%s: its help names --%s, which it does not take", cmd.name, name)
			}
		}
		for line := range strings.Lines(cmd.usage) {
			if len([]rune(line)) > 100 {
				t.Errorf("%s: a line of its help is too long: %s", cmd.name, line)
			}
		}
	}
}

func TestServeUsage_settings(t *testing.T) {
	t.Parallel()
	for _, s := range config.Settings() {
		if !strings.Contains(serveUsage, "--"+s.Name+" ") {
			t.Errorf("the help of serve does not name --%s", s.Name)
		}
	}
}

func TestTokenCreateUsage_scopes(t *testing.T) {
	t.Parallel()
	for _, s := range right.Scopes() {
		if !strings.Contains(tokenCreateUsage(), string(s.Name)) {
			t.Errorf("the help of token create does not name the scope %s", s.Name)
		}
	}
}

func TestParseExpiry(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"never":      {},
		"30d":        now.Add(30 * 24 * time.Hour),
		"12h":        now.Add(12 * time.Hour),
		"2026-03-31": time.Date(2026, 3, 31, 23, 59, 59, 0, time.UTC),
	} {
		if got, err := parseExpiry(text, now); err != nil || !got.Equal(want) {
			t.Errorf("parseExpiry(%q) = %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "0d", "-3d", "d", "2026-02-30", "999999999d", "soon", "-1h"} {
		if got, err := parseExpiry(text, now); err == nil {
			t.Errorf("parseExpiry(%q) = %v, want an error", text, got)
		}
	}
}
