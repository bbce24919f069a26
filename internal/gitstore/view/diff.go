package view

import (
	"bufio"
	"errors"
	"io"
	"strconv"
	"strings"

	"jeton/internal/gitstore/object"
	"jeton/internal/gitstore/run"
)

// DiffLimits bounds a diff. A zero field takes its default.
type DiffLimits struct {
	Files     int   // files listed; 300
	Lines     int   // lines shown of one file; 2,000
	LineBytes int   // bytes shown of one line; 2,000
	Bytes     int64 // bytes of patch read in all; 8 MiB
}

// otherwise gives a limit that is not set its default.
func otherwise[T int | int64](v *T, d T) {
	if *v <= 0 {
		*v = d
	}
}

func (l DiffLimits) withDefaults() DiffLimits {
	otherwise(&l.Files, 300)
	otherwise(&l.Lines, 2000)
	otherwise(&l.LineBytes, 2000)
	otherwise(&l.Bytes, 8<<20)
	return l
}

// Diff is what a commit changed against its first parent, or against nothing.
type Diff struct {
	Files     []FileDiff
	Total     int  // how many files changed, which may be more
	Truncated bool // files, or parts of the last ones, are missing
}

// FileDiff is one changed file. OldPath and NewPath may hold any bytes but NUL;
// they differ for a rename only.
type FileDiff struct {
	Status           byte // 'A', 'D', 'M', 'R' or 'T', as git has them
	OldPath, NewPath string
	OldMode, NewMode object.Mode
	OldID, NewID     object.ID
	Binary           bool // or too large to compare
	Added, Deleted   int  // lines, as far as they were read
	Hunks            []Hunk
	Truncated        bool
}

// Hunk is one run of lines. Section is what git prints after the second @@.
type Hunk struct {
	OldStart, OldLines int
	NewStart, NewLines int
	Section            string
	Lines              []Line
}

// Line is one line of a hunk: Op is ' ', '+', '-', or '\\' for git's remark
// that a file has no newline at its end. Text has no newline and any bytes.
type Line struct {
	Op        byte
	Text      string
	Truncated bool
}

// Diff compares the view's commit with its first parent.
func (v *View) Diff(limits DiffLimits) (Diff, error) { return v.diff(v.sides(), nil, limits) }

// diff compares two commits, or one with nothing.
func (v *View) diff(sides, env []string, limits DiffLimits) (Diff, error) {
	limits = limits.withDefaults()
	c := run.Command{
		Name: "diff-tree",
		Flags: []run.Flag{"-r", "-z", "--patch-with-raw", "--no-commit-id", "--root", "--full-index", "--no-abbrev", "--no-color",
			"--no-ext-diff", "--no-textconv", "--find-renames", "-l200", "--ignore-submodules=none", "--submodule=short",
			"--src-prefix=a/", "--dst-prefix=b/"},
		Config: run.DiffConfig(), Args: sides, Env: env,
	}
	p, err := v.repo.Start(v.ctx, c)
	if err != nil {
		return Diff{}, err
	}
	defer p.Stop()
	d, err := parseDiff(io.LimitReader(p.Stdout, limits.Bytes+4<<20), limits)
	if cause := v.ctx.Err(); cause != nil {
		return Diff{}, run.Worded(cause)
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		d.Truncated, err = true, nil
	}
	return d, err
}

// diffParser reads git diff-tree -z --patch-with-raw.
type diffParser struct {
	in     *bufio.Reader
	limits DiffLimits
	diff   Diff
	left   int64
	shown  int // lines kept of the current file
}

func parseDiff(r io.Reader, limits DiffLimits) (Diff, error) {
	p := &diffParser{in: bufio.NewReaderSize(r, 64<<10), limits: limits, left: limits.Bytes}
	if err := p.raw(); err != nil {
		return p.diff, err
	}
	if p.diff.Total == 0 {
		return p.diff, nil
	}
	return p.diff, p.patches()
}

// raw reads the records before the patches. An empty one ends them.
func (p *diffParser) raw() error {
	for {
		head, err := p.in.ReadString(0)
		if errors.Is(err, io.EOF) && head == "" {
			return nil
		}
		if err != nil {
			return err
		}
		if head = head[:len(head)-1]; head == "" {
			return nil
		}
		f := strings.Fields(strings.TrimPrefix(head, ":"))
		if len(f) != 5 || f[4] == "" {
			return errors.New("git diff-tree printed something unexpected")
		}
		fd := FileDiff{Status: f[4][0], OldID: object.ID(f[2]), NewID: object.ID(f[3])}
		fd.OldMode, _ = object.ParseMode(f[0])
		fd.NewMode, _ = object.ParseMode(f[1])
		path, err := p.in.ReadString(0)
		if err != nil {
			return err
		}
		fd.OldPath = path[:len(path)-1]
		fd.NewPath = fd.OldPath
		if fd.Status == 'R' || fd.Status == 'C' {
			if path, err = p.in.ReadString(0); err != nil {
				return err
			}
			fd.NewPath = path[:len(path)-1]
		}
		p.diff.Total++
		if len(p.diff.Files) < p.limits.Files {
			p.diff.Files = append(p.diff.Files, fd)
		} else {
			p.diff.Truncated = true
		}
	}
}

