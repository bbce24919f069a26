package carry

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"jeton/internal/carried"
	"jeton/internal/db"
	"jeton/internal/foreign"
	"jeton/internal/gitstore"
	"jeton/internal/id"
	"jeton/internal/org"
	"jeton/internal/problem"
	"jeton/internal/repo"
	"jeton/internal/right"
)

type carriedThing = carried.Thing

func (b *bringer) repositories(ctx context.Context) error {
	if b.p.Repositories == "" {
		return nil
	}
	var err error
	if b.old, err = foreign.OpenFolder(b.p.Repositories); err != nil {
		return err
	}
	for i := range b.p.World.Repos {
		if err := b.repository(ctx, &b.p.World.Repos[i]); err != nil {
			return err
		}
	}
	return nil
}

func (b *bringer) repository(ctx context.Context, r *foreign.Repo) error {
	owner, here := b.accounts[r.Owner]
	if !here {
		b.tell(ofRepo, b.whose(r.Owner, "/", r.Name), Skipped, "its owner was not brought over")
		return nil
	}
	name := b.logins[r.Owner] + "/" + r.Name
	t := b.thing(ofRepo, r.CreatedAt, r.ID)
	ours, there, err := b.find(ctx, t)
	if err != nil {
		return err
	}
	if there {
		switch was, err := b.o.Repo.ByID(ctx, b.o.DB, id.Repo(ours)); {
		case problem.Is(err, problem.NotFound):
			b.tell(ofRepo, name, Skipped, "it was brought before, and is deleted here")
		case err != nil:
			return err
		case was.Owner != owner:
			b.tell(ofRepo, name, Skipped, "it was brought before, and has another owner here")
		default:
			b.repos[r.ID], b.names[r.ID] = was.ID, was.FullName()
			b.tell(ofRepo, name, There)
		}
		return nil
	}
	if err := repo.CheckName(r.Name); err != nil {
		return b.refuse(ctx, ofRepo, name, err)
	}
	from, err := b.old.Repository(r.Path)
	if err != nil {
		return b.refuse(ctx, ofRepo, name, err, remedy(err)...)
	}
	n := repo.NewRepo{Owner: owner, Name: r.Name, Description: r.About, Private: r.Private, Template: r.Template}
	said := r.Said
	if b.old.Holds(strings.TrimSuffix(r.Path, ".git") + ".wiki.git") {
		said = append(slices.Clone(said), "its wiki stays there")
	}
	if r.ForkOf != 0 {
		if n.ForkOf, err = b.parent(ctx, r); err != nil {
			return err
		}
	}
	if b.p.Dry {
		return b.would(ctx, r, n, name, said)
	}
	made, err := b.o.Lifecycle.ImportRepoAnd(ctx, b.actor, n, gitstore.Source{Path: from}, func(ctx context.Context, tx *db.Tx, number id.Repo) error {
		if r.Archived {
			yes := true
			if _, err := b.o.Repo.UpdateTx(ctx, tx, b.actor, number, repo.Patch{Archived: &yes}); err != nil {
				return err
			}
		}
		return b.o.Carried.NoteTx(ctx, tx, t, int64(number))
	})
	if err != nil {
		return b.refuse(ctx, ofRepo, name, err)
	}
	b.repos[r.ID], b.names[r.ID] = made.ID, name
	b.tell(ofRepo, name, Made, said...)
	return nil
}

// would tells what importing a repository would do, as far as can be told before.
func (b *bringer) would(ctx context.Context, r *foreign.Repo, n repo.NewRepo, name string, said []string) error {
	taken := b.planned[strings.ToLower(name)]
	if n.Owner > 0 && !taken {
		if err := b.o.Repo.CheckNew(ctx, b.o.DB, &n); err != nil {
			return b.refuse(ctx, ofRepo, name, err)
		}
	}
	if taken {
		b.tell(ofRepo, name, Refused, "name already exists on this account")
		return nil
	}
	b.planned[strings.ToLower(name)] = true
	b.repos[r.ID], b.names[r.ID] = -id.Repo(r.ID), name
	b.tell(ofRepo, name, Made, said...)
	return nil
}

