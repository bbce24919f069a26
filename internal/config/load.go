package config

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"

	"jeton/internal/problem"
)

// Loader collects what the flags, the variables and the file say. Bind it to a
// flag set, parse the flags, then call Load.
type Loader struct {
	file  string
	flags map[string]string
	given map[string]bool
}

// fileName is the configuration file that is read by itself in the data folder.
const fileName = "jeton.toml"

// Bind adds the named settings to fs as flags, all of them when none is named,
// and --config.
func Bind(fs *flag.FlagSet, names ...string) *Loader {
	l := &Loader{flags: map[string]string{}, given: map[string]bool{}}
	fs.StringVar(&l.file, "config", "", "`FILE` with settings, TOML (default DATA/"+fileName+" if it exists)")
	for _, s := range settings {
		if len(names) > 0 && !slices.Contains(names, s.Name) {
			continue
		}
		fs.Var(&flagValue{s, l.flags}, s.Name, strings.ReplaceAll(s.Help, "`", "")+" Default: "+s.Default+".")
	}
	return l
}

// flagValue is a flag.Value that notes the text for Load. A wrong value is
// told at once, while the flag's name is at hand.
type flagValue struct {
	s    Setting
	into map[string]string
}

func (f *flagValue) String() string { return "" }

func (f *flagValue) IsBoolFlag() bool { return f.s.isSwitch() }

func (f *flagValue) Set(text string) error {
	if err := f.s.set(new(Config), text); err != nil {
		return err
	}
	// A list can be given in several flags.
	if old, ok := f.into[f.s.Name]; ok && f.s.Value == "CIDR" {
		text = old + "," + text
	}
	f.into[f.s.Name] = text
	return nil
}

// Load returns the completed configuration: the file's settings, overridden by
// the variables of env ("NAME=value" as os.Environ has them), overridden by the
// flags. Failures are problem.Invalid with the setting's name.
func (l *Loader) Load(env []string) (Config, error) {
	c, err := l.read(env)
	if err != nil {
		return Config{}, err
	}
	return c.Complete()
}

// Given reports, after Load, whether anything was said about the setting.
func (l *Loader) Given(name string) bool { return l.given[name] }

func (l *Loader) read(env []string) (Config, error) {
	vars, err := variables(env)
	if err != nil {
		return Config{}, err
	}
	path, named := l.file, true
	if path == "" {
		path = vars["config"]
	}
	if path == "" {
		var c Config
		c.Data = vars["data"]
		if d, ok := l.flags["data"]; ok {
			c.Data = d
		}
		def(&c.Data, "data")
		path, named = filepath.Join(c.Data, fileName), false
	}
	delete(vars, "config")

	file, err := readFile(path, named)
	if err != nil {
		return Config{}, err
	}
	if _, ok := file["data"]; ok && !named {
		return Config{}, invalid("data", "the file "+path+" sets data, but it was found by its place in the data folder", "Take data out of it, or name the file with --config.")
	}
	var c Config
	for _, from := range []struct {
		where  string
		values map[string]string
	}{{"in " + path, file}, {"in the environment", vars}, {"by a flag", l.flags}} {
		for _, s := range settings {
			text, ok := from.values[s.Name]
			if !ok {
				continue
			}
			l.given[s.Name] = true
			if err := s.set(&c, text); err != nil {
				p := problem.Of(err)
				p.Public += " (" + from.where + ")"
				return Config{}, p
			}
		}
	}
	return c, nil
}

// variables picks the settings out of env, by the setting's name. A variable
// NAME_FILE names a file that holds the value of a secret setting.
func variables(env []string) (map[string]string, error) {
	known := map[string]Setting{"JETON_CONFIG": {Name: "config"}}
	names := []string{"JETON_CONFIG"}
	for _, s := range settings {
		known[s.Variable()] = s
		names = append(names, s.Variable())
		if s.Secret {
			names = append(names, s.Variable()+"_FILE")
		}
	}
	out := map[string]string{}
	for _, kv := range env {
		name, value, _ := strings.Cut(kv, "=")
		if !strings.HasPrefix(name, "JETON_") || fromCluster(name) {
			continue
		}
		if s, ok := known[name]; ok {
			if _, twice := out[s.Name]; twice {
				return nil, invalid(s.Name, name+" and "+name+"_FILE are both set", "Unset one of them.")
			}
			out[s.Name] = value
			continue
		}
		s, ok := known[strings.TrimSuffix(name, "_FILE")]
		if !ok || !s.Secret {
			return nil, unknown("variable", name, names)
		}
		b, err := os.ReadFile(value)
		if err != nil {
			return nil, &problem.Error{Kind: problem.Invalid, Field: s.Name, Public: "the file that " + name + " names cannot be read", Remedy: "Check the path and that this user may read it.", Err: err}
		}
		if _, twice := out[s.Name]; twice {
			return nil, invalid(s.Name, s.Variable()+" and "+name+" are both set", "Unset one of them.")
		}
		out[s.Name] = strings.TrimSpace(string(b))
	}
	return out, nil
}

