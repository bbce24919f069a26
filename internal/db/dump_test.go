package db_test

import (
	"bytes"
	"fmt"
	"maps"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"jeton/internal/db"
	"jeton/internal/db/dbtest"
	"jeton/internal/problem"
)

// steps are migrations with every kind of column, and a child table whose name
// sorts before its parent's.
var steps = fstest.MapFS{
	"0001_parents.sql": {Data: []byte("-- a comment; with a semicolon\nCREATE TABLE parents (\n\tid {{id}},\n\tname TEXT,\n\tflag BOOLEAN NOT NULL DEFAULT FALSE,\n\traw {{bytes}},\n\tbig {{bigint}},\n\tpart DOUBLE PRECISION,\n\tboss {{bigint}} REFERENCES parents (id)\n);\n")},
	"0002_kids.sql":    {Data: []byte("CREATE TABLE kids (\n\tparent {{bigint}} NOT NULL REFERENCES parents (id),\n\tnote TEXT NOT NULL DEFAULT ';',\n\tPRIMARY KEY (parent, note)\n);\nCREATE INDEX kids_note ON kids (note);\n")},
}

// later is steps and one more.
func later() fstest.MapFS {
	m := maps.Clone(steps)
	m["0010_extra.sql"] = &fstest.MapFile{Data: []byte("ALTER TABLE kids ADD COLUMN age {{bigint}} NOT NULL DEFAULT 7;\n")}
	return m
}

func fill(t *testing.T, d *db.DB) {
	t.Helper()
	exec(t, d, `INSERT INTO parents (name, flag, raw, big, part, boss) VALUES ($1, TRUE, $2, $3, 0.5, NULL)`, "it's <\u202e>\n", []byte{0, 255}, int64(1)<<62+1)
	for i := range 120 {
		exec(t, d, `INSERT INTO parents (name, boss) VALUES ($1, 1)`, fmt.Sprint(i))
	}
	exec(t, d, `INSERT INTO parents (name, raw) VALUES (NULL, $1)`, []byte{})
	exec(t, d, `INSERT INTO kids (parent, note) VALUES (1, ''), (2, 'x')`)
	exec(t, d, `DELETE FROM parents WHERE id = 122`) // its number must not be given out again
}

// TestDumpGoesFromAnyEngineToAny dumps from each engine into each, and finds a
// dump of the copy byte by byte the same.
func TestDumpGoesFromAnyEngineToAny(t *testing.T) {
	t.Parallel()
	dbtest.EachOptions(t, func(t *testing.T, from db.Options) {
		from.Migrations = steps
		source := dbtest.OpenWith(t, from)
		fill(t, source)
		var dump bytes.Buffer
		if err := source.Dump(t.Context(), &dump); err != nil {
			t.Fatal(err)
		}
		dbtest.EachOptions(t, func(t *testing.T, to db.Options) {
			to.Migrations = steps
			target := dbtest.OpenWith(t, to)
			if err := target.Restore(t.Context(), bytes.NewReader(dump.Bytes())); err != nil {
				t.Fatal(err)
			}
			var again bytes.Buffer
			if err := target.Dump(t.Context(), &again); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(dump.Bytes(), again.Bytes()) {
				t.Errorf("the copy differs:\n%.2000s\n---\n%.2000s", dump.String(), again.String())
			}
			exec(t, target, `INSERT INTO parents (name) VALUES ('new')`)
			if id := number(t, target, `SELECT id FROM parents WHERE name = 'new'`); id != 123 {
				t.Errorf("the next row has number %d, want 123: a number is given out twice", id)
			}
			if err := target.Restore(t.Context(), bytes.NewReader(dump.Bytes())); !problem.Is(err, problem.Conflict) {
				t.Errorf("a restore over what is there gave %v", err)
			}
		})
	})
}

