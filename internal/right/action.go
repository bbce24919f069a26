package right

// Action is one entry of the gate's table: one thing that can be asked for.
// Its zero value is not an action, and Check denies it.
type Action uint8

// The actions. Every route of every door names one of them.
const (
	_ Action = iota

	// Of the site.
	SiteVisit  // pages and answers that are for everybody: sign-in, style sheets, /meta
	SiteBrowse // what a visitor may look at unless the site is closed to visitors
	SiteManage // users, links to join, settings of the site

	// Of the actor's own account.
	TokenRotate   // give the token by which one comes a new secret
	SelfRead      // who am I, which repositories may I see
	SelfEdit      // profile
	SelfEmails    // list the addresses
	SSHKeysRead   // SSH signing keys: list, view
	SSHKeysWrite  // add
	SSHKeysDelete // delete
	GPGKeysRead   // OpenPGP keys: list, view
	GPGKeysWrite  // add
	GPGKeysDelete // delete
	SelfRepos     // list one's own repositories on the settings pages
	SelfToken     // the token itself by which the actor came: what it is, and weaker ones of it
	SelfSecurity  // look at tokens, sessions, the security log
	SelfSensitive // change tokens, password, addresses, sessions, login
	RepoCreate    // a public repository
	RepoCreatePrivate

	// Of an application that proved which one it is.
	AppTokens // check, renew and end the tokens that it was given

	// Of one repository.
	RepoRead       // that it exists, and its metadata
	RepoFetch      // clone, fetch, read files, history and diffs
	RepoFork       // make a repository of one's own of it, beside RepoCreate
	RepoPush       // move refs
	RepoWorkflow   // add or change files under .github/workflows, beside RepoPush
	RepoRules      // read the rules for branches and tags
	RepoEdit       // description, name, default branch, archiving
	RepoUnarchive  // make an archived repository writable again
	RepoAccess     // collaborators
	RepoLeave      // give up one's own access
	RepoVisibility // make it public or private
	RepoTransfer   // give it to another owner
	RepoDelete
	RepoTeams        // the teams that may use it
	RepoPeople       // who else may use it
	RepoInvitations  // who was asked to
	RepoDeployTokens // its deploy tokens: look at them, make and end them

	// Of the actor's own account, concerning organisations and invitations.
	SelfOrgs           // which organisations it belongs to
	SelfMemberships    // how it belongs to them, invitations included, and its teams
	SelfMembershipEdit // accept an invitation of an organisation
	SelfInvitations    // list, accept and decline invitations to repositories
	OrgCreate          // make an organisation

	// Of one organisation.
	OrgBrowse            // its profile, its public members
	OrgMembers           // all of its members and the teams that are not secret
	OrgInvitations       // whom it has invited, and who helps from outside
	OrgManageMembers     // invite, remove, give roles, make teams
	OrgPublicize         // show or hide one's own membership
	OrgLeave             // give up one's own membership
	OrgEdit              // profile and what members may do
	OrgDelete            //
	OrgApplications      // its OAuth apps and their secrets
	OrgMachines          // its service accounts and their tokens
	OrgTokensRead        // the fine-grained tokens that reach what is its
	OrgTokensRevoke      // end them
	OrgRequestsRead      // what its owners are asked about such tokens
	OrgRequestsDecide    // answer that
	OrgPolicy            // what it wants of tokens
	OrgCreateSome        // a repository of it, of which is not said yet whether it will be public
	OrgCreateRepo        // a public repository of it
	OrgCreateRepoPrivate //

	// Of one team.
	TeamRead  // that it exists, its members and repositories
	TeamEdit  // its name and members
	TeamShare // give it access to a repository, beside RepoAccess

	// Of one repository, without its code.
	StatusRead  // statuses of commits
	StatusWrite // say something of a commit
	DeploymentRead
	DeploymentWrite
	ReleaseRead
	ReleaseDrafts // see releases that are not published yet
	ReleaseWrite  // publish, change and delete releases and their files

	// Of a repository's webhooks.
	HookRead   // look at them and at what they delivered, and have them ping
	HookEdit   // make and change them, send again
	HookDelete // take them away

	// Of an organisation's webhooks.
	OrgHookRead   // look at them and at what they delivered, and have them ping
	OrgHookEdit   // make and change them, send again
	OrgHookDelete // take them away

	// Of alerts about tokens that were found in a repository.
	AlertRead // look at them
	AlertEdit // decide about them

	// What other issuers may vouch for.
	RepoTrust // whom a repository trusts
	OrgTrust  // whom an organisation trusts

	actions // how many there are, plus one
)

