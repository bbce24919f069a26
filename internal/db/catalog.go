package db

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// kind is what a column holds, in the words of a dump.
type kind string

const (
	intKind   kind = "int"
	boolKind  kind = "bool"
	textKind  kind = "text"
	bytesKind kind = "bytes"
	realKind  kind = "real"
)

type column struct {
	Name string `json:"name"`
	Kind kind   `json:"kind"`
}

// table is a table as the database's own catalogue describes it.
type table struct {
	name     string
	columns  []column
	parents  []string // the tables that its foreign keys name
	identity string   // the column whose numbers the database draws, if one is
}

func kindOf(declared string) (kind, error) {
	switch strings.ToLower(declared) {
	case "integer", "bigint", "smallint", "int2", "int4", "int8":
		return intKind, nil
	case "boolean", "bool":
		return boolKind, nil
	case "text", "varchar":
		return textKind, nil
	case "blob", "bytea":
		return bytesKind, nil
	case "double precision", "float8": // REAL is half as exact on PostgreSQL
		return realKind, nil
	}
	return "", fmt.Errorf("a dump cannot hold the type %q", declared)
}

const sqliteColumns = `
	SELECT t.name, c.name, c.type, CASE WHEN c.pk = 1 AND INSTR(t.sql, 'AUTOINCREMENT') > 0 THEN 1 ELSE 0 END
	FROM sqlite_schema AS t, pragma_table_info(t.name) AS c
	WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite\_%' ESCAPE '\' ORDER BY t.name, c.cid`

const sqliteParents = `
	SELECT t.name, f."table" FROM sqlite_schema AS t, pragma_foreign_key_list(t.name) AS f WHERE t.type = 'table'`

const postgresColumns = `
	SELECT c.relname, a.attname, ty.typname, CASE WHEN a.attidentity <> '' THEN 1 ELSE 0 END
	FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
	JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
	JOIN pg_type ty ON ty.oid = a.atttypid
	WHERE n.nspname = current_schema() AND c.relkind = 'r' ORDER BY c.relname, a.attnum`

const postgresParents = `
	SELECT c.relname, p.relname FROM pg_constraint k
	JOIN pg_class c ON c.oid = k.conrelid JOIN pg_class p ON p.oid = k.confrelid
	JOIN pg_namespace n ON n.oid = c.relnamespace
	WHERE k.contype = 'f' AND n.nspname = current_schema()`

// tables returns every table but schema_migrations, parents before children.
func (d *DB) tables(ctx context.Context, r Reader) ([]table, error) {
	columns, parents := sqliteColumns, sqliteParents
	if d.sqlite == nil {
		columns, parents = postgresColumns, postgresParents
	}
	byName := make(map[string]*table)
	err := each(ctx, r, columns, func(scan func(...any) error) error {
		var name, col, declared string
		var identity int
		if err := scan(&name, &col, &declared, &identity); err != nil || name == "schema_migrations" {
			return err
		}
		k, err := kindOf(declared)
		if err != nil {
			return fmt.Errorf("table %s: %w", name, err)
		}
		t := byName[name]
		if t == nil {
			t = &table{name: name}
			byName[name] = t
		}
		t.columns = append(t.columns, column{Name: col, Kind: k})
		if identity == 1 {
			t.identity = col
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the catalogue: %w", err)
	}
	err = each(ctx, r, parents, func(scan func(...any) error) error {
		var child, parent string
		if err := scan(&child, &parent); err != nil {
			return err
		}
		if t := byName[child]; t != nil && parent != child {
			t.parents = append(t.parents, parent)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the catalogue: %w", err)
	}
	return sorted(byName)
}

func each(ctx context.Context, r Reader, query string, fn func(scan func(...any) error) error) error {
	rows, err := r.Query(ctx, query)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := fn(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

// sorted puts parents before children, in a fixed order.
func sorted(byName map[string]*table) ([]table, error) {
	var names []string
	for name := range byName {
		names = append(names, name)
	}
	slices.Sort(names)
	var out []table
	state := make(map[string]int) // 1: being visited, 2: done
	var visit func(name string) error
	visit = func(name string) error {
		t := byName[name]
		if t == nil || state[name] == 2 {
			return nil
		}
		if state[name] == 1 {
			return errors.New("the tables refer to each other in a circle at " + name)
		}
		state[name] = 1
		for _, p := range t.parents {
			if err := visit(p); err != nil {
				return err
			}
		}
		state[name] = 2
		out = append(out, *t)
		return nil
	}
	for _, name := range names {
		if err := visit(name); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func quoted(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

func (t *table) columnList() string {
	names := make([]string, len(t.columns))
	for i, c := range t.columns {
		names[i] = quoted(c.Name)
	}
	return strings.Join(names, ", ")
}

// drawn returns the last number that the identity column's source gave out,
// which may be greater than any that is still there.
func (d *DB) drawn(ctx context.Context, r Reader, t *table) (int64, error) {
	query := `SELECT COALESCE(MAX(seq), 0) FROM sqlite_sequence WHERE name = '` + t.name + `'`
	if d.sqlite == nil {
		var seq string
		if err := r.QueryRow(ctx, `SELECT pg_get_serial_sequence($1, $2)`, quoted(t.name), t.identity).Scan(&seq); err != nil {
			return 0, err
		}
		query = `SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM ` + seq // already quoted
	}
	var last int64
	err := r.QueryRow(ctx, query).Scan(&last)
	return last, err
}

// setDrawn is the inverse of drawn.
func (d *DB) setDrawn(ctx context.Context, tx *Tx, t *table, last int64) error {
	if d.sqlite != nil {
		if _, err := tx.Exec(ctx, `DELETE FROM sqlite_sequence WHERE name = $1`, t.name); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `INSERT INTO sqlite_sequence (name, seq) VALUES ($1, $2)`, t.name, last)
		return err
	}
	_, err := tx.Exec(ctx, `SELECT setval(pg_get_serial_sequence($1, $2), $3, $4)`, quoted(t.name), t.identity, max(1, last), last > 0)
	return err
}
