package house

import (
	"go/ast"
	"go/token"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestPackages_documented: each package says once what it is for.
func TestPackages_documented(t *testing.T) {
	t.Parallel()
	docs := map[string]int{}
	for _, f := range source(t) {
		if f.test {
			continue
		}
		n := 0
		if f.ast.Doc != nil && (strings.HasPrefix(f.ast.Doc.Text(), "Package "+f.ast.Name.Name+" ") || strings.HasPrefix(f.ast.Doc.Text(), "Command ")) {
			n = 1
		}
		docs[f.pkg] += n
	}
	for pkg, n := range docs {
		if n != 1 {
			t.Errorf("%s has %d package comments, want one", pkg, n)
		}
	}
}

// TestNoInit: nothing happens because a package was imported.
func TestNoInit(t *testing.T) {
	t.Parallel()
	for _, f := range source(t) {
		for _, d := range f.ast.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
				t.Errorf("%s: init", f.at(fn))
			}
		}
	}
}

// TestNoPackageState: a package variable is a table or a sentinel: it is never
// assigned, and it is of no type that exists to change.
func TestNoPackageState(t *testing.T) {
	t.Parallel()
	files := source(t)
	vars := map[string]map[string]bool{} // package → names
	for _, f := range files {
		if f.test || forTests(f.pkg) {
			continue
		}
		for _, d := range f.ast.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.VAR {
				continue
			}
			for _, s := range g.Specs {
				v := s.(*ast.ValueSpec)
				if strings.Contains(exprText(v.Type), "sync.") || strings.Contains(exprText(v.Type), "atomic.") {
					t.Errorf("%s: package state", f.at(v))
				}
				for _, n := range v.Names {
					if vars[f.pkg] == nil {
						vars[f.pkg] = map[string]bool{}
					}
					vars[f.pkg][n.Name] = true
				}
			}
		}
	}
	for _, f := range files {
		if f.test || forTests(f.pkg) {
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			for _, target := range assigned(n) {
				id := root(target)
				if id == nil || !vars[f.pkg][id.Name] || id.Name == "_" {
					continue
				}
				// The parser resolves names within the file: a local variable
				// of the same name has an object that is no package variable.
				if id.Obj != nil && id.Obj.Kind == ast.Var {
					if _, spec := id.Obj.Decl.(*ast.ValueSpec); !spec || f.ast.Scope.Lookup(id.Name) != id.Obj {
						continue
					}
				}
				t.Errorf("%s: the package variable %s is assigned", f.at(id), id.Name)
			}
			return true
		})
	}
}

// forTests reports whether only tests import pkg: one database server serves
// all tests of a binary, which is state.
func forTests(pkg string) bool { return strings.HasSuffix(pkg, "test") }

func exprText(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.SelectorExpr:
		return exprText(e.X) + "." + e.Sel.Name
	case *ast.Ident:
		return e.Name
	case *ast.StarExpr:
		return exprText(e.X)
	case *ast.IndexExpr:
		return exprText(e.X)
	}
	return ""
}

func assigned(n ast.Node) []ast.Expr {
	switch n := n.(type) {
	case *ast.AssignStmt:
		if n.Tok != token.DEFINE {
			return n.Lhs
		}
	case *ast.IncDecStmt:
		return []ast.Expr{n.X}
	}
	return nil
}

func root(e ast.Expr) *ast.Ident {
	switch e := e.(type) {
	case *ast.Ident:
		return e
	case *ast.IndexExpr:
		return root(e.X)
	case *ast.SelectorExpr:
		return root(e.X)
	}
	return nil
}

// TestProcesses: only gitstore/run and the person's client start a process; tests and what only tests use
// may start what they need.
func TestProcesses(t *testing.T) {
	t.Parallel()
	may := []string{"internal/gitstore/run", "internal/gitstore/gittest", "internal/client", "internal/db/dbtest", "internal/app/apptest", "bench"}
	for _, f := range source(t) {
		if f.test {
			continue
		}
		for _, spec := range f.ast.Imports {
			if imp, _ := strconv.Unquote(spec.Path.Value); imp == "os/exec" && !under(f.pkg, may) {
				t.Errorf("%s imports os/exec", f.path)
			}
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok && (exprText(s) == "os.StartProcess" || exprText(s) == "syscall.ForkExec" || exprText(s) == "syscall.Exec") && !under(f.pkg, may) {
				t.Errorf("%s: starts a process", f.at(n))
			}
			return true
		})
	}
}

func under(pkg string, folders []string) bool {
	return slices.ContainsFunc(folders, func(folder string) bool { return pkg == folder || strings.HasPrefix(pkg, folder+"/") })
}