// fromCluster reports whether a variable is one that Kubernetes sets by itself
// in every container beside a service with the name "jeton".
func fromCluster(name string) bool {
	return strings.HasPrefix(name, "JETON_SERVICE_") || name == "JETON_PORT" || strings.HasPrefix(name, "JETON_PORT_")
}

// readFile reads the TOML file into texts by the setting's name. Relative paths
// in it are relative to its folder. A file that was not asked for may be missing.
func readFile(path string, named bool) (map[string]string, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) && !named {
		return nil, nil
	}
	if err != nil {
		return nil, problem.Wrap(err, problem.Invalid, "the configuration file cannot be read", "Check the path and that this user may read it.")
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, 1<<20))
	if err != nil {
		return nil, problem.Wrap(err, problem.Invalid, "the configuration file cannot be read", "Check that it is a plain file.")
	}
	raw := map[string]any{}
	if _, err := toml.NewDecoder(bytes.NewReader(b)).Decode(&raw); err != nil {
		return nil, tomlProblem(path, err)
	}
	out := map[string]string{}
	for name, value := range raw {
		i := slices.IndexFunc(settings[:], func(s Setting) bool { return s.Name == name })
		if i < 0 {
			names := make([]string, 0, len(settings))
			for _, s := range settings {
				names = append(names, s.Name)
			}
			return nil, unknown("setting", name, names)
		}
		text, err := plainText(value)
		if err != nil {
			return nil, invalid(name, fmt.Sprintf("%s in %s is %v", name, path, err), "Write it as a text, a number, true or false, or a list of texts.")
		}
		if slices.Contains([]string{"DIR", "FILE"}, settings[i].Value) && text != "" && !filepath.IsAbs(text) {
			text = filepath.Join(filepath.Dir(path), text)
		}
		out[name] = text
	}
	return out, nil
}

// tomlProblem tells where the file is wrong, without quoting from it: the line
// may hold the database's password.
func tomlProblem(path string, err error) error {
	if p, ok := errors.AsType[toml.ParseError](err); ok {
		return invalid("config", fmt.Sprintf("%s is not TOML: line %d is wrong", path, p.Position.Line), `A line is a name, "=" and a value, as in  listen = ":443".`)
	}
	return invalid("config", path+" is not TOML", `A line is a name, "=" and a value, as in  listen = ":443".`)
}

func plainText(value any) (string, error) {
	switch v := value.(type) {
	case string:
		return v, nil
	case bool, int64:
		return fmt.Sprint(v), nil
	case []any:
		var parts []string
		for _, e := range v {
			s, ok := e.(string)
			if !ok {
				return "", errors.New("a list of other things than texts")
			}
			parts = append(parts, s)
		}
		return strings.Join(parts, ","), nil
	case map[string]any:
		return "", errors.New("a table")
	}
	return "", errors.New("of a kind that no setting has")
}

func unknown(what, name string, known []string) error {
	return invalid(name, fmt.Sprintf("there is no %s %s", what, name), fmt.Sprintf("The nearest one is %s.", Nearest(name, known)))
}

// Nearest returns the one of known that needs the fewest changes to become
// name. Known must not be empty.
func Nearest(name string, known []string) string {
	return slices.MinFunc(known, func(a, b string) int { return distance(name, a) - distance(name, b) })
}

// distance is Levenshtein's, with - and _ the same and case ignored.
func distance(a, b string) int {
	norm := func(s string) string { return strings.ReplaceAll(strings.ToLower(s), "_", "-") }
	a, b = norm(a), norm(b)
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		left := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := left
			if a[i] != b[j] {
				cost = 1 + min(left, row[j], row[j+1])
			}
			left, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}
