package db

import (
	"context"
	"database/sql"
	"runtime"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"jeton/internal/problem"
)

// The advisory locks of Jeton in its database: "jeton" in ASCII and a number.
const (
	migrateLock = 0x6a65746f6e0001
	serverKey   = 0x6a65746f6e0002
	orderLock   = 0x6a65746f6e0003
	aloneLock   = 0x6a65746f6e0004
	importKey   = 0x6a65746f6e0005
)

func (d *DB) openPostgres(ctx context.Context) error {
	// The driver's own error repeats the URL; ours must not.
	cfg, err := pgx.ParseConfig(d.o.URL)
	if err != nil {
		return problem.New(problem.Invalid, "The database URL cannot be read.",
			"Write it as postgres://USER:PASSWORD@HOST:5432/DATABASE, with special characters percent-encoded.")
	}
	if cfg.ConnectTimeout == 0 {
		cfg.ConnectTimeout = 10 * time.Second
	}
	if cfg.RuntimeParams["application_name"] == "" {
		cfg.RuntimeParams["application_name"] = "jeton"
	}
	cfg.RuntimeParams["timezone"] = "UTC"
	d.read = sql.OpenDB(stdlib.GetConnector(*cfg))
	n := max(8, 4*runtime.GOMAXPROCS(0))
	d.read.SetMaxOpenConns(n)
	d.read.SetMaxIdleConns(n)
	d.read.SetConnMaxIdleTime(5 * time.Minute)
	if err := d.read.PingContext(ctx); err != nil {
		_ = d.read.Close()
		return problem.Wrap(err, problem.Unavailable, "The PostgreSQL database cannot be reached.",
			"Check the URL of --database, that the server runs, and that its user may connect to that database.")
	}
	return nil
}
