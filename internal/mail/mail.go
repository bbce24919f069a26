// Package mail is the flow that sends notices to the people who own tokens, and to those
// who answer for an organization: it looks
// for tokens that end, takes what waits in package notice's queue, words it, and hands
// it to a mail server, or to a folder where there is none. It works in the background,
// beside every request: a server that is slow or down delays nobody and loses nothing.
// It must never send a secret, or the name of a repository: whoever reads the mail
// later may not see that any more. The one secret that a mail holds is the link by which
// the address that it goes to is confirmed: it is made when the mail is, and kept nowhere.
package mail

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"jeton/internal/account"
	"jeton/internal/db"
	"jeton/internal/id"
	"jeton/internal/limit"
	"jeton/internal/notice"
	"jeton/internal/problem"
	"jeton/internal/signin"
	"jeton/internal/token"
)

// Options are what the flow needs. All but Log and Now are required.
type Options struct {
	DB       *db.DB
	Notices  *notice.Room
	Tokens   *token.Room
	Accounts *account.Room
	Signin   *signin.Room
	Sender   Sender
	URL      string           // the public URL without a slash at its end
	Log      *slog.Logger     // nil: nothing is logged
	Now      func() time.Time // nil: time.Now
}

const (
	lookEvery = 10 * time.Second // for what another process queued, and for another attempt
	scanEvery = time.Minute
	trimEvery = time.Hour
	within    = 90 * time.Second // one mail
	lease     = 10 * time.Minute // what was taken by somebody who was killed is due again
	rest      = time.Minute      // when the server did not take a mail at all
	giveUp    = 72 * time.Hour   // after the notice was written
	inOne     = 500              // notices that one mail holds
	inRound   = 1000             // mails between two looks at what ends
)

// again is how long after which attempt the next one follows; the last is for all
// that come after it.
var again = [...]time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, 3 * time.Hour, 6 * time.Hour}

// pace is how many mails of a kind an account gets, whatever happens to its tokens:
// what there is more waits, and comes in one. A program that makes tokens or rotates
// one all the time would send as many mails by the site's server otherwise.
var pace = limit.Rate{Count: 2, Per: time.Hour, Burst: 5}

// Flow does the work. It may be used from several goroutines; one mail is sent at a
// time.
type Flow struct {
	o     Options
	paced *limit.Limiter

	mu      sync.Mutex
	scanned time.Time // until when ends are told; guarded by mu
	trimmed time.Time // guarded by mu
	resting time.Time // until when the server is left alone; guarded by mu

	sent, failed atomic.Int64
}

// New returns the flow. It panics when a required part is missing.
func New(o Options) *Flow {
	if o.DB == nil || o.Notices == nil || o.Tokens == nil || o.Accounts == nil || o.Signin == nil || o.Sender == nil || o.URL == "" {
		panic("mail: New without a required option")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Flow{o: o, paced: limit.New(limit.Options{Now: o.Now})}
}

// Sent and Failed return how many notices were sent and given up since the start, for
// metrics.
func (f *Flow) Sent() int64 { return f.sent.Load() }

// Failed returns how many notices were given up since the start, for metrics.
func (f *Flow) Failed() int64 { return f.failed.Load() }

// Delivers reports whether mails go to a mail server, and do not stay on this machine.
func (f *Flow) Delivers() bool {
	_, folder := f.o.Sender.(*Folder)
	return !folder
}

// To says where mails go, in words.
func (f *Flow) To() string { return f.o.Sender.String() }

// Run sends until ctx ends. What was under way then is sent again by the next Run.
func (f *Flow) Run(ctx context.Context) error {
	for {
		if err := f.Round(ctx); err != nil && ctx.Err() == nil {
			f.o.Log.WarnContext(ctx, "notices are not sent", "err", err)
		}
		timer := time.NewTimer(lookEvery)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-f.o.Notices.Due():
		case <-timer.C:
		}
		timer.Stop()
	}
}

// Round has those told whose tokens end, if it is time, and sends what is due.
func (f *Flow) Round(ctx context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.o.Now()
	if d := now.Sub(f.scanned); d >= scanEvery || d < 0 {
		if err := f.o.Tokens.TellEnds(ctx, f.scanned, now); err != nil {
			return err
		}
		f.scanned = now
	}
	if now.Sub(f.trimmed) >= trimEvery {
		if err := errors.Join(f.o.Notices.Trim(ctx), f.o.Accounts.TrimConfirms(ctx), f.o.Sender.Trim(now)); err != nil {
			return err
		}
		f.trimmed = now
	}
	for range inRound {
		if f.o.Now().Before(f.resting) {
			return nil
		}
		more, err := f.next(ctx)
		if err != nil || !more {
			return err
		}
	}
	return nil
}

