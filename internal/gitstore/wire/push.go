package wire

import (
	"errors"
	"io"
	"strings"

	"jeton/internal/gitstore/object"
	"jeton/internal/gitstore/pktline"
	"jeton/internal/problem"
)

// Update is one ref command of a push. A zero New deletes, a zero Old creates.
type Update struct {
	Name     string // any bytes but NUL, still unchecked
	Old, New object.ID
}

// Deletes reports whether the command deletes its ref.
func (u Update) Deletes() bool { return u.New.IsZero() }

// Push is what a client sends before its pack.
type Push struct {
	Updates []Update
	Shallow []object.ID // the client's own shallow commits
	Options []string    // push options
	Caps    Caps
}

// NeedsPack reports whether a pack follows: unless everything is deleted.
func (p *Push) NeedsPack() bool {
	for _, u := range p.Updates {
		if !u.Deletes() {
			return true
		}
	}
	return false
}

// The most that a push may hold before its pack, beside its commands. A name
// of maxName bytes is refused as nonsense; what is too long to be wanted is
// decided by who knows the limit.
const (
	maxName        = 4096
	maxOptions     = 100
	maxOptionBytes = 4096
)

// ReadPush reads at most limit commands of a push, and its options. The pack is
// left unread in r. A push without any command has no Updates. With an error,
// Caps tells how the client wants to hear of it, if that was read.
func ReadPush(r io.Reader, format object.Format, limit int) (Push, error) {
	in := pktline.NewReader(r)
	var p Push
	seen := map[string]bool{}
	for {
		kind, line, err := in.Line()
		if errors.Is(err, io.EOF) && len(p.Updates) == 0 {
			return p, nil
		}
		if err != nil {
			return p, early(err)
		}
		if kind == pktline.Flush {
			break
		}
		if kind != pktline.Data {
			return p, ErrMalformed
		}
		if hex, ok := strings.CutPrefix(line, "shallow "); ok {
			err = p.shallow(hex, format)
		} else {
			err = p.command(line, format, limit, seen)
		}
		if err != nil {
			return p, err
		}
	}
	if p.Caps.Has("push-options") {
		return p, p.options(in)
	}
	return p, nil
}

func (p *Push) shallow(hex string, format object.Format) error {
	id, ok := format.ParseID(hex)
	if !ok {
		return malformed("protocol error: expected shallow sha, got '%s'", shown(hex))
	}
	if len(p.Shallow) >= maxShallow {
		return errTooMuch
	}
	p.Shallow = append(p.Shallow, id)
	return nil
}

func (p *Push) command(line string, format object.Format, limit int, seen map[string]bool) error {
	if len(p.Updates) == 0 {
		rest, caps, _ := strings.Cut(line, "\x00")
		line, p.Caps = rest, ParseCaps(caps)
		got, given := p.Caps.Value("object-format")
		if err := checkFormat(got, given, format); err != nil {
			return err
		}
	}
	if len(p.Updates) >= limit {
		return &problem.Error{Kind: problem.TooLarge, Public: "This push moves too many refs at once.", Remedy: "Push fewer branches and tags at a time."}
	}
	hex := 2 * format.Size()
	if len(line) < 2*hex+3 || line[hex] != ' ' || line[2*hex+1] != ' ' {
		return malformed("protocol error: expected old/new/ref, got '%s'", shown(line))
	}
	old, ok1 := format.ParseID(line[:hex])
	new, ok2 := format.ParseID(line[hex+1 : 2*hex+1])
	name := line[2*hex+2:]
	if !ok1 || !ok2 || strings.Contains(name, "\x00") || isTooLong(name, maxName) {
		return malformed("protocol error: expected old/new/ref, got '%s'", shown(line))
	}
	if seen[name] {
		return malformed("multiple updates for ref '%s' not allowed", shown(name))
	}
	seen[name] = true
	p.Updates = append(p.Updates, Update{Name: name, Old: old, New: new})
	return nil
}

func (p *Push) options(in *pktline.Reader) error {
	size := 0
	for {
		kind, line, err := in.Line()
		if err != nil {
			return early(err)
		}
		if kind == pktline.Flush {
			return nil
		}
		size += len(line)
		if kind != pktline.Data || len(p.Options) >= maxOptions || size > maxOptionBytes {
			return malformed("too many push options")
		}
		p.Options = append(p.Options, line)
	}
}

// Result is what became of one command. An empty Reason means that it was done.
type Result struct {
	Name   string
	Reason string
}

// AppendReport appends a report-status, the same for versions 1 and 2 of it
// since no ref is ever moved under another name. unpack is empty for success.
func AppendReport(b []byte, unpack string, results []Result) []byte {
	if unpack == "" {
		unpack = "ok"
	}
	b = pktline.Append(b, "unpack "+oneLine(unpack)+"\n")
	for _, r := range results {
		if r.Reason == "" {
			b = pktline.Append(b, "ok "+r.Name+"\n")
		} else {
			b = pktline.Append(b, "ng "+r.Name+" "+oneLine(r.Reason)+"\n")
		}
	}
	return pktline.AppendFlush(b)
}

func oneLine(s string) string {
	return strings.NewReplacer("\n", " ", "\x00", " ").Replace(s[:min(len(s), 1000)])
}
