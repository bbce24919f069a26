package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"jeton/bench/client"
	"jeton/bench/meter"
	"jeton/bench/peer"
	"jeton/bench/shape"
	"jeton/bench/table"
)

// row is one line of the targets.
type row struct {
	name string
	run  func(ctx context.Context, l *lab, r *table.Row) error
}

// rows are all of them; those beside a crowd if scale is set.
func rows(scale bool) []row {
	all := slices.Concat(refRows(), cloneRows(), pushRows(), refusalRows(), apiRows(), idleRows())
	if scale {
		all = append(all, scaleRows()...)
	}
	return all
}

// lab is everything that a run has started and made. What a row needs is made
// when the first row asks for it.
type lab struct {
	options
	dir      string
	git      *client.Git
	jeton    *peer.Jeton
	tls      *peer.Jeton // nil: no row has asked for it yet, as with what follows
	full     *peer.Jeton
	backend  *peer.Backend // nil: not asked for
	cert     *peer.Certificate
	facts    map[string]shape.Facts
	sources  map[string]string // of shapes: the bare repository that was made
	filled   map[string]bool   // repositories that both sides have
	closers  []func() error
	serial   int
	stranger string
}

// measureAll makes the lab, runs the rows, and takes the lab down. If ctx ends,
// the report has what was measured until then.
func measureAll(ctx context.Context, o options) (report *table.Report, err error) {
	if o.Backend {
		if err := peer.Installed(); err != nil {
			return nil, err
		}
	}
	program, err := filepath.Abs(o.Program)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(program); err != nil {
		return nil, fmt.Errorf("there is no %s: make build makes it", o.Program)
	}
	o.Program = program
	l, err := openLab(ctx, o)
	if l != nil {
		defer func() { err = errors.Join(err, l.Close()) }()
	}
	if err != nil {
		return nil, err
	}
	report = &table.Report{}
	for _, r := range rows(o.Scale) {
		if !o.Only.MatchString(r.name) {
			continue
		}
		l.say("%s", r.name)
		out := table.Row{Name: r.name}
		if err := r.run(ctx, l, &out); err != nil {
			if ctx.Err() != nil {
				break
			}
			out.Checks = append(out.Checks, table.Check{Target: "can be measured", Got: err.Error(), Verdict: table.Failed})
		}
		report.Rows = append(report.Rows, out)
	}
	report.About = l.about(context.WithoutCancel(ctx))
	return report, ctx.Err()
}

func openLab(ctx context.Context, o options) (l *lab, err error) {
	dir, err := os.MkdirTemp(o.Temp, "bench-")
	if err != nil {
		return nil, err
	}
	l = &lab{options: o, dir: dir, facts: map[string]shape.Facts{}, sources: map[string]string{}, filled: map[string]bool{}}
	l.closers = append(l.closers, func() error { return os.RemoveAll(dir) })
	if l.git, err = client.NewGit(o.Git, filepath.Join(dir, "home")); err != nil {
		return l, err
	}
	if l.cert, err = peer.NewCertificate(dir); err != nil {
		return l, err
	}
	// The API is limited by default, which is not what is measured.
	l.jeton = &peer.Jeton{Program: o.Program, Data: filepath.Join(dir, "jeton"), Flags: []string{"--api-rate-limit", "0"}}
	if err := l.openJeton(ctx, l.jeton); err != nil {
		return l, err
	}
	if o.Backend {
		back := filepath.Join(dir, "backend")
		if err := os.Mkdir(back, 0o755); err != nil {
			return l, err
		}
		if l.backend, err = peer.OpenBackend(ctx, back, rand.Text()); err != nil {
			return l, err
		}
		l.closers = append(l.closers, l.backend.Stop)
	}
	return l, nil
}

func (l *lab) openJeton(ctx context.Context, j *peer.Jeton) error {
	if err := j.Open(ctx); err != nil {
		return err
	}
	l.closers = append(l.closers, func() error { return j.Stop() }) // the group of the last restart
	return nil
}

// Close stops what was started and removes what was made, the newest first.
func (l *lab) Close() error {
	var errs []error
	for _, c := range slices.Backward(l.closers) {
		errs = append(errs, c())
	}
	return errors.Join(errs...)
}

