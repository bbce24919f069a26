package dbtest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // registers the driver
)

// errMissing says how to get PostgreSQL.
var errMissing = errors.New("PostgreSQL is not installed: apt-get install -y postgresql")

// postgres is a running server.
type postgres struct {
	dir   string // its data and its socket
	admin *sql.DB
	alive *os.File // the supervisor ends the server when this is closed
}

// supervise runs the server until its standard input ends, which it does when
// the test binary ends, however it ends; then it removes the folder. It asks
// more than once: a shell starts its background processes deaf to SIGQUIT, and
// the server listens only after a while.
const supervise = `
dir=$1 bin=$2
"$bin/initdb" -D "$dir/data" -U postgres -A trust -E UTF8 --locale=C --no-sync --no-instructions >"$dir/initdb.log" 2>&1 || { echo failed >"$dir/failed"; }
"$bin/postgres" -D "$dir/data" -k "$dir" -c listen_addresses= -c fsync=off -c synchronous_commit=off -c full_page_writes=off \
	-c max_connections=300 -c shared_buffers=32MB -c autovacuum=off -c jit=off >"$dir/postgres.log" 2>&1 </dev/null &
pid=$!
cat >/dev/null
kill -QUIT $pid 2>/dev/null
(while sleep 0.2; do kill -QUIT $pid; done) 2>/dev/null &
nag=$!
wait $pid 2>/dev/null
kill $nag
cd / && rm -rf "$dir"
`

// start makes a cluster in a new folder and starts a server on it.
func start() (*postgres, error) {
	bin, err := binaries()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "jeton-pg-")
	if err != nil {
		return nil, err
	}
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command("/bin/sh", "-c", supervise, "sh", dir, bin)
	cmd.Dir = dir
	cmd.Stdin = read
	cmd.Env = []string{"PATH=/usr/bin:/bin", "LC_ALL=C"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // an interrupt of the tests must not end the supervisor first
	if os.Getuid() == 0 {
		if err := asPostgres(cmd, dir); err != nil {
			return nil, err
		}
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	_ = read.Close()
	p := &postgres{dir: dir, alive: write}
	if p.admin, err = sql.Open("pgx", p.url("postgres")); err != nil {
		return nil, err
	}
	p.admin.SetMaxOpenConns(2)
	return p, p.wait()
}

// binaries returns the folder of the newest installed server.
func binaries() (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil {
		return "", err
	}
	best, version := "", 0
	for _, f := range found {
		dir := filepath.Dir(f)
		if v, err := strconv.Atoi(filepath.Base(filepath.Dir(dir))); err == nil && v > version {
			best, version = dir, v
		}
	}
	if best == "" {
		return "", errMissing
	}
	return best, nil
}

// asPostgres makes cmd run as the user of Debian's package, since the server
// refuses to run as root.
func asPostgres(cmd *exec.Cmd, dir string) error {
	u, err := user.Lookup("postgres")
	if err != nil {
		return err
	}
	uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
	gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return os.Chown(dir, int(uid), int(gid))
}

// wait returns when the server answers.
func (p *postgres) wait() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := p.admin.PingContext(ctx)
		if err == nil {
			return nil
		}
		if _, e := os.Stat(filepath.Join(p.dir, "failed")); e == nil {
			log, _ := os.ReadFile(filepath.Join(p.dir, "initdb.log"))
			return fmt.Errorf("initdb failed: %s", log)
		}
		select {
		case <-ctx.Done():
			log, _ := os.ReadFile(filepath.Join(p.dir, "postgres.log"))
			return fmt.Errorf("%w: %s", err, log)
		case <-tick.C:
		}
	}
}

func (p *postgres) psql(statement string) error {
	_, err := p.admin.Exec(statement)
	return err
}