// parent is what a repository is a fork of, if that is here and a fork may be of it: a
// public one of something private would tell of that.
func (b *bringer) parent(ctx context.Context, r *foreign.Repo) (id.Repo, error) {
	of, here := b.repos[r.ForkOf]
	if !here || of <= 0 {
		return 0, nil
	}
	p, err := b.o.Repo.ByID(ctx, b.o.DB, of)
	if err != nil || p.Private != r.Private {
		return 0, err
	}
	return of, nil
}

func (b *bringer) teams(ctx context.Context) error {
	for i := range b.p.World.Orgs {
		o := &b.p.World.Orgs[i]
		if _, here := b.accounts[o.ID]; !here {
			continue
		}
		for j := range o.Teams {
			if err := b.team(ctx, o, &o.Teams[j]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *bringer) team(ctx context.Context, o *foreign.Org, t *foreign.Team) error {
	in, name := b.accounts[o.ID], b.logins[o.ID]+"/"+t.Name
	noted := b.thing(ofTeam, o.CreatedAt, o.ID, t.ID)
	ours, there, err := b.find(ctx, noted)
	if err != nil {
		return err
	}
	if b.p.Dry {
		done := Made
		if there {
			done = There
		}
		b.tell(ofTeam, name, done)
		return nil
	}
	var team org.FoundTeam
	if there {
		team, err = b.o.Org.TeamByID(ctx, b.o.DB, in, id.Team(ours), 0)
		if problem.Is(err, problem.NotFound) {
			b.tell(ofTeam, name, Skipped, "it was brought before, and is deleted here")
			return nil
		}
		if err != nil {
			return err
		}
		b.tell(ofTeam, name, There)
	} else {
		if team, err = b.o.Org.CreateTeam(ctx, b.actor, in, org.NewTeam{Name: t.Name, Description: t.About, Secret: t.Secret}); err != nil {
			return b.refuse(ctx, ofTeam, name, err)
		}
		if err := b.note(ctx, noted, int64(team.ID)); err != nil {
			return err
		}
		b.tell(ofTeam, name, Made)
	}
	for _, n := range t.Members {
		who, here := b.accounts[n]
		if !here {
			continue
		}
		err := b.once(ctx, b.thing(ofMate, o.CreatedAt, t.ID, n), fmt.Sprintf("%s in %s", b.logins[n], name), func() error {
			_, err := b.o.Org.SetMate(ctx, b.actor, team.Team, who, org.TeamMember)
			return err
		})
		if err != nil {
			return err
		}
	}
	for _, n := range t.Repos {
		r, here := b.repos[n]
		if !here {
			continue
		}
		err := b.once(ctx, b.thing(ofShare, o.CreatedAt, t.ID, n), fmt.Sprintf("%s for %s", b.names[n], name), func() error {
			return b.o.Org.SetTeamRepo(ctx, b.actor, team.Team, r, t.Level)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// helpers gives people beside the owners their accesses.
func (b *bringer) helpers(ctx context.Context) error {
	for i := range b.p.World.Repos {
		r := &b.p.World.Repos[i]
		of, here := b.repos[r.ID]
		if !here {
			continue
		}
		for _, h := range r.Helpers {
			who, here := b.accounts[h.Person]
			if !here || h.Level == right.None || h.Person == r.Owner {
				continue
			}
			err := b.once(ctx, b.thing(ofAccess, r.CreatedAt, r.ID, h.Person), fmt.Sprintf("%s on %s", b.logins[h.Person], b.names[r.ID]), func() error {
				return b.o.Repo.SetCollaborator(ctx, b.actor, of, who, h.Level)
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}
