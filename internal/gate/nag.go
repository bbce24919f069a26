package gate

import (
	"fmt"
	"strconv"
	"time"

	"jeton/internal/limit"
	"jeton/internal/printable"
	"jeton/internal/right"
	"jeton/internal/token"
)

// soon is how long before its end a token is spoken of.
const soon = 7 * 24 * time.Hour

// maxNagged is how long a token's name may be in a sentence, in bytes.
const maxNagged = 60

// nags remembers which tokens git was told of within the day, in memory and bounded: to
// keep it would be a write on a request's way, and a restart may say it once more.
type nags struct{ told *limit.Recent }

func newNags(now func() time.Time) nags {
	return nags{limit.NewRecent(limit.RecentOptions{Now: now, Life: 24 * time.Hour})}
}

// Ending returns what is to be said about the end of the actor's token: what happens,
// and where its owner can do something. Both are empty for most: the token does not end
// within a week, or it is no business of who holds it, as with applications, which renew
// theirs, and with what was narrowed. Of one whose secret another system made there is
// always something to say.
func (g *Gate) Ending(a *right.Actor) (text, url string) {
	if a.Until.IsZero() {
		return "", ""
	}
	left := a.Until.Sub(g.o.Now())
	if left > soon && a.Carried == "" || left <= 0 || a.Node != "" || a.Kind != right.ClassicToken && a.Kind != right.FineToken {
		return "", ""
	}
	what := "token"
	if a.Old {
		what = "the old secret of token"
	}
	what += " " + strconv.Quote(printable.Line(a.Note, maxNagged))
	if a.Carried != "" {
		return what + " came from " + token.SystemName(a.Carried) + " and ends in " + printable.Left(left) + ", replace it", g.tokenURL(a, "/regenerate")
	}
	return what + " ends in " + printable.Left(left), g.tokenURL(a, "")
}

// Nag returns a sentence that git should tell whoever holds the actor's token, or
// nothing; Nagged notes that it was told. Each token's is told once a day at most.
func (g *Gate) Nag(a *right.Actor) string {
	text, url := g.Ending(a)
	if text == "" || g.nags.told.Has(nagKey(a)) {
		return ""
	}
	return text + ": " + url
}

// Nagged notes that the sentence of Nag was sent.
func (g *Gate) Nagged(a *right.Actor) { g.nags.told.Add(nagKey(a)) }

func nagKey(a *right.Actor) string { return fmt.Sprintf("%d %t", a.Token, a.Old) }
