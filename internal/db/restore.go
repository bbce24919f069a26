package db

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"jeton/internal/problem"
)

// insertRows is how many rows one statement inserts.
const insertRows = 50

var errCutOff = problem.New(problem.Invalid, "The dump is damaged or was cut off.", "Take another backup; nothing was changed.")

// Restore fills an empty, migrated database with a dump of either engine, all
// of it or nothing. A dump of an older program is loaded into the schema that
// it was taken from and migrated then; one of a newer program is refused.
func (d *DB) Restore(ctx context.Context, r io.Reader) error {
	dec := json.NewDecoder(bufio.NewReaderSize(r, 64<<10))
	var first record
	if err := dec.Decode(&first); err != nil || first.Format == 0 {
		return problem.New(problem.Invalid, "That is no dump of Jeton's database.", "")
	}
	then, later, err := d.restorable(&first)
	if err != nil {
		return err
	}
	err = d.write(ctx, sql.LevelReadCommitted, func(tx *Tx) error {
		if err := d.prepareRestore(ctx, tx, then); err != nil {
			return err
		}
		return d.load(ctx, tx, dec)
	})
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	return d.applyAll(ctx, later)
}

// restorable splits the program's migrations into those that the dump was
// taken after and those that come later.
func (d *DB) restorable(first *record) (then, later []migration, err error) {
	known, err := d.migrations()
	if err != nil {
		return nil, nil, err
	}
	var had []migration
	for _, m := range first.Migrations {
		had = append(had, migration{version: m.Version, name: m.Name, checksum: m.Checksum})
	}
	later, err = pending(known, had)
	if err != nil || first.Format > dumpFormat {
		return nil, nil, problem.Wrap(err, problem.Conflict,
			fmt.Sprintf("The dump is of schema version %04d and was made by a newer or another build of jeton; this one knows up to %04d.", newest(had), newest(known)),
			"Restore it with the jeton that made it.")
	}
	for _, m := range known {
		if !slices.ContainsFunc(later, func(l migration) bool { return l.version == m.version }) {
			then = append(then, m)
		}
	}
	return then, later, nil
}

// prepareRestore makes sure that nothing is overwritten, and brings the empty
// schema to the version of the dump.
func (d *DB) prepareRestore(ctx context.Context, tx *Tx, then []migration) error {
	if err := d.lockMigrations(ctx, tx); err != nil {
		return err
	}
	if d.sqlite != nil {
		if _, err := tx.raw.ExecContext(ctx, `PRAGMA defer_foreign_keys = ON`); err != nil {
			return err
		}
	}
	tables, err := d.tables(ctx, tx)
	if err != nil {
		return err
	}
	for _, t := range tables {
		var there int
		err := tx.QueryRow(ctx, `SELECT 1 FROM `+quoted(t.name)+` LIMIT 1`).Scan(&there)
		if err == nil {
			return problem.New(problem.Conflict, "The database is not empty.", "Restore into a new data folder or a new database.")
		}
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
	}
	now, err := applied(ctx, tx)
	if err != nil || len(now) == len(then) {
		return err
	}
	for _, t := range slices.Backward(tables) {
		if _, err := tx.raw.ExecContext(ctx, `DROP TABLE `+quoted(t.name)); err != nil {
			return err
		}
	}
	if _, err := tx.raw.ExecContext(ctx, `DELETE FROM schema_migrations`); err != nil {
		return err
	}
	for _, m := range then {
		if err := d.apply(ctx, tx, m); err != nil {
			return err
		}
	}
	return nil
}

// loader inserts rows of one table, many at a time.
type loader struct {
	d    *DB
	tx   *Tx
	t    *table
	args []any
	rows int64
}

func (d *DB) load(ctx context.Context, tx *Tx, dec *json.Decoder) error {
	tables, err := d.tables(ctx, tx)
	if err != nil {
		return err
	}
	l := &loader{d: d, tx: tx}
	for {
		var rec record
		if err := dec.Decode(&rec); err != nil {
			return errCutOff
		}
		switch {
		case rec.End:
			if err := l.flush(ctx); err != nil {
				return err
			}
			if rec.Rows != l.rows {
				return errCutOff
			}
			return nil
		case rec.Table != "":
			err = l.begin(ctx, tables, &rec)
		case l.t == nil:
			err = errCutOff
		case rec.Drawn != nil:
			if err = l.flush(ctx); err == nil && l.t.identity != "" {
				err = d.setDrawn(ctx, tx, l.t, *rec.Drawn)
			}
		default:
			err = l.add(ctx, rec.Row)
		}
		if err != nil {
			return err
		}
	}
}

// begin takes the columns' order and kinds from the dump, and their existence
// from the catalogue: no name from the file reaches a statement unchecked.
func (l *loader) begin(ctx context.Context, tables []table, rec *record) error {
	if err := l.flush(ctx); err != nil {
		return err
	}
	at := slices.IndexFunc(tables, func(t table) bool { return t.name == rec.Table })
	if at < 0 {
		return errCutOff
	}
	t := tables[at]
	if len(rec.Columns) != len(t.columns) {
		return errCutOff
	}
	for _, c := range rec.Columns {
		if !slices.Contains(t.columns, c) {
			return errCutOff
		}
	}
	t.columns = rec.Columns
	l.t = &t
	return nil
}

func (l *loader) add(ctx context.Context, row []json.RawMessage) error {
	if len(row) != len(l.t.columns) {
		return errCutOff
	}
	for i, c := range l.t.columns {
		v, err := decodeValue(c.Kind, row[i])
		if err != nil {
			return errCutOff
		}
		l.args = append(l.args, v)
	}
	l.rows++
	if len(l.args) < insertRows*len(l.t.columns) {
		return nil
	}
	return l.flush(ctx)
}

func (l *loader) flush(ctx context.Context) error {
	if len(l.args) == 0 {
		return nil
	}
	var b strings.Builder
	b.WriteString(`INSERT INTO ` + quoted(l.t.name) + ` (` + l.t.columnList() + `) VALUES `)
	width := len(l.t.columns)
	for i := range l.args {
		switch {
		case i == 0:
			b.WriteString("(")
		case i%width == 0:
			b.WriteString("), (")
		default:
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "$%d", i+1)
	}
	b.WriteString(")")
	_, err := l.tx.Exec(ctx, b.String(), l.args...)
	l.args = l.args[:0]
	if err != nil {
		return fmt.Errorf("table %s: %w", l.t.name, err)
	}
	return nil
}
