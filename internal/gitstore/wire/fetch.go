package wire

import (
	"errors"
	"hash"
	"io"
	"strconv"
	"strings"

	"jeton/internal/gitstore/object"
	"jeton/internal/gitstore/pktline"
)

// The most that one request may hold.
const (
	maxWants    = 200_000
	maxHaves    = 400_000
	maxPrefixes = 10_000
	maxArgs     = 1000
	maxShallow  = 200_000
)

// infiniteDepth is the number by which git asks for a whole history.
const infiniteDepth = 1<<31 - 1

// LsRefs is a version 2 ls-refs command.
type LsRefs struct {
	Peel, Symrefs, Unborn bool
	Prefixes              []string // none means all
}

func (q *LsRefs) wants(name string) bool {
	if len(q.Prefixes) == 0 {
		return true
	}
	for _, p := range q.Prefixes {
		if strings.HasPrefix(name, p) {
			return true
		}
	}
	return false
}

// Fetch is what a client wants, of whatever version.
type Fetch struct {
	Wants     []object.ID
	Shallow   []object.ID // where the client's history ends
	Unshallow bool        // it wants all that lies behind these ends
	Deepens   bool        // it wants a history of limited depth, or more of one
	DeepenNot []string    // names of refs, as given
	Filter    string
	Haves     int
	Done      bool
	Caps      Caps // of version 0 and 1

	lines []string  // whatever else shapes the answer
	haves hash.Hash // of what the client has, in its order; nil without any
}

// Command is one version 2 request: at most one of its fields is set, and none
// when nothing was asked.
type Command struct {
	LsRefs     *LsRefs
	Fetch      *Fetch
	ObjectInfo *ObjectInfo
	BundleURI  bool // which has no arguments
}

// InvalidCommand is the refusal of a command that a repository does not offer,
// in git's words.
func InvalidCommand(name string) error { return malformed("invalid command '%s'", shown(name)) }

// ReadV2 reads one version 2 request. The error is problem.Invalid with the
// sentence for the client when the request is none that is served here.
func ReadV2(r io.Reader, format object.Format) (Command, error) {
	in := pktline.NewReader(r)
	var name, objectFormat string
	formatGiven := false
	for n := 0; ; n++ {
		kind, line, err := in.Line()
		if err != nil {
			return Command{}, early(err)
		}
		if n > maxArgs {
			return Command{}, errTooMuch
		}
		if kind == pktline.Flush && name == "" && n == 0 {
			return Command{}, nil // nothing was asked
		}
		if kind != pktline.Data {
			if name == "" {
				return Command{}, malformed("no command requested")
			}
			if err := checkFormat(objectFormat, formatGiven, format); err != nil {
				return Command{}, err
			}
			return readArgs(in, name, kind == pktline.Delim, format)
		}
		key, value, _ := strings.Cut(line, "=")
		switch key {
		case "command":
			if name != "" {
				return Command{}, malformed("command '%s' requested after already requesting command '%s'", shown(value), shown(name))
			}
			name = value
		case "object-format":
			objectFormat, formatGiven = value, true
		case "agent", "server-option", "session-id":
		default:
			return Command{}, malformed("unknown capability '%s'", shown(line))
		}
	}
}

func early(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, pktline.ErrMalformed) {
		return ErrMalformed
	}
	return err
}

func readArgs(in *pktline.Reader, name string, args bool, format object.Format) (Command, error) {
	var c Command
	var take func(string) error
	switch name {
	case "ls-refs":
		c.LsRefs = &LsRefs{}
		take = c.LsRefs.arg
	case "fetch":
		c.Fetch = &Fetch{}
		take = func(line string) error { return c.Fetch.argV2(line, format) }
	case "object-info":
		c.ObjectInfo = &ObjectInfo{}
		take = func(line string) error { return c.ObjectInfo.arg(line, format) }
	case "bundle-uri":
		c.BundleURI = true
		take = func(line string) error { return malformed("bundle-uri: unexpected argument: '%s'", shown(line)) }
	default:
		return c, InvalidCommand(name)
	}
	for args {
		kind, line, err := in.Line()
		if err != nil {
			return c, early(err)
		}
		if kind == pktline.Flush {
			break
		}
		if kind != pktline.Data {
			return c, ErrMalformed
		}
		if err := take(line); err != nil {
			return c, err
		}
	}
	if c.LsRefs != nil && len(c.LsRefs.Prefixes) > maxPrefixes {
		c.LsRefs.Prefixes = nil // as git does: too many to filter by
	}
	return c, nil
}

