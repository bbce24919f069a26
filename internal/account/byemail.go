package account

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"jeton/internal/db"
)

// maxByEmails is how many addresses are looked up at once.
const maxByEmails = 500

// ByEmails finds the accounts that have verified the addresses, in one query: the
// answer has them by the address as it was given. An address that nobody has
// verified is missing, and so is what is past the first 500.
func (r *Room) ByEmails(ctx context.Context, read db.Reader, emails []string) (map[string]Account, error) {
	asked := map[string][]string{} // by key
	var args []any
	var marks []string
	for _, e := range emails {
		k := key(e)
		if e == "" || len(e) > MaxEmail {
			continue
		}
		if asked[k] == nil && len(args) < maxByEmails {
			args = append(args, k)
			marks = append(marks, "$"+strconv.Itoa(len(args)))
		}
		asked[k] = append(asked[k], e)
	}
	out := map[string]Account{}
	if len(args) == 0 {
		return out, nil
	}
	rows, err := read.Query(ctx, `
		SELECT m.email_key, a.id, a.login, a.site_admin
		FROM account_emails m JOIN accounts a ON a.id = m.account_id
		WHERE m.verified AND m.email_key IN (`+strings.Join(marks, ", ")+`)`, args...)
	if err != nil {
		return nil, fmt.Errorf("find accounts by address: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var k string
		var a Account
		if err := rows.Scan(&k, &a.ID, &a.Login, &a.SiteAdmin); err != nil {
			return nil, fmt.Errorf("find accounts by address: %w", err)
		}
		for _, e := range asked[k] {
			out[e] = a
		}
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("find accounts by address: %w", err)
	}
	return out, nil
}
