// Package exchange is the flow in which a machine that has no secret gets a token:
// another issuer vouches for it by an identity token (OpenID Connect), and what a
// repository or an organisation says that it trusts decides what that is worth (RFC
// 8693). It reaches issuers through outbound alone, and only those that a saved trust
// of the place that was named names. It must never tell a stranger whom a place trusts,
// nor that there is one.
package exchange

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"jeton/internal/account"
	"jeton/internal/audit"
	"jeton/internal/db"
	"jeton/internal/event"
	"jeton/internal/id"
	"jeton/internal/limit"
	"jeton/internal/org"
	"jeton/internal/outbound"
	"jeton/internal/printable"
	"jeton/internal/problem"
	"jeton/internal/repo"
	"jeton/internal/right"
	"jeton/internal/secret"
	"jeton/internal/token"
	"jeton/internal/trust"
)

// maxLive is how many tokens of one trust are good at the same time.
const maxLive = 1000

// Options are what the flow needs. All but Private, Log and Now are required.
type Options struct {
	DB       *db.DB
	Audit    *audit.Log
	Accounts *account.Room
	Orgs     *org.Room
	Repos    *repo.Room
	Tokens   *token.Room
	Trusts   *trust.Room
	Limit    *limit.Limiter
	Outbound *outbound.Client
	URL      string           // of this server, without a slash at its end
	Private  bool             // issuers may be on this machine, by http
	Log      *slog.Logger     // nil: nothing is logged
	Now      func() time.Time // nil: time.Now
}

// Flow exchanges identity tokens. It may be used from several goroutines.
type Flow struct {
	o       Options
	issuers *issuers
	noticed *limit.Counter // by place, trust and reason: what stands in the owner's log this hour
}

