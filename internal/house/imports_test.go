package house

import (
	"slices"
	"strconv"
	"strings"
	"testing"
)

// allow is the architecture: each package of ours and those of ours it may
// import. The floors are those of docs/architecture.md; a line that is added
// here is explained there.
var allow = map[string][]string{
	// ground: no I/O
	"id":        {},
	"problem":   {},
	"secret":    {},
	"event":     {},
	"printable": {},
	"markdown":  {"problem"},
	"language":  {},
	"pattern":   {},
	"narrow":    {"secret"},
	"right":     {"id", "pattern"},
	"signature": {"problem"},
	// outside things
	"db":       {"problem"},
	"cert":     {"problem"},
	"config":   {"problem", "secret"},
	"limit":    {"problem"},
	"blob":     {},
	"outbound": {"problem"},
	"foreign":  {"problem", "right"},
	"gitstore": {"id", "problem", "secret", "printable", "outbound"},
	// rooms, and what every room may use
	"keys":        {"problem", "db"},
	"change":      {"problem", "db"},
	"chain":       {"problem", "db", "keys"},
	"audit":       {"id", "problem", "event", "printable", "right", "db", "chain"},
	"account":     {"id", "problem", "event", "printable", "right", "db", "change", "audit"},
	"signin":      {"id", "problem", "secret", "event", "printable", "right", "db", "limit", "keys", "change", "audit", "account", "notice"},
	"hook":        {"id", "problem", "secret", "right", "db", "keys", "change", "audit"},
	"notice":      {"id", "event", "printable", "right", "db", "audit", "hook"},
	"repo":        {"id", "pattern", "problem", "event", "printable", "right", "db", "change", "audit", "account", "hook"},
	"org":         {"id", "problem", "right", "db", "change", "audit", "account", "hook"},
	"policy":      {"id", "problem", "right", "db", "change", "audit"},
	"token":       {"policy", "id", "narrow", "problem", "secret", "event", "printable", "right", "db", "limit", "keys", "change", "audit", "account", "notice"},
	"application": {"id", "problem", "secret", "event", "printable", "right", "db", "limit", "keys", "change", "audit", "account", "token"},
	"ledger":      {"id", "printable", "problem", "right", "db", "chain", "audit", "token", "notice"},
	"inventory":   {"id", "problem", "right", "db", "keys", "audit", "account", "token"},
	"trust":       {"id", "problem", "right", "db", "audit", "token"},
	"leak":        {"narrow", "problem", "secret", "token", "application"},
	"alert":       {"id", "problem", "right", "db", "audit", "token", "hook"},
	"carried":     {"db"},
	"largefile":   {"id", "problem", "right", "db", "limit", "blob", "audit"},

	"pubkey":       {"id", "problem", "signature", "right", "db", "change", "audit", "account"},
	"commitstatus": {"id", "problem", "right", "db", "hook"},
	"deployment":   {"id", "problem", "right", "db", "commitstatus", "hook"},
	"release":      {"id", "problem", "right", "db", "limit", "blob", "hook"},
	// the gate
	"gate": {"policy", "id", "narrow", "problem", "secret", "event", "printable", "right", "db", "limit", "change", "audit", "account", "signin", "token", "repo", "org", "application", "ledger"},
	// flows
	"lifecycle": {"policy", "id", "problem", "secret", "event", "right", "db", "change", "audit", "account", "signin", "token", "application", "repo", "org", "largefile", "gitstore", "hook", "alert", "trust"},
	"exchange":  {"id", "printable", "problem", "secret", "event", "right", "db", "limit", "audit", "account", "repo", "org", "token", "trust", "outbound"},
	"carry":     {"id", "printable", "problem", "right", "db", "foreign", "carried", "account", "org", "repo", "token", "lifecycle", "gitstore"},
	"push":      {"id", "pattern", "problem", "event", "printable", "right", "db", "change", "audit", "repo", "leak", "gate", "gitstore", "hook", "alert"},
	"publish":   {"id", "problem", "right", "db", "release", "gate", "gitstore", "push"},
	"scan":      {"id", "problem", "db", "repo", "leak", "alert", "token", "gitstore"},
	"deliver":   {"id", "problem", "right", "db", "account", "repo", "org", "hook", "alert", "gate", "gitstore", "outbound"},
	"mail":      {"id", "printable", "problem", "secret", "db", "limit", "account", "signin", "token", "notice"},
	"fetch":     {"id", "problem", "event", "right", "db", "limit", "repo", "gate", "gitstore"},
	"backup":    {"id", "problem", "right", "db", "blob", "keys", "repo", "largefile", "release", "gitstore"},
	// doors
	"httpkit": {"problem", "event", "printable", "right", "limit", "token"},
	"rest": {"id", "problem", "secret", "event", "right", "db", "limit", "markdown", "language", "account", "repo", "org", "token", "application", "hook", "gate", "gitstore", "push", "lifecycle", "deliver", "httpkit", "ledger",
		"signature", "pubkey", "commitstatus", "deployment", "release", "publish", "blob", "alert"},
	"graphql": {"ledger", "release", "commitstatus", "id", "problem", "event", "right", "db", "limit", "account", "org", "repo", "gate", "gitstore", "lifecycle", "httpkit"},
	"oauth":   {"problem", "secret", "event", "right", "application", "exchange", "gate", "httpkit"},
	"githttp": {"id", "problem", "event", "printable", "right", "repo", "ledger", "gate", "push", "fetch", "gitstore", "httpkit"},
	"lfs":     {"id", "problem", "secret", "event", "right", "db", "keys", "largefile", "token", "ledger", "gate", "httpkit"},
	"web": {"policy", "id", "narrow", "problem", "secret", "event", "printable", "markdown", "right", "db", "limit", "cert", "audit", "account", "signin",
		"repo", "org", "largefile", "token", "application", "gate", "gitstore", "lifecycle", "httpkit", "hook", "deliver",
		"signature", "pubkey", "commitstatus", "release", "publish", "alert", "ledger", "inventory", "notice", "mail", "trust"},
	// the side of the person
	"client": {"narrow", "printable", "problem", "secret"},
	// tests of the whole
	"browser": {},
	"clients": {},
	"crash":   {},
}

