package deliver_test

import (
	"io"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"jeton/internal/app/apptest"
	"jeton/internal/config"
	"jeton/internal/hook"
)

// What a receiver fails to take it is sent again, as the same event; what it
// refuses is not. All of it stands in the log.
func TestRetry(t *testing.T) {
	t.Parallel()
	to := plainReceiver(t, func(w http.ResponseWriter, n int) {
		w.Header().Set("X-Turn", "yes")
		w.WriteHeader(map[int]int{1: 500, 2: 503, 3: 200}[n])
		_, _ = io.WriteString(w, "turn")
	})
	s := apptest.Start(t, loopback)
	r := s.Repo(t, s.User(t, "ada"), "engine", false)
	h := hookUp(t, s, r, to.URL, "a secret of ours", "push")
	first := to.next(t, "ping")
	delivered(t, s, h, 1)
	to.none(t)
	s.Advance(31 * time.Second)
	second := to.next(t, "ping")
	delivered(t, s, h, 2)
	s.Advance(3 * time.Minute)
	third := to.next(t, "ping")
	for _, again := range []got{second, third} {
		if again.Get("X-GitHub-Delivery") != first.Get("X-GitHub-Delivery") || string(again.body) != string(first.body) {
			t.Error("another attempt is another event")
		}
	}
	list := delivered(t, s, h, 3)
	if list[2].Redelivery || !list[1].Redelivery || list[2].Code != 500 || list[2].Status != "Invalid HTTP Response: 500" || list[0].Status != "OK" || string(list[0].Answer) != "turn" {
		t.Errorf("log: %+v", list)
	}
	for _, x := range list {
		for _, line := range x.Asked {
			if strings.HasPrefix(line.Name, "X-Hub-Signature") && !strings.HasSuffix(line.Value, "********") {
				t.Errorf("the log shows %v", line)
			}
		}
	}
	if n, err := s.Hooks.Waiting(t.Context(), s.DB, h.ID); err != nil || n != 0 {
		t.Errorf("%d wait still, %v", n, err)
	}
	h2, err := s.Hooks.ByID(t.Context(), s.DB, hook.Of{Repo: r.ID}, h.ID)
	if err != nil || h2.Failures != 0 || h2.LastCode != 200 {
		t.Errorf("%+v, %v", h2, err)
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	to := plainReceiver(t, func(w http.ResponseWriter, n int) { w.WriteHeader(http.StatusTeapot) })
	s := apptest.Start(t, loopback)
	r := s.Repo(t, s.User(t, "ada"), "engine", false)
	h := hookUp(t, s, r, to.URL, "", "push")
	if list := delivered(t, s, h, 1); list[0].Code != http.StatusTeapot {
		t.Errorf("%+v", list[0])
	}
	if n, err := s.Hooks.Waiting(t.Context(), s.DB, h.ID); err != nil || n != 0 {
		t.Errorf("%d wait still, %v", n, err)
	}
}

// K2, K7, K8: nothing inside is reached, by whatever name, and no redirect leads
// there.
func TestPrivate(t *testing.T) {
	t.Parallel()
	inside := plainReceiver(t, nil)
	s := apptest.Start(t)
	r := s.Repo(t, s.User(t, "ada"), "engine", false)
	port := inside.URL[strings.LastIndex(inside.URL, ":"):]
	for _, host := range []string{"127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "169.254.169.254", "10.0.0.1"} {
		h := hookUp(t, s, r, "http://"+host+port+"/", "", "push")
		x := delivered(t, s, h, 1)[0]
		if x.Code != 0 || !strings.Contains(x.Status, "not on the public Internet") {
			t.Errorf("%s: %d %s", host, x.Code, x.Status)
		}
		if n, _ := s.Hooks.Waiting(t.Context(), s.DB, h.ID); n != 0 {
			t.Errorf("%s is tried again", host)
		}
	}
	inside.none(t)
}

func TestRedirect(t *testing.T) {
	t.Parallel()
	inside := plainReceiver(t, nil)
	to := plainReceiver(t, func(w http.ResponseWriter, _ int) {
		w.Header().Set("Location", inside.URL)
		w.WriteHeader(http.StatusTemporaryRedirect)
	})
	s := apptest.Start(t, loopback)
	r := s.Repo(t, s.User(t, "ada"), "engine", false)
	h := hookUp(t, s, r, to.URL, "", "push")
	if x := delivered(t, s, h, 1)[0]; x.Code != 307 || !strings.Contains(x.Status, "redirects are not followed") {
		t.Errorf("%d %s", x.Code, x.Status)
	}
	inside.none(t)
}

// A certificate that nobody vouches for is no receiver.
func TestUntrusted(t *testing.T) {
	t.Parallel()
	to := tlsReceiver(t)
	to.Config.ErrorLog = nil
	s := apptest.Start(t, loopback)
	r := s.Repo(t, s.User(t, "ada"), "engine", false)
	h := hookUp(t, s, r, to.URL, "", "push")
	if x := delivered(t, s, h, 1)[0]; x.Code != 0 || !strings.Contains(x.Status, "certificate") {
		t.Errorf("%d %s", x.Code, x.Status)
	}
	to.none(t)
}

// However much a receiver answers, and however slowly, it takes bounded memory and
// time, and holds up nobody else.
func TestHostileAnswers(t *testing.T) {
	t.Parallel()
	gone := make(chan struct{})
	endless := plainReceiver(t, func(w http.ResponseWriter, _ int) {
		for chunk := []byte(strings.Repeat("x", 1<<16)); ; {
			if _, err := w.Write(chunk); err != nil {
				close(gone)
				return
			}
		}
	})
	wordy := plainReceiver(t, func(w http.ResponseWriter, _ int) { w.Header().Set("X-Long", strings.Repeat("y", 1<<20)) })
	hold := make(chan struct{})
	silent := plainReceiver(t, func(http.ResponseWriter, int) { <-hold })
	dripping := plainReceiver(t, func(w http.ResponseWriter, _ int) {
		for {
			if _, err := io.WriteString(w, "z"); err != nil {
				return
			}
			_ = http.NewResponseController(w).Flush()
			select {
			case <-hold:
				return
			case <-time.After(50 * time.Millisecond):
			}
		}
	})
	t.Cleanup(func() { close(hold) }) // before the receivers, which wait for their answers
	good := plainReceiver(t, nil)
	s := apptest.Start(t, loopback)
	r := s.Repo(t, s.User(t, "ada"), "engine", false)
	begun := time.Now()
	hooks := map[string]hook.Hook{}
	for name, to := range map[string]*receiver{"endless": endless, "wordy": wordy, "silent": silent, "dripping": dripping} {
		hooks[name] = hookUp(t, s, r, to.URL, "", "push")
	}
	h := hookUp(t, s, r, good.URL, "", "push")
	if x := delivered(t, s, h, 1)[0]; x.Code != 200 || time.Since(begun) > 8*time.Second {
		t.Errorf("the good one waited %v: %+v", time.Since(begun), x.Delivery)
	}
	if x := delivered(t, s, hooks["endless"], 1)[0]; x.Code != 200 || len(x.Answer) != 64<<10 {
		t.Errorf("endless: %d, %d bytes are kept", x.Code, len(x.Answer))
	}
	select {
	case <-gone:
	case <-time.After(patience):
		t.Error("the endless answer is still read")
	}
	if x := delivered(t, s, hooks["wordy"], 1)[0]; x.Code != 0 || x.Status != "the answer is no HTTP response" {
		t.Errorf("wordy: %d %s", x.Code, x.Status)
	}
	if x := delivered(t, s, hooks["silent"], 1)[0]; x.Code != 0 || x.Status != "timed out" {
		t.Errorf("silent: %d %s", x.Code, x.Status)
	}
	if x := delivered(t, s, hooks["dripping"], 1)[0]; x.Code != 200 || len(x.Answer) == 0 || len(x.Answer) > 1000 || x.Took > 15*time.Second {
		t.Errorf("dripping: %d, %d bytes, %v", x.Code, len(x.Answer), x.Took)
	}
}

// An administrator opens one network and not its neighbours.
func TestAllow(t *testing.T) {
	t.Parallel()
	to := plainReceiver(t, nil)
	s := apptest.Start(t, func(c *config.Config) { c.WebhookAllow = []netip.Prefix{netip.MustParsePrefix("127.0.0.2/32")} })
	r := s.Repo(t, s.User(t, "ada"), "engine", false)
	h := hookUp(t, s, r, to.URL, "", "push")
	if x := delivered(t, s, h, 1)[0]; x.Code != 0 || !strings.Contains(x.Status, "webhook-allow") {
		t.Errorf("%d %s", x.Code, x.Status)
	}
	to.none(t)
}
