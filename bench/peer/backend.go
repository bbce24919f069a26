package peer

import (
	"context"
	"crypto/sha1" // nginx's cheapest way of keeping a password; it lives for one run
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"jeton/bench/meter"
)

// Backend is nginx with fcgiwrap and git http-backend, as the manual of git
// http-backend sets it up, with a password for everything.
type Backend struct {
	Peer
	Root string // the folder of the repositories: Root/OWNER/NAME.git
}

// Installed says which programs are missing.
func Installed() error {
	var missing []string
	for _, p := range []string{"nginx", "fcgiwrap", "git"} {
		if _, err := program(p); err != nil {
			missing = append(missing, p)
		}
	}
	if len(missing) > 0 {
		return errors.New("not installed: " + strings.Join(missing, ", ") + "; scripts/deps bench installs them")
	}
	return nil
}

// program finds a program, in the administrator's folders as well.
func program(name string) (string, error) {
	for _, dir := range append(filepath.SplitList(os.Getenv("PATH")), "/usr/sbin", "/usr/local/sbin", "/sbin") {
		p := filepath.Join(dir, name)
		if i, err := os.Stat(p); err == nil && i.Mode().IsRegular() && i.Mode()&0o111 != 0 {
			return p, nil
		}
	}
	return "", fmt.Errorf("%s is not installed", name)
}

// OpenBackend starts the two in dir, which must be empty.
func OpenBackend(ctx context.Context, dir, password string) (*Backend, error) {
	b := &Backend{Peer: Peer{Name: "git http-backend", User: Owner, Password: password}, Root: filepath.Join(dir, "repositories")}
	if err := os.MkdirAll(filepath.Join(b.Root, Owner), 0o755); err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	b.Port = port
	if err := b.configure(ctx, dir); err != nil {
		return nil, err
	}
	if b.Group, err = meter.NewGroup("backend-" + strconv.Itoa(port)); err != nil {
		return nil, err
	}
	start := time.Now()
	if err := b.start(dir); err != nil {
		return nil, errors.Join(err, b.Stop())
	}
	if err := b.await(ctx, &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}, "http", "/", start, http.StatusUnauthorized); err != nil {
		return nil, errors.Join(err, b.Stop())
	}
	return b, nil
}

func (b *Backend) start(dir string) error {
	log, err := output(dir, "output.log")
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	b.Log = log.Name()
	nginx, err := program("nginx")
	if err != nil {
		return err
	}
	fcgiwrap, err := program("fcgiwrap")
	if err != nil {
		return err
	}
	for _, cmd := range []*exec.Cmd{
		// As many as ask at once, and one to spare.
		exec.Command(fcgiwrap, "-f", "-c", "20", "-s", "unix:"+filepath.Join(dir, "fcgi.sock")),
		exec.Command(nginx, "-p", dir, "-c", filepath.Join(dir, "nginx.conf"), "-e", filepath.Join(dir, "error.log")),
	} {
		cmd.Env, cmd.Dir = environment(dir), dir
		cmd.Stdout, cmd.Stderr = log, log
		if err := b.Group.Start(cmd); err != nil {
			return err
		}
	}
	return nil
}

func (b *Backend) configure(ctx context.Context, dir string) error {
	out, err := exec.CommandContext(ctx, "git", "--exec-path").Output()
	if err != nil {
		return err
	}
	sum := sha1.Sum([]byte(b.Password))
	if err := os.WriteFile(filepath.Join(dir, "htpasswd"), []byte(b.User+":{SHA}"+base64.StdEncoding.EncodeToString(sum[:])+"\n"), 0o600); err != nil {
		return err
	}
	user := ""
	if os.Geteuid() == 0 {
		user = "user root;" // or its workers could not read what lies here
	}
	return os.WriteFile(filepath.Join(dir, "nginx.conf"), fmt.Appendf(nil, nginxConf, user, dir, b.Port, filepath.Join(strings.TrimSpace(string(out)), "git-http-backend"), b.Root), 0o600)
}

const nginxConf = `%[1]s
daemon off;
worker_processes 2;
pid %[2]s/nginx.pid;
events { worker_connections 1024; }
http {
	access_log %[2]s/access.log;
	client_body_temp_path %[2]s/body;
	fastcgi_temp_path %[2]s/fastcgi;
	proxy_temp_path %[2]s/proxy;
	scgi_temp_path %[2]s/scgi;
	uwsgi_temp_path %[2]s/uwsgi;
	client_max_body_size 0;
	keepalive_requests 1000000;
	sendfile on;
	tcp_nopush on;
	server {
		listen 127.0.0.1:%[3]d;
		auth_basic "bench";
		auth_basic_user_file %[2]s/htpasswd;
		location / {
			fastcgi_pass unix:%[2]s/fcgi.sock;
			fastcgi_read_timeout 600;
			fastcgi_param SCRIPT_FILENAME %[4]s;
			fastcgi_param GIT_PROJECT_ROOT %[5]s;
			fastcgi_param GIT_HTTP_EXPORT_ALL "";
			fastcgi_param PATH_INFO $uri;
			fastcgi_param REMOTE_USER $remote_user;
			fastcgi_param REMOTE_ADDR $remote_addr;
			fastcgi_param QUERY_STRING $query_string;
			fastcgi_param REQUEST_METHOD $request_method;
			fastcgi_param CONTENT_TYPE $content_type;
			fastcgi_param CONTENT_LENGTH $content_length;
		}
	}
}
`

// Create makes an empty repository that takes pushes.
func (b *Backend) Create(ctx context.Context, name string) error {
	dir := b.Dir(name)
	if out, err := exec.CommandContext(ctx, "git", "init", "-q", "--bare", "--initial-branch=main", dir).CombinedOutput(); err != nil {
		return fmt.Errorf("git init: %w: %s", err, out)
	}
	if out, err := exec.CommandContext(ctx, "git", "--git-dir", dir, "config", "http.receivepack", "true").CombinedOutput(); err != nil {
		return fmt.Errorf("git config: %w: %s", err, out)
	}
	return nil
}

// Dir is the folder of a repository.
func (b *Backend) Dir(name string) string { return filepath.Join(b.Root, Owner, name+".git") }
