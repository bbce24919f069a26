package gate

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"jeton/internal/event"
	"jeton/internal/narrow"
	"jeton/internal/problem"
	"jeton/internal/right"
	"jeton/internal/secret"
	"jeton/internal/token"
)

// Presented is what a request's Authorization header holds, before anybody
// knows whether it is good. The zero value presents nothing.
type Presented struct {
	present bool
	bad     bool         // there is a header, and nothing in it can be a credential
	user    string       // Basic only: the user name
	plain   secret.Value // what may be the token
}

// Plain is what may be the token, for who acts upon that itself.
func (p Presented) Plain() secret.Value { return p.plain }

// None reports whether no credential was presented at all.
func (p Presented) None() bool { return !p.present }

// maxAuthorization bounds the header: the longest token and user name are far
// shorter.
const maxAuthorization = 4096

// ParseAuthorization reads the values of a request's Authorization headers
// (RFC 9110, RFC 7617): Basic with the token as password or as user name,
// Bearer, and GitHub's "token". White space around a pasted token is forgiven.
func ParseAuthorization(values []string) Presented {
	if len(values) == 0 {
		return Presented{}
	}
	p := Presented{present: true, bad: true}
	if len(values) != 1 || len(values[0]) > maxAuthorization {
		return p
	}
	scheme, rest, ok := strings.Cut(strings.TrimSpace(values[0]), " ")
	if !ok {
		return p
	}
	rest = strings.TrimSpace(rest)
	switch {
	case strings.EqualFold(scheme, "Basic"):
		return parseBasic(p, rest)
	case strings.EqualFold(scheme, "Bearer"), strings.EqualFold(scheme, "token"):
		p.plain, p.bad = secret.New(rest), rest == ""
	}
	return p
}

func parseBasic(p Presented, encoded string) Presented {
	raw, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return p
	}
	user, password, ok := strings.Cut(string(raw), ":")
	user, password = strings.TrimSpace(user), strings.TrimSpace(password)
	if !ok || user == "" {
		return p
	}
	p.bad = false
	// The token may stand in the user's place: https://TOKEN@host/. Then the
	// password is empty or GitHub's filler.
	if (token.LooksLike(user) || token.ForeignForm(user)) && (password == "" || password == "x-oauth-basic") {
		p.plain = secret.New(user)
		return p
	}
	p.user, p.plain = user, secret.New(password)
	return p
}

// Identify turns what was presented into an actor. No credential gives the
// anonymous actor; a bad one is *Refusal and never the anonymous actor.
func (g *Gate) Identify(ctx context.Context, p Presented) (right.Actor, error) {
	a, err := g.identify(ctx, p)
	if refusal, ok := errors.AsType[*Refusal](err); ok {
		g.refused(ctx, refusal)
	}
	return a, err
}

func (g *Gate) identify(ctx context.Context, p Presented) (right.Actor, error) {
	if p.None() {
		return right.Anonymous(), nil
	}
	if p.bad {
		return right.Actor{}, g.refuse(NoCredentialInHeader, p, token.Token{})
	}
	v, err := g.o.Tokens.Verify(ctx, p.plain)
	if err != nil {
		if refused, ok := errors.AsType[*token.Refused](err); ok {
			return right.Actor{}, g.refusePresented(ctx, p, refused)
		}
		return right.Actor{}, unasked(err)
	}
	a, err := g.actorBy(ctx, v)
	if err == nil && v.Closes {
		if err := g.o.Tokens.CloseOld(ctx, v); err != nil {
			return right.Actor{}, problem.Wrap(err, problem.Unavailable, "The old secret of the token can't be ended at the moment.", "Try again in a minute.")
		}
	}
	return a, err
}

// unasked is for who can't be asked about, because of err.
func unasked(err error) error {
	return problem.Wrap(err, problem.Unavailable, "The server cannot check credentials at the moment.", "Try again in a minute.")
}

// refusePresented words a refusal, after an alarm about an old secret that came after
// its time.
func (g *Gate) refusePresented(ctx context.Context, p Presented, refused *token.Refused) error {
	if refused.Why == token.Replaced {
		frozen, err := g.o.Tokens.Alarm(context.WithoutCancel(ctx), refused) // whoever hangs up does not take it away
		if err != nil {
			return unasked(err)
		}
		if frozen && refused.Token.FrozenAt.IsZero() {
			refused.Token.FrozenAt = g.o.Now()
		}
	}
	return g.refuseToken(p, refused)
}

