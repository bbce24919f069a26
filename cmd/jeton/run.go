package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"

	"jeton/internal/app"
	"jeton/internal/config"
	"jeton/internal/foreign"
	"jeton/internal/problem"
)

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

// command is one line of the table: a name of one or two words, what its help
// says, and what it does.
type command struct {
	name  string
	usage string
	run   func(*call) error
}

// commands returns the table, in the order of the help.
func commands() []command {
	return []command{
		{"serve", serveUsage, serve},
		{"login", loginUsage, login},
		{"logout", logoutUsage, logout},
		{"whoami", whoamiUsage, whoami},
		{"credential", credentialUsage, credentialHelper},
		{"explain", explainUsage, explain},
		{"user create", userCreateUsage, userCreate},
		{"user list", userListUsage, userList},
		{"user suspend", userSuspendUsage, userSuspend},
		{"user unsuspend", userUnsuspendUsage, userUnsuspend},
		{"user quota", userQuotaUsage, userQuota},
		{"user delete", userDeleteUsage, userDelete},
		{"user invite", userInviteUsage, userInvite},
		{"user reset-password", userResetUsage, userReset},
		{"org create", orgCreateUsage, orgCreate},
		{"org list", orgListUsage, orgList},
		{"org member", orgMemberUsage, orgMember},
		{"org delete", orgDeleteUsage, orgDelete},
		{"token create", tokenCreateUsage(), tokenCreate},
		{"token list", tokenListUsage, tokenList},
		{"token rotate", tokenRotateUsage, tokenRotate},
		{"token revoke", tokenRevokeUsage, tokenRevoke},
		{"token narrow", tokenNarrowUsage, tokenNarrow},
		{"token revoke-all", tokenRevokeAllUsage, tokenRevokeAll},
		{"repo create", repoCreateUsage, repoCreate},
		{"repo import", repoImportUsage, repoImport},
		{"repo list", repoListUsage, repoList},
		{"repo maintain", repoMaintainUsage, repoMaintain},
		{"repo scan", repoScanUsage, repoScan},
		{"repo quota", repoQuotaUsage, repoQuota},
		{"repo delete", repoDeleteUsage, repoDelete},
		{"mail test", mailTestUsage, mailTest},
		{"import gitea", importUsage(importGiteaText, giteaFolder), importFrom(foreign.Gitea)},
		{"import gogs", importUsage(importGogsText, giteaFolder), importFrom(foreign.Gogs)},
		{"import soft-serve", importUsage(importSoftServeText, serveFolder), importFrom(foreign.SoftServe)},
		{"keys list", keysListUsage, keysList},
		{"keys rotate", keysRotateUsage, keysRotate},
		{"audit verify", auditVerifyUsage, auditVerify},
		{"audit head", auditHeadUsage, auditHead},
		{"audit export", auditExportUsage, auditExport},
		{"backup", backupUsage, backupData},
		{"restore", restoreUsage, restoreData},
		{"doctor", doctorUsage, doctor},
		{"version", versionUsage, version},
	}
}

// run is the program: args without the program's name, env as os.Environ has
// it. It returns the exit code.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer, env []string) int {
	cmd, rest, err := find(args)
	if err != nil {
		return fail(stderr, err)
	}
	if cmd == nil {
		_, _ = fmt.Fprint(stdout, overview())
		return exitOK
	}
	c := &call{ctx: ctx, name: cmd.name, given: rest, stdin: stdin, stdout: stdout, stderr: stderr, env: env}
	c.flags = flag.NewFlagSet(cmd.name, flag.ContinueOnError)
	c.flags.SetOutput(io.Discard)
	err = cmd.run(c)
	if errors.Is(err, flag.ErrHelp) {
		_, _ = fmt.Fprint(stdout, cmd.usage)
		return exitOK
	}
	return fail(stderr, err)
}

// find picks the command out of args; nil means that the overview is wanted.
func find(args []string) (*command, []string, error) {
	if len(args) == 0 || slices.Contains([]string{"help", "-h", "-help", "--help"}, args[0]) {
		if len(args) > 1 && args[0] == "help" {
			return find(append(slices.Clone(args[1:]), "--help"))
		}
		return nil, nil, nil
	}
	if args[0] == "--version" || args[0] == "-v" {
		args = append([]string{"version"}, args[1:]...)
	}
	two := args[0]
	if len(args) > 1 {
		two += " " + args[1]
	}
	var names []string
	for _, c := range commands() {
		switch c.name {
		case args[0]:
			return &c, args[1:], nil
		case two:
			return &c, args[2:], nil
		}
		names = append(names, c.name)
	}
	group := slices.DeleteFunc(slices.Clone(names), func(n string) bool { return !strings.HasPrefix(n, args[0]+" ") })
	if len(group) > 0 && (len(args) == 1 || strings.HasPrefix(args[1], "-")) {
		return nil, nil, usageError("jeton "+args[0]+" needs one more word", "It is one of: "+strings.Join(group, ", ")+".")
	}
	return nil, nil, usageError(fmt.Sprintf("there is no command %q", two), fmt.Sprintf("The nearest one is \"jeton %s\"; \"jeton help\" lists all.", config.Nearest(two, names)))
}

