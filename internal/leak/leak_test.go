package leak_test

import (
	"bytes"
	"context"
	"fmt"
	"hash/crc32"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"jeton/internal/account"
	"jeton/internal/application"
	"jeton/internal/audit"
	"jeton/internal/change"
	"jeton/internal/db"
	"jeton/internal/db/dbtest"
	"jeton/internal/keys"
	"jeton/internal/leak"
	"jeton/internal/limit"
	"jeton/internal/policy"
	"jeton/internal/problem"
	"jeton/internal/right"
	"jeton/internal/token"
)

// made is a well-formed token that no server knows, made here so that none
// stands in the source.
func made(t testing.TB, n int) string {
	t.Helper()
	const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	random := fmt.Sprintf("%030d", n)
	v := crc32.ChecksumIEEE([]byte(random))
	var sum [6]byte
	for i := 5; i >= 0; i-- {
		sum[i] = alphabet[v%62]
		v /= 62
	}
	return token.Prefix + random + string(sum[:])
}

func TestScan(t *testing.T) {
	t.Parallel()
	one, two := made(t, 1), made(t, 2)
	for _, c := range []struct {
		what, text string
		at         []int
	}{
		{"nothing", "", nil},
		{"no token", "jtp jtp_ jtp_x " + strings.Repeat("jtp_", 50), nil},
		{"alone", one, []int{0}},
		{"within", "x" + one + "y" + two, []int{1, 42}},
		{"side by side", one + one, []int{0, 40}},
		{"behind a false beginning", "jtp_jtp_" + one, []int{8}},
		{"binary", "\x00\xff" + one + "\x00", []int{2}},
		{"cut short", one[:39], nil},
		{"wrong checksum", one[:39] + "~", nil},
		{"other case", strings.ToUpper(one), nil},
	} {
		var got []int
		for f := range leak.Scan([]byte(c.text)) {
			got = append(got, f.Offset)
			if f.Plain.Reveal() != c.text[f.Offset:f.Offset+token.Length] {
				t.Errorf("%s: the candidate at %d is not what stands there", c.what, f.Offset)
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(c.at) {
			t.Errorf("%s: found at %v, want %v", c.what, got, c.at)
		}
	}
}

func TestLive(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
		clock := func() time.Time { return now }
		bus := change.New(change.Options{DB: d})
		t.Cleanup(bus.Close)
		ring, err := keys.Open(t.Context(), keys.Options{Dir: filepath.Join(t.TempDir(), "keys"), DB: d, Changed: func(context.Context, *db.Tx) error { return nil }})
		if err != nil {
			t.Fatal(err)
		}
		log := audit.New(audit.Options{DB: d})
		accounts := account.New(account.Options{DB: d, Change: bus, Audit: log})
		tokens := token.New(token.Options{DB: d, Keys: ring, Change: bus, Audit: log, Policies: policy.New(policy.Options{DB: d, Change: bus, Audit: log}), Now: clock})
		room := leak.New(leak.Options{Tokens: tokens, Apps: application.New(application.Options{DB: d, Keys: ring, Change: bus, Audit: log, Accounts: accounts, Tokens: tokens, Limit: limit.New(limit.Options{}), Now: clock})})
		ada, err := accounts.Create(t.Context(), right.Operator(), account.NewAccount{Login: "ada"})
		if err != nil {
			t.Fatal(err)
		}
		make := func(note string, end time.Time) (token.Token, string) {
			t.Helper()
			tok, plain, err := tokens.Create(t.Context(), right.Operator(), ada.ID, token.NewToken{Note: note, ExpiresAt: end})
			if err != nil {
				t.Fatal(err)
			}
			return tok, plain.Reveal()
		}
		live, livePlain := make("live", time.Time{})
		_, short := make("short", now.Add(time.Hour))
		gone, gonePlain := make("gone", time.Time{})
		if _, err := tokens.Revoke(t.Context(), right.Operator(), ada.ID, gone.ID); err != nil {
			t.Fatal(err)
		}
		now = now.Add(2 * time.Hour)

		var c leak.Collector
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				c.Look("blob", fmt.Sprint(i), []byte("\n"+livePlain+"\n"+short+gonePlain+made(t, i)+"\n\n"+livePlain))
			})
		}
		wg.Wait()
		found, err := room.Live(t.Context(), &c)
		if err != nil {
			t.Fatal(err)
		}
		if len(found) != 1 || found[0].Token.Token != live.ID || found[0].LastEight != live.LastEight || len(found[0].Places) != 16 || found[0].Places[0].Line != 2 || found[0].Places[1].Line != 5 && found[0].Places[1].Line != 2 {
			t.Errorf("found %+v", found)
		}

		// So many are no mistake, and are not let through unasked.
		var text bytes.Buffer
		for i := range 5_001 {
			text.WriteString(made(t, i))
		}
		var many leak.Collector
		many.Look("blob", "x", text.Bytes())
		if _, err := room.Live(t.Context(), &many); !problem.Is(err, problem.TooLarge) {
			t.Errorf("too many candidates: %v", err)
		}
		var none leak.Collector
		none.Look("blob", "x", []byte("nothing"))
		if found, err := room.Live(t.Context(), &none); err != nil || found != nil {
			t.Errorf("nothing: %v %v", found, err)
		}
	})
}

func BenchmarkScan(b *testing.B) {
	text := bytes.Repeat([]byte("func (p *pushing) just some text of a program, with a j and a jt in it\n"), 1<<14)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if slices.Collect(leak.Scan(text)) != nil {
			b.Fatal("found something")
		}
	}
}

// TestCollector_late: thousands of candidates at the end of a large file cost
// one pass over it, not one each; and each has its line.
func TestCollector_late(t *testing.T) {
	t.Parallel()
	const n = 3000
	for _, end := range []string{"\n", " "} {
		late(t, n, end)
	}
}

func late(t *testing.T, n int, end string) {
	t.Helper()
	var b bytes.Buffer
	b.Write(bytes.Repeat([]byte(end), 16<<20))
	for i := range n {
		b.WriteString(made(t, i) + end)
	}
	data := b.Bytes()
	began := time.Now()
	if got := slices.Collect(leak.Scan(data)); len(got) != n {
		t.Fatalf("%d candidates", len(got))
	}
	once := time.Since(began)
	began = time.Now()
	var c leak.Collector
	c.Look("blob", "x", data)
	if took := time.Since(began); took > 40*once+time.Second {
		t.Errorf("%v, where one pass takes %v", took, once)
	}
}
