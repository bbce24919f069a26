package githttp_test

import (
	"bytes"
	"compress/zlib"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"jeton/internal/account"
	"jeton/internal/app/apptest"
	"jeton/internal/config"
	"jeton/internal/gitstore/pktline"
	"jeton/internal/right"
)

// world is a server with ada, who owns the private repository ada/engine and
// has a token of scope repo.
type world struct {
	*apptest.Server
	ada account.Account
	git *apptest.Git
}

func newWorld(t *testing.T, change ...func(*config.Config)) *world {
	t.Helper()
	s := apptest.Start(t, change...)
	w := &world{Server: s, ada: s.User(t, "ada")}
	s.Repo(t, w.ada, "engine", true)
	_, plain := s.Token(t, w.ada, "laptop", "repo")
	w.git = s.Git(t, "ada", plain)
	return w
}

func (w *world) url(name string) string { return w.URL() + "/ada/" + name + ".git" }

// terminal is another folder of ada's.
func (w *world) terminal(t *testing.T, config ...string) *apptest.Git {
	t.Helper()
	g := w.Git(t, "ada", w.git.Password)
	g.Config = config
	return g
}

// clone clones ada's repository into a new folder and enters it.
func (w *world) clone(t *testing.T, name string, config ...string) *apptest.Git {
	t.Helper()
	g := w.terminal(t, config...)
	g.Run(t, "clone", "-q", w.url(name), "clone")
	return g.In("clone")
}

// share gives another user a level on ada's repository, and a terminal.
func (w *world) share(t *testing.T, login, name string, level right.Level, scopes ...string) *apptest.Git {
	t.Helper()
	u := w.User(t, login)
	r, err := w.Repos.Find(t.Context(), w.DB, "ada", name, w.ada.ID)
	if err != nil {
		t.Fatal(err)
	}
	if level != right.None {
		w.Share(t, r.Repo, u, level)
	}
	_, plain := w.Token(t, u, "laptop", scopes...)
	return w.Git(t, login, plain)
}

// store is the folder of ada's repository on the server's disk.
func (w *world) disk(t *testing.T, name string) *apptest.Git {
	t.Helper()
	r, err := w.Repos.Find(t.Context(), w.DB, "ada", name, w.ada.ID)
	if err != nil {
		t.Fatal(err)
	}
	g := w.terminal(t, "safe.directory=*")
	g.Dir = fmt.Sprintf("%s/%d/%d.git", w.Core.Git.Dir(), r.ID/1000, r.ID)
	return g
}

// whole checks that git finds nothing wrong with the repository, and that
// nothing of a push was left behind.
func (w *world) whole(t *testing.T, name string) {
	t.Helper()
	d := w.disk(t, name)
	if out, code := d.Try(t, "fsck", "--strict", "--full", "--no-dangling"); code != 0 {
		t.Errorf("fsck: %s", out)
	}
	if err := noLeftovers(d.Dir); err != nil {
		t.Error(err)
	}
}

