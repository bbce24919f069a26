package db_test

import (
	"testing"

	"jeton/internal/db"
	"jeton/internal/db/dbtest"
)

func BenchmarkPointRead(b *testing.B) {
	o := dbtest.SQLite(b)
	o.Migrations = steps
	d := dbtest.OpenWith(b, o)
	err := d.Write(b.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec(b.Context(), `INSERT INTO parents (name) VALUES ('a'), ('b')`)
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		var name string
		if err := d.QueryRow(b.Context(), `SELECT name FROM parents WHERE id = $1`, 2).Scan(&name); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkWrite(b *testing.B) {
	o := dbtest.SQLite(b)
	o.Migrations, o.NoSync = steps, false
	d := dbtest.OpenWith(b, o)
	for b.Loop() {
		err := d.Write(b.Context(), func(tx *db.Tx) error {
			_, err := tx.Exec(b.Context(), `INSERT INTO parents (name) VALUES ('a')`)
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}
