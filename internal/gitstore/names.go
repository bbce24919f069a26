package gitstore

import (
	"jeton/internal/gitstore/draft"
	"jeton/internal/gitstore/incoming"
	"jeton/internal/gitstore/object"
	"jeton/internal/gitstore/share"
	"jeton/internal/gitstore/upkeep"
	"jeton/internal/gitstore/view"
)

// What callers of the store meet has a name here, wherever it lives: they import the
// store alone.
type (
	// Who is whose share a piece of work takes.
	Who = share.Who
	// File is one entry of a tree, by its whole path.
	File = object.File

	// View is the state of a repository at one commit, open for reading.
	View = view.View
	// Blob is one file or symbolic link.
	Blob = view.Blob
	// Tagged is one tag of a list.
	Tagged = view.Tagged
	// HistoryQuery says which commits a list shall have.
	HistoryQuery = view.HistoryQuery
	// Contributor is somebody by the name and address that their commits have.
	Contributor = view.Contributor
	// Comparison is how a commit stands to another one.
	Comparison = view.Comparison
	// DiffLimits bounds a diff.
	DiffLimits = view.DiffLimits
	// FileDiff is one changed file.
	FileDiff = view.FileDiff
	// Hunk is a changed part of a file.
	Hunk = view.Hunk
	// Line is one line of it.
	Line = view.Line
	// TextKind is one of git's own forms of a change.
	TextKind = view.TextKind
	// ArchiveFormat is the form of an archive.
	ArchiveFormat = view.ArchiveFormat
	// Pushed is what the movement of a ref brought.
	Pushed = view.Pushed
	// PushedCommit is a commit with the paths that it changed.
	PushedCommit = view.PushedCommit

	// LargeFile is an object of a push past a size limit.
	LargeFile = incoming.LargeFile
	// Place is where a push has a file for the first time.
	Place = incoming.Place

	// Draft is what an account composes without a pack of its own.
	Draft = draft.Draft
	// Object is one object with its content.
	Object = draft.Object
	// Edit is one change of a tree.
	Edit = draft.Edit

	// Maintain is what a maintenance is asked for.
	Maintain = upkeep.Wish
	// Upkeep is the state of a repository's maintenance.
	Upkeep = upkeep.State
)

// The kinds and forms.
const (
	DiffText  = view.DiffText
	PatchText = view.PatchText
	TarGz     = view.TarGz
	Zip       = view.Zip
)

// The errors that callers tell from others.
var (
	ErrEmpty     = view.ErrEmpty
	ErrUnrelated = view.ErrUnrelated
)

// ReadmeOf chooses a folder's README; "" when there is none.
func ReadmeOf(entries []object.Entry) string { return view.ReadmeOf(entries) }

// CheckPath refuses what no path of a file can be.
func CheckPath(path string) error { return draft.CheckPath(path) }
