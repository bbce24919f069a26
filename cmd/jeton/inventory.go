package main

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"jeton/internal/app"
	"jeton/internal/id"
	"jeton/internal/inventory"
	"jeton/internal/printable"
	"jeton/internal/problem"
	"jeton/internal/right"
	"jeton/internal/token"
)

const filterText = `
  --owner LOGIN   the tokens of this account
  --kind K        classic, fine-grained, oauth, deploy or exchanged
  --unused 90d    not used for so long (d, w, m or y), or "never" used
  --used 7d       used within so long
  --older 1y      made before; --newer 7d: made within
  --ends WHEN     "never", "expired", "current" (not expired), or within so long
  --reach R       anywhere, all (of one owner), selected, or public
  --of LOGIN      for what is this account's alone
  --may S         with this scope or permission: repo, contents, contents=write
`

const tokenListUsage = `Usage: jeton token list [LOGIN] [FILTERS] [--json] [--data DIR]

List the tokens of an account, or of all, those that applications were given
included. No token itself is shown. The filters, which hold together:
` + filterText

// filterFlags takes the flags by which tokens are found.
func (c *call) filterFlags() *inventory.Filter {
	f := &inventory.Filter{}
	for _, one := range f.Fields() {
		if one.Name != "barred" { // an organization's owners ask for that
			c.flags.StringVar(one.Value, one.Name, "", "")
		}
	}
	return f
}

// owned makes sure that the accounts of the filter exist: of a misspelt one there
// would be no tokens, which looks like an answer.
func (c *call) owned(k *app.Core, f *inventory.Filter) error {
	if f.Owner != "" {
		if _, err := c.user(k, f.Owner); err != nil {
			return err
		}
	}
	if f.Of != "" {
		if _, err := k.Accounts.ByLogin(c.ctx, k.DB, f.Of); err != nil {
			return err
		}
	}
	if err := k.Inventory.Check(c.ctx, inventory.Site(), *f); err != nil {
		return &misuse{problem.Of(err)}
	}
	return nil
}

func tokenList(c *call) error {
	f := c.filterFlags()
	if err := c.parse(0, 1); err != nil {
		return err
	}
	if len(c.args) > 0 {
		f.Owner = c.args[0]
	}
	return c.with(func(k *app.Core) error {
		list, err := c.found(k, f)
		if err != nil {
			return err
		}
		return c.print(list, func(io.Writer) { c.tokenTable(list) })
	})
}

// found is what the filter leaves, if it makes sense.
func (c *call) found(k *app.Core, f *inventory.Filter) ([]inventory.Exported, error) {
	if err := c.owned(k, f); err != nil {
		return nil, err
	}
	list := []inventory.Exported{}
	err := k.Inventory.Each(c.ctx, inventory.Site(), *f, func(some []inventory.Line) error {
		for i := range some {
			list = append(list, inventory.JSON(&some[i]))
		}
		return nil
	})
	return list, err
}

func (c *call) tokenTable(list []inventory.Exported) {
	c.table("ID\tLOGIN\tKIND\tNOTE\tMAY\tENDS\tLAST USED", len(list), func(w io.Writer, i int) {
		t := list[i]
		ends := day(t.ExpiresAt)
		switch {
		case t.Expired:
			ends = "expired"
		case t.Frozen:
			ends += ", frozen"
		}
		may := strings.Join(t.Scopes, ",")
		if may == "" {
			may = t.Permissions
		}
		name := printable.Line(t.Name, 60)
		if t.Carried != "" {
			name += ", from " + token.SystemName(t.Carried)
		}
		_, _ = fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%s\t%s\n", t.ID, t.Login, t.Kind, name, may, ends, day(t.LastUsedAt))
	})
}

const tokenRevokeUsage = `Usage: jeton token revoke LOGIN ID [--reason WHY] [--json] [--data DIR]
       jeton token revoke FILTERS [--yes --reason WHY] [--json] [--data DIR]

End one token, or all that the filters leave, at once and for good. "jeton token
list" shows the ids, and takes the same filters. With filters nothing ends before
--yes is given: what would end is listed.

  --reason WHY    for the security log, also that of the tokens' owners
` + filterText

func tokenRevoke(c *call) error {
	f := c.filterFlags()
	reason := c.flags.String("reason", "", "")
	yes := c.flags.Bool("yes", false, "")
	if err := c.parse(0, 2); err != nil {
		return err
	}
	switch {
	case len(c.args) == 2 && !f.Any():
		return c.revokeOne(*reason)
	case len(c.args) != 0 || !f.Any():
		return usageError("say which tokens: LOGIN and ID, or filters", "\"jeton token revoke --help\" lists the filters.")
	case *yes && *reason == "":
		return usageError("many tokens end for a reason", "Add --reason \"why\".")
	}
	return c.with(func(k *app.Core) error {
		list, err := c.found(k, f)
		if err != nil {
			return err
		}
		if !*yes {
			return c.print(list, func(w io.Writer) {
				c.tokenTable(list)
				_, _ = fmt.Fprintf(w, "would revoke %d: add --yes and --reason to do it\n", len(list))
			})
		}
		return c.revokeMany(k, *f, list, *reason)
	})
}

func (c *call) revokeMany(k *app.Core, f inventory.Filter, list []inventory.Exported, reason string) error {
	var ids []id.Token
	for i := range list {
		ids = append(ids, id.Token(list[i].ID))
	}
	revoked, left := 0, 0
	for some := range slices.Chunk(ids, inventory.Most) {
		done, err := k.Inventory.End(c.ctx, right.Operator(), inventory.Site(), f, some, reason)
		if revoked, left = revoked+done.Ended, left+done.Gone; err != nil {
			return fmt.Errorf("after %d tokens: %w", revoked, err)
		}
	}
	return c.print(map[string]int{"revoked": revoked, "left_alone": left}, func(w io.Writer) { _, _ = fmt.Fprintf(w, "revoked %d\n", revoked) })
}

func (c *call) revokeOne(reason string) error {
	tid, ok := id.Parse[id.Token](c.args[1])
	if !ok {
		return usageError("not a token's id: "+strconv.Quote(c.args[1]), "\"jeton token list\" shows the ids.")
	}
	return c.with(func(k *app.Core) error {
		a, err := c.user(k, c.args[0])
		if err != nil {
			return err
		}
		t, err := k.Tokens.AnyByID(c.ctx, a.ID, tid)
		if err == nil {
			_, err = k.Inventory.End(c.ctx, right.Operator(), inventory.Site(), inventory.Filter{}, []id.Token{tid}, reason)
		}
		if problem.Is(err, problem.NotFound) {
			return problem.New(problem.NotFound, fmt.Sprintf("%s has no token %d", a.Login, tid), "\"jeton token list "+a.Login+"\" shows the tokens.")
		}
		if err != nil {
			return err
		}
		return c.print(tokenLine(t, a.Login), func(w io.Writer) { _, _ = fmt.Fprintf(w, "revoked %s\n", printable.Line(t.Note, 0)) })
	})
}
