package token

import (
	"strconv"
	"strings"
	"testing"

	"jeton/internal/db/dbtest"
)

// most is how many arguments a query takes.
func most(query string) int {
	for n := 3; n > 1; n-- {
		if strings.Contains(query, "$"+strconv.Itoa(n)) {
			return n
		}
	}
	return 1
}

// TestOfOwner_index: what is asked about the tokens for one owner's things goes along
// their index, and never past those of the whole site.
func TestOfOwner_index(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t)
	for query, index := range map[string]string{
		`SELECT COUNT(*) FROM tokens` + ofOwner:                         "tokens_owner",
		`SELECT ` + columns + ` FROM tokens` + ofOwner + ` ORDER BY id`: "tokens_owner",
		`SELECT ` + columns + ` FROM tokens` + ownWord:                  "accounts_by_manager",
		askAll: "tokens_owner",
		requestColumns + ` WHERE q.org_id = $1 AND q.outcome = 0`: "token_requests_by_org",
	} {
		rows, err := d.Query(t.Context(), `EXPLAIN QUERY PLAN `+query, []any{1, 2, "%,3,%"}[:most(query)]...)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		plan := ""
		for rows.Next() {
			var a, b, c int
			var text string
			if err := rows.Scan(&a, &b, &c, &text); err != nil {
				t.Fatal(err)
			}
			plan += text + "\n"
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(plan, "INDEX "+index+" ") || strings.Contains(plan, "SCAN ") || strings.Contains(plan, "tokens_kind") {
			t.Errorf("%s\n%s", query, plan)
		}
	}
}