func basic(user, password string) string {
	return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

// post sends a raw request of a service.
func (w *world) post(t *testing.T, name, service, body string, headers ...string) apptest.Answer {
	t.Helper()
	headers = append([]string{basic("ada", w.git.Password), "Content-Type: application/x-" + service + "-request"}, headers...)
	return w.Do(t, "POST", "/ada/"+name+".git/"+service, body, headers...)
}

// wantV2 is a version 2 fetch of one object.
func wantV2(ids ...string) string {
	var b []byte
	b = pktline.Append(b, "command=fetch")
	b = pktline.Append(b, "object-format=sha1")
	b = pktline.AppendDelim(b)
	b = pktline.Append(b, "no-progress")
	for _, id := range ids {
		b = pktline.Append(b, "want "+id+"\n")
	}
	b = pktline.Append(b, "done\n")
	return string(pktline.AppendFlush(b))
}

// wantV0 is the same in versions 0 and 1.
func wantV0(ids ...string) string {
	var b []byte
	caps := " side-band-64k ofs-delta agent=test"
	for _, id := range ids {
		b = pktline.Append(b, "want "+id+caps+"\n")
		caps = ""
	}
	b = pktline.AppendFlush(b)
	return string(pktline.Append(b, "done\n"))
}

const zero = "0000000000000000000000000000000000000000"

// pushBody is the commands of a push, and its pack.
func pushBody(pack []byte, commands ...string) string {
	var b []byte
	caps := "\x00report-status side-band-64k agent=test"
	for _, c := range commands {
		b = pktline.Append(b, c+caps)
		caps = ""
	}
	return string(append(pktline.AppendFlush(b), pack...))
}

// bands splits an answer in side bands into report and messages.
func bands(t *testing.T, body string) (report, remote string) {
	t.Helper()
	r := pktline.NewReader(strings.NewReader(body))
	for {
		kind, payload, err := r.Next()
		if err != nil || kind != pktline.Data {
			break
		}
		switch pktline.Band(payload[0]) {
		case pktline.BandData:
			report += string(payload[1:])
		default:
			remote += string(payload[1:])
		}
	}
	var lines []string
	r = pktline.NewReader(strings.NewReader(report))
	for {
		kind, line, err := r.Line()
		if err != nil || kind != pktline.Data {
			return strings.Join(lines, "\n"), remote
		}
		lines = append(lines, line)
	}
}

// entry is one object of a pack that a test writes by hand.
type entry struct {
	kind byte   // 1 commit, 2 tree, 3 blob, 4 tag, 7 delta against base
	base string // for 7
	data []byte // content, or the delta
}

func oid(kind string, data []byte) string {
	return fmt.Sprintf("%x", sha1.Sum(append(fmt.Appendf(nil, "%s %d\x00", kind, len(data)), data...)))
}

func writePack(t *testing.T, entries ...entry) []byte {
	t.Helper()
	b := binary.BigEndian.AppendUint32([]byte("PACK\x00\x00\x00\x02"), uint32(len(entries)))
	for _, e := range entries {
		n := len(e.data)
		c := e.kind<<4 | byte(n&15)
		for n >>= 4; n > 0; n >>= 7 {
			b = append(b, c|0x80)
			c = byte(n & 0x7f)
		}
		b = append(b, c)
		if e.kind == 7 {
			raw, err := hex.DecodeString(e.base)
			if err != nil {
				t.Fatal(err)
			}
			b = append(b, raw...)
		}
		var z bytes.Buffer
		w := zlib.NewWriter(&z)
		_, _ = w.Write(e.data)
		_ = w.Close()
		b = append(b, z.Bytes()...)
	}
	sum := sha1.Sum(b)
	return append(b, sum[:]...)
}

func treeOf(t *testing.T, mode, name, object string) []byte {
	t.Helper()
	raw, err := hex.DecodeString(object)
	if err != nil {
		t.Fatal(err)
	}
	return append([]byte(mode+" "+name+"\x00"), raw...)
}

func commitOf(tree string, parents ...string) []byte {
	s := "tree " + tree + "\n"
	for _, p := range parents {
		s += "parent " + p + "\n"
	}
	return []byte(s + "author A <a@example.com> 1700000000 +0000\ncommitter A <a@example.com> 1700000000 +0000\n\nCrafted\n")
}

// copyHead is a delta whose result is the first n bytes of its base.
func copyHead(size, n int) []byte {
	b := append(varint(size), varint(n)...)
	return append(b, 0x80|0x10, byte(n))
}

func varint(n int) []byte {
	var b []byte
	for n >= 0x80 {
		b = append(b, byte(n)|0x80)
		n >>= 7
	}
	return append(b, byte(n))
}

func equal(t *testing.T, got, want, what string) {
	t.Helper()
	if got != want {
		t.Errorf("%s:\n got %q\nwant %q", what, got, want)
	}
}

func contains(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(text, p) {
			t.Errorf("missing %q in:\n%s", p, text)
		}
	}
}
