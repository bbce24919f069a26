package signin

import (
	"context"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"jeton/internal/account"
	"jeton/internal/audit"
	"jeton/internal/db"
	"jeton/internal/event"
	"jeton/internal/id"
	"jeton/internal/limit"
	"jeton/internal/right"
)

const failedLogin = "user.failed_login"

const (
	countFor   = time.Minute         // failures of unknown logins are counted for this long
	keepFor    = 90 * 24 * time.Hour // and what was counted is kept in the log for this long
	regularFor = 30 * 24 * time.Hour // a network's failures don't concern who signed in from it within this

	// What may wait to be written: lines of accounts, and networks.
	maxFailures = 10_000
)

// failure is a line of the log that is still to be written.
type failure struct {
	at       time.Time
	account  id.Account // zero: nobody has the login
	login    string     // the account's; never what was typed, which may be a password
	why      string
	attempts int
	address  netip.Addr
	client   string
	request  string
}

// failures collects failed sign-ins until they are written: those of an account
// each for its own log, those of unknown logins as a number for each network.
// Writing comes after the answer, so that both take the same work until then.
type failures struct {
	more    chan struct{} // holds one word: there is something to write
	mu      sync.Mutex
	known   []failure
	unknown map[string]*failure // by network
}

func newFailures() failures {
	return failures{more: make(chan struct{}, 1), unknown: map[string]*failure{}}
}

// failed notes a failed sign-in of who, or of nobody.
func (r *Room) failed(ctx context.Context, who account.Account, why string) {
	ev := event.From(ctx)
	r.failures.note(failure{at: r.o.Now(), account: who.ID, login: who.Login, why: why, attempts: 1,
		address: ev.Address, client: ev.Client, request: ev.Request})
}

func (b *failures) note(f failure) {
	b.mu.Lock()
	if f.account != 0 {
		if len(b.known) < maxFailures { // else the database has taken nothing for long
			b.known = append(b.known, f)
		}
	} else {
		b.count(f)
	}
	b.mu.Unlock()
	select {
	case b.more <- struct{}{}:
	default: // somebody is to look already
	}
}

func (b *failures) count(f failure) {
	network := limit.Network(f.address)
	sum := b.unknown[network]
	if sum == nil && len(b.unknown) >= maxFailures {
		// Beyond that many networks in a minute, the rest is one number.
		network, f.address, f.client, f.request = "", netip.Addr{}, "", ""
		sum = b.unknown[network]
	}
	if sum == nil {
		b.unknown[network] = &f
		return
	}
	sum.attempts += f.attempts
}

// take removes what is to be written: every line of an account, and the
// networks whose count began until then.
func (b *failures) take(until time.Time) []failure {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := b.known
	b.known = nil
	for network, f := range b.unknown {
		if !f.at.After(until) {
			f.why = "no such user"
			out = append(out, *f)
			delete(b.unknown, network)
		}
	}
	return out
}

// flushFailures writes what take gives, or keeps it for the next time.
func (r *Room) flushFailures(ctx context.Context, until time.Time) error {
	batch := r.failures.take(until)
	if len(batch) == 0 {
		return nil
	}
	err := r.o.DB.Write(ctx, func(tx *db.Tx) error {
		for i := range batch {
			if err := r.writeFailure(ctx, tx, &batch[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		for _, f := range batch {
			r.failures.again(f)
		}
	}
	return err
}

// again keeps what could not be written, without asking for another try at once.
func (b *failures) again(f failure) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case f.account == 0:
		b.count(f)
	case len(b.known) < maxFailures:
		b.known = append(b.known, f)
	}
}

func (r *Room) writeFailure(ctx context.Context, tx *db.Tx, f *failure) error {
	detail := map[string]string{"reason": f.why}
	if f.account == 0 {
		detail["attempts"] = strconv.Itoa(f.attempts)
	}
	ctx = event.With(ctx, &event.Event{Address: f.address, Client: f.client, Request: f.request})
	return r.o.Audit.Record(ctx, tx, audit.Entry{
		At: f.at, Action: failedLogin, Actor: right.Anonymous(), Account: f.account, Target: f.login, Detail: detail,
	})
}
