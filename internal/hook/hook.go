// Package hook is the room of webhooks: who wants to be told of what happens to a
// repository, in an organisation or to a person's account, what happened, and what became of telling it. What happens is a row
// in the transaction in which it does; package deliver sends it afterwards. The
// room writes the tables hooks, hook_events and hook_deliveries, and it alone. It
// must never reach another machine, and it tells nobody a secret: a secret is
// sealed, and opened for a signature alone.
package hook

import (
	"context"
	"log/slog"
	"time"

	"jeton/internal/audit"
	"jeton/internal/change"
	"jeton/internal/db"
	"jeton/internal/id"
	"jeton/internal/keys"
	"jeton/internal/problem"
	"jeton/internal/right"
	"jeton/internal/secret"
)

// The bounds of what is kept.
const (
	maxPerEvent = 20                 // hooks of one repository or organisation that are told of one kind of event: GitHub's
	maxURL      = 2048               // bytes
	maxSecret   = 1024               // bytes
	keepFor     = 7 * 24 * time.Hour // what was delivered can be looked at
	keepMost    = 1000               // deliveries of one hook, and as many may wait
)

// The content types that a hook can ask for.
const (
	JSON = "json"
	Form = "form"
)

// Of is what a hook is of: a repository, an organisation with everything that it
// owns, or a person's account itself. One of them is set.
type Of struct {
	Repo   id.Repo
	Org    id.Account
	Person id.Account
}

// How the table hooks names what a hook is of.
const (
	ofRepo   = "repository"
	ofOrg    = "organization"
	ofPerson = "user"
)

func (o Of) target() (kind string, number int64) {
	switch {
	case o.Org != 0:
		return ofOrg, int64(o.Org)
	case o.Person != 0:
		return ofPerson, int64(o.Person)
	}
	return ofRepo, int64(o.Repo)
}

func targetOf(kind string, number int64) Of {
	switch kind {
	case ofOrg:
		return Of{Org: id.Account(number)}
	case ofPerson:
		return Of{Person: id.Account(number)}
	}
	return Of{Repo: id.Repo(number)}
}

// Place is what a hook is of, with what the security log wants to know of it.
type Place struct {
	Repo   id.Repo    // 0: it is of the owner
	Owner  id.Account // of the repository
	Name   string     // OWNER/NAME, or the owner's login
	Person bool       // the owner is no organisation
}

// Of is the place without what the security log wants to know.
func (p *Place) Of() Of {
	switch {
	case p.Repo == 0 && p.Person:
		return Of{Person: p.Owner}
	case p.Repo == 0:
		return Of{Org: p.Owner}
	}
	return Of{Repo: p.Repo}
}

// Hook is a webhook.
type Hook struct {
	ID id.Hook
	Of
	Account     id.Account // who saved it last, and by whose right it is told
	App         string     // the client id of the application that made it; empty: a person did
	URL         string
	ContentType string // JSON or Form
	HasSecret   bool
	Events      []string // "*" alone is all
	Active      bool
	CreatedAt   time.Time
	UpdatedAt   time.Time
	Failures    int    // of the last deliveries, in a row
	LastCode    int    // of the last delivery's answer; 0: none, or nothing was sent yet
	LastStatus  string // of the last delivery; empty: nothing was sent yet
}

// Wants reports whether the hook is told of the event.
func (h *Hook) Wants(event string) bool {
	for _, e := range h.Events {
		if e == "*" || e == event {
			return true
		}
	}
	return false
}

// For reports whether the actor has to do with the hook, as far as that is not the
// gate's to say: as on GitHub, a hook of an organisation that an application made
// is for this application's tokens, and theirs are for no other. On the pages
// owners see all of them.
func (h *Hook) For(actor *right.Actor) bool {
	return h.Org == 0 || !actor.IsToken() || h.App == actor.App
}

// Options are what the room needs. All but Log and Now are required.
type Options struct {
	DB     *db.DB
	Change *change.Bus
	Audit  *audit.Log
	Keys   *keys.Ring
	Log    *slog.Logger     // nil: nothing is logged
	Now    func() time.Time // nil: time.Now
}

// Room holds the rules and queries of webhooks. It may be used from several
// goroutines. A nil room is told of everything and keeps nothing.
type Room struct {
	o     Options
	known hooked
	due   chan struct{} // holds something when there may be something to deliver
}

// New returns the room. It panics when a required part is missing.
func New(o Options) *Room {
	if o.DB == nil || o.Change == nil || o.Audit == nil || o.Keys == nil {
		panic("hook: New without a required option")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	m := &Room{o: o, due: make(chan struct{}, 1)}
	o.Change.Subscribe(m.known.hear)
	return m
}

// Due delivers something when there may be something to deliver.
func (m *Room) Due() <-chan struct{} { return m.due }

func (m *Room) poke() {
	select {
	case m.due <- struct{}{}:
	default: // somebody is about to look anyway
	}
}

const sealPurpose = "webhook secret"

// Secret opens the secret that the hook's deliveries are signed with; the zero
// value where it has none.
func (m *Room) Secret(ctx context.Context, r db.Reader, hook id.Hook) (secret.Value, error) {
	var sealed []byte
	err := r.QueryRow(ctx, `SELECT secret FROM hooks WHERE id = $1`, hook).Scan(&sealed)
	if err != nil || len(sealed) == 0 {
		return secret.Value{}, missing(err)
	}
	plain, err := m.o.Keys.Open(sealPurpose, sealed, aad(hook))
	return secret.New(string(plain)), err
}

func notFound() error {
	return problem.New(problem.NotFound, "There is no such webhook.", "It may have been deleted.")
}

// record writes a line into the security log of the repository's owner, or of the
// organisation.
func (m *Room) record(ctx context.Context, tx *db.Tx, actor right.Actor, action string, at Place, h *Hook) error {
	return m.o.Audit.Record(ctx, tx, audit.Entry{Action: action, Actor: actor, Account: at.Owner, Repo: at.Repo, Target: at.Name,
		Detail: map[string]string{"hook": id.Text(h.ID), "url": bare(h.URL), "events": list(h.Events)}})
}
