// Package foreign reads what other Git hosts keep: the databases of Gitea and
// Forgejo, Gogs and Soft Serve, from copies or in read-only transactions. It turns
// each into the same few values, with rights that are never wider than they were
// there. It must never write anything, know a room, or take what it reads for good:
// names, levels and digests are the next one's to check.
package foreign

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"jeton/internal/right"
)

// System is one that can be read.
type System string

// The systems. The names are stored.
const (
	Gitea     System = "gitea" // and Forgejo
	Gogs      System = "gogs"
	SoftServe System = "soft-serve"
)

// Title is what people call the system.
func (s System) Title() string {
	return map[System]string{Gitea: "Gitea", Gogs: "Gogs", SoftServe: "Soft Serve"}[s]
}

// World is all that is read of a database.
type World struct {
	People []Person
	Orgs   []Org
	Repos  []Repo
	Tokens []Token
	Old    []Old    // names that still lead to what has another one now
	Said   []string // what is true of the whole and is for the administrator
}

// Person is an account of somebody.
type Person struct {
	ID        int64
	Login     string
	Name      string
	Email     string
	Verified  bool // the system knows that the address is theirs
	Admin     bool
	Shut      string // why it is kept out; empty: it is not
	Skip      string // why it is not brought; empty: it is
	CreatedAt time.Time
}

// Org is an organization.
type Org struct {
	ID        int64
	Login     string
	Name      string
	Owners    []int64
	Members   []int64 // without the owners
	Teams     []Team  // without those of the owners
	CreatedAt time.Time
}

// Team is a group of an organization's members.
type Team struct {
	ID      int64
	Name    string
	About   string
	Level   right.Level // on each of Repos
	Secret  bool        // none but its members and the owners know of it
	Members []int64
	Repos   []int64
}

// Repo is a repository.
type Repo struct {
	ID        int64
	Owner     int64 // a person's or an organization's
	Name      string
	Path      string // below the folder of all repositories, with slashes
	About     string
	Private   bool
	Archived  bool
	Template  bool
	ForkOf    int64
	Helpers   []Helper
	Said      []string // what is different here
	CreatedAt time.Time
}

// Helper is somebody who may use a repository beside its owner.
type Helper struct {
	Person int64
	Level  right.Level
}

// Token is an access token.
type Token struct {
	ID        int64
	Owner     int64
	Name      string
	Scheme    string // "pbkdf2" or "sha256"
	Salt      string
	Digest    []byte
	LastEight string // empty: it is not known
	Rights    Rights
	Skip      string // why it is not brought; empty: it is
	CreatedAt time.Time
	ExpiresAt time.Time // zero: never
}

// Old is a name that still leads to what has another one now: an account, or a
// repository that was called so below an owner.
type Old struct {
	Owner int64 // the name's; zero: it is a login
	Name  string
	To    int64 // the account's number or the repository's
}

// tidy makes text that people wrote fit for a line here: without control and
// formatting characters, and at most so many characters long.
func tidy(s string, most int) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\r' || r == '\t':
			return ' '
		case unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == utf8.RuneError:
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
	s = strings.Join(strings.Fields(s), " ")
	if runes := []rune(s); len(runes) > most {
		s = strings.TrimSpace(string(runes[:most]))
	}
	return s
}

// segment is s as a part of a path, or nothing if it could lead elsewhere.
func segment(s string) string {
	if s == "" || s == "." || s == ".." || strings.ContainsAny(s, "/\\\x00") {
		return ""
	}
	return s
}

// level reads the number by which Gitea and Gogs keep an access: 1 reads, 2 writes, 3
// administers, and 4 owns, which nobody but the owner does here.
func level(n int64) (right.Level, error) {
	switch n {
	case 0:
		return right.None, nil
	case 1:
		return right.Read, nil
	case 2:
		return right.Write, nil
	case 3, 4:
		return right.Admin, nil
	}
	return right.None, fmt.Errorf("an access of the unknown kind %d", n)
}

// sortWorld puts everything in the order of its numbers, so that each run is alike,
// and what others are forks of before them.
func sortWorld(w *World) {
	slices.SortFunc(w.People, func(a, b Person) int { return int(a.ID - b.ID) })
	slices.SortFunc(w.Orgs, func(a, b Org) int { return int(a.ID - b.ID) })
	slices.SortFunc(w.Repos, func(a, b Repo) int { return int(a.ID - b.ID) })
	slices.SortFunc(w.Tokens, func(a, b Token) int { return int(a.ID - b.ID) })
}
