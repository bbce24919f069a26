// Package leak is the room that finds live tokens of this host in what is about
// to be kept: a token in a repository is everybody's who may read there. It
// never stores or logs what it finds, and it knows the tokens of this host
// alone. It looks for what has the shape and the checksum of a token, which
// costs one pass over the bytes, and asks the room of tokens about the few that
// have both.
package leak

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"

	"jeton/internal/application"
	"jeton/internal/narrow"
	"jeton/internal/problem"
	"jeton/internal/secret"
	"jeton/internal/token"
)

// Candidate is something with the shape and the checksum of a token.
type Candidate struct {
	Plain  secret.Value
	Offset int // of its first byte
}

// marker is what every token of this host begins with.
var (
	marker   = []byte(token.Marker)
	narrowed = []byte(narrow.Prefix)
)

// Scan goes through what in data could be a token, in order and each time that it
// stands there. The data may be of any kind; nothing of it is kept.
func Scan(data []byte) iter.Seq[Candidate] {
	return func(yield func(Candidate) bool) {
		for from := 0; ; {
			i := bytes.Index(data[from:], marker)
			if i < 0 || len(data)-from-i < token.Length {
				return
			}
			from += i
			if data[from+len(token.Prefix)-1] == '_' { // most of what begins so is no token: nothing is copied for it
				text := string(data[from:min(len(data), from+longest(data[from:]))])
				if n := token.Begins(text); n > 0 {
					if !yield(Candidate{Plain: secret.New(text[:n]), Offset: from}) {
						return
					}
					from += n
					continue
				}
			}
			from += len(marker)
		}
	}
}

// longest is how long a token may be that begins as data does.
func longest(data []byte) int {
	if bytes.HasPrefix(data, narrowed) {
		return token.MaxLength
	}
	return token.Length
}

// The most that one collector keeps. Who sends more sends no mistake.
const (
	maxTokens = 5_000 // different ones
	maxPlaces = 20    // of one of them
)

// Place is where a candidate was found.
type Place struct {
	Kind   string // of the object that holds it: blob, commit or tag
	Object string // its name
	Line   int
	Column int // of its first byte, from 1
}

// Collector gathers candidates from many objects, from several goroutines.
type Collector struct {
	mu     sync.Mutex
	found  map[string][]Place // guarded by mu; by the plain text
	order  []secret.Value     // guarded by mu
	tooFar bool               // guarded by mu
}

// Look scans one object and notes what it finds. data may change afterwards.
func (c *Collector) Look(kind, object string, data []byte) {
	held := false
	line, begin, counted := 1, 0, 0 // each byte is looked at once, however many candidates follow it
	for f := range Scan(data) {
		if !held { // most objects have none, and wait for nobody
			c.mu.Lock()
			defer c.mu.Unlock()
			if held = true; c.found == nil {
				c.found = map[string][]Place{}
			}
		}
		between := data[counted:f.Offset]
		line += bytes.Count(between, []byte{'\n'})
		if i := bytes.LastIndexByte(between, '\n'); i >= 0 {
			begin = counted + i + 1
		}
		counted = f.Offset
		places, known := c.found[f.Plain.Reveal()]
		if !known {
			if len(c.order) >= maxTokens {
				c.tooFar = true
				return
			}
			c.order = append(c.order, f.Plain)
		}
		if len(places) < maxPlaces {
			c.found[f.Plain.Reveal()] = append(places, Place{Kind: kind, Object: object, Line: line, Column: f.Offset - begin + 1})
		}
	}
}

// Finding is a live token and where it stands.
type Finding struct {
	Token     token.Verified
	LastEight string // characters of it, by which its owner knows it
	Places    []Place
}

var names = [token.Kinds]string{token.Personal: "Personal Access Token", token.FineGrained: "Fine-grained Personal Access Token", token.OAuth: "OAuth Access Token",
	token.Refresh: "Refresh Token", token.AppSecret: "Application Secret", token.Exchanged: "Exchanged Token", token.Deploy: "Deploy Token"}

// Name is what the secret is, as GitHub's messages name such things.
func (f *Finding) Name() string {
	if f.Token.Node != "" {
		return "Narrowed " + names[f.Token.Kind]
	}
	return names[f.Token.Kind]
}

