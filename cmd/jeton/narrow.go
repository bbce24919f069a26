package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"jeton/internal/config"
	"jeton/internal/narrow"
	"jeton/internal/printable"
	"jeton/internal/right"
	"jeton/internal/secret"
	"jeton/internal/token"
)

const tokenNarrowUsage = `Usage: jeton token narrow [limits] [--note N] [--json] < TOKEN

Make a weaker token out of one that you hold. No server is asked: the token is read
from standard input, and the new one stands alone on standard output. Its number and
what it is limited to stand on standard error. It ends when the first one ends, and
can be revoked alone.

  --repo OWNER/NAME   for this repository and nothing else
  --read              reads, and changes nothing
  --permission P=L    not more than this, as contents=read
  --for TIME          ends after this time, as 10m, 8h or 30d
  --until WHEN        ends at this time, as 2031-01-31 or 2031-01-31T12:00:00Z
  --from NETWORK      from this network alone, as 192.0.2.0/24 or 2001:db8::/32
  --ref REF           sees and moves only these, as refs/heads/main or refs/heads/**
  --push-ref REF      sees all, moves only these
  --fast-forward      makes refs and moves them forward; no force, no deletion
  --create-only       makes refs; never moves or deletes one
  --path FILE         pushes change no other files, as docs/**
  --uses N            so many requests, of all that was made from it together
  --bytes N           so many bytes fetched and pushed, as 500M
  --note N            what it is for; the owner of the first token sees it

--repo, --permission, --from, --ref, --push-ref and --path may be given more than
once: any of them will do.
`

const pipeIt = "Pipe the token in: it must not be an argument, which others on this machine can see."

// texts is a flag that may be given more than once.
type texts []string

func (t *texts) String() string { return strings.Join(*t, " ") }

func (t *texts) Set(s string) error {
	*t = append(*t, s)
	return nil
}

// narrowedJSON is a new token as --json has it.
type narrowedJSON struct {
	Token     string     `json:"token"`
	Node      string     `json:"node"`
	Note      string     `json:"note"`
	ExpiresAt *time.Time `json:"expires_at"` // null: with the token from which it was made
	Limits    []string   `json:"limits"`     // in words; those of the token from which it was made first, if that was narrowed
}

func tokenNarrow(c *call) error {
	in := limitFlags(c)
	note := c.flags.String("note", "", "")
	if err := c.parseArgs(0, 1); err != nil {
		return err
	}
	if len(c.args) > 0 { // which may be the token: it is not said again
		return usageError("there are no arguments beside the flags", pipeIt)
	}
	limits, err := in.limits(time.Now())
	if err != nil {
		return err
	}
	if len(limits) == 0 {
		return usageError("nothing was said by which the token becomes weaker", "Add --read, --repo, --for, or another limit. See \"jeton token narrow --help\".")
	}
	if _, err := right.NewLimits(limits); err != nil {
		return usageError(err.Error(), "See \"jeton token narrow --help\".")
	}
	from, err := c.narrowable()
	if err != nil {
		return err
	}
	lines := make([]string, len(limits))
	for i, l := range limits {
		lines[i] = l.String()
	}
	node := narrow.NewNode()
	out, err := narrow.Cut(from, node, *note, lines...)
	if errors.Is(err, narrow.ErrTooLong) {
		return usageError("the token would be longer than 2048 characters", "Give fewer limits, or begin with the token from which this one was made.")
	}
	if err != nil {
		return usageError(err.Error(), "See \"jeton token narrow --help\".")
	}
	v := narrowedJSON{Token: out.Reveal(), Node: node.String(), Note: *note, Limits: []string{}}
	all, err := limitsOf(out)
	if err != nil {
		return err
	}
	for _, l := range all {
		v.Limits = append(v.Limits, l.Words())
	}
	if whole, err := right.NewLimits(all); err == nil { // what it was narrowed by before may be newer than this program
		v.ExpiresAt = orNull(whole.Until)
	}
	return c.print(v, func(w io.Writer) {
		_, _ = fmt.Fprintln(w, v.Token)
		c.note("Narrowed token %s", v.Node)
		for _, words := range v.Limits {
			c.note("  %s", printable.Line(words, 0))
		}
	})
}

// limitsOf are the limits of all steps of a narrowed token.
func limitsOf(narrowed secret.Value) ([]right.Limit, error) {
	chain, err := narrow.Parse(narrowed)
	if err != nil {
		return nil, err
	}
	var out []right.Limit
	for _, s := range chain.Steps() {
		for _, text := range s.Limits {
			out = append(out, right.ParseLimit(text))
		}
	}
	return out, nil
}

