// Package trust is the room of what repositories and organisations trust in place of
// secrets: which issuer's identity tokens, for which audience and of which subject,
// are exchanged for which token of this server, for how many minutes. It writes the
// tables trusts and trust_uses, and it alone. It must never reach another machine nor
// look at a signature: package exchange does.
package trust

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"jeton/internal/audit"
	"jeton/internal/db"
	"jeton/internal/id"
	"jeton/internal/problem"
	"jeton/internal/right"
	"jeton/internal/token"
)

// The bounds of what is kept.
const (
	MaxTrusts      = 50 // of one repository or organisation
	MaxClaims      = 10 // of one trust
	MaxMinutes     = 60
	DefaultMinutes = 15
	maxName        = 40  // characters
	maxAudience    = 255 // bytes
	maxClaim       = 255 // bytes of a claim's text
)

// Of is what a trust is of: a repository, or an organisation. One of the two is set.
type Of struct {
	Repo id.Repo
	Org  id.Account
}

// How the table trusts names what a trust is of.
const (
	ofRepo = "repository"
	ofOrg  = "organization"
)

func (o Of) target() (kind string, number int64) {
	if o.Org != 0 {
		return ofOrg, int64(o.Org)
	}
	return ofRepo, int64(o.Repo)
}

// Place is what a trust is of, with what the security log wants to know of it.
type Place struct {
	Repo  id.Repo    // 0: it is of the owner, an organisation
	Owner id.Account // of the repository
	Name  string     // OWNER/NAME, or the organisation's login
}

// Of is the place without what the security log wants to know.
func (p *Place) Of() Of {
	if p.Repo == 0 {
		return Of{Org: p.Owner}
	}
	return Of{Repo: p.Repo}
}

// Trust is a statement of whom a repository or organisation trusts.
type Trust struct {
	ID id.Trust
	Of
	Statement
	CreatedAt, UpdatedAt time.Time
	CreatedBy, UpdatedBy id.Account
	UsedAt               time.Time // zero: never
	RefusedAt            time.Time // zero: never
	RefusedWhy           string
}

// Statement is what a trust says.
type Statement struct {
	Name        string
	Issuer      string // https
	Audience    string
	Subject     string            // a pattern: see SubjectFits
	Claims      map[string]string // further claims, each of exactly this text
	Permissions right.Fine
	Access      token.Access // token.AllOf or token.Selected; of a repository, itself alone
	Repos       []id.Repo    // with token.Selected, in ascending order
	Machine     id.Account   // as which account; of a repository 0: its own
	Minutes     int
}

// Options are what the room needs. All but Private, Log and Now are required.
type Options struct {
	DB      *db.DB
	Audit   *audit.Log
	Tokens  *token.Room
	Private bool             // issuers may be on this machine, by http
	Log     *slog.Logger     // nil: nothing is logged
	Now     func() time.Time // nil: time.Now
}

// Room holds the rules and queries of trusts. It may be used from several goroutines.
type Room struct{ o Options }