// fail tells the person what happened and what to do, and returns the exit code.
func fail(stderr io.Writer, err error) int {
	if err == nil {
		return exitOK
	}
	if errors.Is(err, errAnsweredNo) {
		return exitFailed
	}
	p := problem.Of(err)
	what := p.Error()
	if p.Kind == problem.Internal {
		what = err.Error() // whoever runs the command is the operator
	}
	_, _ = fmt.Fprintf(stderr, "jeton: %s\n", strings.TrimSuffix(what, "."))
	if p.Remedy != "" {
		_, _ = fmt.Fprintf(stderr, "%s\n", p.Remedy)
	}
	if _, ok := errors.AsType[*misuse](err); ok {
		return exitUsage
	}
	return exitFailed
}

// misuse marks an error of the command line itself.
type misuse struct{ p *problem.Error }

func (m *misuse) Error() string { return m.p.Error() }
func (m *misuse) Unwrap() error { return m.p }

func usageError(public, remedy string) error {
	return &misuse{problem.New(problem.Invalid, public, remedy)}
}

// call is one run of a command.
type call struct {
	ctx            context.Context // a call lives as long as its run and is never kept
	name           string
	given          []string
	stdin          io.Reader
	stdout, stderr io.Writer
	env            []string
	flags          *flag.FlagSet

	args   []string // what is not a flag
	json   bool
	config config.Config
	served string // the URL of the server that last ran on the data folder; empty when another was said
}

// parse reads the command line and the configuration: from least to most
// arguments beside the flags that the command has already defined, and the
// named settings, which are those of the data folder if none is named.
func (c *call) parse(least, most int, settings ...string) error {
	if len(settings) == 0 {
		settings = []string{"data", "keys", "database", "url", "git"}
	}
	loader := config.Bind(c.flags, settings...)
	if err := c.parseArgs(least, most); err != nil {
		return err
	}
	var err error
	if c.config, err = loader.Load(c.env); err != nil {
		return err
	}
	if !loader.Given("url") {
		c.served = servedURL(c.config)
	}
	return nil
}

// parseArgs reads the command line alone: for commands that know no data folder.
func (c *call) parseArgs(least, most int) error {
	c.flags.BoolVar(&c.json, "json", false, "")
	if err := c.split(); err != nil {
		return err
	}
	n := len(c.args)
	if n >= least && n <= most {
		return nil
	}
	what := "too few arguments"
	if n > most {
		what = fmt.Sprintf("one argument too many: %q", c.args[most])
	}
	return usageError(what, fmt.Sprintf("See \"jeton %s --help\".", c.name))
}

// url is where people reach the server: what was said, or else what the server
// that last ran on the data folder said of itself.
func (c *call) url() string {
	if c.served != "" {
		return c.served
	}
	return c.config.WithPort(8443).URL
}

// split parses flags wherever they stand, up to "--".
func (c *call) split() error {
	rest, after := c.given, []string(nil)
	if i := slices.Index(rest, "--"); i >= 0 {
		rest, after = rest[:i], rest[i+1:]
	}
	for len(rest) > 0 {
		if err := c.flags.Parse(rest); err != nil {
			return c.flagError(err)
		}
		if rest = c.flags.Args(); len(rest) > 0 {
			c.args, rest = append(c.args, rest[0]), rest[1:]
		}
	}
	c.args = append(c.args, after...)
	return nil
}

func (c *call) flagError(err error) error {
	if errors.Is(err, flag.ErrHelp) {
		return err
	}
	help := fmt.Sprintf("See \"jeton %s --help\".", c.name)
	if name, ok := strings.CutPrefix(err.Error(), "flag provided but not defined: -"); ok {
		name = strings.TrimLeft(name, "-")
		var names []string
		c.flags.VisitAll(func(f *flag.Flag) { names = append(names, f.Name) })
		return usageError("there is no flag --"+name, "The nearest one is --"+config.Nearest(name, names)+". "+help)
	}
	if p := problem.Of(err); p.Kind == problem.Invalid {
		return &misuse{p}
	}
	return usageError(err.Error(), help)
}

// print writes v as JSON with --json, otherwise what text writes.
func (c *call) print(v any, text func(w io.Writer)) error {
	if !c.json {
		text(c.stdout)
		return nil
	}
	e := json.NewEncoder(c.stdout)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// note tells the person something beside the answer.
func (c *call) note(format string, args ...any) {
	_, _ = fmt.Fprintf(c.stderr, format+"\n", args...)
}

// with opens the rooms for the time of f. The data folder must exist: a
// mistyped --data shall not make a new one.
func (c *call) with(f func(k *app.Core) error) error {
	if err := c.checkFolder(); err != nil {
		return err
	}
	return c.withNew(f)
}

// withNew is with for the commands that may begin a data folder.
func (c *call) withNew(f func(k *app.Core) error) (err error) {
	c.config.URL = c.url()
	k, err := app.OpenCore(c.ctx, c.config, app.Options{Version: programVersion()})
	if err != nil {
		return err
	}
	defer func() {
		if e := k.Close(context.WithoutCancel(c.ctx)); err == nil { // closing goes on when the command was interrupted
			err = e
		}
	}()
	return f(k)
}