func (q *LsRefs) arg(line string) error {
	switch {
	case line == "peel":
		q.Peel = true
	case line == "symrefs":
		q.Symrefs = true
	case line == "unborn":
		q.Unborn = true
	case strings.HasPrefix(line, "ref-prefix "):
		if len(q.Prefixes) <= maxPrefixes {
			q.Prefixes = append(q.Prefixes, line[len("ref-prefix "):])
		}
	default:
		return malformed("unexpected line: '%s'", shown(line))
	}
	return nil
}

func (f *Fetch) argV2(line string, format object.Format) error {
	switch line {
	case "done":
		f.Done = true
		return nil
	case "thin-pack", "no-progress", "include-tag", "ofs-delta", "deepen-relative", "wait-for-done":
		if len(f.lines) >= maxArgs {
			return errTooMuch
		}
		f.lines = append(f.lines, line)
		return nil
	}
	key, value, _ := strings.Cut(line, " ")
	switch key {
	case "want":
		return f.want(value, format)
	case "have":
		return f.have(value, format)
	}
	return f.shape(key, value, line, format)
}

func (f *Fetch) want(value string, format object.Format) error {
	id, ok := format.ParseID(value)
	if !ok {
		return malformed("protocol error, expected to get an object id, not '%s'", shown(value))
	}
	if len(f.Wants) >= maxWants {
		return errTooMuch
	}
	f.Wants = append(f.Wants, id)
	return nil
}

func (f *Fetch) have(value string, format object.Format) error {
	if _, ok := format.ParseID(value); !ok {
		return malformed("protocol error, expected to get an object id, not '%s'", shown(value))
	}
	if f.Haves++; f.Haves > maxHaves {
		return errTooMuch
	}
	f.note(value)
	return nil
}

// shape reads what cuts a history or its objects; all versions have these.
func (f *Fetch) shape(key, value, line string, format object.Format) error {
	switch key {
	case "shallow":
		id, ok := format.ParseID(value)
		if !ok {
			return malformed("invalid shallow line: %s", shown(line))
		}
		if len(f.Shallow) >= maxShallow {
			return errTooMuch
		}
		f.Shallow = append(f.Shallow, id)
	case "deepen":
		// git reads the number as C does, octal and cut to 32 bits, so only what
		// every reader takes for the same number is passed on.
		n, err := strconv.ParseInt(value, 10, 32)
		if err != nil || n < 0 || value != strconv.FormatInt(n, 10) {
			return malformed("invalid deepen: %s", shown(line))
		}
		f.Unshallow = f.Unshallow || n == infiniteDepth
		f.Deepens = f.Deepens || n > 0 && n < infiniteDepth
	case "deepen-since":
		if n, err := strconv.ParseInt(value, 10, 64); err != nil || n < 0 {
			return malformed("invalid deepen: %s", shown(line))
		}
		f.Deepens = true
	case "deepen-not":
		if len(f.DeepenNot) >= maxArgs {
			return errTooMuch
		}
		f.DeepenNot, f.Deepens = append(f.DeepenNot, value), true
	case "filter":
		if f.Filter != "" || value == "" || isTooLong(value, 1000) {
			return malformed("invalid filter")
		}
		f.Filter = value
	default:
		return malformed("unexpected line: '%s'", shown(line))
	}
	if key != "shallow" {
		if len(f.lines) >= maxArgs {
			return errTooMuch
		}
		f.lines = append(f.lines, line)
	}
	return nil
}

// ReadV0 reads a version 0 or 1 request of upload-pack to its end. A client
// that wants nothing gives a Fetch without wants.
func ReadV0(r io.Reader, format object.Format) (Fetch, error) {
	in := pktline.NewReader(r)
	var f Fetch
	wants := true
	for {
		kind, line, err := in.Line()
		if errors.Is(err, io.EOF) {
			return f, nil
		}
		if err != nil {
			return f, early(err)
		}
		switch {
		case kind == pktline.Flush:
			if !wants {
				f.note("flush") // what stands between two is answered before what follows
			}
			wants = false
		case kind != pktline.Data:
			return f, ErrMalformed
		case wants:
			err = f.argV0(line, format)
		case line == "done":
			f.Done = true
		case strings.HasPrefix(line, "have "):
			err = f.have(line[len("have "):], format)
		default:
			err = malformed("expected SHA1 list, got '%s'", shown(line))
		}
		if err != nil {
			return f, err
		}
	}
}

func (f *Fetch) argV0(line string, format object.Format) error {
	key, value, _ := strings.Cut(line, " ")
	if key != "want" {
		return f.shape(key, value, line, format)
	}
	if len(f.Wants) > 0 {
		return f.want(value, format)
	}
	id, caps, _ := strings.Cut(value, " ")
	f.Caps = ParseCaps(caps)
	// git names the format here only in version 2; the length of the id tells.
	if got, given := f.Caps.Value("object-format"); given && got != string(format) {
		return checkFormat(got, given, format)
	}
	return f.want(id, format)
}