// patches reads the patches, which follow in the order of the records. A change
// of type is printed as two, a deletion and a creation.
func (p *diffParser) patches() error {
	file, halves := -1, 0
	var hunk *Hunk
	for {
		line, truncated, err := p.line()
		if errors.Is(err, io.EOF) && line == "" {
			return nil
		}
		if err != nil {
			if file >= 0 && file < len(p.diff.Files) {
				p.diff.Files[file].Truncated = true
			}
			return err
		}
		if old, now, ok := hunkLeft(hunk, line); ok {
			hunk.OldLines, hunk.NewLines = old, now
			p.add(&p.diff.Files[file], line, truncated)
			continue
		}
		switch {
		case strings.HasPrefix(line, "diff --git "):
			hunk, p.shown = nil, 0
			if file >= 0 && p.diff.Files[file].Status == 'T' && halves == 0 {
				halves++
				continue
			}
			file, halves = file+1, 0
			if file == len(p.diff.Files) {
				return nil
			}
		case file < 0:
		case strings.HasPrefix(line, "@@ "):
			hunk = p.hunk(&p.diff.Files[file], line)
		case strings.HasPrefix(line, "Binary files "), strings.HasPrefix(line, "GIT binary patch"):
			p.diff.Files[file].Binary = true
		}
	}
}

// hunkLeft says how many lines are still to come after this one; not ok when
// the hunk is over. Counting is the only way to tell content from headers.
func hunkLeft(h *Hunk, line string) (old, now int, ok bool) {
	if h == nil || line == "" && h.OldLines+h.NewLines == 0 {
		return 0, 0, false
	}
	old, now = h.OldLines, h.NewLines
	op := byte(' ')
	if line != "" {
		op = line[0]
	}
	switch op {
	case '+':
		now--
	case '-':
		old--
	case '\\':
		return old, now, true
	case ' ':
		old--
		now--
	default:
		return 0, 0, false
	}
	return old, now, old >= 0 && now >= 0
}

// hunk reads "@@ -1,2 +3,4 @@ section" into f, and returns a copy whose numbers
// of lines count down while they are read.
func (p *diffParser) hunk(f *FileDiff, line string) *Hunk {
	ranges, section, _ := strings.Cut(strings.TrimPrefix(line, "@@ "), " @@")
	old, now, _ := strings.Cut(ranges, " ")
	h := Hunk{Section: strings.TrimSpace(section)}
	h.OldStart, h.OldLines = hunkRange(strings.TrimPrefix(old, "-"))
	h.NewStart, h.NewLines = hunkRange(strings.TrimPrefix(now, "+"))
	if !f.Truncated {
		f.Hunks = append(f.Hunks, h)
	}
	left := h
	return &left
}

func hunkRange(s string) (start, lines int) {
	a, b, ok := strings.Cut(s, ",")
	start, _ = strconv.Atoi(a)
	lines = 1
	if ok {
		lines, _ = strconv.Atoi(b)
	}
	return start, lines
}

func (p *diffParser) add(f *FileDiff, line string, truncated bool) {
	op, text := byte(' '), ""
	if line != "" {
		op, text = line[0], line[1:]
	}
	switch op {
	case '+':
		f.Added++
	case '-':
		f.Deleted++
	}
	if p.shown >= p.limits.Lines {
		f.Truncated = true
		return
	}
	p.shown++
	h := &f.Hunks[len(f.Hunks)-1]
	h.Lines = append(h.Lines, Line{Op: op, Text: text, Truncated: truncated})
}

// line reads one line without its newline, and cuts what is too long.
func (p *diffParser) line() (text string, truncated bool, err error) {
	var b []byte
	for {
		part, err := p.in.ReadSlice('\n')
		p.left -= int64(len(part))
		if p.left < 0 {
			return "", false, io.ErrUnexpectedEOF
		}
		if n := p.limits.LineBytes + 1 - len(b); n < len(part) {
			truncated = truncated || n < len(strings.TrimSuffix(string(part), "\n"))
			part = part[:max(n, 0)]
		}
		b = append(b, part...)
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		return strings.TrimSuffix(string(b), "\n"), truncated, err
	}
}
