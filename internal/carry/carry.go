// Package carry is the flow that brings over what another Git host keeps: accounts,
// organizations, repositories and the tokens that people and programs have. It makes
// them through the rooms, one after the other, and notes each one, so that it can be
// run again and brings only what is new. It must never join two accounts unasked, let
// a token do more than it could, or take anything over without a line about it.
package carry

import (
	"context"
	"fmt"
	"strings"
	"time"

	"jeton/internal/account"
	"jeton/internal/carried"
	"jeton/internal/db"
	"jeton/internal/foreign"
	"jeton/internal/id"
	"jeton/internal/lifecycle"
	"jeton/internal/org"
	"jeton/internal/printable"
	"jeton/internal/problem"
	"jeton/internal/repo"
	"jeton/internal/right"
	"jeton/internal/token"
)

// Options are the parts that the flow joins. All but Now are required.
type Options struct {
	DB        *db.DB
	Account   *account.Room
	Org       *org.Room
	Repo      *repo.Room
	Token     *token.Room
	Carried   *carried.Room
	Lifecycle *lifecycle.Flow
	Now       func() time.Time // nil: time.Now
}

// Flow does the work.
type Flow struct{ o Options }

// New returns the flow. It panics when a required part is missing.
func New(o Options) *Flow {
	if o.DB == nil || o.Account == nil || o.Org == nil || o.Repo == nil || o.Token == nil || o.Carried == nil || o.Lifecycle == nil {
		panic("carry: New without a required option")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Flow{o: o}
}

// DefaultLife is for how long tokens that were brought over work, unless somebody says
// otherwise.
const DefaultLife = 90 * 24 * time.Hour

// Plan says what is brought, and how.
type Plan struct {
	System       foreign.System
	Source       string // what this one is called, if there are several of the system; empty: as the system
	World        foreign.World
	Repositories string            // the folder of all repositories; empty: none is brought
	Until        time.Time         // when the tokens end at the latest
	Merge        []string          // logins of accounts here that are the ones of that name there
	Rename       map[string]string // other logins, by those there
	Dry          bool              // nothing is changed
}

// Done is what became of a thing.
type Done string

// What can become of a thing.
const (
	Made    Done = "made"
	Joined  Done = "joined"  // with what is here
	There   Done = "there"   // brought before
	Skipped Done = "skipped" // there is nothing to bring
	Refused Done = "refused" // it can't be brought as it is
)

// Item is the line about one thing.
type Item struct {
	Kind string `json:"kind"` // account, organization, member, repository, old name, team, access or token
	Name string `json:"name"`
	Done Done   `json:"done"`
	Why  string `json:"why,omitempty"`
}

// bringer is one run.
type bringer struct {
	*Flow
	p      Plan
	say    func(Item)
	actor  right.Actor
	old    *foreign.Folder // of the repositories
	merge  map[string]bool
	rename map[string]string

	accounts map[int64]id.Account // of people and organizations, ours by theirs
	logins   map[int64]string     // here
	repos    map[int64]id.Repo
	names    map[int64]string // of repositories, with their owners
	planned  map[string]bool  // names that are taken by what would be made, in a dry run
}

// Run brings over what the plan names, and tells of each thing. It fails when
// something that has to do with no single thing does; what was brought until then
// stays, and the next run goes on from there. There is one run at a time, whichever
// process it is in: it fails with problem.Conflict beside another one.
func (f *Flow) Run(ctx context.Context, p Plan, say func(Item)) error {
	if p.Source == "" {
		p.Source = string(p.System)
	}
	now := f.o.Now()
	if !p.Until.After(now) || p.Until.After(now.Add(token.CarryFor)) {
		return problem.New(problem.Invalid, "Tokens that are brought over end within a year from now.", "Give a date in the future that is less than a year away.")
	}
	if !p.Dry {
		release, err := f.o.DB.LockImport(ctx)
		if err != nil {
			return err
		}
		defer release()
	}
	b := &bringer{Flow: f, p: p, say: say, actor: right.Operator(), merge: map[string]bool{}, rename: map[string]string{},
		accounts: map[int64]id.Account{}, logins: map[int64]string{}, repos: map[int64]id.Repo{}, names: map[int64]string{}, planned: map[string]bool{}}
	for _, m := range p.Merge {
		b.merge[strings.ToLower(m)] = true
	}
	for from, to := range p.Rename {
		b.rename[strings.ToLower(from)] = to
	}
	for _, step := range []func(context.Context) error{b.people, b.orgs, b.repositories, b.oldNames, b.teams, b.helpers, b.tokens} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (b *bringer) tell(kind, name string, done Done, why ...string) {
	b.say(Item{Kind: kind, Name: printable.Line(name, 120), Done: done, Why: printable.Line(strings.Join(why, "; "), 600)})
}

// thing is what the room carried knows one by.
func (b *bringer) thing(kind string, made time.Time, numbers ...int64) carried.Thing {
	parts := make([]string, len(numbers))
	for i, n := range numbers {
		parts[i] = fmt.Sprint(n)
	}
	return carried.Thing{Source: b.p.Source, Kind: kind, Theirs: strings.Join(parts, "/"), Stamp: made}
}

// find returns what a thing is here, if it was brought before.
func (b *bringer) find(ctx context.Context, t carried.Thing) (ours int64, there bool, err error) {
	ours, there, other, err := b.o.Carried.Find(ctx, t)
	if err == nil && other {
		return 0, false, problem.New(problem.Conflict, fmt.Sprintf("This is not the database of which things were brought over as %q: its %s %s was made at another time.", b.p.Source, t.Kind, t.Theirs),
			"If it is another one, give it a name of its own with --source NAME.")
	}
	return ours, there, err
}

// once does what may be done twice, unless it was done before, and notes it. A thing
// that can't be brought is told of, and is no error.
func (b *bringer) once(ctx context.Context, t carried.Thing, name string, do func() error) error {
	if b.p.Dry {
		return nil
	}
	_, there, err := b.find(ctx, t)
	if err != nil || there {
		return err
	}
	if err := do(); err != nil {
		return b.refuse(ctx, t.Kind, name, err)
	}
	return b.o.Carried.Note(ctx, t, 0)
}

// refuse tells of a thing that could not be brought, if the reason lies in the thing.
func (b *bringer) refuse(ctx context.Context, kind, name string, err error, hint ...string) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	p := problem.Of(err)
	if p.Kind == problem.Internal || p.Kind == problem.Unavailable {
		return err
	}
	b.tell(kind, name, Refused, append([]string{words(p)}, hint...)...)
	return nil
}

// remedy is what a problem says is to be done, as a hint in a line.
func remedy(err error) []string {
	p := problem.Of(err)
	if p.Remedy == "" {
		return nil
	}
	return []string{words(&problem.Error{Public: p.Remedy})}
}

// words is a problem in a part of a line.
func words(p *problem.Error) string {
	text := p.Public
	if text == "" {
		text = p.Error()
	}
	text = strings.TrimSuffix(text, ".")
	if len(text) > 1 && text[1] >= 'a' && text[1] <= 'z' || strings.HasPrefix(text, "A ") {
		text = strings.ToLower(text[:1]) + text[1:]
	}
	return text
}