var (
	sqlText  = regexp.MustCompile(`(?is)^\s*(SELECT\s.+\sFROM\s|INSERT\s+INTO\s|UPDATE\s+\w+\s+SET\s|DELETE\s+FROM\s|CREATE\s+(TABLE|INDEX|UNIQUE)|WITH\s.+\sSELECT\s)`)
	sqlWrite = regexp.MustCompile(`(?i)\b(?:INSERT\s+INTO|UPDATE|DELETE\s+FROM)\s+(\w+)`)
	sqlStar  = regexp.MustCompile(`(?is)\bSELECT\s+(\w+\.)?\*`)
)

// TestSQL: SQL stands in rooms alone, lists its columns, and each table is
// written by one room. The benchmark fills a database with a million rows, which
// no room has a reason to offer.
func TestSQL(t *testing.T) {
	t.Parallel()
	rooms := []string{"internal/db", "internal/account", "internal/signin", "internal/token", "internal/trust", "internal/application", "internal/repo", "internal/org", "internal/hook", "internal/notice", "internal/alert", "internal/largefile", "internal/pubkey", "internal/commitstatus", "internal/deployment", "internal/release", "internal/audit", "internal/chain", "internal/ledger", "internal/inventory", "internal/change", "internal/keys", "internal/policy", "internal/carried",
		"internal/foreign"} // not a room: it reads the databases of others, and writes none
	writer := map[string]string{}
	for _, f := range source(t) {
		if f.test || f.pkg == "internal/house" || f.pkg == "bench" {
			continue
		}
		f.texts(func(lit *ast.BasicLit) {
			text, _ := strconv.Unquote(lit.Value)
			if sqlStar.MatchString(text) {
				t.Errorf("%s: SELECT without its columns", f.at(lit))
			}
			if !sqlText.MatchString(text) {
				return
			}
			if !under(f.pkg, rooms) {
				t.Errorf("%s: SQL outside the rooms", f.at(lit))
			}
			for _, m := range sqlWrite.FindAllStringSubmatch(text, -1) {
				table := strings.ToLower(m[1])
				if table == "set" || under(f.pkg, []string{"internal/db"}) {
					continue
				}
				if before, ok := writer[table]; ok && before != f.pkg {
					t.Errorf("%s: the table %s is written by %s as well", f.at(lit), table, before)
				}
				writer[table] = f.pkg
			}
		})
	}
	if len(writer) < 5 {
		t.Errorf("only %d tables are written: the rule looks at nothing", len(writer))
	}
}

// TestTLS: no certificate check is switched off, in tests neither.
func TestTLS(t *testing.T) {
	t.Parallel()
	// The words are put together so that this file does not hold them.
	names := []string{"Insecure" + "SkipVerify", "GIT_SSL_NO" + "_VERIFY", "ssl" + "Verify"}
	for _, f := range source(t) {
		if f.path == "internal/cert/cert_test.go" {
			continue // looks for the words in what people are told
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.Ident:
				if slices.Contains(names, n.Name) {
					t.Errorf("%s: a TLS check is switched off", f.at(n))
				}
			case *ast.BasicLit:
				for _, name := range names {
					if n.Kind == token.STRING && strings.Contains(n.Value, name) {
						t.Errorf("%s: a TLS check is switched off", f.at(n))
					}
				}
			}
			return true
		})
	}
}

// TestNoSleepInTests: tests wait for what they wait for.
func TestNoSleepInTests(t *testing.T) {
	t.Parallel()
	for _, f := range source(t) {
		if !f.test {
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok && exprText(s) == "time.Sleep" {
				t.Errorf("%s: a test sleeps", f.at(n))
			}
			return true
		})
	}
}

// TestHeavy: what scripts/test leaves out of the race detector's run is one test
// each, in a package that it runs without.
func TestHeavy(t *testing.T) {
	t.Parallel()
	script, err := os.ReadFile("../../scripts/test")
	if err != nil {
		t.Fatal(err)
	}
	list := regexp.MustCompile(`heavy='\^\((\w+(?:\|\w+)*)\)\$'\n`).FindSubmatch(script)
	run := regexp.MustCompile(`go test -run "\$heavy" (?:-\S+ (?:\d+m )?)*((?: ?\./\S+)+)\n`).FindSubmatch(script)
	if list == nil || run == nil {
		t.Fatal("scripts/test names no heavy tests, or does not run them")
	}
	packages := strings.Fields(string(run[1]))
	for name := range strings.SplitSeq(string(list[1]), "|") {
		var in []string
		for _, f := range source(t) {
			for _, d := range f.ast.Decls {
				if fn, ok := d.(*ast.FuncDecl); ok && f.test && fn.Recv == nil && fn.Name.Name == name {
					in = append(in, f.pkg)
				}
			}
		}
		runs := func(pkg string) bool {
			return slices.ContainsFunc(packages, func(p string) bool {
				tree, below := strings.CutSuffix(p, "/...")
				return p == "./"+pkg || below && strings.HasPrefix("./"+pkg+"/", tree+"/")
			})
		}
		if len(in) != 1 || !runs(in[0]) {
			t.Errorf("%s is a test of %v, and run in %v", name, in, packages)
		}
	}
}