// Subject is the kind of thing that an action is asked of.
type Subject uint8

// The subjects.
const (
	OfSite Subject = iota
	OfSelf
	OfRepo
	OfApp // only an application that proved which one it is may ask, and it for nothing else
	OfOrg
	OfTeam
)

// ActionInfo is what the table says of an action.
type ActionInfo struct {
	Name       string
	Subject    Subject
	Permission Permission
	Level      Level // the level of Permission that the grant must give; None: no grant is needed
	Right      Level // the level that the account must have on the repository, or in the organisation or team
	Creates    bool  // for OfOrg: the organisation must let the account create repositories
	OfPublic   bool  // what is made will be public: the grant for what is public counts
	Related    bool  // Right must be the account's own: that everybody may read is not enough
	Visitors   bool  // asked by somebody who is not signed in, it may be allowed
	Itself     bool  // only by a token that a person made for themselves, about itself
	People     bool  // only to a person who signed in on the pages (and to the operator)
	Recent     bool  // only after a recent sign-in
	Changes    bool  // an archived repository refuses it
	Behind     Behind
	EndsRefs   bool // it takes refs away: not for a token that is limited in how it moves them
}

// Behind says how an action of a repository comes to what lies behind its refs,
// for tokens that may not see all of them.
type Behind uint8

// The ways. What is new is not for such tokens until somebody has thought about it.
const (
	BehindSome Behind = iota // in ways that nobody filters, or it lets others see them
	BehindRefs               // through the refs alone, which a door can filter
	BehindNone               // not at all
)

