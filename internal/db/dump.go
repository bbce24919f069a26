package db

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// dumpFormat is the number of the form below. A reader refuses a greater one.
const dumpFormat = 1

// record is one line of a dump. The first has Format and Migrations; then for
// each table one with Table and Columns, one for each row, and one with Drawn
// for an identity column; the last has End, so that a dump which was cut off
// is known for one.
type record struct {
	Format     int       `json:"jeton_dump,omitempty"`
	Migrations []applies `json:"migrations,omitempty"`

	Table   string   `json:"table,omitempty"`
	Columns []column `json:"columns,omitempty"`

	Row []json.RawMessage `json:"row,omitempty"`

	Drawn *int64 `json:"drawn,omitempty"`

	End  bool  `json:"end,omitempty"`
	Rows int64 `json:"rows,omitempty"`
}

type applies struct {
	Version  int    `json:"version"`
	Name     string `json:"name"`
	Checksum string `json:"checksum"`
}

// Dump writes everything in the database as JSON lines, from one state of it,
// while others read and write on. It holds secrets only in the form in which
// the database does: digested or sealed.
func (d *DB) Dump(ctx context.Context, w io.Writer) error {
	out := bufio.NewWriterSize(w, 64<<10)
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	err := d.Read(ctx, func(r Reader) error { return d.dump(ctx, r, enc) })
	if err != nil {
		return fmt.Errorf("dump: %w", err)
	}
	return out.Flush()
}

func (d *DB) dump(ctx context.Context, r Reader, enc *json.Encoder) error {
	ms, err := applied(ctx, r)
	if err != nil {
		return err
	}
	first := record{Format: dumpFormat}
	for _, m := range ms {
		first.Migrations = append(first.Migrations, applies{Version: m.version, Name: m.name, Checksum: m.checksum})
	}
	if err := enc.Encode(first); err != nil {
		return err
	}
	tables, err := d.tables(ctx, r)
	if err != nil {
		return err
	}
	var total int64
	for i := range tables {
		n, err := d.dumpTable(ctx, r, enc, &tables[i])
		if err != nil {
			return fmt.Errorf("table %s: %w", tables[i].name, err)
		}
		total += n
	}
	return enc.Encode(record{End: true, Rows: total})
}

func (d *DB) dumpTable(ctx context.Context, r Reader, enc *json.Encoder, t *table) (int64, error) {
	if err := enc.Encode(record{Table: t.name, Columns: t.columns}); err != nil {
		return 0, err
	}
	// The first column is the identity where there is one, so that a row that
	// names another of its own table comes after it.
	rows, err := r.Query(ctx, `SELECT `+t.columnList()+` FROM `+quoted(t.name)+` ORDER BY 1`)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	var n int64
	for rows.Next() {
		row, err := readRow(rows, t)
		if err != nil {
			return n, err
		}
		if err := enc.Encode(record{Row: row}); err != nil {
			return n, err
		}
		n++
	}
	if err := rows.Err(); err != nil {
		return n, err
	}
	if t.identity == "" {
		return n, nil
	}
	last, err := d.drawn(ctx, r, t)
	if err != nil {
		return n, err
	}
	return n, enc.Encode(record{Drawn: &last})
}

// readRow reads a row into the JSON form of each column's kind.
func readRow(rows *sql.Rows, t *table) ([]json.RawMessage, error) {
	dest := make([]any, len(t.columns))
	for i, c := range t.columns {
		switch c.Kind {
		case intKind:
			dest[i] = new(sql.Null[int64])
		case boolKind:
			dest[i] = new(sql.Null[bool])
		case realKind:
			dest[i] = new(sql.Null[float64])
		case textKind:
			dest[i] = new(sql.Null[string])
		case bytesKind:
			dest[i] = new([]byte)
		}
	}
	if err := rows.Scan(dest...); err != nil {
		return nil, err
	}
	out := make([]json.RawMessage, len(dest))
	for i, v := range dest {
		value, err := encodeValue(v)
		if err != nil {
			return nil, fmt.Errorf("column %s: %w", t.columns[i].Name, err)
		}
		out[i] = value
	}
	return out, nil
}

// oddText holds a text that JSON cannot: not UTF-8, or with a zero byte.
type oddText struct {
	Base64 string `json:"base64"`
}

func encodeValue(v any) (json.RawMessage, error) {
	var plain any
	switch v := v.(type) {
	case *sql.Null[int64]:
		plain, _ = v.Value()
	case *sql.Null[bool]:
		plain, _ = v.Value()
	case *sql.Null[float64]:
		plain, _ = v.Value()
	case *sql.Null[string]:
		plain, _ = v.Value()
		if v.Valid && (!utf8.ValidString(v.V) || strings.ContainsRune(v.V, 0)) {
			plain = oddText{Base64: base64.StdEncoding.EncodeToString([]byte(v.V))}
		}
	case *[]byte:
		if *v != nil {
			plain = *v // in base64
		}
	}
	return json.Marshal(plain)
}

// decodeValue is the inverse of encodeValue.
func decodeValue(k kind, raw json.RawMessage) (any, error) {
	if string(raw) == "null" {
		return nil, nil
	}
	switch k {
	case intKind:
		return into[int64](raw)
	case boolKind:
		return into[bool](raw)
	case realKind:
		return into[float64](raw)
	case bytesKind:
		return into[[]byte](raw)
	case textKind:
		if len(raw) > 0 && raw[0] == '{' {
			odd, err := into[oddText](raw)
			if err != nil {
				return nil, err
			}
			text, err := base64.StdEncoding.DecodeString(odd.Base64)
			return string(text), err
		}
		return into[string](raw)
	}
	return nil, fmt.Errorf("unknown kind %q", k)
}

func into[T any](raw json.RawMessage) (T, error) {
	var v T
	err := json.Unmarshal(raw, &v)
	return v, err
}
