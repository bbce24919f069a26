package graphql

import (
	"context"

	"jeton/internal/account"
	"jeton/internal/id"
	"jeton/internal/problem"
)

// bot answers the fields of Bot: an account that is a machine, and never a User where
// GitHub's schema has room for one.
type bot struct{ profile }

// actor is the interface Actor.
type actor struct{ profile }

// ToUser is for fragments on User.
func (a *actor) ToUser() (*user, bool) { return &user{a.profile}, kindOf(&a.a) == "User" }

// ToOrganization is for fragments on Organization.
func (a *actor) ToOrganization() (*organization, bool) {
	return &organization{a.profile}, kindOf(&a.a) == "Organization"
}

// ToBot is for fragments on Bot.
func (a *actor) ToBot() (*bot, bool) { return &bot{a.profile}, kindOf(&a.a) == "Bot" }

// ToBot is for fragments on Bot.
func (n *node) ToBot() (*bot, bool) { v, ok := n.identified.(*bot); return v, ok }

// actorByID finds who did something; nil: the account is gone, as for a ghost on
// GitHub.
func (d *Door) actorByID(ctx context.Context, n id.Account) (*actor, error) {
	a, err := d.o.Accounts.Known(ctx, d.o.DB, n)
	if problem.Is(err, problem.NotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &actor{profile{d, a}}, nil
}

// seen reports whether the caller may know of the account: of that of a repository,
// who may read that.
func (d *Door) seen(ctx context.Context, a *account.Account) (bool, error) {
	if a.Named() {
		return true, nil
	}
	_, _, err := d.o.Gate.MachineOf(ctx, &sessionOf(ctx).actor, a.Login)
	if problem.Is(err, problem.NotFound) || problem.Is(err, problem.Forbidden) {
		return false, nil
	}
	return err == nil, err
}
