package right

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"jeton/internal/pattern"
)

// Limit is one thing that narrows a token further than its scopes or permissions:
// a name, and values of which any will do. Several limits hold together. Its text
// is its name and its values, each on a line of its own: that is what is stored,
// and what docs/tokens.md has for tokens that were narrowed by their holder.
type Limit struct {
	Name   string
	Values []string
}

// The names of limits. They are part of the stored form and never change.
const (
	LimitRepos       = "repo"         // the repositories of these names, OWNER/NAME, and nothing else
	LimitRead        = "read"         // no value: nothing is changed
	LimitPermissions = "permission"   // not more than these, as contents=read
	LimitUntil       = "until"        // not from this moment on, in seconds since 1970
	LimitNetworks    = "network"      // only from these networks, in CIDR notation
	LimitRefs        = "ref"          // other refs are not there, as refs/heads/main or refs/heads/**
	LimitPush        = "push-ref"     // other refs are not moved
	LimitForward     = "fast-forward" // no value: refs are made and move forward, and are never deleted
	LimitCreate      = "create-only"  // no value: refs are made, and never moved or deleted
	LimitPaths       = "path"         // pushes change no other files, as docs/**
	LimitUses        = "uses"         // so many times
	LimitBytes       = "bytes"        // so many bytes of what is fetched and pushed
)

// The bounds of limits: a token is presented with every request.
const (
	maxLimits      = 32
	maxLimitValues = 64
	maxLimitText   = 4096
)

// String is the limit's text.
func (l Limit) String() string { return strings.Join(append([]string{l.Name}, l.Values...), "\n") }

// ParseLimit reads the text of a limit. That it means something is NewLimits' to
// say.
func ParseLimit(text string) Limit {
	lines := strings.Split(text, "\n")
	return Limit{Name: lines[0], Values: lines[1:]}
}

// Limits are all the limits of a token in the form in which they are asked. Nil
// limits nothing.
type Limits struct {
	All      []Limit // as they were given
	ReadOnly bool
	Forward  bool
	Create   bool
	Until    time.Time // zero: for ever
	Uses     int64     // zero: any number
	Bytes    int64
	Budgets  []Budget     // all that are used up by what the token does
	repos    [][]repoName // of each set one must match, here and below
	networks [][]netip.Prefix
	refs     [][]pattern.Pattern
	pushes   [][]pattern.Pattern
	paths    [][]pattern.Pattern
	levels   []Levels
}

type repoName struct{ owner, name string }

// NewLimits reads limits. It fails for one that is not known here, or that says
// nothing: what is not understood must not be let through.
func NewLimits(all []Limit) (*Limits, error) {
	if len(all) == 0 {
		return nil, nil
	}
	if len(all) > maxLimits {
		return nil, fmt.Errorf("a token has at most %d limits", maxLimits)
	}
	l := &Limits{All: all}
	size := 0
	for _, one := range all {
		size += len(one.String())
		if err := l.add(one); err != nil {
			return nil, err
		}
	}
	if size > maxLimitText {
		return nil, fmt.Errorf("the limits of a token have at most %d bytes", maxLimitText)
	}
	return l, nil
}

func (l *Limits) add(one Limit) error {
	flag := one.Name == LimitRead || one.Name == LimitForward || one.Name == LimitCreate
	if flag != (len(one.Values) == 0) || len(one.Values) > maxLimitValues || slices.Contains(one.Values, "") {
		return fmt.Errorf("the limit %q has between one value and %d, and %q, %q and %q have none", one.Name, maxLimitValues, LimitRead, LimitForward, LimitCreate)
	}
	var err error
	switch one.Name {
	case LimitRead:
		l.ReadOnly = true
	case LimitForward:
		l.Forward = true
	case LimitCreate:
		l.Create = true
	case LimitRepos:
		l.repos, err = with(l.repos, one.Values, parseRepoName)
	case LimitNetworks:
		l.networks, err = with(l.networks, one.Values, parseNetwork)
	case LimitRefs:
		l.refs, err = with(l.refs, one.Values, parseRefPattern)
	case LimitPush:
		l.pushes, err = with(l.pushes, one.Values, parseRefPattern)
	case LimitPaths:
		l.paths, err = with(l.paths, one.Values, parsePathPattern)
	case LimitPermissions:
		err = l.permit(one.Values)
	case LimitUntil:
		err = l.until(one.Values)
	case LimitUses:
		err = smallest(&l.Uses, one.Values)
	case LimitBytes:
		err = smallest(&l.Bytes, one.Values)
	default:
		err = fmt.Errorf("the limit %q is not known here", one.Name)
	}
	return err
}

// with adds a set of parsed values to sets.
func with[T any](sets [][]T, values []string, parse func(string) (T, error)) ([][]T, error) {
	set := make([]T, len(values))
	for i, v := range values {
		var err error
		if set[i], err = parse(v); err != nil {
			return nil, err
		}
	}
	return append(sets, set), nil
}

func parseRepoName(v string) (repoName, error) {
	owner, name, ok := strings.Cut(v, "/")
	if !ok || owner == "" || name == "" || strings.Contains(name, "/") {
		return repoName{}, fmt.Errorf("%q is not OWNER/NAME", v)
	}
	return repoName{strings.ToLower(owner), strings.ToLower(name)}, nil
}

// parseNetwork reads a network, or one address. An IPv4 network written within
// IPv6 is that IPv4 network.
func parseNetwork(v string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(v); err == nil && a.Zone() == "" {
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(v)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("%q is not a network as 192.0.2.0/24 or 2001:db8::/32", v)
	}
	if a := p.Addr(); a.Is4In6() {
		if p.Bits() < 96 {
			return netip.Prefix{}, fmt.Errorf("%q is not one network", v)
		}
		p = netip.PrefixFrom(a.Unmap(), p.Bits()-96)
	}
	return p.Masked(), nil
}