func (l *lab) say(format string, args ...any) {
	_, _ = fmt.Fprintf(l.Progress, "bench: %s\n", fmt.Sprintf(format, args...))
}

// runs is how often a comparison is made.
func (l *lab) runs(n int) int {
	if l.Quick {
		return max(1, n/2)
	}
	return n
}

// last is how long a load lasts.
func (l *lab) last() time.Duration {
	if l.Quick {
		return 150 * time.Millisecond
	}
	return 400 * time.Millisecond
}

// name is one that no repository, branch or folder of this run has yet.
func (l *lab) name(base string) string {
	l.serial++
	return fmt.Sprintf("%s-%d", base, l.serial)
}

// source is the made repository of a shape.
func (l *lab) source(ctx context.Context, s shape.Shape) (string, error) {
	if dir := l.sources[s.Name]; dir != "" {
		return dir, nil
	}
	folder, err := filepath.Abs(l.Shapes)
	if err != nil {
		return "", err
	}
	begin := time.Now()
	dir, facts, err := shape.Cached(ctx, l.Git, folder, s)
	if err != nil {
		return "", err
	}
	if took := time.Since(begin); took > time.Second {
		l.say("made %s in %.0f s", s.Name, took.Seconds())
	}
	l.sources[s.Name], l.facts[s.Name] = dir, facts
	return dir, nil
}

// fill puts a shape's repository on both servers, by a push and, beside git
// http-backend, by a copy of the same pack. It returns its name there.
func (l *lab) fill(ctx context.Context, s shape.Shape) (string, error) {
	name := strings.ToLower(s.Name)
	if l.filled[name] {
		return name, nil
	}
	dir, err := l.source(ctx, s)
	if err != nil {
		return "", err
	}
	if err := l.push(ctx, l.jeton, dir, name); err != nil {
		return "", err
	}
	if l.backend != nil {
		if err := l.copyTo(ctx, dir, name); err != nil {
			return "", err
		}
	}
	l.filled[name] = true
	return name, nil
}

// push makes a repository on j and pushes all branches and tags of dir.
func (l *lab) push(ctx context.Context, j *peer.Jeton, dir, name string) error {
	if err := j.Create(ctx, name); err != nil {
		return err
	}
	if err := l.send(ctx, &j.Peer, dir, name); err != nil {
		return err
	}
	return j.Maintain(ctx, name)
}

// many is from how many refs on a push is sent without real git.
const many = 1000

// send pushes all branches and tags of dir into a repository that has none.
func (l *lab) send(ctx context.Context, p *peer.Peer, dir, name string) error {
	out, err := l.git.Run(ctx, dir, "for-each-ref", "--format=%(objectname) %(refname)")
	if err != nil {
		return err
	}
	var refs []client.Ref
	for line := range strings.Lines(out) {
		id, ref, _ := strings.Cut(strings.TrimSpace(line), " ")
		refs = append(refs, client.Ref{ID: id, Name: ref})
	}
	if len(refs) < many {
		args := []string{"push", "-q", p.Repo(name), "refs/heads/*:refs/heads/*", "refs/tags/*:refs/tags/*"}
		if p.Cert != nil {
			args = append([]string{"-c", "http.sslCAInfo=" + p.Cert.Authority}, args...)
		}
		_, err := l.git.Run(ctx, dir, args...)
		return err
	}
	pack, err := l.git.Run(ctx, dir, "pack-objects", "-q", "--all", "--stdout", "--delta-base-offset")
	if err != nil {
		return err
	}
	_, answer, err := ask(ctx, p, client.Post(p.Host(), peer.Path(name), client.ReceivePack, client.Push(refs, []byte(pack)), ok, p.Basic()))
	if err != nil {
		return err
	}
	return client.Pushed(answer, len(refs))
}

