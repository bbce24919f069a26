package carry

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"jeton/internal/account"
	"jeton/internal/db"
	"jeton/internal/foreign"
	"jeton/internal/id"
	"jeton/internal/org"
	"jeton/internal/problem"
	"jeton/internal/right"
)

// The kinds of things, as they are told of and noted.
const (
	ofAccount = "account"
	ofOrg     = "organization"
	ofMember  = "member"
	ofRepo    = "repository"
	ofTeam    = "team"
	ofMate    = "team member"
	ofShare   = "team repository"
	ofAccess  = "access"
	ofOld     = "old name"
	ofToken   = "token"
)

// loginFor is the login that an account of there gets here.
func (b *bringer) loginFor(theirs string) string {
	if to, ok := b.rename[strings.ToLower(theirs)]; ok {
		return to
	}
	return theirs
}

// whose is the name of a thing with the login of there that it belongs to before it, if
// somebody has it.
func (b *bringer) whose(owner int64, between, name string) string {
	for _, p := range b.p.World.People {
		if p.ID == owner {
			return p.Login + between + name
		}
	}
	for _, o := range b.p.World.Orgs {
		if o.ID == owner {
			return o.Login + between + name
		}
	}
	return name
}

func (b *bringer) people(ctx context.Context) error {
	for i := range b.p.World.People {
		if err := b.person(ctx, &b.p.World.People[i]); err != nil {
			return err
		}
	}
	return nil
}

func (b *bringer) person(ctx context.Context, p *foreign.Person) error {
	if p.Skip != "" {
		b.tell(ofAccount, p.Login, Skipped, p.Skip)
		return nil
	}
	t := b.thing(ofAccount, p.CreatedAt, p.ID)
	if known, err := b.known(ctx, ofAccount, p.ID, p.Login, t); err != nil || known {
		return err
	}
	login := b.loginFor(p.Login)
	var said []string
	if login != p.Login {
		said = append(said, "it is called "+login+" here")
	}
	if p.Admin {
		said = append(said, "it administers the old site, and not this one")
	}
	joined, err := b.join(ctx, t, p.ID, p.Login, login, p.Shut, said)
	if err != nil {
		return err
	}
	if joined == stays {
		return nil
	}
	if joined == joins {
		return b.note(ctx, t, int64(b.accounts[p.ID]))
	}
	if err := account.CheckLogin(login); err != nil {
		return b.refuse(ctx, ofAccount, p.Login, err, "--rename gives it another login")
	}
	email, why, err := b.addressFor(ctx, p)
	if err != nil {
		return err
	}
	if why != "" {
		said = append(said, why)
	}
	if p.Shut != "" {
		said = append(said, "suspended: "+p.Shut)
	}
	err = b.make(ctx, t, func(ctx context.Context, tx *db.Tx) (int64, error) {
		a, err := b.o.Account.CreateTx(ctx, tx, b.actor, account.NewAccount{Login: login, Name: p.Name, Email: email, EmailVerified: email != "" && p.Verified})
		if err == nil && p.Shut != "" {
			err = b.o.Account.SuspendTx(ctx, tx, b.actor, a.ID)
		}
		b.accounts[p.ID] = a.ID
		return int64(a.ID), err
	})
	if err != nil {
		delete(b.accounts, p.ID)
		return b.refuse(ctx, ofAccount, p.Login, err, "--rename gives it another login")
	}
	b.made(ofAccount, p.ID, p.Login, login, said)
	return nil
}

// made tells of an account that was made, or would be.
func (b *bringer) made(kind string, theirs int64, name, login string, said []string) {
	if b.p.Dry {
		b.accounts[theirs] = -id.Account(theirs)
		b.planned[strings.ToLower(login)] = true
	}
	b.logins[theirs] = login
	b.tell(kind, name, Made, said...)
}

// make makes a thing, and notes it in the same transaction.
func (b *bringer) make(ctx context.Context, t carriedThing, f func(context.Context, *db.Tx) (int64, error)) error {
	if b.p.Dry {
		return nil
	}
	return b.o.DB.Write(ctx, func(tx *db.Tx) error {
		ours, err := f(ctx, tx)
		if err != nil {
			return err
		}
		return b.o.Carried.NoteTx(ctx, tx, t, ours)
	})
}

func (b *bringer) note(ctx context.Context, t carriedThing, ours int64) error {
	if b.p.Dry {
		return nil
	}
	return b.o.Carried.Note(ctx, t, ours)
}

// known looks for an account or organization that was brought before.
func (b *bringer) known(ctx context.Context, kind string, theirs int64, name string, t carriedThing) (bool, error) {
	ours, there, err := b.find(ctx, t)
	if err != nil || !there {
		return false, err
	}
	a, err := b.o.Account.ByID(ctx, b.o.DB, id.Account(ours))
	switch {
	case problem.Is(err, problem.NotFound):
		b.tell(kind, name, Skipped, "it was brought before, and is deleted here")
	case err != nil:
		return false, err
	default:
		b.accounts[theirs], b.logins[theirs] = a.ID, a.Login
		b.tell(kind, name, There)
	}
	return true, nil
}

// What can become of an account whose login somebody may have here.
type joining uint8

const (
	isFree joining = iota
	joins          // with the one that is here
	stays          // where it is, and was told of
)

