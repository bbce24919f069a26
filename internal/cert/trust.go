package cert

import (
	"strings"
	"time"
)

// Authority is the server's own certificate authority, as people are told of it.
type Authority struct {
	Name        string // as lists of authorities show it
	File        string // the certificate's path on the server, absolute
	Fingerprint string // SHA-256, upper-case hexadecimal pairs parted by colons
	PEM         []byte
	Ends        time.Time
}

// Guide says how to trust an authority on one system.
type Guide struct {
	System string `json:"system"` // Windows, macOS or Linux
	Steps  []Step `json:"steps"`
}

// Step is what to do for one tool: a sentence, and lines to run as they are.
type Step struct {
	Tool  string   `json:"tool"` // git, curl, browser
	Text  string   `json:"text"`
	Lines []string `json:"lines"`
}

// GitLine returns the line that makes git trust the authority for this server
// alone. File is where the certificate is on the machine on which git runs.
func GitLine(url, file string) string {
	return "git config --global http." + slash(url) + ".sslCAInfo " + quote(file)
}

// Guides says how to trust the authority whose certificate is in file, for the
// server at url, on the three systems. Git is told per URL: a global setting
// would replace the authorities of every other host. No check is switched off.
func (a Authority) Guides(url, file string) []Guide {
	return []Guide{a.windows(url, file), a.mac(url, file), a.linux(url, file)}
}

func (a Authority) windows(url, file string) Guide {
	return Guide{System: "Windows", Steps: []Step{
		{Tool: "git", Text: "Trust it for this server alone. The second line makes git use this file instead of the Windows list of authorities, for this server alone.", Lines: []string{
			GitLine(url, file),
			"git config --global http." + slash(url) + ".sslBackend openssl",
		}},
		{Tool: "curl", Text: "Name the authority in each call. There is no revocation list for a local authority; the second option says that none is needed, and leaves every other check on.", Lines: []string{"curl --cacert " + quote(file) + " --ssl-revoke-best-effort " + url}},
		{Tool: "browser", Text: "Edge, Chrome and Firefox use the Windows list. Windows shows the fingerprint and asks before it adds it.", Lines: []string{"certutil -user -addstore Root " + quote(file)}},
	}}
}

func (a Authority) mac(url, file string) Guide {
	return Guide{System: "macOS", Steps: []Step{
		{Tool: "git", Text: "Trust it for this server alone.", Lines: []string{GitLine(url, file)}},
		{Tool: "curl", Text: "Name the authority in each call.", Lines: []string{"curl --cacert " + quote(file) + " " + url}},
		{Tool: "browser", Text: "Safari, Chrome and Firefox use the keychain. macOS asks for your password.", Lines: []string{"security add-trusted-cert -r trustRoot -k ~/Library/Keychains/login.keychain-db " + quote(file)}},
	}}
}

func (a Authority) linux(url, file string) Guide {
	return Guide{System: "Linux", Steps: []Step{
		{Tool: "git", Text: "Trust it for this server alone.", Lines: []string{GitLine(url, file)}},
		{Tool: "curl", Text: "Name the authority in each call.", Lines: []string{"curl --cacert " + quote(file) + " " + url}},
		{Tool: "browser", Text: "Chrome and Chromium (the program is in Debian's package libnss3-tools); in Firefox: Settings, Privacy & Security, View Certificates, Authorities, Import.", Lines: []string{
			`mkdir -p "$HOME/.pki/nssdb"`,
			`certutil -d sql:"$HOME/.pki/nssdb" -A -t "C,," -n ` + quote(a.Name) + " -i " + quote(file),
		}},
	}}
}

func slash(url string) string { return strings.TrimSuffix(url, "/") + "/" }

// quote makes a path one word in the shells of all three systems. A path with a
// double quote or a dollar sign is left to the reader's care on Windows only.
func quote(path string) string {
	if path != "" && strings.Trim(path, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-:~") == "" {
		return path
	}
	return `"` + strings.NewReplacer(`"`, `\"`, `$`, `\$`, "`", "\\`").Replace(path) + `"`
}
