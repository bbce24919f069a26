// Package notice is the room of what people who own tokens are told: that one was
// made, ends, is used from a network that is new, or by somebody who should not have
// it any more; and of what the owners of organisations are asked about them. A notice is a row in the transaction of what it tells, once, whoever
// tells it again; package mail sends it afterwards, and webhooks are told by package
// hook. It must never hold a secret or the name of a repository, and never reach
// another machine.
package notice

import (
	"strconv"
	"sync"
	"time"

	"jeton/internal/audit"
	"jeton/internal/db"
	"jeton/internal/hook"
	"jeton/internal/id"
)

// Kind is what a notice is about. The names are stored.
type Kind string

// The kinds.
const (
	Created    Kind = "token_created" // a token, or a new secret of one
	EndsWeek   Kind = "token_ends_7d"
	EndsDay    Kind = "token_ends_1d"
	Ended      Kind = "token_ended"
	NewNetwork Kind = "token_new_network"
	Reuse      Kind = "token_reuse"   // an old secret was used after its end
	Decided    Kind = "token_decided" // an organisation's owners approved or denied it

	// Asked is for the owners of an organisation: a token waits for one of them.
	Asked Kind = "token_asked"

	// Confirm is a mail by which an address of the account is confirmed. It goes to
	// that address, is about no token, and nobody chooses it.
	Confirm Kind = "email_confirm"
)

// kindFacts is what is known of a kind.
type kindFacts struct {
	kind   Kind
	action string // of the event personal_access_token; empty: it is no such event
	always bool   // nobody can do without
}

var kinds = [...]kindFacts{
	{Created, "created", false},
	{EndsWeek, "expiring", false},
	{EndsDay, "expiring", false},
	{Ended, "expired", false},
	{NewNetwork, "new_network", false},
	{Reuse, "reuse", true},
	{Decided, "", false},
	{Asked, "", false},
}

// Kinds returns the kinds that are about tokens, in the order of the form.
func Kinds() []Kind {
	out := make([]Kind, len(kinds))
	for i, k := range kinds {
		out[i] = k.kind
	}
	return out
}

func (k Kind) facts() kindFacts {
	for _, f := range kinds {
		if f.kind == k {
			return f
		}
	}
	return kindFacts{kind: k}
}

// Always reports whether the kind can't be switched off.
func (k Kind) Always() bool { return k == Confirm || k.facts().always }

// OfEnd reports whether it is about a token's end.
func (k Kind) OfEnd() bool { return k == EndsWeek || k == EndsDay || k == Ended }

// Token is what a notice says of a token.
type Token struct {
	ID        id.Token
	Account   id.Account   // whose it is
	Machine   string       // the account's login, if it is a machine's
	Readers   []id.Account // who is told: the account, or who answers for the machine
	Kind      string       // as programs read it: classic, fine-grained, oauth, deploy
	Note      string
	App       string     // the client id of the application that has it
	Owner     id.Account // whose things it reaches, if it is fine-grained
	Apart     bool       // its account has nothing to do with Owner any more
	CreatedAt time.Time
	EndsAt    time.Time // zero: never
}

// The ways in which a secret is made.
const (
	Made        = "made"
	Regenerated = "regenerated"
	Rotated     = "rotated"
)

// Detail is what a notice knows beside its token, as it is kept.
type Detail struct {
	Note    string `json:"note"`
	Kind    string `json:"kind"`
	App     string `json:"app,omitempty"`
	Machine string `json:"machine,omitempty"` // the login of the machine whose token it is
	How     string `json:"how,omitempty"`     // Made, Regenerated or Rotated; Approved or Denied
	EndsAt  int64  `json:"ends_at,omitempty"`
	Address string `json:"address,omitempty"`
	Network string `json:"network,omitempty"`
	Client  string `json:"client,omitempty"`
	Ending  string `json:"ending,omitempty"` // how the secret ends that was used

	Org     id.Account      `json:"org,omitempty"`     // whose owners are asked
	In      string          `json:"in,omitempty"`      // its login
	Request id.TokenRequest `json:"request,omitempty"` // what they are asked
	Answer  string          `json:"answer,omitempty"`  // why they decided so

	Email id.Email `json:"email,omitempty"` // which address is to be confirmed
}

// Ends is when the token ends, or ended; zero: never.
func (d *Detail) Ends() time.Time { return db.Time(d.EndsAt) }

// Options are what the room needs. All but Hooks and Now are required.
type Options struct {
	DB    *db.DB
	Audit *audit.Log
	Hooks *hook.Room       // nil: no webhook is told
	Now   func() time.Time // nil: time.Now
}

// Room holds the notices. It may be used from several goroutines. A nil room is told
// of everything and keeps nothing.
type Room struct {
	o   Options
	due chan struct{} // holds something when there may be something to send

	mu   sync.Mutex
	seen map[place]int64 // the day of last_at, of networks whose row is known; guarded by mu
}

// New makes the room. It panics when a required part is missing.
func New(o Options) *Room {
	if o.DB == nil || o.Audit == nil {
		panic("notice: New without a required option")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Room{o: o, due: make(chan struct{}, 1), seen: map[place]int64{}}
}

// Due delivers something when there may be something to send.
func (r *Room) Due() <-chan struct{} { return r.due }

func (r *Room) poke() {
	select {
	case r.due <- struct{}{}:
	default: // somebody is about to look anyway
	}
}

// micros is t as the rows have it, in decimal.
func micros(t time.Time) string { return strconv.FormatInt(db.Micros(t), 10) }