// New returns the flow. It panics when a required part is missing.
func New(o Options) *Flow {
	if o.DB == nil || o.Audit == nil || o.Accounts == nil || o.Orgs == nil || o.Repos == nil || o.Tokens == nil || o.Trusts == nil || o.Limit == nil || o.Outbound == nil || o.URL == "" {
		panic("exchange: New without a required option")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Flow{o: o, issuers: &issuers{get: o.Outbound.Get, now: o.Now, private: o.Private, known: map[string]*issuer{}},
		noticed: limit.NewCounter(limit.CounterOptions{Now: o.Now, Per: time.Hour})}
}

// Request is what a machine asks.
type Request struct {
	Identity secret.Value // the identity token
	Resource string       // the URL of a repository or organisation here
	Scope    string       // what it wants of what it would get, as "contents=read metadata=read"; empty: all of it
}

// Granted is what it gets.
type Granted struct {
	Token token.Token
	Plain secret.Value
}

// Exchange gives a token for an identity token. It fails with *Fault for what the
// machine did wrong, and with problem.TooMany.
func (f *Flow) Exchange(ctx context.Context, q Request) (Granted, error) {
	back, err := f.count("exchange from "+limit.Network(event.From(ctx).Address), limit.Rate{Count: 600, Per: time.Hour, Burst: 120})
	if err != nil {
		return Granted{}, err
	}
	who, err := readIdentity(q.Identity.Reveal())
	if err != nil {
		return Granted{}, invalid("The subject_token is " + errMalformed.Error() + " in it, or is larger than 16 KiB.")
	}
	owner, name, ok := f.named(q.Resource)
	if !ok {
		return Granted{}, unknown()
	}
	x := &attempt{flow: f, identity: who, scope: q.Scope}
	// By keys that are at hand it is known at once whether somebody made this up, and
	// whatever place is named, it takes as long.
	if keys, ok := f.issuers.cached(who.issuer); ok {
		x.proven = who.verify(ctx, keys, f.o.Now) == nil
	}
	key, rate := "exchange at "+strings.ToLower(owner+"/"+name), limit.Rate{Count: 600, Per: time.Hour, Burst: 200}
	if x.proven { // strangers don't take its turn
		key += " " + who.issuer + " " + who.subject
	}
	backToo, none := f.count(key, rate)
	if none != nil && x.proven {
		return Granted{}, none
	}
	g, err := x.at(ctx, owner, name)
	switch {
	case none != nil && !x.proven:
		// Strangers used up the turns. It is said only now, since a machine that is trusted
		// is a stranger, too, before the keys of its issuer were fetched.
		return Granted{}, none
	case err == nil:
		back()
		backToo()
	}
	return g, err
}

// count takes a turn, which back returns: those that were refused count. Where there
// is none, it returns nothing.
func (f *Flow) count(key string, rate limit.Rate) (back func(), err error) {
	key = short(key)
	if ok, after := f.o.Limit.Allow(key, rate, 1); !ok {
		return func() {}, &problem.Error{Kind: problem.TooMany, Public: "Too many identity tokens were refused.", Remedy: "Try again later.", After: int(after/time.Second) + 1}
	}
	return func() { f.o.Limit.Return(key, rate, 1) }, nil
}

// short is a key as it is remembered: what strangers chose of it may be long.
func short(key string) string {
	sum := sha256.Sum256([]byte(key))
	return string(sum[:])
}

// named reads the address of a repository, or with an empty name of an organisation.
func (f *Flow) named(resource string) (owner, name string, ok bool) {
	u, err := url.Parse(resource)
	here, hereErr := url.Parse(f.o.URL)
	if err != nil || hereErr != nil || u.Scheme != here.Scheme || !strings.EqualFold(u.Host, here.Host) || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.RawPath != "" {
		return "", "", false
	}
	path := strings.TrimSuffix(strings.TrimPrefix(u.Path, "/"), "/")
	owner, name, both := strings.Cut(path, "/")
	name = strings.TrimSuffix(name, ".git")
	return owner, name, owner != "" && (!both || name != "") && !strings.Contains(name, "/")
}

// place finds what was named. ok is false for what is not there, or is nobody's to
// trust in.
func (f *Flow) place(ctx context.Context, owner, name string) (at trust.Place, ok bool, err error) {
	if name == "" {
		o, err := f.o.Orgs.Find(ctx, f.o.DB, owner, 0)
		if problem.Is(err, problem.NotFound) {
			return at, false, nil
		}
		return trust.Place{Owner: o.ID, Name: o.Login}, err == nil && o.ID != 0, err
	}
	r, err := f.o.Repos.Find(ctx, f.o.DB, owner, name, 0)
	if problem.Is(err, problem.NotFound) {
		return at, false, nil
	}
	return trust.Place{Repo: r.ID, Owner: r.Owner, Name: r.FullName()}, err == nil && r.ID != 0, err
}

// attempt is one exchange under way.
type attempt struct {
	flow *Flow
	*identity
	scope  string
	proven bool // the signature is the issuer's
	where  trust.Place
}

// at exchanges at a place.
func (x *attempt) at(ctx context.Context, owner, name string) (Granted, error) {
	f := x.flow
	where, found, err := f.place(ctx, owner, name)
	if err != nil {
		return Granted{}, err
	}
	var all []trust.Trust
	if found {
		if all, err = f.o.Trusts.List(ctx, f.o.DB, where.Of()); err != nil {
			return Granted{}, err
		}
	}
	x.where = where
	// What is wrong with the token by itself is told whatever the place.
	why := x.unfit(f.o.Now())
	if len(all) == 0 {
		return Granted{}, faultFor(why)
	}
	ofIssuer := slices.DeleteFunc(slices.Clone(all), func(t trust.Trust) bool { return t.Issuer != x.issuer })
	if len(ofIssuer) == 0 {
		x.refused(ctx, nil, whyIssuer)
		return Granted{}, faultFor(why)
	}
	near := x.nearest(ofIssuer)
	if why == "" && !x.proven {
		why, err = x.prove(ctx)
	}
	if err != nil {
		return Granted{}, err
	}
	if why != "" {
		x.refused(ctx, near, why)
		return Granted{}, faultFor(why)
	}
	if why = x.wrong(near); why != "" {
		x.refused(ctx, near, why)
		if !trust.SubjectFits(near.Subject, x.subject) {
			return Granted{}, unknown() // whoever is not trusted does not learn that others are
		}
		return Granted{}, faultFor(why)
	}
	return x.give(ctx, ofIssuer)
}

// unfit says what is wrong with the identity token whatever place it is for.
func (x *attempt) unfit(now time.Time) string {
	if !slices.Contains(algorithms(), x.algorithm) {
		return whyAlgorithm
	}
	return x.timely(now)
}

// prove verifies the signature by the keys of the issuer, which a trust of the place
// names, fetched if need be; once more if it is by a key that is not known yet.
func (x *attempt) prove(ctx context.Context) (why string, err error) {
	f := x.flow
	for _, again := range []bool{false, true} {
		keys, err := f.issuers.keys(ctx, x.issuer, again)
		if errors.Is(err, errDown) {
			f.o.Log.WarnContext(ctx, "the keys of an issuer can't be fetched", "issuer", printable.Line(x.issuer, 200), "err", err)
			return whyDown, nil
		}
		if err != nil {
			return "", err
		}
		if err = x.verify(ctx, keys, f.o.Now); err == nil {
			x.proven = true
			return "", nil
		}
		if !errors.Is(err, errUnknownKey) {
			break
		}
	}
	return whySignature, nil
}

// nearest is the trust that the identity token fits best, the oldest of them.
func (x *attempt) nearest(all []trust.Trust) *trust.Trust {
	best, most := &all[0], -1
	for i := range all {
		t, n := &all[i], 0
		if trust.SubjectFits(t.Subject, x.subject) {
			n += 1000
		}
		if slices.Contains(x.audience, t.Audience) {
			n += 100
		}
		for name, text := range t.Claims {
			if got, ok := x.claim(name); ok && got == text {
				n++
			}
		}
		if x.wrong(t) == "" {
			n += 10000
		}
		if n > most {
			best, most = t, n
		}
	}
	return best
}

// wrong says what of the identity token is not as t wants it; empty: nothing.
func (x *attempt) wrong(t *trust.Trust) string {
	if !trust.SubjectFits(t.Subject, x.subject) {
		return whySubject
	}
	if !slices.Contains(x.audience, t.Audience) {
		return whyAudience
	}
	for _, name := range sortedNames(t.Claims) {
		if got, ok := x.claim(name); !ok || got != t.Claims[name] {
			return whyClaim + name
		}
	}
	return ""
}

// give makes the token by the oldest trust that fits and gives what is asked for.
func (x *attempt) give(ctx context.Context, all []trust.Trust) (Granted, error) {
	for i := range all {
		if t := &all[i]; x.wrong(t) == "" {
			permissions, ok := lesser(t.Permissions, x.scope)
			if !ok {
				continue
			}
			g, why, err := x.giveBy(ctx, t, permissions)
			if err == nil && why != "" {
				x.refused(ctx, t, why)
				err = faultFor(why)
			}
			return g, err
		}
	}
	return Granted{}, fault("invalid_scope", "The scope asks for more than is given here, or for what is no permission. Write it as: contents=read metadata=read")
}

// errRefused rolls a transaction back whose outcome is a reason.
var errRefused = errors.New("refused")

func (x *attempt) giveBy(ctx context.Context, seen *trust.Trust, permissions right.Fine) (g Granted, why string, err error) {
	f := x.flow
	err = f.o.DB.Write(ctx, func(tx *db.Tx) error {
		refuse := func(text string) error { why = text; return errRefused }
		why = ""
		// As it stands at this moment: it may have been changed, or taken away, while
		// keys were fetched.
		t, err := f.o.Trusts.ByID(ctx, tx, x.where.Of(), seen.ID)
		if problem.Is(err, problem.NotFound) {
			return refuse(whyGone)
		}
		if err != nil {
			return err
		}
		given, ok := lesser(t.Permissions, x.scope)
		if t.Issuer != x.issuer || x.wrong(&t) != "" || !ok || given != permissions {
			return refuse(whyGone)
		}
		machine, lost, err := x.machine(ctx, tx, &t)
		if err != nil {
			return err
		}
		if lost != "" {
			return refuse(lost)
		}
		first, err := f.o.Trusts.UseTx(ctx, tx, t.ID, x.digest, x.expires)
		if err != nil {
			return err
		}
		if !first {
			return refuse(whyReplayed)
		}
		if n, err := f.o.Tokens.LiveOfTrust(ctx, tx, t.ID); err != nil || n >= maxLive {
			if err == nil {
				err = problem.New(problem.TooMany, "Too many tokens of this trust are good at the moment.", "Wait until some have ended.")
			}
			return err
		}
		note := printable.Line(t.Name+": "+x.subject, 255)
		g.Token, g.Plain, err = f.o.Tokens.ExchangeTx(ctx, tx, machine, token.NewExchanged{Trust: t.ID, Note: note, Owner: x.where.Owner, Access: t.Access, Repos: t.Repos,
			Permissions: permissions, ExpiresAt: f.o.Now().Add(time.Duration(t.Minutes) * time.Minute)})
		if problem.Is(err, problem.Forbidden) {
			return refuse(whyPolicy)
		}
		if err != nil {
			return err
		}
		detail := x.detail(&t)
		detail["token_id"], detail["permissions"], detail["expires_at"] = strconv.FormatInt(int64(g.Token.ID), 10), g.Token.Permissions.String(), g.Token.ExpiresAt.Format(time.RFC3339)
		actor := right.Actor{Account: machine, Kind: right.ExchangedToken, Token: g.Token.ID, Note: note}
		return f.o.Audit.Record(ctx, tx, audit.Entry{Action: "trust.exchange", Actor: actor, Account: x.where.Owner, Repo: x.where.Repo, Target: x.where.Name, Detail: detail})
	})
	if errors.Is(err, errRefused) {
		return Granted{}, why, nil
	}
	return g, "", err
}

// machine is as which account the token acts.
func (x *attempt) machine(ctx context.Context, tx *db.Tx, t *trust.Trust) (id.Account, string, error) {
	f := x.flow
	if x.where.Repo != 0 {
		r, err := f.o.Repos.ByID(ctx, tx, x.where.Repo)
		if problem.Is(err, problem.NotFound) || err == nil && r.Owner != x.where.Owner {
			return 0, whyGone, nil
		}
		if err != nil {
			return 0, "", err
		}
		a, err := f.o.Repos.MachineTx(ctx, tx, right.Anonymous(), r.ID)
		return a, "", err
	}
	a, err := f.o.Accounts.ByID(ctx, tx, t.Machine)
	if problem.Is(err, problem.NotFound) || err == nil && (!a.IsMachine() || a.Manager != x.where.Owner || a.Place != 0 || a.Suspended) {
		return 0, whyMachine, nil
	}
	return a.ID, "", err
}

// lesser is what is asked for of what is given. It reports false for what is more, or
// no permission.
func lesser(given right.Fine, scope string) (right.Fine, bool) {
	asked := strings.Fields(scope)
	if len(asked) == 0 {
		return given, true
	}
	var out right.Fine
	for _, one := range asked {
		name, word, _ := strings.Cut(one, "=")
		level, ok := right.ParseLevel(word)
		if !ok || level > given.Level(name) || out.Set(name, level) != nil {
			return out, false
		}
	}
	_ = out.Set("metadata", right.Read) // as for fine-grained tokens: mandatory
	return out, true
}

// Scope writes permissions as Request.Scope has them.
func Scope(permissions right.Fine) string {
	return strings.ReplaceAll(permissions.String(), ",", " ")
}

// String names the place of an attempt, for keys.
func (x *attempt) String() string { return fmt.Sprintf("%d %d", x.where.Repo, x.where.Owner) }
