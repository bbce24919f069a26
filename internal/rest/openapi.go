package rest

import (
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"github.com/google/jsonschema-go/jsonschema"

	"jeton/internal/right"
)

// parameters says what the parameters of queries mean; those of the name alone
// are GitHub's and mean the same here.
var parameters = map[string]string{
	"action":           "what it is asked about: read, fetch, push, admin, delete, create, create-public, or the name of an action",
	"from":             "as if the request came from this address",
	"anon":             "1: and those whose address no account has verified",
	"author":           "only commits of this login or address",
	"branch":           "on which branch; the default branch unless told",
	"message":          "of the commit",
	"path":             "only commits that changed this file or folder",
	"protected":        "only branches that a rule protects, or that none does",
	"recursive":        "with any value: the folders below as well",
	"ref":              "a branch, tag or commit; the default branch unless told",
	"sha":              "a commit, branch or tag to begin at; of a file: the one that it has",
	"until":            "only commits before this moment (RFC 3339)",
	"affiliation":      "owner, collaborator, organization_member: a list with commas between them",
	"before":           "only what changed before this moment (RFC 3339)",
	"cursor":           "where the list goes on: from the header Link",
	"direction":        "asc or desc",
	"environment":      "only deployments to this one",
	"task":             "only deployments for this one",
	"label":            "what pages call the file instead of its name",
	"name":             "of the file",
	"filter":           "all",
	"role":             "all, or who has this role: member, admin of an organization, maintainer of a team",
	"state":            "of memberships active or pending, of alerts open or resolved; both unless told",
	"order":            "asc or desc, with sort",
	"q":                "words, and qualifiers like user:, org:, in:name, topic:, fork:true, archived:false, is:public",
	"permission":       "only who may this much: pull, push or admin; of tokens: that have it, as contents or contents_read",
	"owner[]":          "only those of these accounts",
	"token_id[]":       "only these",
	"repository":       "of tokens, only those that reach the one of this name; else the one that is asked about, as OWNER/NAME",
	"last_used_before": "only what was used, before this moment (RFC 3339)",
	"last_used_after":  "only what was used after this moment (RFC 3339)",
	"page":             "which page of the list, from 1",
	"per_page":         "how many on a page, 30 unless told, 100 at most",
	"resolution":       "false_positive, wont_fix, revoked, used_in_tests: a list with commas between them",
	"secret_type":      "jeton_personal_access_token, jeton_fine_grained_personal_access_token, jeton_oauth_access_token, jeton_oauth_refresh_token, jeton_oauth_client_secret: a list with commas between them",
	"since":            "only what changed after this moment (RFC 3339)",
	"sort":             "what the list is ordered by",
	"status":           "success or failure",
	"type":             "which of them",
	"validity":         "active, inactive or unknown: a list with commas between them",
	"visibility":       "all, public or private",
}

// openapi is the description of this API (OpenAPI 3.1), made of the table.
func (d *Door) openapi(*call) (any, error) { return d.described(), nil }

type (
	dict   = map[string]any
	schema = jsonschema.Schema
)

// describe makes the document. It panics for a type that has no schema: such a
// program does not pass its tests.
func (d *Door) describe() dict {
	s := schemas{refs: map[reflect.Type]*schema{}, components: map[string]*schema{}}
	paths := dict{}
	for _, t := range d.table() {
		for _, r := range t.routes {
			path := strings.TrimSuffix(r.path, "{$}")
			path = strings.ReplaceAll(path, "...}", "}")
			item, ok := paths[path].(dict)
			if !ok {
				item = dict{}
				paths[path] = item
			}
			item[strings.ToLower(r.method)] = s.operation(t, r)
		}
	}
	s.gather(reflect.TypeFor[errorBody]())
	return dict{
		"openapi":    "3.1.0",
		"info":       dict{"title": "Jeton", "version": d.o.Version, "description": "GitHub's REST API, as far as this host has something behind it."},
		"servers":    []dict{{"url": d.o.Gate.URL(Prefix)}},
		"security":   []dict{{"token": []string{}}, {"basic": []string{}}, {}},
		"paths":      paths,
		"components": dict{"schemas": s.components, "securitySchemes": dict{"token": dict{"type": "http", "scheme": "bearer"}, "basic": dict{"type": "http", "scheme": "basic"}}},
	}
}

// schemas gathers the named types that answers and bodies have.
type schemas struct {
	refs       map[reflect.Type]*schema // to the components
	components map[string]*schema
}

var pathName = regexp.MustCompile(`\{([a-z_]+)(?:\.\.\.)?\}`)