// narrowable reads the token from standard input.
func (c *call) narrowable() (secret.Value, error) {
	line, err := bufio.NewReader(io.LimitReader(c.stdin, 2*narrow.MaxLength)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return secret.Value{}, fmt.Errorf("read the token: %w", err)
	}
	plain := secret.New(strings.TrimSpace(line))
	switch s := plain.Reveal(); {
	case s == "":
		return secret.Value{}, usageError("no token came from standard input", pipeIt)
	case narrow.Is(s):
		if _, err := narrow.Parse(plain); err != nil {
			return secret.Value{}, usageError("a character of the token is missing or wrong", "Copy it again, whole.")
		}
		return plain, nil
	}
	if token.Parse(plain) != nil {
		return secret.Value{}, usageError("what came from standard input is not a token of Jeton", pipeIt)
	}
	if k, _ := token.KindOf(plain.Reveal()); k == token.Refresh || k == token.AppSecret {
		return secret.Value{}, usageError("this opens nothing by itself, and can't be narrowed", "Narrow a personal access token, or one that an application was given.")
	}
	return plain, nil
}

// limitsGiven are the limits as flags.
type limitsGiven struct {
	repos, permissions, networks, refs, pushes, paths texts
	read, forward, create                             bool
	lasts, until, bytes                               string
	uses                                              string
}

func limitFlags(c *call) *limitsGiven {
	in := &limitsGiven{}
	for name, to := range map[string]*texts{"repo": &in.repos, "permission": &in.permissions, "from": &in.networks, "ref": &in.refs, "push-ref": &in.pushes, "path": &in.paths} {
		c.flags.Var(to, name, "")
	}
	for name, to := range map[string]*bool{"read": &in.read, "fast-forward": &in.forward, "create-only": &in.create} {
		c.flags.BoolVar(to, name, false, "")
	}
	for name, to := range map[string]*string{"for": &in.lasts, "until": &in.until, "bytes": &in.bytes, "uses": &in.uses} {
		c.flags.StringVar(to, name, "", "")
	}
	return in
}

// limits are those that were asked for. What their values mean is right's to check.
func (in *limitsGiven) limits(now time.Time) ([]right.Limit, error) {
	var out []right.Limit
	if in.read {
		out = append(out, right.Limit{Name: right.LimitRead})
	}
	add := func(name string, values []string) {
		if len(values) > 0 {
			out = append(out, right.Limit{Name: name, Values: values})
		}
	}
	add(right.LimitRepos, in.repos)
	add(right.LimitPermissions, in.permissions)
	end, err := in.end(now)
	if err != nil {
		return nil, err
	}
	add(right.LimitUntil, end)
	for _, n := range in.networks {
		if p, err := netip.ParsePrefix(n); err == nil && p.Masked().Addr() != p.Addr() {
			return nil, usageError(fmt.Sprintf("--from %s has an address of one machine and the size of a network", n), fmt.Sprintf("Say %s, or the address alone.", p.Masked()))
		}
	}
	add(right.LimitNetworks, in.networks)
	add(right.LimitRefs, in.refs)
	add(right.LimitPush, in.pushes)
	if in.forward {
		out = append(out, right.Limit{Name: right.LimitForward})
	}
	if in.create {
		out = append(out, right.Limit{Name: right.LimitCreate})
	}
	add(right.LimitPaths, in.paths)
	if in.uses != "" {
		add(right.LimitUses, []string{in.uses})
	}
	if in.bytes != "" {
		n, err := config.ParseSize(in.bytes)
		if err != nil {
			return nil, usageError("--bytes: "+err.Error(), "Say it as 500M.")
		}
		add(right.LimitBytes, []string{strconv.FormatInt(int64(n), 10)})
	}
	return out, nil
}

// end is when the token shall end, as the limit has it.
func (in *limitsGiven) end(now time.Time) ([]string, error) {
	var ends []string
	if in.lasts != "" {
		d, err := parseLasting(in.lasts)
		if err != nil {
			return nil, err
		}
		ends = append(ends, strconv.FormatInt(now.Add(d).Unix(), 10))
	}
	if in.until != "" {
		at, err := time.Parse(time.RFC3339, in.until)
		if err != nil {
			if in.until == "never" {
				return nil, usageError("--until is a time", "Without it, the token ends with the one from which it was made.")
			}
			if at, err = parseExpiry(in.until, now); err != nil {
				return nil, err
			}
		}
		if !at.After(now) {
			return nil, usageError("--until is over already", "Say a time that is still to come.")
		}
		ends = append(ends, strconv.FormatInt(at.Unix(), 10))
	}
	return ends, nil
}

// parseLasting reads how long something lasts.
func parseLasting(s string) (time.Duration, error) {
	const most = 10 * 366 * 24 * time.Hour
	d, err := time.ParseDuration(s)
	if days, isDays := strings.CutSuffix(s, "d"); isDays {
		var n int
		n, err = strconv.Atoi(days)
		if d = most + 1; n <= 3660 {
			d = time.Duration(n) * 24 * time.Hour
		}
	}
	if err != nil || d < time.Second || d > most {
		return 0, usageError(fmt.Sprintf("not a time that something lasts: %q", s), "Say it as 10m, 8h or 30d.")
	}
	return d, nil
}
