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
	_, sum := r.o.Keys.Digest("sign-in attempt", []byte(lower(login)))
	pair := limit.Pair(string(sum[:]), event.From(ctx).Address)
	ok, wait := r.o.Limit.Try(pair)
	if ok {
		return func() { r.o.Limit.Succeed(pair) }, nil
	}
	seconds := max(1, int((wait+time.Second-1)/time.Second))
	return nil, &problem.Error{
		Kind: problem.TooMany, After: seconds,
		Public: "There were too many failed attempts to sign in.",
		Remedy: fmt.Sprintf("Try again in %s.", spell(seconds)),
	}
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