// join looks whether a login is taken here, and joins the two accounts only if that
// was asked for. Who is kept out there does not come in by the account of another, nor
// does who took a name over that was another one's of there when the two were joined.
func (b *bringer) join(ctx context.Context, t carriedThing, theirs int64, name, login, shut string, said []string) (joining, error) {
	kind := t.Kind
	a, err := b.o.Account.ByLogin(ctx, b.o.DB, login)
	if problem.Is(err, problem.NotFound) {
		if b.planned[strings.ToLower(login)] {
			b.tell(kind, name, Refused, "another account gets the login "+login, "--rename gives it another one")
			return stays, nil
		}
		return isFree, nil
	}
	if err != nil {
		return stays, err
	}
	another, err := b.o.Carried.Others(ctx, t, int64(a.ID))
	if err != nil {
		return stays, err
	}
	for n, ours := range b.accounts { // in a dry run nothing is noted
		another = another || ours == a.ID && n != theirs
	}
	switch {
	case another:
		b.tell(kind, name, Refused, "the account "+a.Login+" here is another one's of there", "--rename gives this one another login")
	case a.IsMachine():
		b.tell(kind, name, Refused, "the account "+a.Login+" here is a service account", "--rename gives this one another login")
	case !b.merge[strings.ToLower(login)]:
		b.tell(kind, name, Refused, "there is an account "+a.Login+" here already", "--merge "+a.Login+" says that it is the same, --rename gives this one another login")
	case a.IsOrg() != (kind == ofOrg):
		b.tell(kind, name, Refused, "of the two accounts of this name one is a person's and one an organization's")
	case shut != "":
		b.tell(kind, name, Refused, "it can't be joined with an account here: "+shut)
	default:
		b.accounts[theirs], b.logins[theirs] = a.ID, a.Login
		b.tell(kind, name, Joined, append([]string{"with the account that is here"}, said...)...)
		return joins, nil
	}
	return stays, nil
}

// addressFor is the e-mail address that somebody gets here, if it can be one.
func (b *bringer) addressFor(ctx context.Context, p *foreign.Person) (email, why string, err error) {
	if p.Email == "" {
		return "", "", nil
	}
	if account.CheckEmail(p.Email) != nil {
		return "", "its e-mail address is none", nil
	}
	_, err = b.o.Account.ByEmail(ctx, b.o.DB, p.Email)
	switch {
	case problem.Is(err, problem.NotFound):
		return p.Email, "", nil
	case err != nil:
		return "", "", err
	}
	return "", "its e-mail address belongs to another account here", nil
}

func (b *bringer) orgs(ctx context.Context) error {
	for i := range b.p.World.Orgs {
		o := &b.p.World.Orgs[i]
		if err := b.organization(ctx, o); err != nil {
			return err
		}
		if _, here := b.accounts[o.ID]; !here {
			continue
		}
		if err := b.members(ctx, o); err != nil {
			return err
		}
	}
	return nil
}

func (b *bringer) organization(ctx context.Context, o *foreign.Org) error {
	t := b.thing(ofOrg, o.CreatedAt, o.ID)
	if known, err := b.known(ctx, ofOrg, o.ID, o.Login, t); err != nil || known {
		return err
	}
	login := b.loginFor(o.Login)
	var said []string
	if login != o.Login {
		said = append(said, "it is called "+login+" here")
	}
	joined, err := b.join(ctx, t, o.ID, o.Login, login, "", said)
	if err != nil {
		return err
	}
	if joined == stays {
		return nil
	}
	if joined == joins {
		return b.note(ctx, t, int64(b.accounts[o.ID]))
	}
	if err := account.CheckLogin(login); err != nil {
		return b.refuse(ctx, ofOrg, o.Login, err, "--rename gives it another login")
	}
	i := slices.IndexFunc(o.Owners, func(n int64) bool { return b.accounts[n] != 0 })
	if i < 0 {
		b.tell(ofOrg, o.Login, Refused, "none of its owners was brought over")
		return nil
	}
	err = b.make(ctx, t, func(ctx context.Context, tx *db.Tx) (int64, error) {
		made, err := b.o.Org.CreateTx(ctx, tx, b.actor, login, o.Name, b.accounts[o.Owners[i]])
		if err != nil {
			return 0, err
		}
		// There a member has what teams give, and nothing beside that.
		none, no := right.None, false
		b.accounts[o.ID] = made.ID
		return int64(made.ID), b.o.Org.UpdateTx(ctx, tx, b.actor, made.ID, org.Patch{Base: &none, CreatePublic: &no, CreatePrivate: &no})
	})
	if err != nil {
		delete(b.accounts, o.ID)
		return b.refuse(ctx, ofOrg, o.Login, err, "--rename gives it another login")
	}
	b.made(ofOrg, o.ID, o.Login, login, said)
	return nil
}

func (b *bringer) members(ctx context.Context, o *foreign.Org) error {
	for _, role := range []struct {
		who []int64
		as  org.Role
	}{{o.Owners, org.Owner}, {o.Members, org.Member}} {
		for _, n := range role.who {
			who, here := b.accounts[n]
			if !here {
				continue
			}
			err := b.once(ctx, b.thing(ofMember, o.CreatedAt, o.ID, n), fmt.Sprintf("%s in %s", b.logins[n], b.logins[o.ID]), func() error {
				_, err := b.o.Org.Membership(ctx, b.o.DB, b.accounts[o.ID], who)
				if !problem.Is(err, problem.NotFound) {
					return err // what is here holds
				}
				_, err = b.o.Org.SetRole(ctx, b.actor, b.accounts[o.ID], who, role.as)
				return err
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}
