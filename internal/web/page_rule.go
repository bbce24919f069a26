package web

// ruleRow is a rule in a list.
type ruleRow struct{ Pattern, Href, Says string }

// branchesPage is the rules for branches and tags.
type branchesPage struct {
	RepoFrame
	Branches, Tags []ruleRow
	BlockForce     string
}

// rulePage is the form for one rule.
type rulePage struct {
	RepoFrame
	Kind, Pattern, Push, Accounts          string
	Itself                                 bool // the repository's own account is listed
	IncludeAdmins, AllowForce, AllowDelete bool
	Action, DeleteHref                     string // DeleteHref is empty for a new one
}

// storage is how much a repository takes, and may take.
type storage struct {
	Git, LFS    int64 // bytes
	Quota       int64 // its own; 0: none
	OwnerUsed   int64 // of all repositories of the owner
	OwnerQuota  int64 // 0: none
	Full        bool
	OwnerIsMine bool // the viewer owns it
}
