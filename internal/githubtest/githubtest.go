// Package githubtest holds answers of the API to the description that GitHub
// publishes of its own (OpenAPI, in the npm package @octokit/openapi, which
// scripts/deps gets). What deviates on purpose stands in deviations.go.
package githubtest

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/google/jsonschema-go/jsonschema"
)

// Description is GitHub's description of its API.
type Description struct {
	paths   []path
	parts   map[string]map[string]json.RawMessage // the components by kind and name
	mu      sync.Mutex
	checked map[string]*jsonschema.Resolved // guarded by mu; by method, path and status, or by the event
}

type path struct {
	segments []string
	methods  map[string]json.RawMessage
	text     string
}

const file = "internal/githubtest/node_modules/@octokit/openapi/generated/api.github.com.json"

// Load reads the description. It fails when scripts/deps has not been run.
func Load() (*Description, error) {
	raw, err := os.ReadFile(filepath.Join(root(), file))
	if err != nil {
		return nil, fmt.Errorf("run scripts/deps, which gets GitHub's description of its API: %w", err)
	}
	var all struct {
		Paths      map[string]map[string]json.RawMessage
		Components map[string]map[string]json.RawMessage
	}
	if err := json.Unmarshal(raw, &all); err != nil {
		return nil, fmt.Errorf("read GitHub's description: %w", err)
	}
	d := &Description{parts: all.Components, checked: map[string]*jsonschema.Resolved{}}
	for text, methods := range all.Paths {
		d.paths = append(d.paths, path{segments: strings.Split(text, "/"), methods: methods, text: text})
	}
	slices.SortFunc(d.paths, func(a, b path) int { return strings.Compare(a.text, b.text) })
	return d, nil
}

// root is the module's folder.
func root() string {
	dir, _ := os.Getwd()
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil || dir == "/" {
			return dir
		}
		dir = filepath.Dir(dir)
	}
}

func (p *path) literals() int {
	n := 0
	for _, s := range p.segments {
		if !strings.HasPrefix(s, "{") {
			n++
		}
	}
	return n
}

// matches reports whether the path is the request's; a placeholder may stand
// for several segments where many is true, as names of branches do.
func (p *path) matches(segments []string, many bool) bool {
	if !many {
		return len(p.segments) == len(segments) && fits(p.segments, segments)
	}
	return within(p.segments, segments)
}

func fits(pattern, segments []string) bool {
	for i, s := range pattern {
		if s != segments[i] && !strings.HasPrefix(s, "{") {
			return false
		}
	}
	return true
}

func within(pattern, segments []string) bool {
	if len(pattern) == 0 || len(segments) == 0 {
		return len(pattern) == len(segments)
	}
	if !strings.HasPrefix(pattern[0], "{") {
		return pattern[0] == segments[0] && within(pattern[1:], segments[1:])
	}
	for n := 1; n <= len(segments); n++ {
		if within(pattern[1:], segments[n:]) {
			return true
		}
	}
	return false
}

// find returns GitHub's operation for a request, or false when GitHub has none.
// Of several that a name with slashes allows, the most literal one is meant.
func (d *Description) find(method, url string) (found *path, op json.RawMessage, ok bool) {
	segments := strings.Split(url, "/")
	for _, many := range []bool{false, true} {
		for i := range d.paths {
			p := &d.paths[i]
			o := p.methods[strings.ToLower(method)]
			if o == nil || !p.matches(segments, many) || found != nil && p.literals() <= found.literals() {
				continue
			}
			found, op = p, o
		}
		if found != nil {
			break
		}
	}
	return found, op, found != nil
}

// Check reports in what an answer differs from what GitHub describes: its
// status, or its JSON body. path is below the API's prefix.
func (d *Description) Check(method, url string, status int, body []byte) error {
	if len(body) == 0 { // HEAD, 204, 304
		return nil
	}
	if strings.HasSuffix(url, "/contents") {
		url += "/" // the topmost folder, whose path is empty
	}
	p, op, ok := d.find(method, url)
	if !ok || exactlyOurs(method, url) { // which a name with slashes of GitHub's could be taken to be
		if ours(method, url) || status >= 400 {
			return nil
		}
		return fmt.Errorf("GitHub has no %s %s: name it in deviations.go", method, url)
	}
	s, err := d.schemaOf(method, p, op, status)
	if err != nil || s == nil {
		return err
	}
	var v any
	if err := json.Unmarshal(body, &v); err != nil {
		return fmt.Errorf("%s %s: %d without JSON: %w", method, p.text, status, err)
	}
	if err := s.Validate(v); err != nil {
		return fmt.Errorf("%s %s: %d: %w", method, p.text, status, err)
	}
	return nil
}

// CheckEvent reports in what a webhook's payload differs from what GitHub
// describes. action is empty where the event has none.
func (d *Description) CheckEvent(event, action string, body []byte) error {
	name := "webhook-" + strings.ReplaceAll(event, "_", "-")
	if action != "" {
		name += "-" + strings.ReplaceAll(action, "_", "-")
	}
	if d.parts["schemas"][name] == nil {
		return fmt.Errorf("GitHub has no event %s", name)
	}
	s, err := d.known(name, func() (*jsonschema.Resolved, error) {
		return d.resolve(json.RawMessage(`{"$ref":"#/components/schemas/` + name + `"}`))
	})
	if err != nil {
		return err
	}
	var v any
	if err := json.Unmarshal(body, &v); err != nil {
		return fmt.Errorf("%s: no JSON: %w", name, err)
	}
	if err := s.Validate(v); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// schemaOf is the schema of an answer; nil when it has no body.
func (d *Description) schemaOf(method string, p *path, op json.RawMessage, status int) (*jsonschema.Resolved, error) {
	return d.known(method+" "+p.text+" "+strconv.Itoa(status), func() (*jsonschema.Resolved, error) { return d.compile(op, status) })
}

// known returns what was made for the key, and makes it the first time.
func (d *Description) known(key string, make func() (*jsonschema.Resolved, error)) (*jsonschema.Resolved, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if s, ok := d.checked[key]; ok {
		return s, nil
	}
	s, err := make()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	d.checked[key] = s
	return s, nil
}

var errStatus = errors.New("GitHub's description has no such status")

func (d *Description) compile(op json.RawMessage, status int) (*jsonschema.Resolved, error) {
	var described struct {
		Responses map[string]json.RawMessage
	}
	if err := json.Unmarshal(op, &described); err != nil {
		return nil, err
	}
	raw, ok := described.Responses[strconv.Itoa(status)]
	if !ok {
		if status < 400 {
			return nil, errStatus
		}
		// Not every failure is described for every operation; all have one form.
		raw = d.parts["responses"]["not_found"]
	}
	var answer struct {
		Ref     string `json:"$ref"`
		Content map[string]struct{ Schema json.RawMessage }
	}
	if err := json.Unmarshal(raw, &answer); err != nil {
		return nil, err
	}
	if answer.Ref != "" {
		if err := json.Unmarshal(d.parts["responses"][answer.Ref[strings.LastIndex(answer.Ref, "/")+1:]], &answer); err != nil {
			return nil, err
		}
	}
	var forms []json.RawMessage // one for each media type
	for _, c := range answer.Content {
		if c.Schema != nil {
			forms = append(forms, c.Schema)
		}
	}
	if forms == nil {
		return nil, nil
	}
	any, err := json.Marshal(map[string]any{"anyOf": forms})
	if err != nil {
		return nil, err
	}
	return d.resolve(any)
}
