// Package id holds the typed numbers by which everything in Jeton is named.
// It knows no room: a number says what kind of thing it names, never what the
// thing is. The zero value of each type names nothing.
package id

import "strconv"

// Account names a user or an organisation.
type Account int64

// Repo names a repository. Its folder on disk is named by this number, so a
// rename or a transfer moves no files.
type Repo int64

// Token names a personal access token, for as long as it exists. It is not
// secret and stands in URLs and in the security log.
type Token int64

// TokenRequest names what an organisation's owners are asked about a token.
type TokenRequest int64

// App names an application that somebody registered. Its client id, which is
// what others know, is another name.
type App int64

// AppSecret names one of an application's secrets; it is not the secret.
type AppSecret int64

// Session names a browser session.
type Session int64

// Email names an e-mail address of an account.
type Email int64

// Rule names a rule about the branches or tags of a repository.
type Rule int64

// Team names a team of an organisation.
type Team int64

// Invitation names an invitation to a repository, or to an organisation.
type Invitation int64

// Trust names a statement of whom a repository or organisation trusts.
type Trust int64

// Hook names a webhook.
type Hook int64

// Delivery names one attempt to tell a webhook of something.
type Delivery int64

// Notice names one thing that the owner of a token is told.
type Notice int64

// Event names one line of the security log.
type Event int64

// Use names one line of the uses of tokens.
type Use int64

// PublicKey names a public key of an account, or a subkey of one.
type PublicKey int64

// Deployment names a deployment.
type Deployment int64

// Status names a status of a commit or of a deployment.
type Status int64

// Release names a release of a repository.
type Release int64

// Asset names a file of a release.
type Asset int64

// Parse reads a positive decimal number as an id of kind T. It reports false
// for anything else, so that a route can answer "not found".
func Parse[T ~int64](s string) (T, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n <= 0 || s[0] == '+' {
		return 0, false
	}
	return T(n), true
}

// Text is n in decimal, as Parse reads it.
func Text[T ~int64](n T) string { return strconv.FormatInt(int64(n), 10) }
