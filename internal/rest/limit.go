package rest

import (
	"net/http"
	"strconv"
	"time"

	"jeton/internal/event"
	"jeton/internal/limit"
	"jeton/internal/problem"
	"jeton/internal/right"
)

// visitorsShare is how much of an account's limit the visitors of one network
// have together.
const visitorsShare = 10

// allowance is the caller's rate: an account's tokens share one, visitors share
// their network's. A credential's owner is never held up by others.
func (c *call) allowance() (key string, rate limit.Rate) {
	rate = limit.Rate{Count: c.door.o.PerHour, Per: time.Hour}
	if c.actor.IsAnonymous() {
		if rate.Count > 0 { // the share of a small limit must not become none, which means no limit
			rate.Count = max(1, rate.Count/visitorsShare)
		}
		return "api visitor " + limit.Network(event.From(c.r.Context()).Address), rate
	}
	if c.actor.Kind == right.AppCredential {
		return "api application " + c.actor.App, rate
	}
	return "api account " + strconv.FormatInt(int64(c.actor.Account), 10), rate
}

// count takes one request from the caller's allowance. Asking for the state of
// the limit is free.
func (c *call) count() error {
	cost := 1
	if c.r.URL.Path == Prefix+"/rate_limit" {
		cost = 0
	}
	key, rate := c.allowance()
	if rate.Count <= 0 {
		return nil
	}
	s := c.door.o.Limit.Take(key, rate, cost)
	core := c.core(rate, s)
	h := c.w.Header()
	h.Set("X-RateLimit-Limit", strconv.Itoa(core.Limit))
	h.Set("X-RateLimit-Remaining", strconv.Itoa(core.Remaining))
	h.Set("X-RateLimit-Used", strconv.Itoa(core.Used))
	h.Set("X-RateLimit-Reset", strconv.FormatInt(core.Reset, 10))
	h.Set("X-RateLimit-Resource", "core")
	if s.OK {
		return nil
	}
	p := problem.Newf(problem.TooMany, "API rate limit exceeded for user ID %d.", c.actor.Account)
	if c.actor.IsAnonymous() {
		p = problem.New(problem.TooMany, "API rate limit exceeded for your address.", "Authenticated requests get a higher rate limit: send a token.")
	}
	p.After = int(s.RetryAfter.Seconds()) + 1
	return p
}

type rateState struct {
	Limit     int   `json:"limit"`
	Used      int   `json:"used"`
	Remaining int   `json:"remaining"`
	Reset     int64 `json:"reset"`
}

type rateAnswer struct {
	Resources map[string]rateState `json:"resources"`
	Rate      rateState            `json:"rate"`
}

func (c *call) core(rate limit.Rate, s limit.State) rateState {
	remaining := max(0, min(s.Remaining, rate.Count))
	return rateState{Limit: rate.Count, Remaining: remaining, Used: rate.Count - remaining, Reset: c.door.o.Now().Add(s.Reset).Unix()}
}

func (d *Door) rateLimit(c *call) (any, error) {
	key, rate := c.allowance()
	if rate.Count <= 0 {
		// GitHub Enterprise Server answers so while its limits are off.
		return nil, &statusError{code: http.StatusNotFound, problem: problem.New(problem.NotFound, "Rate limiting is not enabled.", "")}
	}
	core := c.core(rate, d.o.Limit.Take(key, rate, 0))
	return rateAnswer{map[string]rateState{"core": core, "search": core}, core}, nil
}