// actorBy is the actor that a good token makes, if it may come from where it does.
func (g *Gate) actorBy(ctx context.Context, v *token.Verified) (right.Actor, error) {
	a, err := g.actorOf(ctx, v.Account)
	if refusal, ok := errors.AsType[*Refusal](err); ok {
		refusal.of = token.Token{ID: v.Token, Account: v.Account, Kind: v.Kind, App: v.App, Note: v.Note}
		refusal.node, refusal.top = v.Node, narrow.First(v.Links)
	}
	if err != nil {
		return right.Actor{}, err
	}
	a.Kind, a.Token, a.App, a.Note, a.Scopes, a.Until, a.Grant = v.Kind.Credential(), v.Token, v.App, v.Note, v.Scopes, v.ExpiresAt, v.Grant
	a.Ending, a.Old, a.Node, a.Links, a.Carried = v.LastEight, v.Old, v.Node, v.Links, v.Carried
	a.Made, a.Ends, a.Permissions, a.Approved, a.Barred = v.Made, v.Ends, v.Permissions, v.Approved, v.Barred
	a.From = event.From(ctx).Address
	if a.Policies, err = g.policies(ctx); err != nil {
		return right.Actor{}, err
	}
	if err := g.confine(ctx, &a); err != nil {
		return right.Actor{}, err
	}
	if err := g.admit(ctx, &a); err != nil {
		return right.Actor{}, err
	}
	return a, nil
}

// admit refuses a token that comes from where it may not be used. Whoever presents
// it is not told from where it may.
func (g *Gate) admit(ctx context.Context, a *right.Actor) error {
	from := event.From(ctx).Address
	if a.Grant.Limits.Admit(from) {
		return nil
	}
	return g.otherNetwork(a, from)
}

func (g *Gate) otherNetwork(a *right.Actor, from netip.Addr) error {
	return &Refusal{Why: OtherNetwork, of: token.Token{ID: a.Token, Account: a.Account, Kind: token.KindFor(a.Kind), App: a.App, Note: a.Note}, node: a.Node, top: narrow.First(a.Links),
		problem: problem.New(problem.Forbidden, fmt.Sprintf("The token %q can't be used from %s: it is limited to other networks.", a.Note, from.Unmap()),
			"Its owner sees and changes them at "+g.tokenURL(a, ""))}
}

// IdentifySession turns a session's bearer value into an actor. The zero value
// gives the anonymous actor, and so does a session that has ended: a browser
// keeps its cookie, and a person who signed out is a visitor.
func (g *Gate) IdentifySession(ctx context.Context, bearer secret.Value) (right.Actor, error) {
	if bearer.IsZero() {
		return right.Anonymous(), nil
	}
	s, err := g.o.Signin.Session(ctx, bearer)
	if problem.Is(err, problem.Unauthenticated) || problem.Is(err, problem.NotFound) {
		return right.Anonymous(), nil
	}
	if problem.Is(err, problem.Forbidden) {
		return right.Actor{}, err
	}
	if err != nil {
		return right.Actor{}, fmt.Errorf("identify session: %w", err)
	}
	a, err := g.actorOf(ctx, s.Account)
	if err != nil {
		if problem.Is(err, problem.Unauthenticated) {
			return right.Anonymous(), nil
		}
		return right.Actor{}, err
	}
	a.Kind, a.Sess, a.Confirmed, a.Until, a.Grant = right.SessionCredential, s.ID, s.ConfirmedAt, s.ExpiresAt, right.Everything()
	return a, nil
}

// Why says what is wrong with a presented credential.
type Why uint8

// The reasons for a refusal.
const (
	UnknownCredential    Why = iota
	NoCredentialInHeader     // a header of no known form, or an empty user name
	PasswordPresented        // something that is no token: most likely the account's password
	BrokenToken              // begins as a token of ours does, and its checksum is wrong
	ForeignToken             // another host's token
	UnknownToken
	ExpiredToken
	RevokedToken
	NarrowedBadly // narrowed by something that is not known here
	ReplacedToken // by a rotation, whose window is over
	FrozenToken
	SuspendedAccount
	UsedUp            // a token whose budget is used up
	OtherNetwork      // a token that may only be used from elsewhere
	RefreshPresented  // a refresh token, which is good for the next token alone
	AppPresented      // an application's secret, where it is good for nothing
	UnknownAppOrWrong // an application's id or secret that is not good
)

var whyNames = [...]string{"account gone", "no credential", "password", "broken", "foreign", "unknown", "expired", "revoked", "unknown restriction", "replaced", "frozen", "suspended", "used up", "other network", "refresh token", "application", "unknown application"}

// String names the reason, for metrics.
func (w Why) String() string { return whyNames[w] }

// Whys returns every reason.
func Whys() []Why {
	out := make([]Why, len(whyNames))
	for i := range out {
		out[i] = Why(i)
	}
	return out
}

// Refusal is the error for a credential that is not good: Unauthenticated, or
// Forbidden for a suspended account, for a frozen token, and for one that comes from
// another network or is used up.
type Refusal struct {
	Why     Why
	of      token.Token // which token it is about, if that is known
	node    string      // which one narrowed out of it
	top     string      // the first node of its chain
	manager string      // who manages the account, when that is why
	problem *problem.Error
}

// Error returns the text for the log; nothing of the credential is in it.
func (r *Refusal) Error() string { return "credential refused: " + r.problem.Public }

// Unwrap returns the problem that doors show.
func (r *Refusal) Unwrap() error { return r.problem }
