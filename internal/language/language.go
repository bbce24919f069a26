// Package language tells by a file's name in which programming language it is, in
// GitHub's names. It looks at no content, and leaves out what people did not write
// in the repository itself: copies of libraries, generated files, prose and data.
// It does no I/O and keeps nothing.
package language

import (
	"path"
	"strings"
)

// Of returns the language of a file, or "" when it has none that counts.
func Of(file string) string {
	if vendored(file) {
		return ""
	}
	base := path.Base(file)
	if name := byName(base); name != "" {
		return name
	}
	ext := strings.ToLower(path.Ext(base))
	if ext == "" || strings.HasSuffix(base, ".min.js") || strings.HasSuffix(base, ".min.css") || strings.HasSuffix(base, ".pb.go") {
		return ""
	}
	return byExtension(ext[1:])
}

// vendored reports whether a file lies where copies of others' work do.
func vendored(file string) bool {
	folder := path.Dir(file)
	for part := range strings.SplitSeq(folder, "/") {
		switch part {
		case "node_modules", "vendor", "vendors", "third_party", "third-party", "thirdparty", "bower_components", "Godeps", "deps", "dist", ".git", ".github", "docs", "doc", "testdata", "fixtures":
			return true
		}
	}
	return false
}

func byName(base string) string {
	switch base {
	case "Makefile", "GNUmakefile", "makefile":
		return "Makefile"
	case "Dockerfile", "Containerfile":
		return "Dockerfile"
	case "CMakeLists.txt":
		return "CMake"
	case "Rakefile", "Gemfile", "Vagrantfile", "Podfile", "Fastfile":
		return "Ruby"
	case "Jenkinsfile":
		return "Groovy"
	case "BUILD", "BUILD.bazel", "WORKSPACE":
		return "Starlark"
	case "meson.build":
		return "Meson"
	case "Justfile", "justfile":
		return "Just"
	case ".bashrc", ".bash_profile", ".profile", ".zshrc":
		return "Shell"
	case ".vimrc", "vimrc":
		return "Vim Script"
	}
	return ""
}

