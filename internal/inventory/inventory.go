// Package inventory is the list of every token that can touch what somebody answers
// for: the administrators of the site all of them, an organisation's owners those
// that reach something of it. It finds, narrows, exports and ends them. It must
// never show what is the tokens' owners' alone, and no answer of it may take longer
// because there are more tokens.
package inventory

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"jeton/internal/account"
	"jeton/internal/db"
	"jeton/internal/id"
	"jeton/internal/keys"
	"jeton/internal/problem"
	"jeton/internal/right"
	"jeton/internal/token"
)

// Options are what the room needs. All but Now, Look, Patience and Few are required.
type Options struct {
	DB       *db.DB
	Keys     *keys.Ring
	Accounts *account.Room
	Tokens   *token.Room
	Now      func() time.Time

	Look     int           // how many tokens one answer looks at; 0: 20,000
	Patience time.Duration // how long it looks; 0: 30 ms
	Few      int           // up to so many tokens of an organisation's people are read whole; 0: 4,000, -1: never
}

// Room lists the tokens of all accounts for those who answer for them.
type Room struct{ o Options }

// New makes the room.
func New(o Options) *Room {
	if o.DB == nil || o.Keys == nil || o.Accounts == nil || o.Tokens == nil {
		panic("inventory: New without DB, Keys, Accounts or Tokens")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Look == 0 {
		o.Look = 20_000
	}
	if o.Patience == 0 {
		o.Patience = 30 * time.Millisecond
	}
	if o.Few == 0 {
		o.Few = 4000
	}
	return &Room{o}
}

// View says who asks, and so which tokens there are and what is shown of them.
type View struct {
	Org   id.Account // an organisation's owners; zero: the administrators of the site
	Login string     // the organisation's
}

// Site is the view of the administrators of the site.
func Site() View { return View{} }

// Line is a token as a view shows it. What is empty or zero may not be shown, or
// there is none.
type Line struct {
	ID          id.Token
	Login       string // whose it is
	Kind        token.Kind
	Name        string         // what its owner called it; an application's, always
	App         string         // the client id of an application
	Carried     string         // the other system that made its secret; empty: this one
	Scopes      right.ScopeSet // to an organisation those that count there
	Permissions right.Fine
	Access      token.Access
	Reaches     string // the login of the account whose things alone it reaches
	Repos       int    // how many it names
	LastEight   string
	CreatedAt   time.Time
	ExpiresAt   time.Time // zero: never
	UsedAt      time.Time // zero: never; to an organisation the day, unless the token is for it alone
	Address     string    // of the last use
	Client      string
	Expired     bool
	Frozen      bool
	Barred      bool // the organisation shut it out
	Ends        bool // to revoke it ends it; otherwise it is shut out of what is the organisation's
}

// Page is a part of the list.
type Page struct {
	Lines  []Line
	Next   string // from where to go on; empty: there is no more
	Looked int    // how many tokens were looked at, if there was no time for more
	Order  string // in words, after which they are sorted
}

// cursor is a place in a list: behind a token with that key.
type cursor struct {
	key int64
	id  int64
}

const cursorPurpose = "inventory cursor"

// mark is the cursor for a link. It is sealed, since it may stand behind a token that is
// not for whoever asks.
func (r *Room) mark(c cursor) (string, error) {
	b := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, uint64(c.key)), uint64(c.id))
	sealed, err := r.o.Keys.Seal(cursorPurpose, b, nil)
	return base64.RawURLEncoding.EncodeToString(sealed), err
}

func (r *Room) place(text string) (*cursor, error) {
	if text == "" {
		return nil, nil
	}
	sealed, err := base64.RawURLEncoding.DecodeString(text)
	if err == nil {
		var b []byte
		if b, err = r.o.Keys.Open(cursorPurpose, sealed, nil); err == nil && len(b) == 16 {
			return &cursor{int64(binary.BigEndian.Uint64(b)), int64(binary.BigEndian.Uint64(b[8:]))}, nil
		}
	}
	return nil, problem.New(problem.Invalid, "This link is not one of this list any more.", "Begin at the first page.")
}

// List returns one page of at most limit tokens, from a place on that an earlier
// page named. It fails with problem.Invalid for a filter that means nothing.
func (r *Room) List(ctx context.Context, v View, f Filter, after string, limit int) (Page, error) {
	q, err := r.terms(ctx, v, f)
	if err != nil {
		return Page{}, err
	}
	at, err := r.place(after)
	if err != nil {
		return Page{}, err
	}
	d := q.drive()
	found, end, looked, err := r.find(ctx, &q, d, at, limit)
	if err != nil {
		return Page{}, err
	}
	p := Page{Order: d.words}
	if p.Lines, err = r.lines(ctx, v, found); err != nil {
		return Page{}, err
	}
	if end != nil {
		if p.Next, err = r.mark(*end); err != nil {
			return Page{}, err
		}
		if len(found) < limit {
			p.Looked = looked
		}
	}
	return p, nil
}

