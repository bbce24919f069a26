package rest_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"jeton/internal/app/apptest"
	"jeton/internal/config"
)

// array reads an answer's body.
func array(t *testing.T, a apptest.Answer) []map[string]any {
	t.Helper()
	var v []map[string]any
	if err := json.Unmarshal([]byte(a.Text), &v); err != nil {
		t.Fatalf("the body is no JSON array: %v\n%s", err, a.Text)
	}
	return v
}

// asking is a caller with a token.
type asking struct {
	s     *apptest.Server
	token string
}

// do sends a request and fails unless it is answered with code.
func (q asking) do(t *testing.T, code int, method, path, body string) apptest.Answer {
	t.Helper()
	a := q.s.Do(t, method, "/api/v3"+path, body, bearer(q.token))
	if a.StatusCode != code {
		t.Fatalf("%s %s: %d, want %d\n%s", method, path, a.StatusCode, code, a.Text)
	}
	return a
}

func hookServer(t *testing.T) (asking, *httptest.Server) {
	t.Helper()
	to := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, "got it")
	}))
	t.Cleanup(to.Close)
	s := apptest.Start(t, func(c *config.Config) { c.WebhookAllow = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} })
	ada := s.User(t, "ada")
	s.Repo(t, ada, "engine", true)
	_, plain := s.Token(t, ada, "hooks", "admin:repo_hook")
	return asking{s, plain}, to
}

func TestHooks(t *testing.T) {
	t.Parallel()
	q, to := hookServer(t)
	const hooks = "/repos/ada/engine/hooks"
	const secret = "only the two of us know"
	a := q.do(t, 201, "POST", hooks, fmt.Sprintf(`{"name":"web","events":["push","pull_request"],"config":{"url":%q,"content_type":"json","secret":%q,"insecure_ssl":0}}`, to.URL, secret))
	made := object(t, a)
	config := made["config"].(map[string]any)
	if config["secret"] != "********" || config["insecure_ssl"] != "0" || made["active"] != true || a.Header.Get("Location") != made["url"] {
		t.Errorf("%s", a.Text)
	}
	one := fmt.Sprintf("%s/%.0f", hooks, made["id"])
	if list := array(t, q.do(t, 200, "GET", hooks, "")); len(list) != 1 || list[0]["id"] != made["id"] {
		t.Errorf("list: %v", list)
	}

	// What is wrong is told by the field.
	for body, want := range map[string]string{
		fmt.Sprintf(`{"events":["pull_request","push"],"config":{"url":%q}}`, to.URL): "Hook already exists on this repository",
		fmt.Sprintf(`{"config":{"url":%q,"insecure_ssl":"1"}}`, to.URL):               "insecure_ssl must be 0",
		fmt.Sprintf(`{"config":{"url":%q,"insecure_ssl":true}}`, to.URL):              "insecure_ssl must be 0",
		`{}`:                                 "config must be supplied",
		`{"config":{"url":"ftp://x/"}}`:      "must begin with https:// or http://",
		`{"config":{"url":"https://a:b@x"}}`: "must not hold a user name",
		`{"config":{"url":"https://x/","content_type":"xml"}}`:                         "content_type must be json or form",
		`{"config":{"url":"https://x/"},"events":["nonsense"]}`:                        "no event of this name",
		`{"config":{"url":"https://x/"},"name":"irc"}`:                                 "name must be web",
		`{"config":{"url":"https://x/"},"active":"yes"}`:                               "must be of type bool",
		`{"config":{"url":"https://x/\u0000"}}`:                                        "must begin with https:// or http://",
		`{"config":{"url":"https://x/","secret":"` + strings.Repeat("x", 2000) + `"}}`: "longer than",
	} {
		if a := q.do(t, 422, "POST", hooks, body); !strings.Contains(a.Text, want) || !strings.Contains(a.Text, `"resource":"Hook"`) {
			t.Errorf("%.80s: %s", body, a.Text)
		}
	}

	// A configuration without a secret takes it away, as on GitHub; its own route
	// leaves what it is not told of, and asterisks are nobody's secret.
	q.do(t, 200, "PATCH", one+"/config", `{"content_type":"form","secret":"********"}`)
	if c := object(t, q.do(t, 200, "GET", one+"/config", "")); c["secret"] != "********" || c["content_type"] != "form" || c["url"] != to.URL {
		t.Errorf("config: %v", c)
	}
	h := object(t, q.do(t, 200, "PATCH", one, fmt.Sprintf(`{"config":{"url":%q},"add_events":["fork"],"remove_events":["push"],"active":false}`, to.URL+"/x")))
	if h["config"].(map[string]any)["secret"] != nil || fmt.Sprint(h["events"]) != "[fork pull_request]" || h["active"] != false {
		t.Errorf("patched: %v", h)
	}
	q.do(t, 404, "GET", hooks+"/999999", "")
	q.do(t, 404, "GET", hooks+"/x", "")
	q.do(t, 204, "DELETE", one, "")
	q.do(t, 404, "DELETE", one, "")

	// Twenty of each event, and no more.
	for i := range 20 {
		q.do(t, 201, "POST", hooks, fmt.Sprintf(`{"active":false,"config":{"url":"%s/%d"}}`, to.URL, i))
	}
	if a := q.do(t, 422, "POST", hooks, fmt.Sprintf(`{"config":{"url":"%s/more"}}`, to.URL)); !strings.Contains(a.Text, "cannot have more than 20 hooks") {
		t.Errorf("%s", a.Text)
	}
	q.do(t, 201, "POST", hooks, fmt.Sprintf(`{"events":["member"],"config":{"url":"%s/more"}}`, to.URL))
	if list := array(t, q.do(t, 200, "GET", hooks+"?per_page=10&page=3", "")); len(list) != 1 {
		t.Errorf("page 3 has %d", len(list))
	}

	// D3, D6: a secret stands nowhere, whatever is looked at.
	if strings.Contains(q.s.Log.String(), secret) {
		t.Error("the log holds a webhook's secret")
	}
	for _, name := range []string{"jeton.db", "jeton.db-wal"} {
		if b, err := os.ReadFile(filepath.Join(q.s.Config.Data, name)); err == nil && strings.Contains(string(b), secret) {
			t.Errorf("%s holds a webhook's secret", name)
		}
	}
}