func parseRefPattern(v string) (pattern.Pattern, error) {
	p, err := pattern.Parse(v, pattern.Sensitive)
	if err != nil || !strings.HasPrefix(v, "refs/") {
		return p, fmt.Errorf("%q is not a pattern for refs as refs/heads/main or refs/heads/**", v)
	}
	return p, nil
}

func parsePathPattern(v string) (pattern.Pattern, error) {
	p, err := pattern.Parse(v, pattern.Sensitive)
	if err != nil || v[0] == '/' {
		return p, fmt.Errorf("%q is not a pattern for files as docs/** or README.md", v)
	}
	return p, nil
}

func (l *Limits) permit(values []string) error {
	var f Fine
	for _, v := range values {
		name, word, _ := strings.Cut(v, "=")
		level, ok := ParseLevel(word)
		if !ok {
			return fmt.Errorf("%q is not a permission and its level as contents=read", v)
		}
		if err := f.Set(name, level); err != nil {
			return err
		}
	}
	l.levels = append(l.levels, f.Levels())
	return nil
}

func (l *Limits) until(values []string) error {
	var seconds int64
	if err := smallest(&seconds, values); err != nil {
		return err
	}
	if at := time.Unix(seconds, 0).UTC(); l.Until.IsZero() || at.Before(l.Until) {
		l.Until = at
	}
	return nil
}

// smallest keeps the smallest of the numbers that were given.
func smallest(to *int64, values []string) error {
	for _, v := range values {
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil || n <= 0 || v[0] == '+' {
			return fmt.Errorf("%q is not a number above zero", v)
		}
		if *to == 0 || n < *to {
			*to = n
		}
	}
	return nil
}

// least is how much of level the limits leave of p.
func (l *Limits) least(p Permission, level Level) Level {
	if l.ReadOnly {
		level = min(level, Read)
	}
	return l.permitted(p, level)
}

// permitted is how much of level the limits to some permissions leave of p.
func (l *Limits) permitted(p Permission, level Level) Level {
	for i := range l.levels {
		level = min(level, l.levels[i][p])
	}
	return level
}

// cover reports whether e may be asked of what f describes: a token for some
// repositories is for nothing else.
func (l *Limits) cover(e *ActionInfo, f *Facts) bool {
	if l == nil || len(l.repos) == 0 {
		return true
	}
	return e.Subject == OfRepo && each(l.repos, func(r repoName) bool {
		return strings.EqualFold(r.owner, f.OwnerLogin) && strings.EqualFold(r.name, f.Name)
	})
}

// each reports whether of each set one member does.
func each[T any](sets [][]T, does func(T) bool) bool {
	for _, set := range sets {
		if !slices.ContainsFunc(set, does) {
			return false
		}
	}
	return true
}

// Repos returns the names of the repositories of which one must be meant, of each
// set, as owner and name in lower case; none: any repository may.
func (l *Limits) Repos() (sets [][][2]string) {
	if l == nil {
		return nil
	}
	for _, set := range l.repos {
		names := make([][2]string, len(set))
		for i, r := range set {
			names[i] = [2]string{r.owner, r.name}
		}
		sets = append(sets, names)
	}
	return sets
}

// LimitNetworks reports whether it matters from where a request comes.
func (l *Limits) LimitNetworks() bool { return l != nil && len(l.networks) > 0 }

// Admit reports whether a request may come from that address.
func (l *Limits) Admit(from netip.Addr) bool {
	if l == nil || len(l.networks) == 0 {
		return true
	}
	from = from.Unmap().WithZone("")
	return each(l.networks, func(p netip.Prefix) bool { return p.Contains(from) })
}

// HideRefs reports whether there are refs that the token may not see.
func (l *Limits) HideRefs() bool { return l != nil && len(l.refs) > 0 }

// SeeRef reports whether the token may see the ref, by its full name.
func (l *Limits) SeeRef(name string) bool {
	return l == nil || each(l.refs, func(p pattern.Pattern) bool { return p.Match(name) })
}

// MoveRef reports whether the token may move the ref, by its full name. What kind
// of movement it may be, Forward and Create say.
func (l *Limits) MoveRef(name string) bool {
	return l == nil || l.SeeRef(name) && each(l.pushes, func(p pattern.Pattern) bool { return p.Match(name) })
}

// LimitMoves reports whether something of how refs move is limited, or of what
// they may bring.
func (l *Limits) LimitMoves() bool {
	return l != nil && (l.Forward || l.Create || len(l.refs)+len(l.pushes)+len(l.paths) > 0)
}

// Sight tells which refs the token may see; nil: all of them.
func (l *Limits) Sight() func(name string) bool {
	if !l.HideRefs() {
		return nil
	}
	return l.SeeRef
}

// Same reports whether two tokens are limited by the same.
func (l *Limits) Same(other *Limits) bool {
	if l == nil || other == nil {
		return l == other
	}
	return slices.EqualFunc(l.All, other.All, func(a, b Limit) bool { return a.String() == b.String() })
}

// LimitPaths reports whether there are files that pushes must leave alone.
func (l *Limits) LimitPaths() bool { return l != nil && len(l.paths) > 0 }

// ChangePath reports whether pushes may change the file.
func (l *Limits) ChangePath(path string) bool {
	return l == nil || each(l.paths, func(p pattern.Pattern) bool { return p.Match(path) })
}
