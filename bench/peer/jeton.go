package peer

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"jeton/bench/meter"
)

// Jeton is the server under test and its data folder, which outlives a restart.
type Jeton struct {
	Peer
	Program string
	Data    string
	Flags   []string // further ones for serve
	secret  string   // the account's password
}

// Enrol makes the data folder, the account and its token, by the administrator's
// commands, as a person would.
func (j *Jeton) Enrol(ctx context.Context) error {
	if err := os.MkdirAll(j.Data, 0o700); err != nil {
		return err
	}
	j.User = Owner
	j.secret = rand.Text()
	if _, err := j.admin(ctx, strings.NewReader(j.secret+"\n"), "user", "create", Owner, "--admin", "--password-stdin"); err != nil {
		return err
	}
	out, err := j.Admin(ctx, "token", "create", Owner, "--note", "bench", "--scope", "repo", "--expires", "30d")
	j.Password = strings.TrimSpace(out)
	return err
}

// Open enrols and starts j for the first time.
func (j *Jeton) Open(ctx context.Context) error {
	if err := j.Enrol(ctx); err != nil {
		return err
	}
	return j.Serve(ctx)
}

// Serve starts the server and returns when it answers.
func (j *Jeton) Serve(ctx context.Context) error {
	port, err := freePort()
	if err != nil {
		return err
	}
	j.Name, j.Port = "Jeton", port
	args := []string{"serve", "--data", j.Data, "--listen", j.Address(), "--url", "https://" + j.Host()}
	scheme := "http"
	if j.Cert != nil {
		scheme = "https"
		args = append(args, "--tls", "files", "--tls-cert", j.Cert.CertFile, "--tls-key", j.Cert.KeyFile)
	} else {
		args = append(args, "--tls", "off", "--trusted-proxy", "127.0.0.1/32")
	}
	if j.Group, err = meter.NewGroup("jeton-" + strconv.Itoa(port)); err != nil {
		return err
	}
	log, err := output(filepath.Dir(j.Data), filepath.Base(j.Data)+".log")
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	j.Log = log.Name()
	cmd := exec.Command(j.Program, append(args, j.Flags...)...)
	cmd.Env = environment(filepath.Dir(j.Data))
	cmd.Stdout, cmd.Stderr = log, log
	start := time.Now()
	if err := j.Group.Start(cmd); err != nil {
		return err
	}
	httpClient := &http.Client{Transport: &http.Transport{TLSClientConfig: j.Cert.Trust(), DisableKeepAlives: true}}
	if err := j.await(ctx, httpClient, scheme, "/readyz", start, http.StatusOK); err != nil {
		_ = j.Stop()
		return err
	}
	return nil
}

// Restart starts j again with an empty cache: what it then answers is cold.
func (j *Jeton) Restart(ctx context.Context) error {
	if err := j.Stop(); err != nil {
		return err
	}
	if err := os.RemoveAll(filepath.Join(j.Data, "cache")); err != nil {
		return err
	}
	return j.Serve(ctx)
}

// Create makes an empty private repository.
func (j *Jeton) Create(ctx context.Context, name string) error {
	_, err := j.Admin(ctx, "repo", "create", Owner+"/"+name, "--private")
	return err
}

// Maintain brings a repository into the state that upkeep leaves behind, where
// this version has a command for it.
func (j *Jeton) Maintain(ctx context.Context, name string) error {
	return j.where(ctx, "repo maintain", Owner+"/"+name)
}

// Bound gives a repository and its account quotas that are never reached, where
// this version has them: what a push is checked against costs something.
func (j *Jeton) Bound(ctx context.Context, name string) error {
	if err := j.where(ctx, "user quota", Owner, "1TiB"); err != nil {
		return err
	}
	return j.where(ctx, "repo quota", Owner+"/"+name, "1TiB")
}

// where runs a command if this version has it.
func (j *Jeton) where(ctx context.Context, command string, args ...string) error {
	help, err := j.Admin(ctx, "help")
	if err != nil || !strings.Contains(help, "  "+command+" ") {
		return err
	}
	_, err = j.Admin(ctx, append(strings.Fields(command), args...)...)
	return err
}

// Admin runs one of the administrator's commands and returns what it printed.
func (j *Jeton) Admin(ctx context.Context, args ...string) (string, error) {
	return j.admin(ctx, nil, args...)
}

func (j *Jeton) admin(ctx context.Context, stdin io.Reader, args ...string) (string, error) {
	if args[0] != "help" {
		args = append(args, "--data", j.Data)
	}
	cmd := exec.CommandContext(ctx, j.Program, args...)
	cmd.Env = environment(filepath.Dir(j.Data))
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, &out, &errs
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("jeton %s: %w: %s", strings.Join(args[:min(2, len(args))], " "), err, errs.String())
	}
	return out.String(), nil
}

// environment is what servers see: nothing of who runs the benchmark.
func environment(home string) []string {
	return []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "LC_ALL=C"}
}