// Path is the page on which its owner ends it.
func (f *Finding) Path() string {
	end := "/delete"
	if f.Token.Node != "" {
		end = "#narrowed"
	}
	switch f.Token.Kind {
	case token.Personal, token.Deploy: // from there a deploy token leads on to its repository
		return fmt.Sprintf("/settings/tokens/%d%s", int64(f.Token.Token), end)
	case token.FineGrained:
		return fmt.Sprintf("/settings/personal-access-tokens/%d%s", int64(f.Token.Token), end)
	case token.AppSecret:
		return "/settings/developers"
	}
	return "/settings/connections/applications/" + f.Token.App
}

// Options are what the room needs. Both are required.
type Options struct {
	Tokens *token.Room
	Apps   *application.Room
}

// Room asks whether candidates are live.
type Room struct{ o Options }

// New makes the room.
func New(o Options) *Room {
	if o.Tokens == nil || o.Apps == nil {
		panic("leak: New without Tokens or Apps")
	}
	return &Room{o: o}
}

// Live returns those of the collected candidates that are live tokens at this
// moment. It fails with problem.TooLarge when there are too many candidates to
// ask about: nothing is let through unasked.
func (r *Room) Live(ctx context.Context, c *Collector) ([]Finding, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.tooFar {
		return nil, problem.New(problem.TooLarge, "this push holds more than 5000 texts that look like tokens of this site",
			"Push it in parts, or leave the file out that holds them.")
	}
	var out []Finding
	for _, plain := range c.order {
		v, err := r.live(ctx, plain)
		if err != nil {
			return nil, err
		}
		if v == nil {
			continue // expired, revoked or never one: it opens nothing
		}
		out = append(out, Finding{Token: *v, LastEight: lastEight(plain, v), Places: c.found[plain.Reveal()]})
	}
	return out, nil
}

// lastEight is how the secret ends by which its owner knows it: one that was narrowed
// is known by that from which it was.
func lastEight(plain secret.Value, v *token.Verified) string {
	if v != nil && v.Node != "" {
		return v.LastEight
	}
	s := plain.Reveal()
	return s[len(s)-8:]
}

// live says what plain is, or nothing when it opens nothing.
func (r *Room) live(ctx context.Context, plain secret.Value) (*token.Verified, error) {
	switch k, _ := token.KindOf(plain.Reveal()); k {
	case token.Refresh:
		t, ok, err := r.o.Apps.LiveRefresh(ctx, plain)
		if err != nil || !ok {
			return nil, err
		}
		return &token.Verified{Token: t.ID, Account: t.Account, Kind: token.Refresh, App: t.App, Note: t.Note}, nil
	case token.AppSecret:
		a, ok, err := r.o.Apps.OfSecret(ctx, plain)
		if err != nil || !ok {
			return nil, err
		}
		return &token.Verified{Account: a.Owner, Kind: token.AppSecret, App: a.ClientID, Note: a.Name}, nil
	}
	v, err := r.o.Tokens.Verify(ctx, plain)
	if _, refused := errors.AsType[*token.Refused](err); refused {
		return nil, nil
	}
	return v, err
}

// Known says which token of this host a candidate is, and whether it is live. One
// that never was any gives false, and so does what applications hold beside their
// tokens once it is worth nothing.
func (r *Room) Known(ctx context.Context, plain secret.Value) (f Finding, live, known bool, err error) {
	s := plain.Reveal()
	v, err := r.live(ctx, plain)
	f.LastEight = lastEight(plain, v)
	if err != nil || v != nil {
		if v != nil {
			f.Token = *v
		}
		return f, v != nil, v != nil, err
	}
	if k, _ := token.KindOf(s); k == token.Refresh || k == token.AppSecret {
		return Finding{}, false, false, nil
	}
	_, err = r.o.Tokens.Verify(ctx, plain)
	if refused, ok := errors.AsType[*token.Refused](err); ok {
		t := refused.Token
		if refused.Narrowed {
			f.LastEight = t.LastEight
		}
		f.Token = token.Verified{Token: t.ID, Account: t.Account, Kind: t.Kind, App: t.App, Note: t.Note, LastEight: f.LastEight}
		return f, false, t.ID != 0, nil
	}
	return Finding{}, false, false, err
}
