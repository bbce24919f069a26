package gate

import (
	"context"
	"strconv"
	"sync/atomic"
	"time"

	"jeton/internal/audit"
	"jeton/internal/event"
	"jeton/internal/limit"
	"jeton/internal/right"
)

// refusals counts the credentials that were refused: by reason for the metrics,
// and unknown tokens by network, so that somebody who tries them is noticed. It
// never refuses anything itself: many people may share a network.
type refusals struct {
	byWhy   [len(whyNames)]atomic.Int64
	unknown *limit.Counter
	lines   *limit.Counter
	noticed *limit.Counter // by credential and reason: what stands in its owner's log this hour
}

const (
	// noticed is how many unknown tokens from one network within an hour are
	// worth a line in the site's log.
	noticed = 100
	// maxLines is how many such lines an hour has at most, for whoever has many
	// networks.
	maxLines = 100
)

func newRefusals(now func() time.Time) refusals {
	hourly := limit.CounterOptions{Now: now, Per: time.Hour}
	return refusals{unknown: limit.NewCounter(hourly), lines: limit.NewCounter(hourly), noticed: limit.NewCounter(hourly)}
}

// Refused returns how many credentials were refused for a reason, for metrics.
func (g *Gate) Refused(why Why) int64 { return g.refusals.byWhy[why].Load() }

// refused counts r. Only the refusal that reaches the threshold writes to the
// database.
func (g *Gate) refused(ctx context.Context, r *Refusal) {
	g.refusals.byWhy[r.Why].Add(1)
	g.noticeRefusal(ctx, r)
	if r.Why != UnknownToken || g.refusals.unknown.Add(limit.Network(event.From(ctx).Address)) != noticed {
		return
	}
	if g.refusals.lines.Add("") > maxLines {
		return
	}
	// Whoever hangs up does not take the line away. Without a database there is
	// none, and the refusal stands all the same.
	err := g.o.Audit.RecordAlone(context.WithoutCancel(ctx), audit.Entry{
		Action: "site.unknown_tokens", Actor: right.Anonymous(),
		Detail: map[string]string{"attempts": strconv.Itoa(noticed), "within": "an hour"},
	})
	if err != nil {
		g.o.Log.ErrorContext(ctx, "the site's log can't be written", "err", err)
	}
}