// byExtension knows the languages that GitHub counts as programming or markup.
// Of an extension that several share it means the most usual one.
func byExtension(ext string) string {
	switch ext {
	case "go":
		return "Go"
	case "c", "h", "idc":
		return "C"
	case "cc", "cpp", "cxx", "c++", "hh", "hpp", "hxx", "h++", "inl", "ipp", "tpp":
		return "C++"
	case "cs", "csx":
		return "C#"
	case "m":
		return "Objective-C"
	case "mm":
		return "Objective-C++"
	case "java":
		return "Java"
	case "kt", "kts", "ktm":
		return "Kotlin"
	case "scala", "sbt":
		return "Scala"
	case "groovy", "gradle":
		return "Groovy"
	case "clj", "cljs", "cljc", "edn":
		return "Clojure"
	case "js", "mjs", "cjs", "jsx", "es6":
		return "JavaScript"
	case "ts", "mts", "cts":
		return "TypeScript"
	case "tsx":
		return "TypeScript"
	case "vue":
		return "Vue"
	case "svelte":
		return "Svelte"
	case "astro":
		return "Astro"
	case "coffee":
		return "CoffeeScript"
	case "py", "pyi", "pyw":
		return "Python"
	case "ipynb":
		return "Jupyter Notebook"
	case "pyx", "pxd":
		return "Cython"
	case "rb", "rake", "gemspec", "ru":
		return "Ruby"
	case "erb":
		return "HTML"
	case "php", "phtml", "php5", "php7":
		return "PHP"
	case "pl", "pm", "t":
		return "Perl"
	case "raku", "rakumod":
		return "Raku"
	case "lua":
		return "Lua"
	case "r":
		return "R"
	case "jl":
		return "Julia"
	case "rs":
		return "Rust"
	case "swift":
		return "Swift"
	case "dart":
		return "Dart"
	case "d", "di":
		return "D"
	case "nim", "nims":
		return "Nim"
	case "zig", "zon":
		return "Zig"
	case "v":
		return "V"
	case "cr":
		return "Crystal"
	case "ex", "exs":
		return "Elixir"
	case "erl", "hrl":
		return "Erlang"
	case "hs", "lhs":
		return "Haskell"
	case "elm":
		return "Elm"
	case "ml", "mli", "mll", "mly":
		return "OCaml"
	case "fs", "fsi", "fsx":
		return "F#"
	case "vb", "vbs":
		return "Visual Basic .NET"
	case "pas", "pp", "dpr":
		return "Pascal"
	case "ada", "adb", "ads":
		return "Ada"
	case "f", "for", "f77", "f90", "f95", "f03", "f08":
		return "Fortran"
	case "cob", "cbl", "cobol":
		return "COBOL"
	case "lisp", "lsp", "cl":
		return "Common Lisp"
	case "el":
		return "Emacs Lisp"
	case "scm", "ss":
		return "Scheme"
	case "rkt":
		return "Racket"
	case "pro", "prolog":
		return "Prolog"
	case "tcl", "tk":
		return "Tcl"
	case "s", "asm", "nasm":
		return "Assembly"
	case "sv", "svh":
		return "SystemVerilog"
	case "vh", "veo":
		return "Verilog"
	case "vhd", "vhdl":
		return "VHDL"
	case "cu", "cuh":
		return "Cuda"
	case "glsl", "vert", "frag", "geom", "comp":
		return "GLSL"
	case "hlsl", "fx":
		return "HLSL"
	case "wgsl":
		return "WGSL"
	case "sol":
		return "Solidity"
	case "move":
		return "Move"
	case "sh", "bash", "zsh", "ksh":
		return "Shell"
	case "fish":
		return "fish"
	case "nu":
		return "Nushell"
	case "ps1", "psm1", "psd1":
		return "PowerShell"
	case "bat", "cmd":
		return "Batchfile"
	case "awk":
		return "Awk"
	case "sed":
		return "sed"
	case "vim":
		return "Vim Script"
	case "mk", "mak":
		return "Makefile"
	case "cmake":
		return "CMake"
	case "bzl", "star":
		return "Starlark"
	case "nix":
		return "Nix"
	case "tf", "tfvars", "hcl":
		return "HCL"
	case "dockerfile":
		return "Dockerfile"
	case "html", "htm", "xhtml":
		return "HTML"
	case "css":
		return "CSS"
	case "scss":
		return "SCSS"
	case "sass":
		return "Sass"
	case "less":
		return "Less"
	case "styl":
		return "Stylus"
	case "pug", "jade":
		return "Pug"
	case "hbs", "handlebars":
		return "Handlebars"
	case "mustache":
		return "Mustache"
	case "ejs":
		return "EJS"
	case "haml":
		return "Haml"
	case "slim":
		return "Slim"
	case "liquid":
		return "Liquid"
	case "twig":
		return "Twig"
	case "j2", "jinja", "jinja2":
		return "Jinja"
	case "tmpl", "gotmpl":
		return "Go Template"
	case "xsl", "xslt":
		return "XSLT"
	case "tex", "sty", "cls", "ltx":
		return "TeX"
	case "typ":
		return "Typst"
	case "roff", "man", "1", "5", "8":
		return "Roff"
	case "plsql", "pks", "pkb":
		return "PLSQL"
	case "plpgsql":
		return "PLpgSQL"
	case "y", "yy":
		return "Yacc"
	case "l", "lex":
		return "Lex"
	case "g4":
		return "ANTLR"
	case "wat", "wast":
		return "WebAssembly"
	case "gd":
		return "GDScript"
	case "applescript", "scpt":
		return "AppleScript"
	case "ahk":
		return "AutoHotkey"
	case "hx":
		return "Haxe"
	case "purs":
		return "PureScript"
	case "re", "rei":
		return "Reason"
	case "res", "resi":
		return "ReScript"
	case "idr":
		return "Idris"
	case "agda":
		return "Agda"
	case "lean":
		return "Lean"
	case "st":
		return "Smalltalk"
	case "matlab":
		return "MATLAB"
	case "gleam":
		return "Gleam"
	case "odin":
		return "Odin"
	case "templ":
		return "templ"
	}
	return ""
}
