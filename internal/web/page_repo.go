package web

import (
	"html/template"
	"time"

	"jeton/internal/gitstore"
	"jeton/internal/id"
)

// repoHead is the repository that a page belongs to.
type repoHead struct {
	Owner, Name, Href, Description string
	Private, Archived              bool
	ForkedFrom                     string // OWNER/NAME, to those who may read it
	Homepage                       string
	Topics                         []string
	OfOrg, Template                bool
	Size                           int64 // bytes
	Pushed                         time.Time
}

// RepoFrame is what every page of a repository has. Page structs embed it.
type RepoFrame struct {
	Frame
	Repo      repoHead
	Tabs      []Link
	InContent bool // the heading is the content's, not the repository's name
}

// cloneBox is the address to clone from and what git will ask for.
type cloneBox struct {
	URL, Login, TokenHref string
	Public                bool // everybody may clone
	Trust                 caLines
}

// caLines are git's lines for a local authority, and by what to know it on another
// computer. All are empty when there is none.
type caLines struct{ Git, Windows, Fingerprint string }

// refMenu is the choice of a branch or tag.
type refMenu struct {
	Ref            string
	Branches, Tags []Link
	More           bool
	Shown          int
}

// commitRow is a commit in a list.
type commitRow struct {
	Subject, Author, Short, Href, TreeHref string
	Time                                   time.Time
	Badge                                  *badge  // nil: it is not signed
	Checks                                 *checks // nil: there are none
}

// fileRow is an entry of a folder. Kind says what is unusual about it.
type fileRow struct {
	Name, Href, Kind string
	Folder           bool
}

// listing is a folder.
type listing struct {
	Latest *commitRow
	Up     string
	Files  []fileRow
	Rest   int // entries that are not shown
}

// readme is a README, as HTML that the package markdown made or as plain text.
type readme struct {
	Name, Text string
	HTML       template.HTML
}

// repoPage is a repository's first page.
type repoPage struct {
	RepoFrame
	Empty, MayPush, SHA256 bool
	ForkHref               string // empty for visitors
	TemplateHref           string // and of what is no template
	Refs                   refMenu
	CommitsHref            string
	Listing                listing
	Readme                 *readme
	Clone                  cloneBox
}

// pathNav is the path of a file or folder, each part a link.
type pathNav struct {
	Root, Name string
	Parts      []Link
}

// treePage is a folder.
type treePage struct {
	RepoFrame
	Heading     string
	Refs        refMenu
	Where       pathNav
	CommitsHref string
	Listing     listing
	Readme      *readme
}

// blobPage is a file. Code is made by writeCode.
type blobPage struct {
	RepoFrame
	Heading, Name                string
	Refs                         refMenu
	Where                        pathNav
	RawHref, CommitsHref         string
	Size                         int64
	Lines                        int
	Binary, TooLarge, Cut, Plain bool
	OtherHref                    string // the formatted page or the source, where there are both
	Code, Rendered               template.HTML
	Large                        *largeFile // the content is in Git LFS
}

// commitDay is the commits of one day.
type commitDay struct {
	Day     string
	Commits []commitRow
}

// commitsPage is a history.
type commitsPage struct {
	RepoFrame
	Refs  refMenu
	Where *pathNav
	Empty bool // there is no commit at all
	Days  []commitDay
	Pager pager
}

// tagRow is a tag in a list.
type tagRow struct {
	Name, Subject         string
	Short, Href, TreeHref string // of the commit; empty when it leads to none
	Time                  time.Time
	Badge                 *badge
}

// tagsPage is the tags of a repository.
type tagsPage struct {
	RepoFrame
	Tags  []tagRow
	Pager pager
}

// diffFile is one changed file. Code is made by writeDiff; a Note stands for it.
type diffFile struct {
	ID, Name, From, Kind, Note string
	Added, Removed             int
	Code                       template.HTML
}

// commitPage is one commit with its change.
type commitPage struct {
	RepoFrame
	ID, Short, Subject, Body, Author, Committer string
	Time                                        time.Time
	TreeHref                                    string
	Parents                                     []Link
	Files                                       []diffFile
	FileCount, Added, Removed                   int
	Merge, Cut                                  bool
	Badge                                       *badge
	Statuses                                    []statusRow
	MoreStatuses                                int  // that are not shown
	Slow                                        bool // comparing took too long
}

// repoSettingsPage is a repository's general settings.
type repoSettingsPage struct {
	RepoFrame
	Name, Description, DefaultBranch string
	Homepage, Topics                 string
	Template, AskForking, MayFork    bool
	Branches                         []string
	Upkeep                           *gitstore.Upkeep // nil: not to be had now
	Storage                          storage
}

// personRow is a collaborator.
type personRow struct {
	Login  string
	Levels []levelOption
}

// levelOption is a level of access that can be chosen.
type levelOption struct {
	Value, Text string
	Selected    bool
}

// accessPage is who may use a repository.
type accessPage struct {
	RepoFrame
	People  []personRow
	Invited []invitedRow
	Teams   []teamAccess
	Login   string
}

// invitedRow is somebody who was invited to a repository.
type invitedRow struct {
	ID           id.Invitation
	Login, Level string
	Since        time.Time
	Expired      bool
}

// teamAccess is a team that may use a repository.
type teamAccess struct{ Name, Href, Level string }

// newRepoPage is the form for a new repository.
type newRepoPage struct {
	Frame
	Name, Description      string
	Public, SHA256, Closed bool
	Owners                 []ownerOption
}
