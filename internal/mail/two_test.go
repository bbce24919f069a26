package mail_test

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"jeton/internal/account"
	"jeton/internal/app"
	"jeton/internal/config"
	"jeton/internal/db/dbtest"
	ours "jeton/internal/mail"
	"jeton/internal/right"
	"jeton/internal/secret"
	"jeton/internal/token"
)

// two are the parts of two servers on one database, each with connections of its own,
// and the office to which both bring their mails.
type two struct {
	o      *office
	cores  [2]*app.Core
	flows  [2]*ours.Flow
	offset atomic.Int64
}

func newTwo(t *testing.T, database string) *two {
	t.Helper()
	w := &two{o: open(t, how{}, "")}
	now := func() time.Time { return time.Now().Add(time.Duration(w.offset.Load())) }
	c, err := config.Config{Data: filepath.Join(t.TempDir(), "data"), Listen: "127.0.0.1:0", URL: "https://git.example.com", Database: secret.New(database)}.Complete()
	if err != nil {
		t.Fatal(err)
	}
	for i := range w.cores {
		k, err := app.OpenCore(t.Context(), c, app.Options{Log: slog.New(slog.DiscardHandler), Now: now, Version: "test"})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := k.Close(context.Background()); err != nil {
				t.Error(err)
			}
		})
		w.cores[i] = k
		w.flows[i] = ours.New(ours.Options{DB: k.DB, Notices: k.Notices, Tokens: k.Tokens, Accounts: k.Accounts, Signin: k.Signin, Sender: w.o.client(how{}), URL: "https://git.example.com", Now: now})
	}
	return w
}

func (w *two) person(t *testing.T, login string) account.Account {
	t.Helper()
	a, err := w.cores[0].Accounts.Create(t.Context(), right.Operator(), account.NewAccount{Login: login, Email: login + "@example.com", EmailVerified: true})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func (w *two) token(t *testing.T, a account.Account, note string) {
	t.Helper()
	if _, _, err := w.cores[0].Tokens.Create(t.Context(), right.Operator(), a.ID, token.NewToken{Note: note}); err != nil {
		t.Fatal(err)
	}
}

// TestTwoServers: two servers on one outbox send each notice once, whoever of them
// takes it, and what one had taken that was killed is sent by the other, later.
func TestTwoServers(t *testing.T) {
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		testTwo(t, newTwo(t, ""))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		testTwo(t, newTwo(t, dbtest.Migrated(t).URL))
	})
}

func testTwo(t *testing.T, w *two) {
	t.Helper()
	const people, each = 30, 4
	for i := range people {
		a := w.person(t, fmt.Sprint("person", i))
		for j := range each {
			w.token(t, a, fmt.Sprintf("token-%d-%d.", i, j))
		}
	}
	// The first mail waits in the office until the other server brings one, too.
	var arrived atomic.Int64
	second := make(chan struct{})
	w.o.say(func(step string) error {
		if step != "DATA" {
			return nil
		}
		if arrived.Add(1) == 2 {
			close(second)
		}
		select {
		case <-second:
		case <-time.After(time.Minute):
		}
		return nil
	})
	var both sync.WaitGroup
	for _, f := range w.flows {
		both.Go(func() {
			if err := f.Round(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	both.Wait()
	w.o.say(nil)
	said := &strings.Builder{}
	for _, l := range w.o.letters() {
		said.WriteString(read(t, l.text).body)
	}
	for i := range people {
		for j := range each {
			if note := fmt.Sprintf("  token-%d-%d. (classic", i, j); strings.Count(said.String(), note) != 1 {
				t.Errorf("%q was told %d times", note, strings.Count(said.String(), note))
			}
		}
	}
	if n := len(w.o.letters()); n != people {
		t.Errorf("%d mails went to %d people", n, people)
	}
	one, other := w.flows[0].Sent(), w.flows[1].Sent()
	if one+other != people*each || one == 0 || other == 0 {
		t.Errorf("one sent %d, the other %d", one, other)
	}

	// One is killed while it hands a mail over.
	before := len(w.o.letters())
	w.token(t, w.person(t, "ada"), "taken.")
	within, killed := make(chan struct{}, 1), make(chan struct{})
	w.o.say(func(step string) error {
		if step != "DATA" {
			return nil
		}
		within <- struct{}{}
		<-killed
		return &smtp.SMTPError{Code: 421, Message: "nobody is there any more"}
	})
	ctx, kill := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- w.flows[0].Round(ctx) }()
	<-within
	kill()
	close(killed)
	if err := <-ended; err == nil {
		t.Error("the one that was killed knows of no end")
	}
	w.o.say(nil)
	came := func(what string, want int) {
		t.Helper()
		if err := w.flows[1].Round(t.Context()); err != nil {
			t.Error(err)
		}
		if n := len(w.o.letters()) - before; n != want {
			t.Errorf("%s: %d mails came, want %d", what, n, want)
		}
	}
	came("at once", 0)
	w.offset.Add(int64(9 * time.Minute))
	came("while the one could still be at it", 0)
	w.offset.Add(int64(time.Minute + time.Second))
	came("later", 1)
	if err := w.flows[0].Round(t.Context()); err != nil { // it is back
		t.Error(err)
	}
	came("no more", 1)
}
