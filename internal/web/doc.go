// Package web is the door for people: the pages. It turns requests of browsers
// into calls of the rooms and answers with HTML from templates, one typed
// struct for each page. It must never decide about rights (the gate does), hold
// SQL, accept a token as a credential, or show a secret twice.
package web
