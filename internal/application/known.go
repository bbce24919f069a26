package application

import "jeton/internal/right"

// The client ids of programs that every host knows. Their users type none, or
// the same everywhere.
const (
	GitHubCLI     = right.GitHubCLI
	GCM           = "0120e057bd645470c1ed" // Git Credential Manager
	JetonCLI      = "jeton"                // this program's own "jeton login"
	CredentialCLI = "git-credential-oauth" // has no id of its own for foreign hosts: this one is set in git's configuration
)

// known are the programs that are there from the start, as public clients: their
// secrets stand in their source. Nobody can change them.
func known() []App {
	loopback := []string{"http://127.0.0.1/", "http://localhost/", "http://[::1]/"}
	return []App{
		{ClientID: GitHubCLI, Name: "GitHub CLI", Homepage: "https://cli.github.com", Description: "gh, on the command line", DeviceFlow: true, callbacks: loopback},
		{ClientID: GCM, Name: "Git Credential Manager", Homepage: "https://github.com/git-ecosystem/git-credential-manager", Description: "Remembers how to sign in, for Git", DeviceFlow: true, callbacks: loopback},
		{ClientID: JetonCLI, Name: "jeton", Homepage: "https://git-scm.com/docs/gitcredentials", Description: "jeton login, on the command line", DeviceFlow: true, Expiring: true, callbacks: loopback},
		{ClientID: CredentialCLI, Name: "git-credential-oauth", Homepage: "https://github.com/hickford/git-credential-oauth", Description: "Signs Git in with the browser", DeviceFlow: true, callbacks: loopback},
	}
}
