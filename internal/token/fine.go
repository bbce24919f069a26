package token

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"jeton/internal/db"
	"jeton/internal/id"
	"jeton/internal/problem"
	"jeton/internal/right"
	"jeton/internal/secret"
)

// GitHub's bounds of a fine-grained token.
const (
	MaxFine        = 50 // of one account
	MaxRepos       = 50 // that one token names
	maxName        = 40
	maxDescription = 1024
)

// Access is on which repositories a token's permissions hold. The numbers are
// stored.
type Access uint8

// The kinds of access.
const (
	Anywhere   Access = iota // wherever the account may do something: classic tokens
	PublicOnly               // on none; what is public can be read
	AllOf                    // on all that the resource owner has, now and later
	Selected                 // on those that are named
)

var accessNames = [...]string{"anywhere", "public repositories", "all repositories", "selected repositories"}

// String names the access, for logs and pages.
func (a Access) String() string { return accessNames[a] }

// Reach is on what the token's permissions hold. For Anywhere it means nothing.
func (t *Token) Reach() right.Reach {
	return right.Reach{Owner: t.Owner, All: t.Access == AllOf, Repos: t.Repos, Beyond: true}
}

// Grant is what the token may do at most.
func (t *Token) Grant() right.Grant {
	g := t.Scopes.Grant()
	switch {
	case t.Kind.Fine():
		g = t.Permissions.Grant(t.Reach())
	case t.Access != Anywhere:
		g = g.Meet(t.Permissions, t.Reach())
	}
	return within(g, t.Limits)
}

// NewFine is what a fine-grained token is made from. That the account may see
// the owner and the repositories is for the caller to have asked.
type NewFine struct {
	Name, Description string
	Owner             id.Account // whose repositories; the account itself, an organisation, or who shares some
	OwnerIsOrg        bool
	Access            Access // PublicOnly, AllOf or Selected
	Repos             []id.Repo
	Permissions       right.Fine
	ExpiresAt         time.Time // zero: never
	Limits            []right.Limit
	Approved          bool   // who makes it may approve such tokens
	Reason            string // for the organisation's owners, if they are asked
}

// checkFine validates n and returns it in the form that is stored.
func checkFine(account id.Account, n NewFine) (NewFine, error) {
	n.Name, n.Description = strings.TrimSpace(n.Name), strings.TrimSpace(n.Description)
	switch {
	case n.Name == "":
		return n, problem.Field("name", "The token name can't be blank")
	case utf8.RuneCountInString(n.Name) > maxName:
		return n, problem.Field("name", fmt.Sprintf("The token name is too long (maximum is %d characters)", maxName))
	case len(n.Description) > maxDescription:
		return n, problem.Field("description", fmt.Sprintf("The description is too long (maximum is %d bytes)", maxDescription))
	case len(n.Reason) > maxDescription:
		return n, problem.Field("reason", fmt.Sprintf("The reason is too long (maximum is %d bytes)", maxDescription))
	case !isText(n.Reason):
		return n, problem.Field("reason", "The reason must be valid UTF-8 without a NUL")
	case !isText(n.Name) || !isText(n.Description):
		return n, problem.Field("name", "The token name must be valid UTF-8")
	}
	if n.Owner != account {
		n.Permissions = n.Permissions.Without(right.AccountGroup)
	}
	if !n.OwnerIsOrg {
		n.Permissions = n.Permissions.Without(right.OrganizationGroup)
	}
	return reached(n)
}

// reached validates and sorts what n names as its repositories.
func reached(n NewFine) (NewFine, error) {
	slices.Sort(n.Repos)
	n.Repos = slices.Compact(n.Repos)
	switch n.Access {
	case PublicOnly:
		n.Repos, n.Permissions = nil, n.Permissions.Without(right.RepositoryGroup)
	case AllOf:
		n.Repos = nil
	case Selected:
		if len(n.Repos) == 0 || len(n.Repos) > MaxRepos {
			return n, problem.Field("repositories", fmt.Sprintf("Choose between one repository and %d", MaxRepos))
		}
	default:
		return n, problem.Field("access", "Choose to which repositories the token has access")
	}
	if n.Access != PublicOnly {
		_ = n.Permissions.Set("metadata", right.Read) // GitHub: mandatory
	}
	return n, nil
}

func (n *NewFine) apply(t *Token) {
	t.Note, t.Description, t.Owner, t.Access, t.Repos, t.Permissions = n.Name, n.Description, n.Owner, n.Access, n.Repos, n.Permissions
}

