package web

import (
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"jeton/internal/account"
	"jeton/internal/alert"
	"jeton/internal/application"
	"jeton/internal/audit"
	"jeton/internal/cert"
	"jeton/internal/commitstatus"
	"jeton/internal/db"
	"jeton/internal/deliver"
	"jeton/internal/gate"
	"jeton/internal/gitstore"
	"jeton/internal/hook"
	"jeton/internal/httpkit"
	"jeton/internal/inventory"
	"jeton/internal/largefile"
	"jeton/internal/ledger"
	"jeton/internal/lifecycle"
	"jeton/internal/limit"
	"jeton/internal/mail"
	"jeton/internal/notice"
	"jeton/internal/org"
	"jeton/internal/policy"
	"jeton/internal/problem"
	"jeton/internal/pubkey"
	"jeton/internal/publish"
	"jeton/internal/release"
	"jeton/internal/repo"
	"jeton/internal/right"
	"jeton/internal/signature"
	"jeton/internal/signin"
	"jeton/internal/token"
	"jeton/internal/trust"
)

// Options are what the door needs. All but Files, Authority, Log and Now are required.
type Options struct {
	DB        *db.DB
	Gate      *gate.Gate
	Accounts  *account.Room
	Signin    *signin.Room
	Policies  *policy.Room
	Tokens    *token.Room
	Inventory *inventory.Room
	Apps      *application.Room
	Repos     *repo.Room
	Orgs      *org.Room
	Audit     *audit.Log
	Ledger    *ledger.Room
	Files     *largefile.Room // nil where there is no Git LFS
	Git       *gitstore.Store
	Lifecycle *lifecycle.Flow
	Hooks     *hook.Room
	Trusts    *trust.Room
	Deliver   *deliver.Flow
	Alerts    *alert.Room
	Notices   *notice.Room
	Mail      *mail.Flow
	Reveals   *signin.Reveals
	Authority *cert.Authority // the local authority whose certificate is served; nil when it is another's
	Log       *slog.Logger    // nil: nothing is logged
	Now       func() time.Time

	PublicKeys *pubkey.Room
	Statuses   *commitstatus.Room
	Releases   *release.Room
	Publish    *publish.Flow

	UploadTimeout time.Duration // for one form with files; 0: an hour
}

// Door answers browsers.
type Door struct {
	o         Options
	pages     *pages
	site      *http.ServeMux // paths whose first segment is a reserved name
	owners    *http.ServeMux // paths that begin with a login
	routes    []httpkit.RouteInfo
	crossSite *http.CrossOriginProtection
	heavy     *limit.Gate // pages that walk a repository
	long      *limit.Gate // answers that may take their reader long
}

// How much expensive work runs at once. The store bounds what a page may take;
// this bounds who takes it.
const (
	heavyPerActor = 4
	heavyInAll    = 24
	heavyFor      = 20 * time.Second
	longPerActor  = 8
	longInAll     = 128
	maxForm       = 128 << 10
	mediaTime     = time.Hour // for one large file
)

