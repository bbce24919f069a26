package signin

import (
	"context"
	"fmt"
	"time"

	"jeton/internal/event"
	"jeton/internal/limit"
	"jeton/internal/problem"
)

// attempt counts a try of login's password from the request's address, or says
// with problem.TooMany how long to wait first. It is counted as failed until
// forgive is called, so that many tries at once get no further than one after
// the other. Only the right password forgives: a try that was broken off must
// not, or breaking off would wipe the failures before it away.
//
// The login is what was typed, so that what exists and what doesn't are slowed
// down alike; of it only a keyed digest is kept, because it may be a password.
func (r *Room) attempt(ctx context.Context, login string) (forgive func(), err error) {
	return r.try(r.pair(ctx, login))
}

func (r *Room) pair(ctx context.Context, login string) string {
	_, sum := r.o.Keys.Digest("sign-in attempt", []byte(lower(login)))
	return limit.Pair(string(sum[:]), event.From(ctx).Address)
}

func (r *Room) try(pair string) (forgive func(), err error) {
	ok, wait := r.o.Limit.Try(pair)
	if ok {
		return func() { r.o.Limit.Succeed(pair) }, nil
	}
	return nil, tooMany("There were too many failed attempts to sign in.", wait)
}

// knock is attempt for somebody who is not signed in: the failures of a whole
// network count as well, whatever the logins, so that nobody tries one password
// on many. The limit is loose, since a school is one network, and does not hold
// for a login that has signed in from there within a month.
func (r *Room) knock(ctx context.Context, login string) (forgive func(), err error) {
	network, pair := limit.Network(event.From(ctx).Address), r.pair(ctx, login)
	giveBack := func() {}
	if !r.regulars.Has(pair) {
		if ok, wait := r.networks.Allow(network, r.o.Networks, 1); !ok {
			return nil, tooMany("There were too many failed attempts to sign in from your network.", wait)
		}
		giveBack = func() { r.networks.Return(network, r.o.Networks, 1) }
	}
	succeeded, err := r.try(pair)
	if err != nil {
		giveBack()
		return nil, err
	}
	return func() {
		succeeded()
		giveBack()
		r.regulars.Add(pair)
	}, nil
}

func tooMany(what string, wait time.Duration) error {
	seconds := max(1, int((wait+time.Second-1)/time.Second))
	return &problem.Error{Kind: problem.TooMany, After: seconds, Public: what, Remedy: fmt.Sprintf("Try again in %s.", spell(seconds))}
}

// lower folds the case in which logins and addresses are the same.
func lower(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

func spell(seconds int) string {
	switch {
	case seconds == 1:
		return "a second"
	case seconds < 120:
		return fmt.Sprintf("%d seconds", seconds)
	}
	return fmt.Sprintf("%d minutes", (seconds+59)/60)
}