// copyTo copies dir's packs and refs beside git http-backend.
func (l *lab) copyTo(ctx context.Context, dir, name string) error {
	if err := l.backend.Create(ctx, name); err != nil {
		return err
	}
	to := l.backend.Dir(name)
	packs, err := filepath.Glob(filepath.Join(dir, "objects", "pack", "*"))
	if err != nil {
		return err
	}
	for _, p := range append(packs, filepath.Join(dir, "packed-refs")) {
		text, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, p)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(to, rel), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// secure is the second Jeton, with TLS, which has R1 alone.
func (l *lab) secure(ctx context.Context) (*peer.Jeton, string, error) {
	const name = "r1"
	if l.tls != nil {
		return l.tls, name, nil
	}
	dir, err := l.source(ctx, shape.R1())
	if err != nil {
		return nil, "", err
	}
	j := &peer.Jeton{Program: l.Program, Data: filepath.Join(l.dir, "jeton-tls"), Peer: peer.Peer{Cert: l.cert}}
	if err := l.openJeton(ctx, j); err != nil {
		return nil, "", err
	}
	if err := l.push(ctx, j, dir, name); err != nil {
		return nil, "", err
	}
	l.tls = j
	return j, name, nil
}

// ask sends q to p and returns what came back.
func ask(ctx context.Context, p *peer.Peer, q client.Request) (client.Answer, []byte, error) {
	c, err := client.Dial(ctx, p.Address(), p.Cert.Trust())
	if err != nil {
		return client.Answer{}, nil, err
	}
	defer func() { _ = c.Close() }()
	var body bytes.Buffer
	a, err := c.Do(q, &body)
	if err != nil {
		return a, nil, fmt.Errorf("%w: %.300s", err, body.String())
	}
	return a, body.Bytes(), nil
}

// record asks j, and keeps the answer for a bare handler to give at path.
func (l *lab) record(ctx context.Context, j *peer.Jeton, q client.Request, path string) (peer.Recorded, error) {
	a, body, err := ask(ctx, &j.Peer, q)
	if err != nil {
		return peer.Recorded{}, err
	}
	file := filepath.Join(l.dir, l.name("answer"))
	r := peer.Recorded{Path: path, Status: a.Status, File: file}
	for _, h := range a.Header {
		if !strings.EqualFold(h.Name, "Date") { // net/http writes its own
			r.Header = append(r.Header, h)
		}
	}
	return r, os.WriteFile(file, body, 0o600)
}

// floor starts a bare handler with answers.
func (l *lab) floor(ctx context.Context, cert *peer.Certificate, password string, answers ...peer.Recorded) (*peer.Floor, error) {
	f := &peer.Floor{Peer: peer.Peer{User: peer.Owner, Password: password, Cert: cert}, Answers: answers}
	return f, f.Open(ctx, l.dir)
}

// about says what the figures were measured on.
func (l *lab) about(ctx context.Context) []string {
	version, _ := l.git.Run(ctx, l.dir, "version")
	way := "the kernel's control groups"
	if !l.jeton.Group.Exact() {
		way = "/proc, in ticks of 10 ms: too coarse for small operations"
	}
	out := []string{
		fmt.Sprintf("%s, %d processors (%s), %s %s, Go %s, %s.", time.Now().UTC().Format("2 January 2006"), runtime.NumCPU(), processor(), runtime.GOOS, kernel(), strings.TrimPrefix(runtime.Version(), "go"), strings.TrimSpace(version)),
		"Clients and servers share the machine; the servers ran in turn, in one run. Median (smallest–largest) of the runs. Processor time is the server's, with all of its processes, by " + way + ". Memory is the peak of what is not in files.",
	}
	for _, name := range slices.Sorted(maps.Keys(l.facts)) {
		f := l.facts[name]
		out = append(out, fmt.Sprintf("%s: %s commits, %s objects, %s, a pack of %s MB.", name, table.Count(int64(f.Commits)), table.Count(int64(f.Objects)), counted(f.Refs, "ref"), table.Number(float64(f.PackBytes)/1e6)))
	}
	return out
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return table.Count(int64(n)) + " " + what + "s"
}

func processor() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return runtime.GOARCH
	}
	for line := range strings.Lines(string(text)) {
		if name, value, _ := strings.Cut(line, ":"); strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

func kernel() string {
	text, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return ""
	}
	major, _, _ := strings.Cut(strings.TrimSpace(string(text)), "-")
	return major
}

// of is a server's group, asked for when it is needed.
func of(p *peer.Peer) func() *meter.Group { return func() *meter.Group { return p.Group } }

const ok = http.StatusOK
