package policy

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"jeton/internal/id"
	"jeton/internal/problem"
	"jeton/internal/right"
)

// The bounds of a policy.
const (
	MaxDays     = 3660
	maxNetworks = 64
)

const day = 24 * time.Hour

// Kind is a kind of token that a policy can leave out.
type Kind struct {
	Credential right.CredentialKind
	Name       string // as it is stored
	Title      string // as pages have it
}

// kinds in the order of the form. The names are stored and never change.
var kinds = [...]Kind{
	{right.ClassicToken, "classic", "Personal access tokens (classic)"},
	{right.FineToken, "fine-grained", "Fine-grained personal access tokens"},
	{right.OAuthToken, "oauth", "Tokens of applications"},
	{right.DeployToken, "deploy", "Deploy tokens"},
	{right.ExchangedToken, "exchanged", "Tokens exchanged for a machine's identity"},
}

// Kinds returns the kinds that a policy can leave out, in the order of the form.
func Kinds() []Kind { return slices.Clone(kinds[:]) }

// stored is a policy as the database has it. What is not there is not wanted.
type stored struct {
	Without     []string  `json:"without,omitempty"`
	MustEnd     bool      `json:"must_end,omitempty"`
	MaxDays     int       `json:"max_days,omitempty"`
	Approve     bool      `json:"approve,omitempty"`
	Scopes      *[]string `json:"scopes,omitempty"`
	Permissions *string   `json:"permissions,omitempty"`
	Networks    []string  `json:"networks,omitempty"`
}

func format(p *right.Policy) (string, error) {
	s := stored{MustEnd: p.MustEnd, MaxDays: int(p.MaxLife / day), Approve: p.Approve}
	for _, k := range kinds {
		if p.Without.Has(k.Credential) {
			s.Without = append(s.Without, k.Name)
		}
	}
	if p.ScopesOnly {
		s.Scopes = new(p.Scopes.Names())
	}
	if p.FineOnly {
		s.Permissions = new(p.Fine.String())
	}
	for _, n := range p.Networks {
		s.Networks = append(s.Networks, n.String())
	}
	text, err := json.Marshal(s)
	return string(text), err
}

// errUnreadable is the cause of the error for rules that format did not write.
var errUnreadable = errors.New("the rules can't be read")

const unreadableWords = "what can't be read"

// Unreadable reports whether err is that a stored policy can't be read: as long as it
// is there no token is let through.
func Unreadable(err error) bool { return errors.Is(err, errUnreadable) }

// parse reads what format wrote. A policy that can't be read lets nothing through,
// so that it is an error; a scope or permission that is not offered any more is one
// that nobody may have.
func parse(text string) (right.Policy, error) {
	var s stored
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	err := d.Decode(&s)
	switch {
	case err != nil:
	case d.More():
		err = errors.New("there is more behind them")
	case s.MaxDays < 0 || s.MaxDays > MaxDays:
		err = fmt.Errorf("%d days are no longest life", s.MaxDays)
	}
	if err != nil {
		return right.Policy{}, fmt.Errorf("%w: %w", errUnreadable, err)
	}
	p := right.Policy{MustEnd: s.MustEnd, MaxLife: time.Duration(s.MaxDays) * day, Approve: s.Approve}
	for _, name := range s.Without {
		i := slices.IndexFunc(kinds[:], func(k Kind) bool { return k.Name == name })
		if i < 0 {
			return right.Policy{}, fmt.Errorf("%w: %q is no kind of token", errUnreadable, name)
		}
		p.Without |= right.Kinds(kinds[i].Credential)
	}
	if s.Scopes != nil {
		p.ScopesOnly, p.Scopes = true, right.KnownScopes(*s.Scopes)
	}
	if s.Permissions != nil {
		p.FineOnly, p.Fine = true, right.ParseFine(*s.Permissions)
	}
	for _, one := range s.Networks {
		n, err := netip.ParsePrefix(one)
		if err != nil {
			return right.Policy{}, fmt.Errorf("%w: %w", errUnreadable, err)
		}
		p.Networks = append(p.Networks, n)
	}
	return p, nil
}

// check refuses what makes no sense, and brings the rest into the form that is
// stored.
func check(p *right.Policy, of id.Account) error {
	switch {
	case p.MaxLife < 0 || p.MaxLife > MaxDays*day || p.MaxLife%day != 0:
		return problem.Field("max_days", fmt.Sprintf("The longest life is between 1 day and %d", MaxDays))
	case p.Approve && of == Site:
		return problem.Field("approve", "Organizations approve tokens, and not the site")
	case len(p.Networks) > maxNetworks:
		return tooManyNetworks()
	}
	p.Scopes = p.Scopes.Normal()
	if p.FineOnly {
		_ = p.Fine.Set("metadata", right.Read) // no token of this form is without it
	}
	return nil
}

func tooManyNetworks() error {
	return problem.Field("networks", fmt.Sprintf("There can be at most %d networks", maxNetworks))
}

// ParseNetworks reads networks in CIDR notation, or single addresses, between white
// space or commas. It fails with problem.Invalid for the field networks.
func ParseNetworks(text string) ([]netip.Prefix, error) {
	var out []netip.Prefix
	for _, one := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" ,\t\r\n", r) }) {
		n, err := netip.ParsePrefix(one)
		if a, aerr := netip.ParseAddr(one); aerr == nil && a.Zone() == "" {
			n, err = a.Prefix(a.BitLen())
		}
		if err != nil || n.Addr().Is4In6() {
			return nil, problem.Field("networks", fmt.Sprintf("%q is no network: write it as 192.0.2.0/24 or 2001:db8::/32", one))
		}
		if n = n.Masked(); !slices.Contains(out, n) {
			out = append(out, n)
		}
		if len(out) > maxNetworks { // before there are so many that to compare them takes long
			return nil, tooManyNetworks()
		}
	}
	return out, nil
}

// Words say what a policy wants, in one line.
func Words(p *right.Policy) string {
	var out []string
	for _, k := range kinds {
		if p.Without.Has(k.Credential) {
			out = append(out, "no "+k.Name+" tokens")
		}
	}
	if p.MustEnd {
		out = append(out, "tokens end")
	}
	if p.MaxLife > 0 {
		out = append(out, "tokens live at most "+strconv.Itoa(int(p.MaxLife/day))+" days")
	}
	if p.ScopesOnly {
		out = append(out, "no other scopes than "+OrNone(p.Scopes.String()))
	}
	if p.FineOnly {
		out = append(out, "no other permissions than "+OrNone(p.Fine.String()))
	}
	if p.Approve {
		out = append(out, "fine-grained tokens are approved")
	}
	if len(p.Networks) > 0 {
		names := make([]string, len(p.Networks))
		for i, n := range p.Networks {
			names[i] = n.String()
		}
		out = append(out, "from "+strings.Join(names, ", ")+" alone")
	}
	if len(out) == 0 {
		return "nothing"
	}
	return strings.Join(out, "; ")
}

// OrNone is a list in one line, or a word for one that is empty.
func OrNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}
