// Package clients holds tests alone: programs that were made for GitHub, as
// Debian has them, against the real server. apptest.StartNamed and
// Server.Terminal give them a host name, a certificate and a home.
package clients
