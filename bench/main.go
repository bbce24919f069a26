// Command bench measures Jeton beside nginx with git http-backend and beside a
// bare Go handler, on the same repositories and in one run, and says which
// targets hold. It starts what it measures, on loopback, in a folder that it
// removes; it must never touch a server or a folder that it did not make.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"syscall"

	"jeton/bench/peer"
	"jeton/bench/table"
)

func main() {
	if len(os.Args) == 3 && os.Args[1] == peer.FloorCommand {
		fail(peer.ServeFloor(os.Args[2]))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		stop()
		fail(err)
	}
}

func fail(err error) {
	if errors.Is(err, flag.ErrHelp) {
		os.Exit(2)
	}
	fmt.Fprintln(os.Stderr, "bench:", err)
	os.Exit(1)
}

// options is the command line.
type options struct {
	Program  string // the built jeton
	Git      string
	Shapes   string // where made repositories are kept
	Temp     string // where everything else is made; empty: the system's place
	Quick    bool
	Scale    bool
	Backend  bool
	Only     *regexp.Regexp
	Markdown string
	SVG      string
	Progress io.Writer
}

func run(ctx context.Context, args []string, out, progress io.Writer) error {
	o := options{Progress: progress}
	fs := flag.NewFlagSet("bench", flag.ContinueOnError)
	fs.SetOutput(progress)
	fs.StringVar(&o.Program, "jeton", "bin/jeton", "the `program` to measure")
	fs.StringVar(&o.Git, "git", "git", "the git `program` of the clients")
	fs.StringVar(&o.Shapes, "shapes", "out/shapes", "the `folder` that keeps the made repositories between runs")
	fs.StringVar(&o.Temp, "temp", "", "the `folder` for everything else, which is removed (default: the system's)")
	fs.BoolVar(&o.Quick, "quick", false, "fewer and shorter runs")
	fs.BoolVar(&o.Scale, "scale", false, "also beside 10,000 repositories, 1,000,000 tokens and 100,000 accounts")
	fs.BoolVar(&o.Backend, "backend", true, "measure nginx with git http-backend as well")
	only := fs.String("run", "", "only the rows whose name matches the `expression`")
	list := fs.Bool("list", false, "print the names of the rows")
	fs.StringVar(&o.Markdown, "markdown", "", "write the table into this `file`, too")
	fs.StringVar(&o.SVG, "svg", "", "write the picture into this `file`")
	if err := fs.Parse(args); err != nil {
		return err
	}
	if fs.NArg() > 0 {
		return fmt.Errorf("%q is no flag; bench -help lists them", fs.Arg(0))
	}
	var err error
	if o.Only, err = regexp.Compile(*only); err != nil {
		return fmt.Errorf("-run: %w", err)
	}
	if *list {
		for _, r := range rows(o.Scale) {
			fmt.Fprintln(out, r.name)
		}
		return nil
	}
	report, err := measureAll(ctx, o)
	if report == nil {
		return err
	}
	return errors.Join(err, write(report, o, out))
}

func write(r *table.Report, o options, out io.Writer) error {
	if err := r.Text(out); err != nil {
		return err
	}
	for _, f := range []struct {
		path string
		to   func(io.Writer) error
	}{{o.Markdown, r.Markdown}, {o.SVG, r.SVG}} {
		if f.path == "" {
			continue
		}
		file, err := os.Create(f.path)
		if err != nil {
			return err
		}
		if err := errors.Join(f.to(file), file.Close()); err != nil {
			return err
		}
	}
	return nil
}