// free are the packages that put the others together: what they import is
// their purpose.
var free = []string{"app", "house", "matrix", "attack"}

// TestImports holds the floors. A package below another's floor is known by its
// first path element: internal/gitstore/pktline counts as gitstore.
func TestImports(t *testing.T) {
	t.Parallel()
	const module = "jeton/internal/"
	for _, f := range source(t) {
		pkg, ours := strings.CutPrefix(f.pkg, "internal/")
		if f.test || !ours {
			continue
		}
		pkg, _, _ = strings.Cut(pkg, "/")
		if slices.Contains(free, pkg) || strings.HasSuffix(f.pkg, "test") {
			continue
		}
		may, known := allow[pkg]
		if !known {
			t.Errorf("%s is not in the architecture: add a line here and say why in docs/architecture.md", f.pkg)
			continue
		}
		for _, spec := range f.ast.Imports {
			imp, _ := strconv.Unquote(spec.Path.Value)
			dep, ours := strings.CutPrefix(imp, module)
			dep, _, _ = strings.Cut(dep, "/")
			if ours && dep != pkg && !slices.Contains(may, dep) {
				t.Errorf("%s imports %s, which %s may not", f.path, dep, pkg)
			}
		}
	}
}

// rooms are the packages inside gitstore, and those of them that each may import.
// None knows gitstore itself.
var rooms = map[string][]string{
	// git itself, in process
	"object":  {},
	"pktline": {},
	"wire":    {"object", "pktline"},
	"odb":     {"object"},
	"graph":   {"object", "odb"},
	"ref":     {"object", "wire"},
	"keep":    {},
	// the machine
	"disk":  {},
	"run":   {"disk", "object"},
	"share": {},
	"pour":  {"keep", "pktline"},
	// one repository
	"bare":  {"object", "odb", "run"},
	"reach": {"bare", "object", "odb", "ref", "run", "wire"},
	// and what is done with it
	"view":     {"bare", "object", "odb", "reach", "ref", "run", "share", "wire"},
	"draft":    {"bare", "disk", "object", "odb", "reach", "ref", "run"},
	"incoming": {"bare", "disk", "graph", "object", "odb", "reach", "ref", "run", "share", "wire"},
	"upkeep":   {"bare", "disk", "draft", "object", "ref", "run"},
}

// TestImports_gitstore holds the floors inside gitstore.
func TestImports_gitstore(t *testing.T) {
	t.Parallel()
	const inside = "internal/gitstore/"
	for _, f := range source(t) {
		room, ours := strings.CutPrefix(f.pkg, inside)
		if f.test || !ours || strings.HasSuffix(room, "test") {
			continue
		}
		may, known := rooms[room]
		if !known {
			t.Errorf("%s is not in the architecture: add a line here and say why in docs/architecture.md", f.pkg)
			continue
		}
		for _, spec := range f.ast.Imports {
			imp, _ := strconv.Unquote(spec.Path.Value)
			if imp == "jeton/internal/gitstore" {
				t.Errorf("%s imports what is above it", f.path)
			}
			if dep, is := strings.CutPrefix(imp, "jeton/"+inside); is && !slices.Contains(may, dep) {
				t.Errorf("%s imports %s, which %s may not", f.path, dep, room)
			}
		}
	}
}

// TestRooms_noHTTP: rooms know no request, and nothing below the doors does.
func TestRooms_noHTTP(t *testing.T) {
	t.Parallel()
	doors := []string{"internal/httpkit", "internal/rest", "internal/graphql", "internal/web", "internal/githttp", "internal/lfs", "internal/oauth", "internal/app", "internal/outbound", "internal/gitstore", "internal/cert", "internal/client", "internal/issuertest"}
	for _, f := range source(t) {
		if f.test || !strings.HasPrefix(f.pkg, "internal/") || under(f.pkg, doors) {
			continue
		}
		for _, spec := range f.ast.Imports {
			if imp, _ := strconv.Unquote(spec.Path.Value); imp == "net/http" {
				t.Errorf("%s imports net/http", f.path)
			}
		}
	}
}

// TestImports_bench: the benchmark imports the program, never the other way
// round. Tests may use its generator of repositories.
func TestImports_bench(t *testing.T) {
	t.Parallel()
	for _, f := range source(t) {
		if f.test || under(f.pkg, []string{"bench"}) {
			continue
		}
		for _, spec := range f.ast.Imports {
			if imp, _ := strconv.Unquote(spec.Path.Value); imp == "jeton/bench" || strings.HasPrefix(imp, "jeton/bench/") {
				t.Errorf("%s imports %s", f.path, imp)
			}
		}
	}
}