// CreateFine makes a fine-grained token of account and returns it with its
// secret, which is kept nowhere. It fails with problem.Invalid for the field
// that is wrong, and when the account has MaxFine of them.
func (r *Room) CreateFine(ctx context.Context, actor right.Actor, account id.Account, n NewFine) (Token, secret.Value, error) {
	n, err := checkFine(account, n)
	if err != nil {
		return Token{}, secret.Value{}, err
	}
	if err := r.checkExpiry(n.ExpiresAt); err != nil {
		return Token{}, secret.Value{}, err
	}
	if err := checkLimits(n.Limits); err != nil {
		return Token{}, secret.Value{}, err
	}
	plain := Generate(FineGrained)
	t := Token{Account: account, Limits: n.Limits, Kind: FineGrained, LastEight: lastEight(plain), CreatedAt: r.o.Now().UTC(), ExpiresAt: n.ExpiresAt.UTC()}
	n.apply(&t)
	material, err := r.derive(plain)
	if err != nil {
		return Token{}, secret.Value{}, err
	}
	err = r.o.DB.Write(ctx, func(tx *db.Tx) error {
		if err := mayHold(ctx, tx, account, FineGrained); err != nil {
			return err
		}
		held, err := listOf(ctx, tx, account, fine)
		if err != nil {
			return err
		}
		if len(held) >= MaxFine {
			return problem.Field("name", fmt.Sprintf("You have %d fine-grained tokens, and there can't be more: delete one that is not needed", MaxFine))
		}
		if err := r.freeNote(ctx, tx, account, 0, n.Name, FineGrained); err != nil {
			return err
		}
		if err := r.obey(ctx, tx, &t, wholly); err != nil {
			return err
		}
		if n.Approved {
			if _, err := r.approve(ctx, tx, actor, &t); err != nil {
				return err
			}
		}
		if t.ID, err = insert(ctx, tx, t, material); err != nil {
			return err
		}
		if err := r.recordMade(ctx, tx, actor, t); err != nil {
			return err
		}
		return r.ask(ctx, tx, actor, &t, asking{reason: n.Reason})
	})
	if err != nil {
		return Token{}, secret.Value{}, err
	}
	return t, plain, nil
}

// UpdateFine changes a fine-grained token's name, description, repositories and
// permissions, and keeps its secret, its end and its resource owner.
func (r *Room) UpdateFine(ctx context.Context, actor right.Actor, account id.Account, tid id.Token, n NewFine) (Token, error) {
	var t Token
	err := r.o.DB.Write(ctx, func(tx *db.Tx) (err error) {
		if t, err = byID(ctx, tx, account, tid, fine); err != nil {
			return err
		}
		n.Owner = t.Owner
		if n, err = checkFine(account, n); err != nil {
			return err
		}
		if err := r.freeNote(ctx, tx, account, tid, n.Name, FineGrained); err != nil {
			return err
		}
		was := t
		n.apply(&t)
		if err := r.obey(ctx, tx, &t, inScope); err != nil {
			return err
		}
		return r.updateAsked(ctx, tx, actor, was, t, t.Kind.deed("update"), n.Approved, n.Reason)
	})
	return t, err
}

// NarrowTx makes another token of an application out of the one it has, for fewer
// repositories and permissions; it ends with that one, and beyond PerApp the oldest
// ends. It fails with
// problem.Invalid, and for a token that was narrowed already.
func (r *Room) NarrowTx(ctx context.Context, tx *db.Tx, actor right.Actor, parent Token, n NewFine) (Token, secret.Value, error) {
	if parent.Access != Anywhere {
		return Token{}, secret.Value{}, problem.Field("access_token", "this token was narrowed already: use the one that it came from")
	}
	n, err := reached(n)
	if err != nil {
		return Token{}, secret.Value{}, err
	}
	held, err := below(ctx, tx, parent.ID)
	if err != nil {
		return Token{}, secret.Value{}, err
	}
	for i, old := range held { // newest first
		if i >= PerApp-1 {
			if err := r.revokeTx(ctx, tx, actor, old, fmt.Sprintf("the application has %d newer ones", PerApp)); err != nil {
				return Token{}, secret.Value{}, err
			}
		}
	}
	plain := Generate(parent.Kind)
	t := parent
	t.ID, t.Parent, t.LastEight, t.CreatedAt, t.LastUse = 0, parent.ID, lastEight(plain), r.o.Now().UTC(), Use{}
	t.Owner, t.Access, t.Repos, t.Permissions, t.secretAt = n.Owner, n.Access, n.Repos, n.Permissions, t.CreatedAt
	if err := r.shrinkTx(ctx, tx, &t); err != nil {
		return Token{}, secret.Value{}, err
	}
	if err := r.put(ctx, tx, &t, plain); err != nil {
		return Token{}, secret.Value{}, err
	}
	return t, plain, r.record(ctx, tx, actor, t.Kind.deed("create"), t, "narrowed")
}

// RevokeForOwner ends a fine-grained token that reaches something of owner: the
// organisation takes its consent back. It fails with problem.NotFound for
// another token.
func (r *Room) RevokeForOwner(ctx context.Context, actor right.Actor, owner id.Account, tid id.Token) error {
	return r.o.DB.Write(ctx, func(tx *db.Tx) error {
		t, err := reaches(ctx, tx, owner, tid)
		if err != nil {
			return err
		}
		return r.revokeTx(ctx, tx, actor, t, "the organization revoked its access")
	})
}

// numbersText writes numbers with commas, and parseNumbers reads them.
func numbersText[T ~int64](numbers []T) string {
	text := make([]string, len(numbers))
	for i, n := range numbers {
		text[i] = strconv.FormatInt(int64(n), 10)
	}
	return strings.Join(text, ",")
}

func parseNumbers[T ~int64](s string) []T {
	var out []T
	for one := range strings.SplitSeq(s, ",") {
		if n, ok := id.Parse[T](one); ok {
			out = append(out, n)
		}
	}
	return out
}