var table = [actions]ActionInfo{
	SiteVisit:  {Name: "site.visit", Subject: OfSite, Visitors: true},
	SiteBrowse: {Name: "site.browse", Subject: OfSite, Visitors: true},
	SiteManage: {Name: "site.manage", Subject: OfSite, Permission: Site, Level: Admin, People: true, Recent: true},

	SelfRead:          {Name: "self.read", Subject: OfSelf},
	TokenRotate:       {Name: "self.rotate_token", Subject: OfSelf, Itself: true},
	SelfEdit:          {Name: "self.edit", Subject: OfSelf, Permission: Profile, Level: Write},
	SelfEmails:        {Name: "self.emails", Subject: OfSelf, Permission: Emails, Level: Read},
	SSHKeysRead:       {Name: "ssh_signing_keys.read", Subject: OfSelf, Permission: SSHSigningKeys, Level: Read},
	SSHKeysWrite:      {Name: "ssh_signing_keys.write", Subject: OfSelf, Permission: SSHSigningKeys, Level: Write},
	SSHKeysDelete:     {Name: "ssh_signing_keys.delete", Subject: OfSelf, Permission: SSHSigningKeys, Level: Admin},
	GPGKeysRead:       {Name: "gpg_keys.read", Subject: OfSelf, Permission: GPGKeys, Level: Read},
	GPGKeysWrite:      {Name: "gpg_keys.write", Subject: OfSelf, Permission: GPGKeys, Level: Write},
	GPGKeysDelete:     {Name: "gpg_keys.delete", Subject: OfSelf, Permission: GPGKeys, Level: Admin},
	SelfRepos:         {Name: "self.repositories", Subject: OfSelf, Permission: Security, Level: Read, People: true},
	SelfToken:         {Name: "self.token", Subject: OfSelf},
	SelfSecurity:      {Name: "self.security", Subject: OfSelf, Permission: Security, Level: Read, People: true},
	SelfSensitive:     {Name: "self.sensitive", Subject: OfSelf, Permission: Security, Level: Admin, People: true, Recent: true},
	RepoCreate:        {Name: "repo.create", Subject: OfSelf, Permission: Administration, Level: Write, OfPublic: true},
	RepoCreatePrivate: {Name: "repo.create_private", Subject: OfSelf, Permission: Administration, Level: Write},

	AppTokens: {Name: "app.tokens", Subject: OfApp},

	RepoRead:         {Name: "repo.read", Subject: OfRepo, Permission: Metadata, Level: Read, Right: Read, Visitors: true, Behind: BehindNone},
	RepoFetch:        {Name: "repo.fetch", Subject: OfRepo, Permission: Contents, Level: Read, Right: Read, Visitors: true, Behind: BehindRefs},
	RepoFork:         {Name: "repo.fork", Subject: OfRepo, Permission: Contents, Level: Read, Right: Read},
	RepoPush:         {Name: "repo.push", Subject: OfRepo, Permission: Contents, Level: Write, Right: Write, Changes: true, Behind: BehindRefs},
	RepoWorkflow:     {Name: "repo.workflow", Subject: OfRepo, Permission: Workflows, Level: Write, Right: Write, Changes: true, Behind: BehindRefs},
	RepoRules:        {Name: "repo.rules", Subject: OfRepo, Permission: Administration, Level: Read, Right: Admin},
	RepoEdit:         {Name: "repo.edit", Subject: OfRepo, Permission: Administration, Level: Write, Right: Admin, Changes: true},
	RepoUnarchive:    {Name: "repo.unarchive", Subject: OfRepo, Permission: Administration, Level: Write, Right: Admin},
	RepoAccess:       {Name: "repo.access", Subject: OfRepo, Permission: Administration, Level: Write, Right: Admin},
	RepoLeave:        {Name: "repo.leave", Subject: OfRepo, Permission: Metadata, Level: Read, Right: Read, Related: true, People: true},
	RepoVisibility:   {Name: "repo.visibility", Subject: OfRepo, Permission: Administration, Level: Admin, Right: Admin, Recent: true, Changes: true},
	RepoTransfer:     {Name: "repo.transfer", Subject: OfRepo, Permission: Administration, Level: Admin, Right: Admin, Recent: true},
	RepoTeams:        {Name: "repo.teams", Subject: OfRepo, Permission: Administration, Level: Read, Right: Admin},
	RepoPeople:       {Name: "repo.people", Subject: OfRepo, Permission: People, Level: Read, Right: Write},
	RepoInvitations:  {Name: "repo.invitations", Subject: OfRepo, Permission: Administration, Level: Read, Right: Admin},
	RepoDeployTokens: {Name: "repo.deploy_tokens", Subject: OfRepo, Permission: Administration, Level: Admin, Right: Admin, People: true, Recent: true},
	RepoDelete:       {Name: "repo.delete", Subject: OfRepo, Permission: Deletion, Level: Write, Right: Admin, Recent: true, EndsRefs: true},

	StatusRead:      {Name: "status.read", Subject: OfRepo, Permission: Statuses, Level: Read, Right: Read, Visitors: true},
	StatusWrite:     {Name: "status.write", Subject: OfRepo, Permission: Statuses, Level: Write, Right: Write, Changes: true},
	DeploymentRead:  {Name: "deployment.read", Subject: OfRepo, Permission: Deployments, Level: Read, Right: Read, Visitors: true},
	ReleaseRead:     {Name: "release.read", Subject: OfRepo, Permission: Contents, Level: Read, Right: Read, Visitors: true},
	ReleaseDrafts:   {Name: "release.drafts", Subject: OfRepo, Permission: Contents, Level: Write, Right: Write},
	ReleaseWrite:    {Name: "release.write", Subject: OfRepo, Permission: Contents, Level: Write, Right: Write, Changes: true},
	DeploymentWrite: {Name: "deployment.write", Subject: OfRepo, Permission: Deployments, Level: Write, Right: Write, Changes: true},

	SelfOrgs:           {Name: "self.organizations", Subject: OfSelf, Permission: Memberships, Level: Read},
	SelfMemberships:    {Name: "self.memberships", Subject: OfSelf, Permission: Members, Level: Read},
	SelfMembershipEdit: {Name: "self.membership_edit", Subject: OfSelf, Permission: Members, Level: Write},
	SelfInvitations:    {Name: "self.invitations", Subject: OfSelf, Permission: Invitations, Level: Write},
	OrgCreate:          {Name: "org.create", Subject: OfSelf, Permission: Security, Level: Read, People: true},

	// In an organisation Read is a member's level and Admin an owner's; in a team
	// Read is that of who may see it, Write a maintainer's, Admin an owner's.
	OrgBrowse:            {Name: "org.browse", Subject: OfOrg, Visitors: true},
	OrgMembers:           {Name: "org.members", Subject: OfOrg, Permission: Members, Level: Read, Right: Read},
	OrgInvitations:       {Name: "org.invitations", Subject: OfOrg, Permission: Members, Level: Read, Right: Admin},
	OrgManageMembers:     {Name: "org.manage_members", Subject: OfOrg, Permission: Members, Level: Write, Right: Admin},
	OrgPublicize:         {Name: "org.publicize", Subject: OfOrg, Permission: Members, Level: Write, Right: Read},
	OrgLeave:             {Name: "org.leave", Subject: OfOrg, Permission: Members, Level: Write, Right: Read},
	OrgEdit:              {Name: "org.edit", Subject: OfOrg, Permission: OrgAdministration, Level: Write, Right: Admin},
	OrgDelete:            {Name: "org.delete", Subject: OfOrg, Permission: OrgAdministration, Level: Write, Right: Admin, Recent: true},
	OrgApplications:      {Name: "org.applications", Subject: OfOrg, Permission: OrgAdministration, Level: Write, Right: Admin, People: true, Recent: true},
	OrgMachines:          {Name: "org.service_accounts", Subject: OfOrg, Permission: OrgAdministration, Level: Write, Right: Admin, People: true, Recent: true},
	OrgTokensRead:        {Name: "org.tokens", Subject: OfOrg, Permission: OrgTokens, Level: Read, Right: Admin},
	OrgTokensRevoke:      {Name: "org.tokens_revoke", Subject: OfOrg, Permission: OrgTokens, Level: Write, Right: Admin},
	OrgRequestsRead:      {Name: "org.token_requests", Subject: OfOrg, Permission: OrgTokenRequests, Level: Read, Right: Admin},
	OrgRequestsDecide:    {Name: "org.token_requests_decide", Subject: OfOrg, Permission: OrgTokenRequests, Level: Write, Right: Admin, Recent: true},
	OrgPolicy:            {Name: "org.token_policy", Subject: OfOrg, Permission: OrgAdministration, Level: Write, Right: Admin, People: true, Recent: true},
	OrgCreateSome:        {Name: "org.create_some_repo", Subject: OfOrg, Permission: Administration, Level: Write, Right: Read, Creates: true, OfPublic: true},
	OrgCreateRepo:        {Name: "org.create_repo", Subject: OfOrg, Permission: Administration, Level: Write, Right: Read, Creates: true, OfPublic: true},
	OrgCreateRepoPrivate: {Name: "org.create_repo_private", Subject: OfOrg, Permission: Administration, Level: Write, Right: Read, Creates: true},

	TeamRead:  {Name: "team.read", Subject: OfTeam, Permission: Members, Level: Read, Right: Read},
	TeamEdit:  {Name: "team.edit", Subject: OfTeam, Permission: Members, Level: Write, Right: Write},
	TeamShare: {Name: "team.share", Subject: OfTeam, Permission: Members, Level: Write, Right: Read},

	HookRead:   {Name: "hook.read", Subject: OfRepo, Permission: RepositoryHooks, Level: Read, Right: Admin},
	HookEdit:   {Name: "hook.edit", Subject: OfRepo, Permission: RepositoryHooks, Level: Write, Right: Admin, Recent: true, Changes: true},
	HookDelete: {Name: "hook.delete", Subject: OfRepo, Permission: RepositoryHooks, Level: Admin, Right: Admin, Recent: true},

	OrgHookRead:   {Name: "org_hook.read", Subject: OfOrg, Permission: OrganizationHooks, Level: Read, Right: Admin},
	OrgHookEdit:   {Name: "org_hook.edit", Subject: OfOrg, Permission: OrganizationHooks, Level: Write, Right: Admin, Recent: true},
	OrgHookDelete: {Name: "org_hook.delete", Subject: OfOrg, Permission: OrganizationHooks, Level: Admin, Right: Admin, Recent: true},

	AlertRead: {Name: "alert.read", Subject: OfRepo, Permission: SecretAlerts, Level: Read, Right: Admin},
	AlertEdit: {Name: "alert.edit", Subject: OfRepo, Permission: SecretAlerts, Level: Write, Right: Admin},

	RepoTrust: {Name: "repo.trust", Subject: OfRepo, Permission: Administration, Level: Write, Right: Admin, People: true, Recent: true},
	OrgTrust:  {Name: "org.trust", Subject: OfOrg, Permission: OrgAdministration, Level: Write, Right: Admin, People: true, Recent: true},
}

func (a Action) entry() *ActionInfo {
	if a >= actions {
		a = 0
	}
	return &table[a]
}

// Info returns the table's entry of a. An action that is not in the table has
// an empty name.
func (a Action) Info() ActionInfo { return *a.entry() }

// String returns the action's name, as the logs have it.
func (a Action) String() string { return a.entry().Name }

// Actions returns every action of the table.
func Actions() []Action {
	out := make([]Action, 0, actions-1)
	for a := Action(1); a < actions; a++ {
		out = append(out, a)
	}
	return out
}
