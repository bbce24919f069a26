package mail_test

import (
	"context"
	"io"
	"mime"
	"mime/quotedprintable"
	"net/mail"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"jeton/internal/app/apptest"
	"jeton/internal/event"
	ours "jeton/internal/mail"
	"jeton/internal/right"
	"jeton/internal/token"
)

// read parses a mail as its reader's program does.
func read(t *testing.T, text string) decoded {
	t.Helper()
	m, err := mail.ReadMessage(strings.NewReader(text))
	if err != nil {
		t.Fatalf("it is no mail: %v\n%s", err, text)
	}
	var body io.Reader = m.Body
	if m.Header.Get("Content-Transfer-Encoding") == "quoted-printable" {
		body = quotedprintable.NewReader(m.Body)
	}
	b, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	return decoded{m, string(b)}
}

// subject is the subject as it is shown.
func (d decoded) subject(t *testing.T) string {
	t.Helper()
	s, err := new(mime.WordDecoder).DecodeHeader(d.Header.Get("Subject"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestHeaders: whatever stands in the name of a token, a mail has the headers that it
// has, and one recipient.
func TestHeaders(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	f := ours.NewFolder(dir, "jeton@git.example.com")
	want := []string{"Auto-Submitted", "Content-Transfer-Encoding", "Content-Type", "Date", "From", "Message-Id", "Mime-Version", "Subject", "To"}
	for _, evil := range []string{
		"x\r\nBcc: eve@example.net", "x\nBcc: eve@example.net", "x\rBcc: eve@example.net", "x\r\n\r\nanother body", "x\u2028Bcc: eve@example.net", "x\x00y", "\u202Eevil",
		"=?utf-8?q?=0D=0ABcc:_eve@example.net?=", "=?utf-8?b?DQpCY2M6IGV2ZUBleGFtcGxlLm5ldA==?=", strings.Repeat("a", 3000), strings.Repeat("ü", 900), "\r\n.\r\nMAIL FROM:<eve@example.net>", "\xff\xfe",
	} {
		m := hello()
		m.Subject, m.ID = `Your token "`+evil+`" ends`, "n-"+evil+"@git.example.com"
		if err := f.Send(t.Context(), m); err != nil {
			t.Errorf("%q: %v", evil, err)
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, "x.eml"))
		if err != nil {
			t.Fatal(err)
		}
		d := read(t, string(text))
		var names []string
		for name := range d.Header {
			names = append(names, name)
		}
		slices.Sort(names)
		if !slices.Equal(names, want) {
			t.Errorf("%q: headers %v", evil, names)
		}
		if d.Header.Get("To") != "<ada@example.com>" || !strings.HasPrefix(d.body, "Hello,") {
			t.Errorf("%q: to %q, %q", evil, d.Header.Get("To"), d.body)
		}
		// A reader decodes encoded words once: what looks like one stays visible, or
		// becomes text on one line.
		if s := d.Header.Get("Subject"); strings.ContainsAny(s, "\r\n\x00") {
			t.Errorf("%q: the subject is %q", evil, s)
		}
	}
	for _, to := range []string{"ada@example.com\r\nBcc: eve@example.net", "ada@example.com, eve@example.net", "eve@example.net\x00", ""} {
		m := hello()
		m.To = to
		if err := f.Send(t.Context(), m); err == nil {
			t.Errorf("a mail to %q was written", to)
		}
	}
}

// TestFolder: files are whole, for their owner alone, and do not pile up.
func TestFolder(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "mail")
	f := ours.NewFolder(dir, "jeton@git.example.com")
	m := hello()
	for range 2 {
		if err := f.Send(context.Background(), m); err != nil {
			t.Fatal(err)
		}
	}
	m.Name = "../outside"
	if err := f.Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s has the mode %v (%v)", e.Name(), info.Mode(), err)
		}
	}
	if len(entries) != 2 {
		t.Errorf("there are %v", entries)
	}
	if err := f.Trim(time.Now().Add(29 * 24 * time.Hour)); err != nil {
		t.Fatal(err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 2 {
		t.Errorf("%d are left after 29 days", len(left))
	}
	if err := f.Trim(time.Now().Add(31 * 24 * time.Hour)); err != nil {
		t.Fatal(err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("%d are left after a month", len(left))
	}
}

// TestNotes: what strangers put into the name of a token, or a thief into the name of
// a client, changes no header of the mail about it and no line of its text.
func TestNotes(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada := s.User(t, "ada")
	for i, evil := range []string{"x\r\nBcc: eve@example.net\r\n\r\nYour password is wanted at https://evil.example.net", "y\u2028\u202Ez", "=?utf-8?q?=0D=0ABcc:_eve@example.net?=", "\r\n.\r\nQUIT"} {
		ctx := event.With(t.Context(), &event.Event{Address: netip.MustParseAddr("192.0.2.7"), Client: "git\r\nBcc: eve@example.net " + strings.Repeat("x", 500)})
		if _, _, err := s.Tokens.Create(ctx, right.Operator(), ada.ID, token.NewToken{Note: evil, ExpiresAt: s.Now().Add(time.Hour)}); err != nil {
			t.Fatal(err)
		}
		round(t, s)
		all := box(t, s)
		if len(all) != i+1 {
			t.Fatalf("%d mails", len(all))
		}
		m := all[i]
		if m.Header.Get("Bcc") != "" || m.Header.Get("To") != "<ada@example.com>" || strings.ContainsAny(m.subject(t), "\r\n\u2028\u202E") {
			t.Errorf("%q: the headers are %v", evil, m.Header)
		}
		for l := range strings.Lines(m.body) {
			if strings.HasPrefix(l, "Bcc") || strings.HasPrefix(l, "Your password") || strings.TrimSpace(l) == "." || strings.ContainsAny(l, "\u2028\u202E") {
				t.Errorf("%q: a line is %q", evil, l)
			}
		}
	}
}
