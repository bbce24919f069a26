package peer

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"jeton/bench/client"
	"jeton/bench/meter"
)

// Floor is a bare Go handler in a process of its own: it looks a token up and
// writes recorded bytes. Nothing that answers over net/http can be much cheaper.
type Floor struct {
	Peer
	Answers []Recorded
}

// Recorded is an answer and where it is given.
type Recorded struct {
	Path   string
	Status int
	Header []client.Line
	File   string // with the body
	Static bool   // the body is sent from its file, not from memory
	Open   bool   // no token is asked for, but looked up all the same
}

// FloorCommand is the first argument with which the measuring program becomes
// the bare handler.
const FloorCommand = "floor"

// floorConfig is what the other process is told.
type floorConfig struct {
	Address, CertFile, KeyFile string
	Tokens                     []string
	Answers                    []Recorded
}

// Open starts the floor with its files in dir, as another process of this
// program.
func (f *Floor) Open(ctx context.Context, dir string) error {
	port, err := freePort()
	if err != nil {
		return err
	}
	f.Name, f.Port = "bare Go handler", port
	c := floorConfig{Address: f.Address(), Tokens: []string{f.Password}, Answers: f.Answers}
	scheme := "http"
	if f.Cert != nil {
		scheme, c.CertFile, c.KeyFile = "https", f.Cert.CertFile, f.Cert.KeyFile
	}
	text, err := json.Marshal(c)
	if err != nil {
		return err
	}
	name := filepath.Join(dir, "floor-"+strconv.Itoa(port))
	if err := os.WriteFile(name+".json", text, 0o600); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if f.Group, err = meter.NewGroup("floor-" + strconv.Itoa(port)); err != nil {
		return err
	}
	log, err := output(dir, filepath.Base(name)+".log")
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	f.Log = log.Name()
	cmd := exec.Command(self, FloorCommand, name+".json")
	cmd.Env, cmd.Stdout, cmd.Stderr = environment(dir), log, log
	start := time.Now()
	if err := f.Group.Start(cmd); err != nil {
		return err
	}
	err = f.await(ctx, &http.Client{Transport: &http.Transport{TLSClientConfig: f.Cert.Trust(), DisableKeepAlives: true}}, scheme, "/", start, http.StatusNotFound)
	if err != nil {
		return errors.Join(err, f.Stop())
	}
	return nil
}

// ServeFloor is the other process. It returns when it cannot go on.
func ServeFloor(config string) error {
	text, err := os.ReadFile(config)
	if err != nil {
		return err
	}
	var c floorConfig
	if err := json.Unmarshal(text, &c); err != nil {
		return err
	}
	h, err := newFloorHandler(c)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", c.Address)
	if err != nil {
		return err
	}
	s := &http.Server{Handler: h, ReadHeaderTimeout: time.Minute}
	if c.CertFile != "" {
		// As Jeton: one protocol version of HTTP to compare.
		s.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12}
		return s.ServeTLS(l, c.CertFile, c.KeyFile)
	}
	return s.Serve(l)
}

// tokens is a look-up as a server with many tokens has it: a keyed digest in a
// map that is parted so that locks are seldom waited for.
type tokens struct {
	mac   sync.Pool
	shard [64]struct {
		sync.RWMutex
		known map[[32]byte]int
	}
}

func newTokens(plain []string) *tokens {
	t := &tokens{}
	key := []byte("a key of this run alone, no secret")
	t.mac.New = func() any { return hmac.New(sha256.New, key) }
	for i := range t.shard {
		t.shard[i].known = map[[32]byte]int{}
	}
	for i, p := range plain {
		d := t.digest(p)
		t.shard[d[0]%64].known[d] = i
	}
	return t
}

func (t *tokens) digest(plain string) (d [32]byte) {
	m := t.mac.Get().(hash.Hash)
	m.Reset()
	_, _ = io.WriteString(m, plain)
	m.Sum(d[:0])
	t.mac.Put(m)
	return d
}

func (t *tokens) has(plain string) bool {
	d := t.digest(plain)
	s := &t.shard[d[0]%64]
	s.RLock()
	defer s.RUnlock()
	_, ok := s.known[d]
	return ok
}

type floorHandler struct {
	tokens  *tokens
	answers map[string]floorAnswer
}

type floorAnswer struct {
	Recorded
	body []byte
}

func newFloorHandler(c floorConfig) (*floorHandler, error) {
	h := &floorHandler{tokens: newTokens(c.Tokens), answers: map[string]floorAnswer{}}
	for _, r := range c.Answers {
		a := floorAnswer{Recorded: r}
		if !r.Static {
			var err error
			if a.body, err = os.ReadFile(r.File); err != nil {
				return nil, err
			}
		}
		h.answers[r.Path] = a
	}
	return h, nil
}

func (h *floorHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a, ok := h.answers[r.URL.Path]
	if !ok {
		http.NotFound(w, r)
		return
	}
	_, password, _ := r.BasicAuth()
	if !h.tokens.has(password) && !a.Open {
		w.Header().Set("WWW-Authenticate", `Basic realm="bench"`) // real git asks without a token first
		http.Error(w, "no", http.StatusUnauthorized)
		return
	}
	if r.Body != nil {
		_, _ = io.Copy(io.Discard, r.Body)
	}
	for _, l := range a.Header {
		w.Header().Set(l.Name, l.Value)
	}
	if !a.Static {
		w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
		w.WriteHeader(a.Status)
		_, _ = w.Write(a.body)
		return
	}
	f, err := os.Open(a.File)
	if err != nil {
		http.Error(w, fmt.Sprint(err), http.StatusInternalServerError)
		return
	}
	defer func() { _ = f.Close() }()
	if i, err := f.Stat(); err == nil {
		w.Header().Set("Content-Length", strconv.FormatInt(i.Size(), 10))
	}
	w.WriteHeader(a.Status)
	_, _ = io.Copy(w, f)
}
