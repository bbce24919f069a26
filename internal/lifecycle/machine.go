package lifecycle

import (
	"context"

	"jeton/internal/account"
	"jeton/internal/db"
	"jeton/internal/id"
	"jeton/internal/right"
	"jeton/internal/secret"
	"jeton/internal/token"
)

// CreateMachine makes a service account. One of an organisation is its member at
// once.
func (f *Flow) CreateMachine(ctx context.Context, actor right.Actor, n account.NewMachine) (account.Account, error) {
	var out account.Account
	err := f.o.DB.Write(ctx, func(tx *db.Tx) (err error) {
		manager, err := f.o.Account.ByID(ctx, tx, n.Manager)
		if err != nil {
			return err
		}
		if out, err = f.o.Account.CreateMachineTx(ctx, tx, actor, n); err != nil || !manager.IsOrg() {
			return err
		}
		return f.o.Org.JoinTx(ctx, tx, actor, manager.ID, out.ID)
	})
	return out, err
}

// deleteMachines deletes the service accounts of an account that goes away.
func (f *Flow) deleteMachines(ctx context.Context, tx *db.Tx, actor right.Actor, manager id.Account) error {
	all, err := f.o.Account.Machines(ctx, tx, manager)
	if err != nil {
		return err
	}
	for _, m := range all {
		if err := f.deleteTx(ctx, tx, actor, m.ID); err != nil {
			return err
		}
	}
	return nil
}

// CreateDeployToken makes a deploy token of a repository, and returns it with its
// secret.
func (f *Flow) CreateDeployToken(ctx context.Context, actor right.Actor, repo id.Repo, n token.NewDeploy) (token.Token, secret.Value, error) {
	var t token.Token
	var plain secret.Value
	err := f.o.DB.Write(ctx, func(tx *db.Tx) error {
		r, err := f.o.Repo.ByID(ctx, tx, repo)
		if err != nil {
			return err
		}
		machine, err := f.o.Repo.MachineTx(ctx, tx, actor, repo)
		if err != nil {
			return err
		}
		n.Repo, n.Owner = repo, r.Owner // of this moment: it may have been given away
		t, plain, err = f.o.Token.CreateDeployTx(ctx, tx, actor, machine, n)
		return err
	})
	return t, plain, err
}

// DeployTokens lists the deploy tokens of a repository, newest first.
func (f *Flow) DeployTokens(ctx context.Context, repo id.Repo) ([]token.Token, error) {
	machine, err := f.o.Account.FindMachineOfRepo(ctx, f.o.DB, repo)
	if err != nil || machine == 0 {
		return nil, err
	}
	return f.o.Token.List(ctx, machine, token.Deploy)
}

// endMachine ends what acts for a repository by itself, and returns its account.
func (f *Flow) endMachine(ctx context.Context, tx *db.Tx, actor right.Actor, repo id.Repo, why string) (id.Account, error) {
	machine, err := f.o.Account.FindMachineOfRepo(ctx, tx, repo)
	if err != nil || machine == 0 {
		return machine, err
	}
	return machine, f.o.Token.EndAllTx(ctx, tx, actor, machine, why)
}
