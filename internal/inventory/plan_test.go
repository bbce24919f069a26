package inventory

import (
	"strings"
	"testing"

	"jeton/internal/db/dbtest"
)

// TestDrive_index: SQLite, which knows nothing of how many tokens there are, goes
// along the index that is meant and sorts nothing.
func TestDrive_index(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t)
	for want, q := range map[string]terms{"tokens_made": {}, "tokens_active": {unusedBefore: 9}, "tokens_endless": {unusedBefore: 9, endless: true}, "tokens_unused": {neverUsed: true},
		"tokens_end": {endsBefore: 9, now: 1}, "tokens_kind": {ofKind: true}} {
		w, order := q.drive(), ` DESC`
		if w.up {
			order = ``
		}
		rows, err := d.Query(t.Context(), `EXPLAIN QUERY PLAN SELECT `+columns+` FROM tokens t WHERE t.revoked_at = 0`+w.where+` ORDER BY `+w.key+order+`, t.id`+order+` LIMIT 50`, w.args...)
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
		if !strings.Contains(plan, "INDEX "+want+" ") && !strings.Contains(plan, "INDEX "+want+"\n") || strings.Contains(plan, "TEMP B-TREE") {
			t.Errorf("%s: %s", want, plan)
		}
	}
}