func (s *schemas) operation(t topic, r route) dict {
	var params []dict
	for _, m := range pathName.FindAllStringSubmatch(r.path, -1) {
		params = append(params, dict{"name": m[1], "in": "path", "required": true, "schema": dict{"type": "string"}})
	}
	for name := range strings.FieldsSeq(r.query) {
		p := dict{"name": name, "in": "query", "schema": dict{"type": "string"}}
		if text := parameters[name]; text != "" {
			p["description"] = text
		}
		params = append(params, p)
	}
	op := dict{
		"summary":     r.summary,
		"operationId": r.id(),
		"tags":        []string{t.title},
		"responses":   dict{strconv.Itoa(r.status()): s.answer(r), "default": dict{"description": "What went wrong, and what to do", "content": jsonOf(&schema{Ref: "#/components/schemas/error-body"})}},
	}
	if params != nil {
		op["parameters"] = params
	}
	if r.in != nil {
		op["requestBody"] = dict{"required": true, "content": jsonOf(s.of(reflect.TypeOf(r.in)))}
	}
	if scopes := r.scopes(); len(scopes) > 0 {
		op["x-oauth-scopes"] = scopes
	}
	if p := r.permission(); p != "" {
		op["x-github-permissions"] = p
	}
	return op
}

func (s *schemas) answer(r route) dict {
	out := dict{"description": http.StatusText(r.status())}
	if r.out == nil {
		return out
	}
	if b, ok := r.out.(file); ok {
		out["content"] = dict{b.kind: dict{}}
		return out
	}
	out["content"] = jsonOf(s.of(reflect.TypeOf(r.out)))
	return out
}

func jsonOf(s *schema) dict { return dict{"application/json": dict{"schema": s}} }

// of returns the schema of t, whose named structs are components.
func (s *schemas) of(t reflect.Type) *schema {
	s.gather(t)
	return s.infer(t, s.refs)
}

func (s *schemas) infer(t reflect.Type, known map[reflect.Type]*schema) *schema {
	out, err := jsonschema.ForType(t, &jsonschema.ForOptions{TypeSchemas: known})
	if err != nil {
		panic(fmt.Sprintf("rest: %v has no schema: %v", t, err))
	}
	open(out)
	return out
}

// gather makes components of the named structs of ours within t.
func (s *schemas) gather(t reflect.Type) {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		s.gather(t.Elem())
	case reflect.Struct:
		if t.PkgPath() != reflect.TypeFor[Door]().PkgPath() && t.Name() != "" || s.refs[t] != nil {
			return
		}
		if t.Name() != "" {
			s.refs[t] = &schema{Ref: "#/components/schemas/" + dashed(t.Name())}
		}
		for _, one := range within(t) {
			for f := range one.Fields() {
				if !f.Anonymous {
					s.gather(f.Type)
				}
			}
		}
		if t.Name() != "" {
			s.components[dashed(t.Name())] = s.infer(t, s.without(t))
		}
	}
}

func (s *schemas) without(t reflect.Type) map[reflect.Type]*schema {
	out := maps.Clone(s.refs)
	for _, one := range within(t) {
		delete(out, one)
	}
	return out
}

// within are t and what it embeds, whose fields are its own.
func within(t reflect.Type) []reflect.Type {
	out := []reflect.Type{t}
	for f := range t.Fields() {
		if f.Anonymous {
			out = append(out, within(f.Type)...)
		}
	}
	return out
}

// open lets objects have more properties than are named, as later versions will.
func open(s *schema) {
	if s == nil {
		return
	}
	if s.Type == "object" && s.Properties != nil {
		s.AdditionalProperties = nil
	}
	for _, p := range s.Properties {
		open(p)
	}
	open(s.Items)
	open(s.AdditionalProperties)
}

// dashed is a type's name as GitHub writes the names of schemas.
func dashed(name string) string {
	var b strings.Builder
	for i, c := range name {
		if unicode.IsUpper(c) && i > 0 {
			b.WriteByte('-')
		}
		b.WriteRune(unicode.ToLower(c))
	}
	return b.String()
}

// id names the operation by what it does, in one word.
func (r route) id() string {
	return strings.Join(strings.FieldsFunc(strings.ToLower(r.summary), func(c rune) bool { return !unicode.IsLetter(c) && !unicode.IsDigit(c) }), "-")
}

// status is that of a good answer.
func (r route) status() int {
	switch {
	case r.code != 0:
		return r.code
	case r.out == nil:
		return http.StatusNoContent
	}
	return http.StatusOK
}

// scopes are those any of which a token needs, on what is private; none where
// no scope is needed.
func (r route) scopes() []string {
	return right.ScopesFor(r.action, r.action.Info().OfPublic)
}

// permission is what a fine-grained grant needs, as X-Accepted-GitHub-Permissions
// writes it.
func (r route) permission() string { return right.FineFor(r.action) }