// next sends one mail, and reports whether there may be another.
func (f *Flow) next(ctx context.Context) (bool, error) {
	list, err := f.o.Notices.Take(ctx, inOne, f.o.Now().Add(lease))
	if err != nil || len(list) == 0 {
		return false, err
	}
	if list[0].Kind == notice.Confirm {
		return true, f.confirmations(ctx, list)
	}
	var asked []question
	if list, err = f.wanted(ctx, list); err == nil && len(list) > 0 {
		if list[0].Kind == notice.Asked {
			list, asked, err = f.questions(ctx, list)
		} else {
			list, err = f.worth(ctx, list)
		}
	}
	if err != nil || len(list) == 0 {
		return true, err
	}
	to, why, err := f.recipient(ctx, list[0].Account)
	if err != nil {
		return false, err
	}
	if why != "" {
		return true, f.o.Notices.Finish(ctx, list, notice.Moot, why)
	}
	if kind := list[0].Kind; !kind.Always() {
		if ok, after := f.paced.Allow(fmt.Sprint(list[0].Account, kind), pace, 1); !ok {
			return true, f.o.Notices.Hold(ctx, list, f.o.Now().Add(after))
		}
	}
	if len(asked) > 0 {
		return true, f.send(ctx, list, f.wordAsked(asked, to))
	}
	return true, f.send(ctx, list, f.word(list, to))
}

// send hands one mail over, and notes what came of it.
func (f *Flow) send(ctx context.Context, list []notice.Notice, m Mail) error {
	limited, cancel := context.WithTimeout(ctx, within)
	err := f.o.Sender.Send(limited, m)
	cancel()
	if ctx.Err() != nil && err != nil {
		return ctx.Err() // it is due again when the lease is over
	}
	if err == nil {
		f.sent.Add(int64(len(list)))
		return f.o.Notices.Finish(ctx, list, notice.Sent, "")
	}
	why := Says(err)
	if errors.Is(err, ErrRefused) {
		f.failed.Add(int64(len(list)))
		return f.o.Notices.Finish(ctx, list, notice.Failed, why)
	}
	if !errors.Is(err, errLater) {
		f.resting = f.o.Now().Add(rest) // it is the server, and not this one
	}
	f.o.Log.WarnContext(ctx, "a mail was not sent", "account", int64(list[0].Account), "notices", len(list), "err", why)
	return f.later(ctx, list, why)
}

// later lets notices wait for another attempt, those that are too old excepted.
func (f *Flow) later(ctx context.Context, list []notice.Notice, why string) error {
	now := f.o.Now()
	var old, young []notice.Notice
	tries := 0
	for _, n := range list {
		if now.Sub(n.At) >= giveUp {
			old = append(old, n)
			continue
		}
		young, tries = append(young, n), max(tries, n.Tries)
	}
	f.failed.Add(int64(len(old)))
	return errors.Join(f.o.Notices.Finish(ctx, old, notice.Failed, why),
		f.o.Notices.Again(ctx, young, now.Add(again[min(tries, len(again)-1)]), why))
}

// wanted leaves nothing of a kind that is not wanted, and finishes it.
func (f *Flow) wanted(ctx context.Context, list []notice.Notice) ([]notice.Notice, error) {
	kind := list[0].Kind
	unwanted, err := f.o.Notices.Unwanted(ctx, f.o.DB, list[0].Account)
	if err != nil {
		return nil, err
	}
	for _, k := range unwanted {
		if k == kind && !k.Always() {
			return nil, f.o.Notices.Finish(ctx, list, notice.Moot, "not wanted")
		}
	}
	return list, nil
}

// worth leaves out, and finishes, what is not true any more: an end that was moved or
// has come meanwhile, a token that was deleted.
func (f *Flow) worth(ctx context.Context, list []notice.Notice) ([]notice.Notice, error) {
	kind := list[0].Kind
	if !kind.OfEnd() && kind != notice.Decided {
		return list, nil
	}
	ids := make([]id.Token, len(list))
	for i := range list {
		ids[i] = list[i].Token
	}
	tokens, err := f.o.Tokens.ByIDs(ctx, f.o.DB, ids)
	if err != nil {
		return nil, err
	}
	var good, moot []notice.Notice
	for _, n := range list {
		t, there := tokens[n.Token]
		if !there || !t.RevokedAt.IsZero() || kind.OfEnd() && (!n.Of(t.ExpiresAt) || overtaken(kind, t.ExpiresAt.Sub(f.o.Now()))) {
			moot = append(moot, n)
			continue
		}
		good = append(good, n)
	}
	return good, f.o.Notices.Finish(ctx, moot, notice.Moot, "not true any more")
}

// overtaken reports whether something more urgent is due than the kind, with so much
// time left.
func overtaken(k notice.Kind, left time.Duration) bool {
	switch k {
	case notice.EndsWeek:
		return left <= 24*time.Hour
	case notice.EndsDay:
		return left <= 0
	}
	return false
}

// person is who gets a mail.
type person struct{ login, address string }

// recipient finds who gets what an account is told: its primary address, if that is
// verified. why says why nobody does.
func (f *Flow) recipient(ctx context.Context, who id.Account) (to person, why string, err error) {
	facts, err := f.o.Accounts.Facts(ctx, f.o.DB, who)
	switch {
	case problem.Is(err, problem.NotFound):
		return person{}, "the account was deleted", nil
	case err != nil:
		return person{}, "", fmt.Errorf("look for a recipient: %w", err)
	case facts.Suspended:
		return person{}, "the account is suspended", nil
	}
	all, err := f.o.Accounts.ListEmails(ctx, f.o.DB, who)
	if err != nil {
		return person{}, "", err
	}
	for _, e := range all {
		if e.Primary && e.Verified {
			return person{facts.Login, e.Address}, "", nil
		}
	}
	return person{}, "the account has no verified primary address", nil
}