func TestDeliveries(t *testing.T) {
	t.Parallel()
	q, to := hookServer(t)
	const hooks = "/repos/ada/engine/hooks"
	made := object(t, q.do(t, 201, "POST", hooks, fmt.Sprintf(`{"config":{"url":%q,"secret":"s","content_type":"json"}}`, to.URL)))
	one := fmt.Sprintf("%s/%.0f", hooks, made["id"])
	q.do(t, 204, "POST", one+"/pings", "")
	q.do(t, 204, "POST", one+"/tests", "") // nothing was pushed yet: nothing is sent
	list := q.until(t, one+"/deliveries", 2)
	if list[0]["event"] != "ping" || list[0]["status"] != "OK" || list[0]["status_code"] != float64(200) || list[0]["redelivery"] != false {
		t.Errorf("%v", list[0])
	}
	delivery := fmt.Sprintf("%s/deliveries/%.0f", one, list[0]["id"])
	full := object(t, q.do(t, 200, "GET", delivery, ""))
	if r := full["response"].(map[string]any); r["payload"] != "got it" || full["url"] != to.URL {
		t.Errorf("%v", full)
	}
	head := full["request"].(map[string]any)["headers"].(map[string]any)
	if head["X-GitHub-Event"] != "ping" || head["X-GitHub-Delivery"] != list[0]["guid"] || head["X-Hub-Signature-256"] != "sha256=********" {
		t.Errorf("%v", head)
	}
	q.do(t, 202, "POST", delivery+"/attempts", "")
	list = q.until(t, one+"/deliveries", 3)
	if list[0]["guid"] != full["guid"] || list[0]["redelivery"] != true || list[0]["id"] == full["id"] {
		t.Errorf("sent again: %v", list[0])
	}

	// The list goes on by a cursor.
	a := q.do(t, 200, "GET", one+"/deliveries?per_page=2", "")
	next, _, ok := strings.Cut(strings.TrimPrefix(a.Header.Get("Link"), "<"), `>; rel="next"`)
	if !ok || len(array(t, a)) != 2 {
		t.Fatalf("Link: %s", a.Header.Get("Link"))
	}
	_, rest, _ := strings.Cut(next, "/api/v3")
	if a := q.do(t, 200, "GET", rest, ""); len(array(t, a)) != 1 || a.Header.Get("Link") != "" {
		t.Errorf("the second page: %s, %s", a.Text, a.Header.Get("Link"))
	}
	if a := q.do(t, 200, "GET", one+"/deliveries?status=failure", ""); len(array(t, a)) != 0 {
		t.Errorf("failed: %s", a.Text)
	}
	q.do(t, 422, "GET", one+"/deliveries?cursor=7", "")
	q.do(t, 422, "GET", one+"/deliveries?status=x", "")
	// J8: another hook's delivery is none of this one's.
	other := object(t, q.do(t, 201, "POST", hooks, fmt.Sprintf(`{"config":{"url":"%s/other"}}`, to.URL)))
	q.do(t, 404, "GET", fmt.Sprintf("%s/%.0f/deliveries/%.0f", hooks, other["id"], full["id"]), "")
	q.do(t, 404, "POST", fmt.Sprintf("%s/%.0f/deliveries/%.0f/attempts", hooks, other["id"], full["id"]), "")
}

// until waits until so many deliveries are done.
func (q asking) until(t *testing.T, path string, n int) []map[string]any {
	t.Helper()
	deadline := time.After(30 * time.Second)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		list := array(t, q.do(t, 200, "GET", path, ""))
		if len(list) >= n {
			return list
		}
		select {
		case <-deadline:
			t.Fatalf("%d deliveries, want %d", len(list), n)
		case <-tick.C:
		}
	}
}
