package foreigntest

// The columns of Gitea 1.20 to 1.26 that matter, and most of those that do not
// (go-gitea/gitea, models).
const giteaTables = `
CREATE TABLE version (id {{id}}, version {{big}});
CREATE TABLE "user" (id {{id}}, lower_name TEXT NOT NULL UNIQUE, name TEXT NOT NULL UNIQUE, full_name TEXT, email TEXT NOT NULL, keep_email_private {{bool}},
	email_notifications_preference TEXT NOT NULL DEFAULT 'enabled', passwd TEXT NOT NULL, passwd_hash_algo TEXT NOT NULL DEFAULT 'argon2', login_type {{big}},
	login_source {{big}} NOT NULL DEFAULT 0, login_name TEXT, type {{big}}, location TEXT, website TEXT, rands TEXT, salt TEXT, language TEXT, description TEXT,
	created_unix {{big}}, updated_unix {{big}}, last_login_unix {{big}}, last_repo_visibility {{bool}}, max_repo_creation {{big}} NOT NULL DEFAULT -1,
	is_active {{bool}}, is_admin {{bool}}, is_restricted {{bool}} NOT NULL DEFAULT '0', allow_git_hook {{bool}}, allow_import_local {{bool}}, allow_create_organization {{bool}} DEFAULT '1',
	prohibit_login {{bool}} NOT NULL DEFAULT '0', avatar TEXT NOT NULL, avatar_email TEXT NOT NULL, use_custom_avatar {{bool}}, num_repos {{big}}, num_teams {{big}},
	num_members {{big}}, visibility {{big}} NOT NULL DEFAULT 0, repo_admin_change_team_access {{bool}} NOT NULL DEFAULT '0', theme TEXT NOT NULL DEFAULT '');
CREATE TABLE email_address (id {{id}}, uid {{big}} NOT NULL, email TEXT NOT NULL UNIQUE, lower_email TEXT NOT NULL UNIQUE, is_activated {{bool}}, is_primary {{bool}} NOT NULL DEFAULT '0');
CREATE TABLE repository (id {{id}}, owner_id {{big}}, owner_name TEXT, lower_name TEXT NOT NULL, name TEXT NOT NULL, description TEXT, website TEXT, original_service_type {{big}},
	original_url TEXT, default_branch TEXT, num_watches {{big}}, is_private {{bool}}, is_empty {{bool}}, is_archived {{bool}}, is_mirror {{bool}}, status {{big}} NOT NULL DEFAULT 0,
	is_fork {{bool}} NOT NULL DEFAULT '0', fork_id {{big}}, is_template {{bool}} NOT NULL DEFAULT '0', template_id {{big}}, size {{big}} NOT NULL DEFAULT 0,
	is_fsck_enabled {{bool}} NOT NULL DEFAULT '1', topics TEXT, object_format_name TEXT NOT NULL DEFAULT 'sha1', trust_model {{big}}, avatar TEXT, created_unix {{big}}, updated_unix {{big}},
	archived_unix {{big}} DEFAULT 0, UNIQUE (owner_id, lower_name));
CREATE TABLE collaboration (id {{id}}, repo_id {{big}} NOT NULL, user_id {{big}} NOT NULL, mode {{big}} NOT NULL DEFAULT 2, created_unix {{big}}, updated_unix {{big}}, UNIQUE (repo_id, user_id));
CREATE TABLE org_user (id {{id}}, uid {{big}}, org_id {{big}}, is_public {{bool}}, UNIQUE (uid, org_id));
CREATE TABLE team (id {{id}}, org_id {{big}}, lower_name TEXT, name TEXT, description TEXT, authorize {{big}}, num_repos {{big}}, num_members {{big}},
	includes_all_repositories {{bool}} NOT NULL DEFAULT '0', can_create_org_repo {{bool}} NOT NULL DEFAULT '0');
CREATE TABLE team_user (id {{id}}, org_id {{big}}, team_id {{big}}, uid {{big}}, UNIQUE (team_id, uid));
CREATE TABLE team_repo (id {{id}}, org_id {{big}}, team_id {{big}}, repo_id {{big}}, UNIQUE (team_id, repo_id));
CREATE TABLE team_unit (id {{id}}, org_id {{big}}, team_id {{big}}, type {{big}}, access_mode {{big}}, UNIQUE (team_id, type));
CREATE TABLE user_redirect (id {{id}}, lower_name TEXT NOT NULL UNIQUE, redirect_user_id {{big}}, created_unix {{big}} NOT NULL DEFAULT 0);
CREATE TABLE repo_redirect (id {{id}}, owner_id {{big}}, lower_name TEXT NOT NULL, redirect_repo_id {{big}}, UNIQUE (owner_id, lower_name));
CREATE TABLE repo_unit (id {{id}}, repo_id {{big}}, type {{big}}, config TEXT, created_unix {{big}}, anonymous_access_mode {{big}} NOT NULL DEFAULT 0, everyone_access_mode {{big}} NOT NULL DEFAULT 0);
CREATE TABLE access_token (id {{id}}, uid {{big}}, name TEXT, token_hash TEXT UNIQUE, token_salt TEXT, token_last_eight TEXT, scope TEXT, created_unix {{big}}, updated_unix {{big}});
CREATE INDEX token_last_eight ON access_token (token_last_eight)`

