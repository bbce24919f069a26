package exchange

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"

	"jeton/internal/trust"
)

// How the keys of issuers are fetched and kept.
const (
	fresh        = 10 * time.Minute // so long they are used without a question
	stale        = 24 * time.Hour   // so long they are used while the issuer does not answer
	between      = 10 * time.Second // two attempts to reach one issuer
	fetchTime    = 5 * time.Second  // of one attempt, both documents
	maxDiscovery = 64 << 10         // bytes
	maxKeySet    = 256 << 10        // bytes
	maxKeys      = 100              // of one issuer
	maxIssuers   = 1000             // whose keys are kept
)

// errDown is the cause when there are no keys by which anything could be verified.
var errDown = errors.New("the keys of the issuer can't be fetched")

// issuers keep the keys of issuers. None is fetched by itself.
type issuers struct {
	get     func(ctx context.Context, from string, limit int64) ([]byte, error)
	now     func() time.Time
	private bool // issuers may be on this machine, by http

	mu    sync.Mutex
	known map[string]*issuer // guarded by mu
}

// issuer is what is kept of one. What is in it changes only in the hands of who holds
// the token of busy; what others read of it is guarded by the mutex of issuers.
type issuer struct {
	busy    chan struct{}     // holds something while somebody fetches
	keys    []jose.JSONWebKey // guarded by issuers.mu, and never changed in place
	fetched time.Time         // guarded by issuers.mu; zero: never
	tried   time.Time         // guarded by issuers.mu
	used    time.Time         // guarded by issuers.mu
	why     error             // guarded by issuers.mu; of the last attempt
}

// view is what is known of an issuer at one moment.
type view struct {
	keys           []jose.JSONWebKey
	fetched, tried time.Time
	why            error
}

// usable reports whether the keys may be used if the issuer does not answer.
func (v *view) usable(now time.Time) bool {
	return !v.fetched.IsZero() && now.Sub(v.fetched) < stale
}

// look returns what is known of an issuer, and makes a place for it if make is set.
func (s *issuers) look(name string, mk bool) (*issuer, view, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	one, ok := s.known[name]
	if !ok && !mk {
		return nil, view{}, false
	}
	if !ok {
		if len(s.known) >= maxIssuers {
			s.forgetOne()
		}
		one = &issuer{busy: make(chan struct{}, 1)}
		s.known[name] = one
	}
	one.used = s.now()
	return one, view{keys: one.keys, fetched: one.fetched, tried: one.tried, why: one.why}, true
}

// forgetOne makes room by the one that was used the longest ago.
func (s *issuers) forgetOne() {
	var oldest string
	for name, one := range s.known {
		if oldest == "" || one.used.Before(s.known[oldest].used) {
			oldest = name
		}
	}
	delete(s.known, oldest)
}

// cached returns the keys of an issuer if they are at hand and fresh. It fetches
// nothing.
func (s *issuers) cached(name string) ([]jose.JSONWebKey, bool) {
	_, v, ok := s.look(name, false)
	return v.keys, ok && !v.fetched.IsZero() && s.now().Sub(v.fetched) < fresh
}

// keys returns the keys of an issuer that a saved trust names, and fetches them if
// they are not fresh, or, with again, if they were not fetched within the last
// seconds: a key that is not among them may be a new one. Many who ask at the same
// time wait for one attempt. It fails with errDown.
func (s *issuers) keys(ctx context.Context, name string, again bool) ([]jose.JSONWebKey, error) {
	one, v, _ := s.look(name, true)
	if !again && !v.fetched.IsZero() && s.now().Sub(v.fetched) < fresh {
		return v.keys, nil
	}
	select {
	case one.busy <- struct{}{}:
	default:
		if v.usable(s.now()) && !again {
			return v.keys, nil // somebody is about to learn of newer ones
		}
		select {
		case one.busy <- struct{}{}:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	defer func() { <-one.busy }()
	if _, v, _ = s.look(name, true); !s.due(&v, again) {
		return s.give(&v)
	}
	s.mu.Lock()
	one.tried = s.now() // before: whoever comes meanwhile, or hangs up, does not cause another attempt
	s.mu.Unlock()
	// Whoever hangs up does not take away what others wait for.
	fetching, cancel := context.WithTimeout(context.WithoutCancel(ctx), fetchTime)
	defer cancel()
	keys, err := s.fetch(fetching, name)
	s.mu.Lock()
	one.why = err
	if err == nil {
		one.keys, one.fetched = keys, s.now()
	}
	v = view{keys: one.keys, fetched: one.fetched, why: err}
	s.mu.Unlock()
	return s.give(&v)
}

// due reports whether the issuer is to be asked now.
func (s *issuers) due(v *view, again bool) bool {
	now := s.now()
	if !v.tried.IsZero() && now.Sub(v.tried) < between && !now.Before(v.tried) {
		return false
	}
	return again || v.fetched.IsZero() || now.Sub(v.fetched) >= fresh
}

func (s *issuers) give(v *view) ([]jose.JSONWebKey, error) {
	if v.usable(s.now()) {
		return v.keys, nil
	}
	return nil, errors.Join(errDown, v.why)
}

// fetch reads the issuer's discovery document, which must be about this very issuer,
// and its keys.
func (s *issuers) fetch(ctx context.Context, name string) ([]jose.JSONWebKey, error) {
	if err := trust.CheckURL("issuer", name, s.private); err != nil {
		return nil, err
	}
	raw, err := s.get(ctx, strings.TrimSuffix(name, "/")+"/.well-known/openid-configuration", maxDiscovery)
	if err != nil {
		return nil, fmt.Errorf("discovery document: %w", err)
	}
	var about map[string]json.RawMessage // exact names: those of a struct would be taken in any case
	if err := json.Unmarshal(raw, &about); err != nil {
		return nil, errors.New("the discovery document is no JSON object")
	}
	var says, at string
	if json.Unmarshal(about["issuer"], &says) != nil || says != name {
		return nil, errors.New("the discovery document is about another issuer")
	}
	if json.Unmarshal(about["jwks_uri"], &at) != nil || trust.CheckURL("jwks_uri", at, s.private) != nil {
		return nil, errors.New("the discovery document names no https address of keys")
	}
	if raw, err = s.get(ctx, at, maxKeySet); err != nil {
		return nil, fmt.Errorf("key set: %w", err)
	}
	return readKeys(raw)
}

// readKeys takes the public keys for signatures out of a key set. What is not known
// here, or is a shared secret, is left out.
func readKeys(raw []byte) ([]jose.JSONWebKey, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(raw, &set); err != nil {
		return nil, errors.New("the key set is no JSON object")
	}
	if len(set.Keys) > maxKeys {
		return nil, errors.New("the key set has too many keys")
	}
	var out []jose.JSONWebKey
	for _, one := range set.Keys {
		var k jose.JSONWebKey
		if k.UnmarshalJSON(one) == nil && k.IsPublic() && (k.Use == "" || k.Use == "sig") {
			out = append(out, k)
		}
	}
	if len(out) == 0 {
		return nil, errors.New("the key set has no public key for signatures")
	}
	return out, nil
}
