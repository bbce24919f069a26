package push

import (
	"context"
	"fmt"

	"jeton/internal/gitstore"
	"jeton/internal/gitstore/object"
	"jeton/internal/printable"
	"jeton/internal/problem"
)

// sizes are the files of a push past the limit, and those of which it is warned.
type sizes struct {
	over, warn []gitstore.LargeFile
	paths      map[object.ID]string // where the push has them
}

// sizes finds them; paths has their ids as its keys, still without a path.
func (p *pushing) sizes(ctx context.Context, in *gitstore.Incoming) (sizes, error) {
	limit := p.flow.o.Git.Limits().ObjectBytes
	s := sizes{paths: map[object.ID]string{}}
	// Each has its own count of the files that are named, so that many warnings
	// hide no file that is too large.
	all, err := in.CheckSizes(ctx, p.warnFrom(), limit)
	if err != nil {
		return s, err
	}
	for _, f := range all {
		s.paths[f.ID] = ""
		if f.Size > limit {
			s.over = append(s.over, f)
		} else {
			s.warn = append(s.warn, f)
		}
	}
	return s, nil
}

// warnFrom is the size past which there is a warning.
func (p *pushing) warnFrom() int64 {
	limit := p.flow.o.Git.Limits().ObjectBytes
	if warn := p.flow.o.WarnFile; warn > 0 && warn < limit {
		return warn
	}
	return limit
}

const maxNamed = 10 // files that are told of by name

func (s *sizes) name(f gitstore.LargeFile) string {
	if path := s.paths[f.ID]; path != "" {
		return printable.Line(path, 200)
	}
	return string(f.ID)
}

const largeFiles = "GH001: Large files detected. You may want to try Git Large File Storage - https://git-lfs.github.com."

// refuseLarge tells of files past the limit in GitHub's words.
func (p *pushing) refuseLarge(s *sizes) {
	limit := megabytes(p.flow.o.Git.Limits().ObjectBytes)
	p.because(TooLarge, problem.New(problem.TooLarge, "A file is larger than "+limit+", which is this server's limit.", ""))
	for _, f := range s.over[:min(len(s.over), maxNamed)] {
		p.answer.say(fmt.Sprintf("error: File %s is %s; this exceeds Jeton's file size limit of %s", s.name(f), megabytes(f.Size), limit))
	}
	p.answer.say("error: " + largeFiles)
	p.answer.tell("Remove them from every commit that you push (git rebase -i, or git filter-repo), then push again.")
}

// warnLarge tells of files that are let in.
func (p *pushing) warnLarge(s *sizes) {
	if len(s.warn) == 0 {
		return
	}
	for _, f := range s.warn[:min(len(s.warn), maxNamed)] {
		p.answer.say(fmt.Sprintf("warning: File %s is %s; this is larger than Jeton's recommended maximum file size of %s", s.name(f), megabytes(f.Size), megabytes(p.warnFrom())))
	}
	p.answer.say("warning: " + largeFiles)
}

func megabytes(n int64) string { return fmt.Sprintf("%.2f MB", float64(n)/(1<<20)) }
