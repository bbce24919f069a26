package githttp_test

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"jeton/internal/config"
)

func self() time.Duration {
	var r syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

func children() time.Duration {
	var r syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_CHILDREN, &r)
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

func TestZZ(t *testing.T) {
	for _, tlsOff := range []bool{true, false} {
		w := newWorld(t, func(c *config.Config) {
			if tlsOff {
				c.TLS, c.TrustedProxies, c.URL, c.Listen = config.Off, []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, "https://localhost:8443", "127.0.0.1:0"
			}
		})
		dir := w.Core.Git.Dir() + "/0/" + fmt.Sprint(w.row(t, "engine").ID) + ".git"
		for _, d := range []string{"objects", "packed-refs"} {
			if out, err := exec.Command("cp", "-r", os.Getenv("R2")+"/"+d, dir+"/").CombinedOutput(); err != nil {
				t.Fatal(string(out))
			}
		}
		_ = exec.Command("git", "--git-dir", dir, "symbolic-ref", "HEAD", "refs/heads/main").Run()
		disk := w.disk(t, "engine")
		head := disk.Run(t, "rev-parse", "HEAD")
		full := []string{"thin-pack", "ofs-delta", "include-tag", "no-progress"}
		for l := range strings.Lines(disk.Run(t, "for-each-ref", "--format=want %(objectname)")) {
			full = append(full, strings.TrimSpace(l))
		}
		full = append(full, "done")
		for name, body := range map[string]string{"full": request(full...), "depth1": request("thin-pack", "ofs-delta", "include-tag", "no-progress", "deepen 1", "want "+head, "done")} {
			file := t.TempDir() + "/body"
			_ = os.WriteFile(file, []byte(body), 0o600)
			base := []string{"-sS", "-o", "/dev/null", "--http1.1"}
			out := t.TempDir() + "/answer"
			url := "http://" + w.Address()
			if !tlsOff {
				url = w.URL()
				base = append(base, "--cacert", w.CAFile)
			}
			args := func(o string) []string {
				return []string{"-sS", "-o", o, "--http1.1", "--cacert", w.CAFile, "-H", "Host: " + strings.TrimPrefix(w.Config.URL, "https://"), "-H", basic("ada", w.git.Password), "-H", "Git-Protocol: version=2", "-H", "Content-Type: application/x-git-upload-pack-request", "--data-binary", "@" + file, url + "/ada/engine.git/git-upload-pack"}
			}
			if tlsOff {
				a := args
				args = func(o string) []string { x := a(o); return append(x[:4], x[6:]...) }
			}
			run := func(a []string) {
				if b, err := exec.Command("curl", a...).CombinedOutput(); err != nil {
					t.Fatal(string(b))
				}
			}
			s0, c0 := self(), children()
			run(args(out))
			fmt.Println(name, "tlsOff", tlsOff, "cold: self", self()-s0, "children(with curl)", children()-c0)
			run(args(out))
			fi, _ := os.Stat(out)
			srv := &http.Server{Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { http.ServeFile(rw, r, out) })}
			l, _ := net.Listen("tcp", "127.0.0.1:0")
			surl := "http://" + l.Addr().String()
			if tlsOff {
				go srv.Serve(l)
			} else {
				srv.TLSConfig = w.Client.Transport.(*http.Transport).TLSClientConfig.Clone()
				continue
			}
			const n = 30
			sa := append(base, "-H", "a: b", surl+"/x")
			m := map[string]time.Duration{}
			for range n {
				s := self()
				run(sa)
				m["static"] += self() - s
				s = self()
				run(args("/dev/null"))
				m["jeton"] += self() - s
			}
			fmt.Printf("%s %d bytes: static %v jeton %v ratio %.2f\n", name, fi.Size(), m["static"]/n, m["jeton"]/n, float64(m["jeton"])/float64(m["static"]))
			srv.Close()
		}
	}
}