// Each calls f with all lines that match, some at a time: it takes as long as it
// takes, and holds no transaction open.
func (r *Room) Each(ctx context.Context, v View, f Filter, some func([]Line) error) error {
	q, err := r.terms(ctx, v, f)
	if err != nil {
		return err
	}
	d := q.drive()
	for at := (*cursor)(nil); ; {
		found, end, _, err := r.find(ctx, &q, d, at, 500)
		if err != nil {
			return err
		}
		lines, err := r.lines(ctx, v, found)
		if err != nil {
			return err
		}
		if err := some(lines); err != nil {
			return err
		}
		if end == nil {
			return nil
		}
		at = end
	}
}

// Check makes sure that a filter means something.
func (r *Room) Check(ctx context.Context, v View, f Filter) error {
	_, err := r.terms(ctx, v, f)
	return err
}

// terms reads a filter for a view.
func (r *Room) terms(ctx context.Context, v View, f Filter) (terms, error) {
	if v.Org != 0 {
		f.Of = ""
	} else {
		f.Barred = ""
	}
	q, err := f.read(r.o.Now())
	if err != nil {
		return q, err
	}
	q.org, q.orgLogin = v.Org, v.Login
	if q.org != 0 {
		q.toDays()
	}
	for _, one := range []struct {
		login string
		to    *id.Account
	}{{f.Owner, &q.account}, {f.Of, &q.of}} {
		if one.login == "" {
			continue
		}
		a, err := r.o.Accounts.ByLogin(ctx, r.o.DB, one.login)
		if repo, ok := account.PlaceOf(one.login); ok { // the list names it, though it is not found as others are
			a, err = r.o.Accounts.OfPlace(ctx, r.o.DB, repo)
		}
		switch {
		case problem.Is(err, problem.NotFound):
			q.nobody = true
		case err != nil:
			return q, err
		default:
			*one.to = a.ID
		}
	}
	return q, nil
}

// lines are what v may see of the tokens that were found. One that ended meanwhile
// is left out.
func (r *Room) lines(ctx context.Context, v View, found []row) ([]Line, error) {
	ids := make([]id.Token, len(found))
	for i := range found {
		ids[i] = found[i].id
	}
	all, err := r.o.Tokens.ByIDs(ctx, r.o.DB, ids)
	if err != nil {
		return nil, err
	}
	out := make([]Line, 0, len(found))
	for i := range found {
		t, ok := all[found[i].id]
		if !ok || !t.RevokedAt.IsZero() {
			continue
		}
		l, err := r.line(ctx, v, &t, &found[i])
		if err != nil {
			return nil, err
		}
		out = append(out, l)
	}
	return out, nil
}

func (r *Room) line(ctx context.Context, v View, t *token.Token, at *row) (Line, error) {
	who, err := r.o.Accounts.Known(ctx, r.o.DB, t.Account)
	if err != nil {
		return Line{}, fmt.Errorf("whose token it is: %w", err)
	}
	l := Line{ID: t.ID, Login: who.Login, Kind: t.Kind, Name: t.Note, App: t.App, Carried: t.Carried, Permissions: t.Permissions, Access: t.Access, Repos: len(t.Repos), LastEight: t.LastEight,
		CreatedAt: t.CreatedAt, ExpiresAt: t.ExpiresAt, UsedAt: t.LastUse.At, Address: t.LastUse.Address, Client: t.LastUse.Client,
		Expired: t.Expired(r.o.Now()), Frozen: !t.FrozenAt.IsZero(), Ends: true}
	if !t.Kind.Fine() {
		l.Scopes = at.shown(v.Org)
	}
	if t.Access != token.Anywhere && t.Owner != 0 {
		of, err := r.o.Accounts.Known(ctx, r.o.DB, t.Owner)
		if err != nil && !problem.Is(err, problem.NotFound) {
			return Line{}, fmt.Errorf("what a token reaches: %w", err)
		}
		l.Reaches = of.Login
	}
	if v.Org == 0 {
		return l, nil
	}
	l.Address, l.Client = "", ""
	l.Barred = slices.Contains(t.Barred, v.Org)
	if t.Access == token.Anywhere || t.Owner != v.Org {
		l.Ends, l.UsedAt = false, l.UsedAt.UTC().Truncate(24*time.Hour)
		if t.Kind != token.OAuth {
			l.Name = ""
		}
	}
	return l, nil
}