func TestDumpOfAnOlderSchemaIsMigrated(t *testing.T) {
	t.Parallel()
	dbtest.EachOptions(t, func(t *testing.T, o db.Options) {
		old := dbtest.SQLite(t)
		old.Migrations = steps
		source := dbtest.OpenWith(t, old)
		fill(t, source)
		var dump bytes.Buffer
		if err := source.Dump(t.Context(), &dump); err != nil {
			t.Fatal(err)
		}
		o.Migrations = later()
		target := dbtest.OpenWith(t, o)
		if err := target.Restore(t.Context(), bytes.NewReader(dump.Bytes())); err != nil {
			t.Fatal(err)
		}
		if n := number(t, target, `SELECT SUM(age) FROM kids`); n != 14 {
			t.Errorf("sum %d, want 14", n)
		}
		dump.Reset()
		if err := target.Dump(t.Context(), &dump); err != nil {
			t.Fatal(err)
		}
		o2 := dbtest.SQLite(t)
		o2.Migrations = steps
		if err := dbtest.OpenWith(t, o2).Restore(t.Context(), &dump); !problem.Is(err, problem.Conflict) || !strings.Contains(err.Error(), "0010") || !strings.Contains(err.Error(), "0002") {
			t.Errorf("a dump from a newer program gave %v", err)
		}
	})
}

func TestDamagedDumpsChangeNothing(t *testing.T) {
	t.Parallel()
	dbtest.EachOptions(t, func(t *testing.T, o db.Options) {
		src := dbtest.SQLite(t)
		src.Migrations, o.Migrations = steps, steps
		source, target := dbtest.OpenWith(t, src), dbtest.OpenWith(t, o)
		fill(t, source)
		var dump bytes.Buffer
		if err := source.Dump(t.Context(), &dump); err != nil {
			t.Fatal(err)
		}
		whole := dump.String()
		for name, damaged := range map[string]string{
			"empty":        "",
			"other":        "PK\x03\x04",
			"cut off":      whole[:len(whole)/2],
			"no end":       whole[:strings.LastIndex(whole[:len(whole)-1], "\n")+1],
			"a row less":   strings.Replace(whole, `{"row":[2,"x"]}`+"\n", "", 1),
			"other table":  strings.Replace(whole, `"table":"kids"`, `"table":"schema_migrations"`, 1),
			"other column": strings.Replace(whole, `"name":"note"`, `"name":"note) VALUES (1); --"`, 1),
		} {
			if err := target.Restore(t.Context(), strings.NewReader(damaged)); !problem.Is(err, problem.Invalid) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if n := number(t, target, `SELECT COUNT(id) FROM parents`); n != 0 {
			t.Errorf("%d rows of damaged dumps are there", n)
		}
		if err := target.Restore(t.Context(), strings.NewReader(whole)); err != nil {
			t.Error(err)
		}
	})
}

// TestOwnSchemaCanBeDumped holds every migration of the program to the kinds
// that a dump knows.
func TestOwnSchemaCanBeDumped(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		var dump bytes.Buffer
		if err := d.Dump(t.Context(), &dump); err != nil {
			t.Fatal(err)
		}
		if err := dbtest.Open(t).Restore(t.Context(), &dump); err != nil {
			t.Fatal(err)
		}
	})
}

func TestSnapshotWhileWriting(t *testing.T) {
	t.Parallel()
	o := dbtest.SQLite(t)
	o.Migrations = steps
	d := dbtest.OpenWith(t, o)
	fill(t, d)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
				exec(t, d, `INSERT INTO parents (name, boss) VALUES ('a', 1), ('b', 1)`)
			}
		}
	}()
	copied := filepath.Join(t.TempDir(), "copy.db")
	err := d.Snapshot(t.Context(), copied)
	close(stop)
	<-stopped
	if err != nil {
		t.Fatal(err)
	}
	c := dbtest.OpenWith(t, db.Options{Path: copied, Migrations: steps})
	if a, b := number(t, c, `SELECT COUNT(id) FROM parents WHERE name = 'a'`), number(t, c, `SELECT COUNT(id) FROM parents WHERE name = 'b'`); a != b {
		t.Errorf("%d and %d: the copy holds half of a transaction", a, b)
	}
	if err := d.Snapshot(t.Context(), copied); err == nil {
		t.Error("a snapshot overwrote a file")
	}
}