// The columns of Gogs (gogs/gogs, internal/database); sha256 came with 0.13.
const gogsTables = `
CREATE TABLE version (id {{id}}, version {{big}});
CREATE TABLE "user" (id {{id}}, lower_name TEXT NOT NULL UNIQUE, name TEXT NOT NULL UNIQUE, full_name TEXT, email TEXT NOT NULL, public_email TEXT NOT NULL DEFAULT '', local_email TEXT NOT NULL DEFAULT '',
	passwd TEXT NOT NULL, login_source {{big}} NOT NULL DEFAULT 0, login_name TEXT, type {{big}}, location TEXT, website TEXT, rands VARCHAR(10), salt VARCHAR(10),
	created_unix {{big}}, updated_unix {{big}}, last_repo_visibility {{bool}}, max_repo_creation {{big}} NOT NULL DEFAULT -1, is_active {{bool}}, is_admin {{bool}},
	allow_git_hook {{bool}}, allow_import_local {{bool}}, prohibit_login {{bool}}, avatar VARCHAR(2048) NOT NULL, avatar_email TEXT NOT NULL, use_custom_avatar {{bool}},
	num_repos {{big}}, description TEXT, num_teams {{big}}, num_members {{big}});
CREATE TABLE repository (id {{id}}, owner_id {{big}}, lower_name TEXT NOT NULL, name TEXT NOT NULL, description VARCHAR(512), website TEXT, default_branch TEXT, size {{big}} NOT NULL DEFAULT 0,
	use_custom_avatar {{bool}}, is_private {{bool}}, is_unlisted {{bool}}, is_bare {{bool}}, is_mirror {{bool}}, is_fork {{bool}} NOT NULL DEFAULT '0', fork_id {{big}}, created_unix {{big}}, updated_unix {{big}},
	UNIQUE (owner_id, lower_name));
CREATE TABLE collaboration (id {{id}}, user_id {{big}} NOT NULL, repo_id {{big}} NOT NULL, mode {{big}} NOT NULL DEFAULT 2, UNIQUE (repo_id, user_id));
CREATE TABLE org_user (id {{id}}, uid {{big}}, org_id {{big}}, is_public {{bool}}, is_owner {{bool}}, num_teams {{big}}, UNIQUE (uid, org_id));
CREATE TABLE team (id {{id}}, org_id {{big}}, lower_name TEXT, name TEXT, description TEXT, authorize {{big}}, num_repos {{big}}, num_members {{big}});
CREATE TABLE team_user (id {{id}}, org_id {{big}}, team_id {{big}}, uid {{big}}, UNIQUE (team_id, uid));
CREATE TABLE team_repo (id {{id}}, org_id {{big}}, team_id {{big}}, repo_id {{big}}, UNIQUE (team_id, repo_id));
CREATE TABLE access_token (id {{id}}, uid {{big}}, name TEXT, sha1 VARCHAR(40) UNIQUE, created_unix {{big}}, updated_unix {{big}})`

// The tables of Soft Serve (charmbracelet/soft-serve, pkg/db/migrate).
const softServeTables = `
CREATE TABLE settings (id {{id}}, "key" TEXT NOT NULL UNIQUE, value TEXT NOT NULL, created_at {{time}} NOT NULL DEFAULT CURRENT_TIMESTAMP, updated_at {{time}} NOT NULL);
CREATE TABLE users (id {{id}}, username TEXT NOT NULL UNIQUE, admin {{bool}} NOT NULL, password TEXT, created_at {{time}} NOT NULL DEFAULT CURRENT_TIMESTAMP, updated_at {{time}} NOT NULL);
CREATE TABLE public_keys (id {{id}}, user_id {{big}} NOT NULL, public_key TEXT NOT NULL UNIQUE, created_at {{time}} NOT NULL DEFAULT CURRENT_TIMESTAMP, updated_at {{time}} NOT NULL);
CREATE TABLE repos (id {{id}}, name TEXT NOT NULL UNIQUE, project_name TEXT NOT NULL, description TEXT NOT NULL, private {{bool}} NOT NULL, mirror {{bool}} NOT NULL, hidden {{bool}} NOT NULL,
	user_id {{big}} NOT NULL, created_at {{time}} NOT NULL DEFAULT CURRENT_TIMESTAMP, updated_at {{time}} NOT NULL);
CREATE TABLE collabs (id {{id}}, user_id {{big}} NOT NULL, repo_id {{big}} NOT NULL, access_level {{big}} NOT NULL, created_at {{time}} NOT NULL DEFAULT CURRENT_TIMESTAMP, updated_at {{time}} NOT NULL, UNIQUE (user_id, repo_id));
CREATE TABLE access_tokens (id {{id}}, name TEXT NOT NULL, token TEXT NOT NULL UNIQUE, user_id {{big}} NOT NULL, expires_at {{time}}, created_at {{time}} NOT NULL DEFAULT CURRENT_TIMESTAMP, updated_at {{time}} NOT NULL)`
