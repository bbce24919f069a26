// Package shape makes repositories that look like real histories out of a seed:
// the same seed gives the same ids on every machine. Benchmarks and tests of
// the whole use them in the place of repositories from elsewhere. It must never
// read anything but its own numbers, nor touch a repository that it did not
// make.
package shape

import (
	"fmt"
	"math/rand/v2"
)

// Shape says what a repository is like. The zero value of a count means none.
type Shape struct {
	Name    string // a folder's name, and part of the seed
	Seed    uint64
	Commits int
	Files   int // at the tip
	Folders int // they nest up to four deep
	Size    int // of a file, in bytes: the median of a long-tailed distribution
	Changed int // files that one commit changes, in tenths, on average
	Tags    int // annotated, spread over the history
	Heads   int // further branches, on the last commits in turn
}

// R1 is a small repository: 10 commits, 20 files.
func R1() Shape {
	return Shape{Name: "R1", Seed: 1, Commits: 10, Files: 20, Folders: 4, Size: 2 << 10, Changed: 30}
}

// R2 is like git.git at v1.6.0: 15,649 commits, 67,256 objects, 226 refs and a
// pack of about 20 MB.
func R2() Shape {
	return Shape{Name: "R2", Seed: 2, Commits: 15_649, Files: 850, Folders: 60, Size: 5_500, Changed: 18, Tags: 225}
}

// R2Small has the form of R2 and a thirtieth of its history, for tests.
func R2Small() Shape {
	return Shape{Name: "R2-small", Seed: 3, Commits: 500, Files: 120, Folders: 20, Size: 3_000, Changed: 15, Tags: 12}
}

// R3 has 50,002 refs and a short history under them.
func R3() Shape {
	return Shape{Name: "R3", Seed: 4, Commits: 500, Files: 50, Folders: 6, Size: 2 << 10, Changed: 15, Heads: 50_001}
}

// key tells one version of a generator's output from another: whatever changes
// the bytes must change the number, or a kept repository would be taken for a
// new one.
func (s Shape) key() string {
	const generator = 1
	return fmt.Sprintf("%s-%d-%d-%d-%d-%d-%d-%d-%d-%d", s.Name, generator, s.Seed, s.Commits, s.Files, s.Folders, s.Size, s.Changed, s.Tags, s.Heads)
}

// random returns the numbers of one purpose, which do not move when another
// purpose takes more of its own.
func (s Shape) random(purpose, item uint64) *rand.Rand {
	return rand.New(rand.NewPCG(s.Seed<<8|purpose, item))
}

// The purposes.
const (
	forPlan uint64 = iota
	forText
	forPaths
)
