package main

import (
	"fmt"
	"io"
	"time"

	"jeton/internal/account"
	"jeton/internal/app"
	"jeton/internal/org"
	"jeton/internal/printable"
	"jeton/internal/problem"
	"jeton/internal/right"
)

const orgCreateUsage = `Usage: jeton org create NAME --owner LOGIN [--json] [--data DIR]

Make an organization. It owns repositories that several people look after;
nobody signs in as one.

  --owner LOGIN        who owns it at first, and invites the others
  --display-name TEXT  the name that pages show
`

// orgJSON is an organisation as --json has it.
type orgJSON struct {
	Login     string    `json:"login"`
	Name      string    `json:"name"`
	Base      string    `json:"default_repository_permission"`
	CreatedAt time.Time `json:"created_at"`
}

func orgCreate(c *call) error {
	owner := c.flags.String("owner", "", "")
	name := c.flags.String("display-name", "", "")
	if err := c.parse(1, 1); err != nil {
		return err
	}
	if *owner == "" {
		return usageError("an organization needs an owner", "Say who with --owner LOGIN.")
	}
	return c.with(func(k *app.Core) error {
		first, err := c.user(k, *owner)
		if err != nil {
			return err
		}
		o, err := k.Orgs.Create(c.ctx, right.Operator(), c.args[0], *name, first.ID)
		if err != nil {
			return err
		}
		return c.print(orgJSON{o.Login, o.Name, o.Base.String(), o.Account.CreatedAt}, func(w io.Writer) {
			_, _ = fmt.Fprintf(w, "made the organization %s\n", o.Login)
		})
	})
}

const orgListUsage = `Usage: jeton org list [--json] [--data DIR]

List the organizations.
`

func orgList(c *call) error {
	if err := c.parse(0, 0); err != nil {
		return err
	}
	return c.with(func(k *app.Core) error {
		list := []orgJSON{}
		for q := (account.Query{Limit: 200, Kind: account.KindOrg}); ; {
			page, err := k.Accounts.List(c.ctx, k.DB, q)
			if err != nil {
				return err
			}
			for _, a := range page {
				o, err := k.Orgs.ByID(c.ctx, k.DB, a.ID, 0)
				if err != nil {
					return err
				}
				list = append(list, orgJSON{o.Login, o.Name, o.Base.String(), o.Account.CreatedAt})
				q.After = a.Login
			}
			if len(page) < q.Limit {
				break
			}
		}
		return c.print(list, func(w io.Writer) {
			c.table("NAME\tCREATED\tMEMBERS MAY", len(list), func(t io.Writer, i int) {
				_, _ = fmt.Fprintf(t, "%s\t%s\t%s\n", list[i].Login, list[i].CreatedAt.Format(time.DateOnly), list[i].Base)
			})
		})
	})
}

const orgMemberUsage = `Usage: jeton org member NAME LOGIN [--role ROLE] [--remove] [--json] [--data DIR]

Make somebody a member or an owner of an organization, at once and without an
invitation, or take that away. The last owner stays.

  --role ROLE  member (the default) or owner
  --remove     end the membership, with its teams and accesses
`

func orgMember(c *call) error {
	word := c.flags.String("role", "member", "")
	remove := c.flags.Bool("remove", false, "")
	if err := c.parse(2, 2); err != nil {
		return err
	}
	role, ok := org.ParseRole(*word)
	if !ok {
		return usageError("there is no role "+printable.Line(*word, 40), "The roles are member and owner.")
	}
	return c.with(func(k *app.Core) error {
		o, err := c.org(k, c.args[0])
		if err != nil {
			return err
		}
		who, err := c.user(k, c.args[1])
		if err != nil {
			return err
		}
		done := "made " + who.Login + " " + map[org.Role]string{org.Member: "a member", org.Owner: "an owner"}[role] + " of " + o.Login
		if *remove {
			done = "removed " + who.Login + " from " + o.Login
			err = k.Lifecycle.RemoveMember(c.ctx, right.Operator(), o.ID, who.ID, false)
		} else {
			// Whoever was only invited is a member now: the invitation goes first.
			if m, missing := k.Orgs.Membership(c.ctx, k.DB, o.ID, who.ID); missing == nil && m.Pending {
				err = k.Lifecycle.RemoveMember(c.ctx, right.Operator(), o.ID, who.ID, true)
			}
			if err == nil {
				_, err = k.Orgs.SetRole(c.ctx, right.Operator(), o.ID, who.ID, role)
			}
		}
		if err != nil {
			return err
		}
		return c.print(map[string]string{"organization": o.Login, "login": who.Login, "done": done}, func(w io.Writer) { _, _ = fmt.Fprintln(w, done) })
	})
}

const orgDeleteUsage = `Usage: jeton org delete NAME [--json] [--data DIR]

Delete an organization that owns no repositories, with its teams. Its name
stays reserved for 90 days.
`

func orgDelete(c *call) error {
	if err := c.parse(1, 1); err != nil {
		return err
	}
	return c.with(func(k *app.Core) error {
		o, err := c.org(k, c.args[0])
		if err != nil {
			return err
		}
		if err := k.Lifecycle.DeleteOrg(c.ctx, right.Operator(), o.ID); err != nil {
			return err
		}
		return c.print(map[string]string{"login": o.Login, "done": "deleted"}, func(w io.Writer) { _, _ = fmt.Fprintf(w, "deleted %s\n", o.Login) })
	})
}

func (c *call) org(k *app.Core, login string) (org.Found, error) {
	o, err := k.Orgs.Find(c.ctx, k.DB, login, 0)
	if problem.Is(err, problem.NotFound) {
		return o, problem.New(problem.NotFound, "there is no organization "+printable.Line(login, 0), "\"jeton org list\" shows which there are.")
	}
	return o, err
}
