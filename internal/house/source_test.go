package house

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"strings"
	"sync"
	"testing"
)

// file is one parsed source file of the module.
type file struct {
	path string // from the module's root, with slashes
	pkg  string // its folder: "internal/repo", "cmd/jeton"
	test bool
	ast  *ast.File
	set  *token.FileSet
}

func (f *file) at(n ast.Node) string { return f.set.Position(n.Pos()).String() }

// source is every Go file of the module. Nobody may change what it returns.
func source(t *testing.T) []*file {
	t.Helper()
	out, err := parsed()
	if err != nil {
		t.Fatal(err)
	}
	if len(out) < 50 {
		t.Fatalf("only %d source files found: the rules would hold for nothing", len(out))
	}
	return out
}

// parsed reads them once for all tests.
var parsed = sync.OnceValues(parse)

func parse() ([]*file, error) {
	root := os.DirFS("../..")
	var out []*file
	err := fs.WalkDir(root, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && p != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || d.Name() == "node_modules" || d.Name() == "data") {
			return fs.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(p, ".go") {
			return nil
		}
		text, err := fs.ReadFile(root, p)
		if err != nil {
			return err
		}
		set := token.NewFileSet()
		tree, err := parser.ParseFile(set, p, text, parser.ParseComments)
		if err != nil {
			return err
		}
		out = append(out, &file{path: p, pkg: path.Dir(p), test: strings.HasSuffix(p, "_test.go"), ast: tree, set: set})
		return nil
	})
	return out, err
}

// texts calls f with every string literal of the file.
func (f *file) texts(do func(lit *ast.BasicLit)) {
	ast.Inspect(f.ast, func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			do(lit)
		}
		return true
	})
}