// New builds the door from its tables.
func New(o Options) (*Door, error) {
	if o.DB == nil || o.Gate == nil || o.Accounts == nil || o.Signin == nil || o.Tokens == nil || o.Inventory == nil || o.Apps == nil || o.Repos == nil || o.Orgs == nil ||
		o.Audit == nil || o.Ledger == nil || o.Git == nil || o.Lifecycle == nil || o.Hooks == nil || o.Trusts == nil || o.Deliver == nil || o.Alerts == nil || o.Notices == nil || o.Mail == nil || o.Reveals == nil ||
		o.PublicKeys == nil || o.Statuses == nil || o.Releases == nil || o.Publish == nil {
		panic("web: New without a required option")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.UploadTimeout == 0 {
		o.UploadTimeout = time.Hour
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	p, err := newPages(o.Now)
	if err != nil {
		return nil, err
	}
	d := &Door{
		o: o, pages: p, site: http.NewServeMux(), owners: http.NewServeMux(),
		crossSite: http.NewCrossOriginProtection(),
		heavy:     limit.NewGate(limit.GateOptions{PerKey: heavyPerActor, Total: heavyInAll}),
		long:      limit.NewGate(limit.GateOptions{PerKey: longPerActor, Total: longInAll}),
	}
	machines := slices.Concat(machineTable("/settings/service-accounts", right.SelfSecurity, right.SelfSensitive),
		machineTable("/organizations/{org}/settings/service-accounts", right.OrgMachines, right.OrgMachines))
	tokens := slices.Concat(usesTable("/settings/tokens", right.SelfSecurity, right.SelfSensitive, own),
		tokenTable("/settings/tokens", token.Personal, right.SelfSecurity, right.SelfSensitive, own),
		tokenTable("/settings/personal-access-tokens", token.FineGrained, right.SelfSecurity, right.SelfSensitive, own))
	d.routes = append(httpkit.Register(d.site, "web", slices.Concat(d.siteTable(), tokens, machines), d.wrap), httpkit.Register(d.owners, "web", slices.Concat(d.ownerTable(), deployTable()), d.wrap)...)
	missing := httpkit.Frame(d.renderError, func(http.ResponseWriter, *http.Request) error { return errMissing() })
	d.site.Handle("/", missing)
	d.owners.Handle("/", missing)
	return d, nil
}

// Routes lists the tables, for the tests that walk every route.
func (d *Door) Routes() []httpkit.RouteInfo { return d.routes }

// siteTable is every page whose address begins with a reserved name.
func (d *Door) siteTable() []httpkit.Route[handler] {
	get, post := http.MethodGet, http.MethodPost
	return []httpkit.Route[handler]{
		{Method: get, Path: "/{$}", Action: right.SiteVisit, Handle: home},
		{Method: get, Path: "/login", Action: right.SiteVisit, Handle: loginForm},
		{Method: post, Path: "/login", Action: right.SiteVisit, Handle: login},
		{Method: post, Path: "/logout", Action: right.SiteVisit, Handle: logout},
		{Method: get, Path: "/setup", Action: right.SiteVisit, Handle: setupForm},
		{Method: post, Path: "/setup", Action: right.SiteVisit, Handle: setup},
		{Method: get, Path: "/join", Action: right.SiteVisit, Handle: joinForm},
		{Method: post, Path: "/join", Action: right.SiteVisit, Handle: join},
		{Method: get, Path: "/password_reset", Action: right.SiteVisit, Handle: resetForm},
		{Method: post, Path: "/password_reset", Action: right.SiteVisit, Handle: reset},
		{Method: get, Path: "/sessions/sudo", Action: right.SelfRead, Handle: sudoForm},
		{Method: post, Path: "/sessions/sudo", Action: right.SelfRead, Handle: sudo},

		{Method: get, Path: "/login/oauth/authorize", Action: right.SelfSensitive, Handle: authorizeForm},
		{Method: post, Path: "/login/oauth/authorize", Action: right.SelfSensitive, Handle: authorizeApp},
		{Method: get, Path: "/login/device", Action: right.SelfSensitive, Handle: deviceForm},
		{Method: post, Path: "/login/device", Action: right.SelfSensitive, Handle: confirmDevice},
		{Method: post, Path: "/login/device/confirmation", Action: right.SelfSensitive, Handle: decideDevice},
		{Method: get, Path: "/login/device/success", Action: right.SelfRead, Handle: deviceSuccess},
		{Method: get, Path: "/login/device/failure", Action: right.SelfRead, Handle: deviceFailure},

		{Method: get, Path: "/avatars/u/{user}", Action: right.SiteBrowse, Handle: avatar},
		{Method: get, Path: "/new", Action: right.RepoCreate, Handle: newRepoForm},
		{Method: post, Path: "/new", Action: right.RepoCreate, Handle: createRepo},

		{Method: get, Path: "/invitations", Action: right.SelfInvitations, Handle: listInvitations},
		{Method: post, Path: "/invitations/{invitation}/accept", Action: right.SelfInvitations, Handle: acceptInvitation},
		{Method: post, Path: "/invitations/{invitation}/decline", Action: right.SelfInvitations, Handle: declineInvitation},

		{Method: get, Path: "/organizations/new", Action: right.OrgCreate, Handle: newOrgForm},
		{Method: post, Path: "/organizations/new", Action: right.OrgCreate, Handle: createOrg},
		{Method: get, Path: "/organizations/{org}/settings", Action: right.OrgEdit, Handle: orgSettings},
		{Method: post, Path: "/organizations/{org}/settings/profile", Action: right.OrgEdit, Handle: saveOrgProfile},
		{Method: post, Path: "/organizations/{org}/settings/privileges", Action: right.OrgEdit, Handle: saveOrgPrivileges},
		{Method: post, Path: "/organizations/{org}/settings/rename", Action: right.OrgDelete, Handle: renameOrg},
		{Method: get, Path: "/organizations/{org}/settings/delete", Action: right.OrgDelete, Handle: deleteOrgForm},
		{Method: post, Path: "/organizations/{org}/settings/delete", Action: right.OrgDelete, Handle: deleteOrg},
		{Method: get, Path: "/organizations/{org}/settings/applications", Action: right.OrgEdit, Handle: listApps},
		{Method: get, Path: "/organizations/{org}/settings/applications/new", Action: right.OrgEdit, Handle: newAppForm},
		{Method: post, Path: "/organizations/{org}/settings/applications", Action: right.OrgApplications, Handle: registerApp},
		{Method: get, Path: "/organizations/{org}/settings/applications/{app}", Action: right.OrgEdit, Handle: showApp},
		{Method: post, Path: "/organizations/{org}/settings/applications/{app}", Action: right.OrgApplications, Handle: updateApp},
		{Method: post, Path: "/organizations/{org}/settings/applications/{app}/secrets", Action: right.OrgApplications, Handle: newAppSecret},
		{Method: post, Path: "/organizations/{org}/settings/applications/{app}/secrets/{secret}/delete", Action: right.OrgApplications, Handle: deleteAppSecret},
		{Method: get, Path: "/organizations/{org}/settings/applications/{app}/revoke_users", Action: right.OrgEdit, Handle: revokeUsersForm},
		{Method: post, Path: "/organizations/{org}/settings/applications/{app}/revoke_users", Action: right.OrgApplications, Handle: revokeUsers},
		{Method: get, Path: "/organizations/{org}/settings/applications/{app}/delete", Action: right.OrgEdit, Handle: deleteAppForm},
		{Method: post, Path: "/organizations/{org}/settings/applications/{app}/delete", Action: right.OrgApplications, Handle: deleteApp},
		{Method: get, Path: "/organizations/{org}/settings/hooks", Action: right.OrgHookRead, Handle: listHooks},
		{Method: get, Path: "/organizations/{org}/settings/hooks/new", Action: right.OrgHookEdit, Handle: newHookForm},
		{Method: post, Path: "/organizations/{org}/settings/hooks/new", Action: right.OrgHookEdit, Handle: createHook},
		{Method: get, Path: "/organizations/{org}/settings/hooks/{hook}", Action: right.OrgHookRead, Handle: hookForm},
		{Method: post, Path: "/organizations/{org}/settings/hooks/{hook}", Action: right.OrgHookEdit, Handle: updateHook},
		{Method: post, Path: "/organizations/{org}/settings/hooks/{hook}/ping", Action: right.OrgHookEdit, Handle: pingHook},
		{Method: get, Path: "/organizations/{org}/settings/hooks/{hook}/delete", Action: right.OrgHookDelete, Handle: deleteHookForm},
		{Method: post, Path: "/organizations/{org}/settings/hooks/{hook}/delete", Action: right.OrgHookDelete, Handle: deleteHook},
		{Method: get, Path: "/organizations/{org}/settings/hooks/{hook}/deliveries/{delivery}", Action: right.OrgHookRead, Handle: showDelivery},
		{Method: post, Path: "/organizations/{org}/settings/hooks/{hook}/deliveries/{delivery}", Action: right.OrgHookEdit, Handle: redeliver},
		{Method: get, Path: "/organizations/{org}/settings/tokens", Action: right.OrgTokensRead, Handle: listInventory},
		{Method: get, Path: "/organizations/{org}/settings/tokens/export", Action: right.OrgTokensRead, Handle: exportInventory},
		{Method: get, Path: "/organizations/{org}/settings/tokens/revoke", Action: right.OrgTokensRevoke, Handle: endTokensForm(false)},
		{Method: post, Path: "/organizations/{org}/settings/tokens/revoke", Action: right.OrgTokensRevoke, Handle: endTokens(false)},
		{Method: get, Path: "/organizations/{org}/settings/tokens/let_in", Action: right.OrgTokensRevoke, Handle: endTokensForm(true)},
		{Method: post, Path: "/organizations/{org}/settings/tokens/let_in", Action: right.OrgTokensRevoke, Handle: endTokens(true)},
		{Method: get, Path: "/organizations/{org}/settings/personal-access-tokens", Action: right.OrgPolicy, Handle: showPolicy},
		{Method: post, Path: "/organizations/{org}/settings/personal-access-tokens", Action: right.OrgPolicy, Handle: savePolicy},
		{Method: get, Path: "/organizations/{org}/settings/personal-access-token-requests", Action: right.OrgRequestsRead, Handle: listRequests},
		{Method: post, Path: "/organizations/{org}/settings/personal-access-token-requests/{pat_request}", Action: right.OrgRequestsDecide, Handle: decideRequest},
		{Method: get, Path: "/organizations/{org}/settings/trusts", Action: right.OrgTrust, Handle: listTrusts},
		{Method: get, Path: "/organizations/{org}/settings/trusts/new", Action: right.OrgTrust, Handle: newTrustForm},
		{Method: post, Path: "/organizations/{org}/settings/trusts/new", Action: right.OrgTrust, Handle: createTrust},
		{Method: get, Path: "/organizations/{org}/settings/trusts/{trust}", Action: right.OrgTrust, Handle: trustForm},
		{Method: post, Path: "/organizations/{org}/settings/trusts/{trust}", Action: right.OrgTrust, Handle: updateTrust},
		{Method: get, Path: "/organizations/{org}/settings/trusts/{trust}/delete", Action: right.OrgTrust, Handle: deleteTrustForm},
		{Method: post, Path: "/organizations/{org}/settings/trusts/{trust}/delete", Action: right.OrgTrust, Handle: deleteTrust},
		{Method: get, Path: "/organizations/{org}/settings/audit-log", Action: right.OrgEdit, Handle: orgLog},
		{Method: get, Path: "/orgs/{org}/people", Action: right.OrgBrowse, Handle: orgPeople},
		{Method: post, Path: "/orgs/{org}/people", Action: right.OrgManageMembers, Handle: setOrgRole},
		{Method: post, Path: "/orgs/{org}/people/remove", Action: right.OrgManageMembers, Handle: removeOrgPerson},
		{Method: post, Path: "/orgs/{org}/people/remove_outsider", Action: right.OrgManageMembers, Handle: removeOutsider},
		{Method: post, Path: "/orgs/{org}/people/show", Action: right.OrgPublicize, Handle: showMembership},
		{Method: get, Path: "/orgs/{org}/leave", Action: right.OrgLeave, Handle: leaveOrgForm},
		{Method: post, Path: "/orgs/{org}/leave", Action: right.OrgLeave, Handle: leaveOrg},
		{Method: get, Path: "/orgs/{org}/invitation", Action: right.SelfMemberships, Handle: toInvitations},
		{Method: post, Path: "/orgs/{org}/invitation", Action: right.SelfMembershipEdit, Handle: acceptOrg},
		{Method: post, Path: "/orgs/{org}/invitation/decline", Action: right.SelfMembershipEdit, Handle: declineOrg},
		{Method: get, Path: "/orgs/{org}/teams", Action: right.OrgMembers, Handle: orgTeams},
		{Method: get, Path: "/orgs/{org}/new-team", Action: right.OrgManageMembers, Handle: newTeamForm},
		{Method: post, Path: "/orgs/{org}/new-team", Action: right.OrgManageMembers, Handle: createTeam},
		{Method: get, Path: "/orgs/{org}/teams/{team_slug}", Action: right.TeamRead, Handle: showTeam},
		{Method: post, Path: "/orgs/{org}/teams/{team_slug}", Action: right.TeamEdit, Handle: saveTeam},
		{Method: post, Path: "/orgs/{org}/teams/{team_slug}/members", Action: right.TeamEdit, Handle: setTeamMate},
		{Method: post, Path: "/orgs/{org}/teams/{team_slug}/members/remove", Action: right.TeamEdit, Handle: removeTeamMate},
		{Method: post, Path: "/orgs/{org}/teams/{team_slug}/leave", Action: right.TeamShare, Handle: leaveTeam},
		{Method: post, Path: "/orgs/{org}/teams/{team_slug}/repos", Action: right.TeamShare, Handle: setTeamRepo},
		{Method: post, Path: "/orgs/{org}/teams/{team_slug}/repos/remove", Action: right.TeamShare, Handle: removeTeamRepo},
		{Method: get, Path: "/orgs/{org}/teams/{team_slug}/delete", Action: right.TeamEdit, Handle: deleteTeamForm},
		{Method: post, Path: "/orgs/{org}/teams/{team_slug}/delete", Action: right.TeamEdit, Handle: deleteTeam},

		{Method: get, Path: "/settings/organizations", Action: right.SelfMemberships, Handle: ownOrgs},
		{Method: get, Path: "/settings", Action: right.SelfRead, Handle: toProfile},
		{Method: get, Path: "/settings/profile", Action: right.SelfRead, Handle: profileSettings},
		{Method: post, Path: "/settings/profile", Action: right.SelfEdit, Handle: saveProfile},
		{Method: get, Path: "/settings/admin", Action: right.SelfSecurity, Handle: accountSettings},
		{Method: post, Path: "/settings/admin/password", Action: right.SelfSensitive, Handle: changePassword},
		{Method: post, Path: "/settings/admin/rename", Action: right.SelfSensitive, Handle: renameAccount},
		{Method: get, Path: "/settings/admin/delete", Action: right.SelfSensitive, Handle: deleteAccountForm},
		{Method: post, Path: "/settings/admin/delete", Action: right.SelfSensitive, Handle: deleteAccount},
		{Method: get, Path: "/settings/appearance", Action: right.SelfRead, Handle: appearanceSettings},
		{Method: post, Path: "/settings/appearance", Action: right.SelfRead, Handle: saveAppearance},
		{Method: get, Path: "/settings/notifications", Action: right.SelfSecurity, Handle: notificationSettings},
		{Method: post, Path: "/settings/notifications", Action: right.SelfSensitive, Handle: saveNotifications},
		{Method: get, Path: "/settings/hooks", Action: right.SelfSecurity, Handle: listHooks},
		{Method: get, Path: "/settings/hooks/new", Action: right.SelfSensitive, Handle: newHookForm},
		{Method: post, Path: "/settings/hooks/new", Action: right.SelfSensitive, Handle: createHook},
		{Method: get, Path: "/settings/hooks/{hook}", Action: right.SelfSecurity, Handle: hookForm},
		{Method: post, Path: "/settings/hooks/{hook}", Action: right.SelfSensitive, Handle: updateHook},
		{Method: post, Path: "/settings/hooks/{hook}/ping", Action: right.SelfSensitive, Handle: pingHook},
		{Method: get, Path: "/settings/hooks/{hook}/delete", Action: right.SelfSensitive, Handle: deleteHookForm},
		{Method: post, Path: "/settings/hooks/{hook}/delete", Action: right.SelfSensitive, Handle: deleteHook},
		{Method: get, Path: "/settings/hooks/{hook}/deliveries/{delivery}", Action: right.SelfSecurity, Handle: showDelivery},
		{Method: post, Path: "/settings/hooks/{hook}/deliveries/{delivery}", Action: right.SelfSensitive, Handle: redeliver},
		{Method: get, Path: "/settings/emails", Action: right.SelfSecurity, Handle: emailSettings},
		{Method: post, Path: "/settings/emails", Action: right.SelfSensitive, Handle: addEmail},
		{Method: get, Path: "/settings/emails/confirm", Action: right.SelfSecurity, Handle: confirmEmailForm},
		{Method: post, Path: "/settings/emails/confirm", Action: right.SelfSecurity, Handle: confirmEmail},
		{Method: post, Path: "/settings/emails/{email}/send", Action: right.SelfSensitive, Handle: sendConfirmation},
		{Method: post, Path: "/settings/emails/{email}/primary", Action: right.SelfSensitive, Handle: makePrimary},
		{Method: post, Path: "/settings/emails/{email}/delete", Action: right.SelfSensitive, Handle: removeEmail},
		{Method: get, Path: "/settings/keys", Action: right.SelfSecurity, Handle: keySettings},
		{Method: get, Path: "/settings/ssh/new", Action: right.SelfSensitive, Handle: newKeyForm(signature.SSH)},
		{Method: post, Path: "/settings/ssh", Action: right.SelfSensitive, Handle: addKey(signature.SSH)},
		{Method: get, Path: "/settings/ssh/{key}/delete", Action: right.SelfSecurity, Handle: deleteKeyForm(signature.SSH)},
		{Method: post, Path: "/settings/ssh/{key}/delete", Action: right.SelfSensitive, Handle: deleteKey(signature.SSH)},
		{Method: get, Path: "/settings/gpg/new", Action: right.SelfSensitive, Handle: newKeyForm(signature.OpenPGP)},
		{Method: post, Path: "/settings/gpg", Action: right.SelfSensitive, Handle: addKey(signature.OpenPGP)},
		{Method: get, Path: "/settings/gpg/{key}/delete", Action: right.SelfSecurity, Handle: deleteKeyForm(signature.OpenPGP)},
		{Method: post, Path: "/settings/gpg/{key}/delete", Action: right.SelfSensitive, Handle: deleteKey(signature.OpenPGP)},
		{Method: get, Path: "/settings/sessions", Action: right.SelfSecurity, Handle: sessionSettings},
		{Method: post, Path: "/settings/sessions/{session}/end", Action: right.SelfSensitive, Handle: endSession},
		{Method: post, Path: "/settings/sessions/end_others", Action: right.SelfSensitive, Handle: endOthers},
		{Method: get, Path: "/settings/repositories", Action: right.SelfRepos, Handle: repositorySettings},
		{Method: get, Path: "/settings/security-log", Action: right.SelfSecurity, Handle: securityLog},
		{Method: get, Path: "/settings/security-log/export", Action: right.SelfSecurity, Handle: exportLog},

		{Method: get, Path: "/settings/applications", Action: right.SelfSecurity, Handle: listAuthorizations},
		{Method: get, Path: "/settings/applications/revoke_all", Action: right.SelfSecurity, Handle: revokeAppsForm},
		{Method: post, Path: "/settings/applications/revoke_all", Action: right.SelfSensitive, Handle: revokeApps},
		{Method: get, Path: "/settings/connections/applications/{client_id}", Action: right.SelfSecurity, Handle: showAuthorization},
		{Method: get, Path: "/settings/connections/applications/{client_id}/revoke", Action: right.SelfSecurity, Handle: revokeAppForm},
		{Method: post, Path: "/settings/connections/applications/{client_id}/revoke", Action: right.SelfSensitive, Handle: revokeApp},

		{Method: get, Path: "/settings/developers", Action: right.SelfSecurity, Handle: listApps},
		{Method: get, Path: "/settings/applications/new", Action: right.SelfSecurity, Handle: newAppForm},
		{Method: post, Path: "/settings/applications", Action: right.SelfSensitive, Handle: registerApp},
		{Method: get, Path: "/settings/applications/{app}", Action: right.SelfSecurity, Handle: showApp},
		{Method: post, Path: "/settings/applications/{app}", Action: right.SelfSensitive, Handle: updateApp},
		{Method: post, Path: "/settings/applications/{app}/secrets", Action: right.SelfSensitive, Handle: newAppSecret},
		{Method: post, Path: "/settings/applications/{app}/secrets/{secret}/delete", Action: right.SelfSensitive, Handle: deleteAppSecret},
		{Method: get, Path: "/settings/applications/{app}/revoke_users", Action: right.SelfSecurity, Handle: revokeUsersForm},
		{Method: post, Path: "/settings/applications/{app}/revoke_users", Action: right.SelfSensitive, Handle: revokeUsers},
		{Method: get, Path: "/settings/applications/{app}/delete", Action: right.SelfSecurity, Handle: deleteAppForm},
		{Method: post, Path: "/settings/applications/{app}/delete", Action: right.SelfSensitive, Handle: deleteApp},

		{Method: get, Path: "/settings/tokens", Action: right.SelfSecurity, Handle: listTokens},
		{Method: post, Path: "/settings/tokens", Action: right.SelfSensitive, Handle: createToken},
		{Method: get, Path: "/settings/tokens/new", Action: right.SelfSensitive, Handle: newTokenForm},
		{Method: get, Path: "/settings/tokens/revoke_all", Action: right.SelfSensitive, Handle: revokeAllForm(token.Personal)},
		{Method: post, Path: "/settings/tokens/revoke_all", Action: right.SelfSensitive, Handle: revokeAll(token.Personal)},
		{Method: get, Path: "/settings/tokens/{token}", Action: right.SelfSecurity, Handle: showToken},
		{Method: post, Path: "/settings/tokens/{token}", Action: right.SelfSensitive, Handle: updateToken},

		{Method: get, Path: "/settings/personal-access-tokens", Action: right.SelfSecurity, Handle: listFine},
		{Method: post, Path: "/settings/personal-access-tokens", Action: right.SelfSensitive, Handle: createFine},
		{Method: get, Path: "/settings/personal-access-tokens/new", Action: right.SelfSensitive, Handle: newFineForm},
		{Method: get, Path: "/settings/personal-access-tokens/revoke_all", Action: right.SelfSensitive, Handle: revokeAllForm(token.FineGrained)},
		{Method: post, Path: "/settings/personal-access-tokens/revoke_all", Action: right.SelfSensitive, Handle: revokeAll(token.FineGrained)},
		{Method: get, Path: "/settings/personal-access-tokens/{token}", Action: right.SelfSecurity, Handle: showFine},
		{Method: post, Path: "/settings/personal-access-tokens/{token}", Action: right.SelfSensitive, Handle: updateFine},

		{Method: get, Path: "/admin", Action: right.SiteManage, Handle: toUsers},
		{Method: get, Path: "/admin/users", Action: right.SiteManage, Handle: listUsers},
		{Method: post, Path: "/admin/users/invite", Action: right.SiteManage, Handle: inviteUser},
		{Method: get, Path: "/admin/users/{user}", Action: right.SiteManage, Handle: showUser},
		{Method: post, Path: "/admin/users/{user}/reset", Action: right.SiteManage, Handle: resetUser},
		{Method: post, Path: "/admin/users/{user}/suspend", Action: right.SiteManage, Handle: suspendUser},
		{Method: post, Path: "/admin/users/{user}/admin", Action: right.SiteManage, Handle: setAdmin},
		{Method: post, Path: "/admin/users/{user}/emails/{email}/verify", Action: right.SiteManage, Handle: verifyEmail},
		{Method: get, Path: "/admin/users/{user}/delete", Action: right.SiteManage, Handle: deleteUserForm},
		{Method: post, Path: "/admin/users/{user}/delete", Action: right.SiteManage, Handle: deleteUser},
		{Method: get, Path: "/admin/notices", Action: right.SiteManage, Handle: showNotices},
		{Method: get, Path: "/admin/tokens", Action: right.SiteManage, Handle: listInventory},
		{Method: get, Path: "/admin/tokens/export", Action: right.SiteManage, Handle: exportInventory},
		{Method: get, Path: "/admin/tokens/revoke", Action: right.SiteManage, Handle: endTokensForm(false)},
		{Method: post, Path: "/admin/tokens/revoke", Action: right.SiteManage, Handle: endTokens(false)},
		{Method: get, Path: "/admin/token-policy", Action: right.SiteManage, Handle: showPolicy},
		{Method: post, Path: "/admin/token-policy", Action: right.SiteManage, Handle: savePolicy},
		{Method: get, Path: "/admin/log", Action: right.SiteManage, Handle: showSiteLog},
		{Method: get, Path: "/admin/log/export", Action: right.SiteManage, Handle: exportSiteLog},
	}
}

// ownerTable is every page under a login. No pattern here can meet one of the
// other table: a reserved name is no login.
func (d *Door) ownerTable() []httpkit.Route[handler] {
	get, post := http.MethodGet, http.MethodPost
	return []httpkit.Route[handler]{
		{Method: get, Path: "/{owner}", Action: right.SiteBrowse, Handle: profile},
		{Method: get, Path: "/{owner}/{repo}", Action: right.RepoFetch, Handle: heavy(showRepo)},
		{Method: get, Path: "/{owner}/{repo}/tree/{rest...}", Action: right.RepoFetch, Handle: heavy(showTree)},
		{Method: get, Path: "/{owner}/{repo}/blob/{rest...}", Action: right.RepoFetch, Handle: heavy(showBlob)},
		{Method: get, Path: "/{owner}/{repo}/raw/{rest...}", Action: right.RepoFetch, Handle: showRaw},
		{Method: get, Path: "/{owner}/{repo}/media/{rest...}", Action: right.RepoFetch, Handle: showMedia},
		{Method: get, Path: "/{owner}/{repo}/commits", Action: right.RepoFetch, Handle: heavy(showCommits)},
		{Method: get, Path: "/{owner}/{repo}/commits/{rest...}", Action: right.RepoFetch, Handle: heavy(showCommits)},
		{Method: get, Path: "/{owner}/{repo}/commit/{sha}", Action: right.RepoFetch, Handle: heavy(showCommit)},
		{Method: get, Path: "/{owner}/{repo}/tags", Action: right.RepoFetch, Handle: heavy(showTags)},
		{Method: get, Path: "/{owner}/{repo}/releases", Action: right.ReleaseRead, Handle: heavy(showReleases)},
		{Method: get, Path: "/{owner}/{repo}/releases/latest", Action: right.ReleaseRead, Handle: toLatest},
		{Method: get, Path: "/{owner}/{repo}/releases/tag/{tag}", Action: right.ReleaseRead, Handle: heavy(showRelease)},
		{Method: get, Path: "/{owner}/{repo}/releases/download/{tag}/{asset}", Action: right.ReleaseRead, Handle: downloadAsset},
		{Method: get, Path: "/{owner}/{repo}/releases/new", Action: right.ReleaseWrite, Handle: newReleaseForm},
		{Method: post, Path: "/{owner}/{repo}/releases/new", Action: right.ReleaseWrite, Handle: createRelease},
		{Method: get, Path: "/{owner}/{repo}/releases/edit/{release_id}", Action: right.ReleaseWrite, Handle: editReleaseForm},
		{Method: post, Path: "/{owner}/{repo}/releases/edit/{release_id}", Action: right.ReleaseWrite, Handle: updateRelease},
		{Method: get, Path: "/{owner}/{repo}/releases/edit/{release_id}/delete", Action: right.ReleaseWrite, Handle: deleteReleaseForm},
		{Method: post, Path: "/{owner}/{repo}/releases/edit/{release_id}/delete", Action: right.ReleaseWrite, Handle: deleteRelease},
		{Method: post, Path: "/{owner}/{repo}/releases/edit/{release_id}/files", Action: right.ReleaseWrite, Handle: uploadFiles},
		{Method: get, Path: "/{owner}/{repo}/releases/edit/{release_id}/files/{asset_id}/delete", Action: right.ReleaseWrite, Handle: deleteFileForm},
		{Method: post, Path: "/{owner}/{repo}/releases/edit/{release_id}/files/{asset_id}/delete", Action: right.ReleaseWrite, Handle: deleteFile},
		{Method: get, Path: "/{owner}/{repo}/fork", Action: right.RepoFork, Handle: forkForm},
		{Method: post, Path: "/{owner}/{repo}/fork", Action: right.RepoFork, Handle: forkRepo},
		{Method: get, Path: "/{owner}/{repo}/generate", Action: right.RepoFork, Handle: generateForm},
		{Method: post, Path: "/{owner}/{repo}/generate", Action: right.RepoFork, Handle: generateRepo},
		{Method: get, Path: "/{owner}/{repo}/invitations", Action: right.SelfInvitations, Handle: toInvitations},
		{Method: get, Path: "/{owner}/{repo}/leave", Action: right.RepoLeave, Handle: leaveForm},
		{Method: post, Path: "/{owner}/{repo}/leave", Action: right.RepoLeave, Handle: leaveRepo},
		{Method: get, Path: "/{owner}/{repo}/settings", Action: right.RepoAccess, Handle: repoSettings},
		{Method: post, Path: "/{owner}/{repo}/settings", Action: right.RepoEdit, Handle: saveRepo},
		{Method: get, Path: "/{owner}/{repo}/settings/access", Action: right.RepoAccess, Handle: repoAccess},
		{Method: post, Path: "/{owner}/{repo}/settings/access", Action: right.RepoAccess, Handle: setAccess},
		{Method: post, Path: "/{owner}/{repo}/settings/access/withdraw", Action: right.RepoAccess, Handle: withdrawInvitation},
		{Method: post, Path: "/{owner}/{repo}/settings/access/remove", Action: right.RepoAccess, Handle: removeAccess},
		{Method: post, Path: "/{owner}/{repo}/settings/maintenance", Action: right.RepoEdit, Handle: maintainRepo},
		{Method: get, Path: "/{owner}/{repo}/settings/branches", Action: right.RepoAccess, Handle: branchRules},
		{Method: post, Path: "/{owner}/{repo}/settings/branches", Action: right.RepoEdit, Handle: saveForceBlock},
		{Method: get, Path: "/{owner}/{repo}/settings/branches/new", Action: right.RepoEdit, Handle: newRuleForm},
		{Method: post, Path: "/{owner}/{repo}/settings/branches/new", Action: right.RepoEdit, Handle: createRule},
		{Method: get, Path: "/{owner}/{repo}/settings/branches/{rule}", Action: right.RepoAccess, Handle: ruleForm},
		{Method: post, Path: "/{owner}/{repo}/settings/branches/{rule}", Action: right.RepoEdit, Handle: updateRule},
		{Method: get, Path: "/{owner}/{repo}/settings/branches/{rule}/delete", Action: right.RepoEdit, Handle: deleteRuleForm},
		{Method: post, Path: "/{owner}/{repo}/settings/branches/{rule}/delete", Action: right.RepoEdit, Handle: deleteRule},
		{Method: get, Path: "/{owner}/{repo}/settings/hooks", Action: right.HookRead, Handle: listHooks},
		{Method: get, Path: "/{owner}/{repo}/settings/hooks/new", Action: right.HookEdit, Handle: newHookForm},
		{Method: post, Path: "/{owner}/{repo}/settings/hooks/new", Action: right.HookEdit, Handle: createHook},
		{Method: get, Path: "/{owner}/{repo}/settings/hooks/{hook}", Action: right.HookRead, Handle: hookForm},
		{Method: post, Path: "/{owner}/{repo}/settings/hooks/{hook}", Action: right.HookEdit, Handle: updateHook},
		{Method: post, Path: "/{owner}/{repo}/settings/hooks/{hook}/ping", Action: right.HookEdit, Handle: pingHook},
		{Method: get, Path: "/{owner}/{repo}/settings/hooks/{hook}/delete", Action: right.HookDelete, Handle: deleteHookForm},
		{Method: post, Path: "/{owner}/{repo}/settings/hooks/{hook}/delete", Action: right.HookDelete, Handle: deleteHook},
		{Method: get, Path: "/{owner}/{repo}/settings/hooks/{hook}/deliveries/{delivery}", Action: right.HookRead, Handle: showDelivery},
		{Method: post, Path: "/{owner}/{repo}/settings/hooks/{hook}/deliveries/{delivery}", Action: right.HookEdit, Handle: redeliver},
		{Method: get, Path: "/{owner}/{repo}/settings/trusts", Action: right.RepoTrust, Handle: listTrusts},
		{Method: get, Path: "/{owner}/{repo}/settings/trusts/new", Action: right.RepoTrust, Handle: newTrustForm},
		{Method: post, Path: "/{owner}/{repo}/settings/trusts/new", Action: right.RepoTrust, Handle: createTrust},
		{Method: get, Path: "/{owner}/{repo}/settings/trusts/{trust}", Action: right.RepoTrust, Handle: trustForm},
		{Method: post, Path: "/{owner}/{repo}/settings/trusts/{trust}", Action: right.RepoTrust, Handle: updateTrust},
		{Method: get, Path: "/{owner}/{repo}/settings/trusts/{trust}/delete", Action: right.RepoTrust, Handle: deleteTrustForm},
		{Method: post, Path: "/{owner}/{repo}/settings/trusts/{trust}/delete", Action: right.RepoTrust, Handle: deleteTrust},
		{Method: get, Path: "/{owner}/{repo}/security/secret-scanning", Action: right.AlertRead, Handle: listAlerts},
		{Method: get, Path: "/{owner}/{repo}/security/secret-scanning/{alert}", Action: right.AlertRead, Handle: showAlert},
		{Method: post, Path: "/{owner}/{repo}/security/secret-scanning/{alert}", Action: right.AlertEdit, Handle: decideAlert},
		{Method: get, Path: "/{owner}/{repo}/security/secret-scanning/unblock-secret/{placeholder}", Action: right.RepoPush, Handle: unblockForm},
		{Method: post, Path: "/{owner}/{repo}/security/secret-scanning/unblock-secret/{placeholder}", Action: right.RepoPush, Handle: unblock},
		{Method: get, Path: "/{owner}/{repo}/settings/visibility", Action: right.RepoVisibility, Handle: visibilityForm},
		{Method: post, Path: "/{owner}/{repo}/settings/visibility", Action: right.RepoVisibility, Handle: setVisibility},
		{Method: get, Path: "/{owner}/{repo}/settings/archive", Action: right.RepoUnarchive, Handle: archiveForm},
		{Method: post, Path: "/{owner}/{repo}/settings/archive", Action: right.RepoEdit, Handle: archiveRepo},
		{Method: post, Path: "/{owner}/{repo}/settings/unarchive", Action: right.RepoUnarchive, Handle: unarchiveRepo},
		{Method: get, Path: "/{owner}/{repo}/settings/transfer", Action: right.RepoTransfer, Handle: transferForm},
		{Method: post, Path: "/{owner}/{repo}/settings/transfer", Action: right.RepoTransfer, Handle: transferRepo},
		{Method: get, Path: "/{owner}/{repo}/settings/delete", Action: right.RepoDelete, Handle: deleteRepoForm},
		{Method: post, Path: "/{owner}/{repo}/settings/delete", Action: right.RepoDelete, Handle: deleteRepo},
	}
}

// ServeHTTP answers assets to anybody, and identifies before it routes.
func (d *Door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		if r.URL.Path == "/favicon.ico" {
			r.URL.Path = d.pages.assets.urls["mark.svg"]
		}
		if d.pages.assets.serve(w, r) {
			return
		}
	}
	c := &call{door: d, w: w, actor: right.Anonymous()}
	c.r = r.WithContext(withCall(r.Context(), c))
	httpkit.Frame(d.renderError, func(w http.ResponseWriter, r *http.Request) error {
		if err := c.enter(); err != nil {
			return err
		}
		first, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
		if first == "" || account.Reserved(first) {
			d.site.ServeHTTP(w, r)
		} else {
			d.owners.ServeHTTP(w, r)
		}
		return nil
	}).ServeHTTP(w, c.r)
}

// errMissing is the one answer for what does not exist and for what somebody
// may not know of.
func errMissing() error {
	return problem.New(problem.NotFound, "Either there is nothing at this address, or you may not see it.",
		"Check the address. If somebody gave it to you, ask them for access.")
}