// New returns the room. It panics when a required part is missing.
func New(o Options) *Room {
	if o.DB == nil || o.Audit == nil || o.Tokens == nil {
		panic("trust: New without a required option")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Room{o: o}
}

// claimName is how a further claim is named, which is not one that is looked at
// anyway.
var claimName = regexp.MustCompile(`^[A-Za-z0-9_.:/-]{1,128}$`)

// checked is s in the form that is stored. It fails with problem.Invalid, with the
// field.
func (m *Room) checked(of Of, s Statement) (Statement, error) {
	s.Name, s.Issuer, s.Audience, s.Subject = strings.TrimSpace(s.Name), strings.TrimSpace(s.Issuer), strings.TrimSpace(s.Audience), strings.TrimSpace(s.Subject)
	switch {
	case s.Name == "":
		return s, problem.Field("name", "The name can't be blank")
	case utf8.RuneCountInString(s.Name) > maxName:
		return s, problem.Field("name", fmt.Sprintf("The name is too long (maximum is %d characters)", maxName))
	case !plain(s.Name):
		return s, problem.Field("name", "The name holds a character that can't be printed")
	}
	if err := CheckURL("issuer", s.Issuer, m.o.Private); err != nil {
		return s, err
	}
	switch {
	case s.Audience == "":
		return s, problem.Field("audience", "The audience can't be empty: without it, tokens that are meant for other servers would be taken")
	case strings.Contains(s.Audience, "*"):
		return s, problem.Field("audience", "The audience can't hold a wildcard")
	case len(s.Audience) > maxAudience || !plain(s.Audience):
		return s, problem.Field("audience", "The audience must be at most 255 bytes of text")
	}
	if err := checkSubject(s.Issuer, s.Subject); err != nil {
		return s, err
	}
	if err := checkClaims(s.Claims); err != nil {
		return s, err
	}
	if s.Minutes < 1 || s.Minutes > MaxMinutes {
		return s, problem.Field("minutes", fmt.Sprintf("Choose between 1 and %d minutes", MaxMinutes))
	}
	return granted(of, s)
}

func checkClaims(claims map[string]string) error {
	if len(claims) > MaxClaims {
		return problem.Field("claims", fmt.Sprintf("There can't be more than %d further claims", MaxClaims))
	}
	for name, text := range claims {
		switch {
		case !claimName.MatchString(name):
			return problem.Field("claims", "A claim's name is made of letters, digits and the characters _ . : / -")
		case slices.Contains([]string{"iss", "aud", "sub", "exp", "nbf", "iat", "jti"}, name):
			return problem.Field("claims", "The claim "+name+" can't be among the further ones")
		case text == "" || len(text) > maxClaim || !plain(text):
			return problem.Field("claims", "The claim "+name+" needs a text of at most 255 bytes")
		}
	}
	return nil
}

// granted checks and sorts what s gives.
func granted(of Of, s Statement) (Statement, error) {
	s.Permissions = s.Permissions.Without(right.AccountGroup)
	if of.Repo != 0 {
		s.Access, s.Repos, s.Machine = token.Selected, []id.Repo{of.Repo}, 0
		s.Permissions = s.Permissions.Without(right.OrganizationGroup)
		for name := range s.Permissions.Only(right.RepositoryGroup) {
			if !ForRepo(name) {
				return s, problem.Field("permissions", "A repository gives no permission for "+name+": it needs an administrator")
			}
		}
	}
	if s.Permissions == (right.Fine{}) {
		return s, problem.Field("permissions", "Give at least one permission")
	}
	slices.Sort(s.Repos)
	s.Repos = slices.Compact(s.Repos)
	switch s.Access {
	case token.AllOf:
		s.Repos = nil
	case token.Selected:
		if len(s.Repos) == 0 || len(s.Repos) > token.MaxRepos {
			return s, problem.Field("repositories", fmt.Sprintf("Choose between one repository and %d", token.MaxRepos))
		}
	default:
		return s, problem.Field("access", "Choose to which repositories the token has access")
	}
	if of.Org != 0 && s.Machine == 0 {
		return s, problem.Field("machine", "Choose as which service account the token acts")
	}
	_ = s.Permissions.Set("metadata", right.Read) // as for fine-grained tokens: mandatory
	return s, nil
}

// ForRepo reports whether a repository can give the permission: its own machine may
// write, and administers nothing.
func ForRepo(permission string) bool {
	return slices.Contains([]string{"statuses", "contents", "deployments", "metadata", "workflows"}, permission)
}

// ClaimsText writes further claims, a line for each, in the order of their names.
func ClaimsText(claims map[string]string) string {
	var out strings.Builder
	for _, name := range slices.Sorted(maps.Keys(claims)) {
		out.WriteString(name + "=" + claims[name] + "\n")
	}
	return out.String()
}

// ParseClaims reads what ClaimsText wrote, or a person in its manner. It fails with
// problem.Invalid for the field claims.
func ParseClaims(text string) (map[string]string, error) {
	out := map[string]string{}
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		if _, twice := out[name]; !ok || twice {
			return out, problem.Field("claims", "Write each claim once, on a line of its own, as name=text")
		}
		out[name] = value
	}
	return out, nil
}

// detail says what s gives, for the log.
func (s *Statement) detail(t id.Trust) map[string]string {
	out := map[string]string{"trust_id": strconv.FormatInt(int64(t), 10), "name": s.Name, "issuer": s.Issuer, "audience": s.Audience, "subject": s.Subject,
		"permissions": s.Permissions.String(), "access": s.Access.String(), "minutes": strconv.Itoa(s.Minutes)}
	if len(s.Claims) > 0 {
		out["claims"] = strings.ReplaceAll(strings.TrimSpace(ClaimsText(s.Claims)), "\n", ", ")
	}
	if s.Machine != 0 {
		out["machine_id"] = strconv.FormatInt(int64(s.Machine), 10)
	}
	if s.Access == token.Selected {
		out["repository_ids"] = reposText(s.Repos)
	}
	return out
}

// record writes a line into the security log of the repository's owner, or of the
// organisation.
func (m *Room) record(ctx context.Context, tx *db.Tx, actor right.Actor, action string, at Place, detail map[string]string) error {
	return m.o.Audit.Record(ctx, tx, audit.Entry{Action: action, Actor: actor, Account: at.Owner, Repo: at.Repo, Target: at.Name, Detail: detail})
}

func notFound() error {
	return problem.New(problem.NotFound, "There is no such trusted issuer.", "It may have been deleted.")
}

func claimsJSON(claims map[string]string) string {
	out, err := json.Marshal(claims)
	if err != nil {
		panic("trust: texts can't be encoded") // there is nothing else in claims
	}
	return string(out)
}

func reposText(repos []id.Repo) string {
	text := make([]string, len(repos))
	for i, n := range repos {
		text[i] = strconv.FormatInt(int64(n), 10)
	}
	return strings.Join(text, ",")
}
