package httpkit

import "jeton/internal/problem"

// Wrong is an error whose status no problem's kind says: a request that no
// program which speaks the door's protocol sends.
type Wrong struct {
	Status int    // of the answer
	Allow  string // the methods, when the one of the request is wrong
	Text   string // what the client is told, and the log
}

// Error returns the text for the log.
func (e *Wrong) Error() string { return e.Text }

// Unwrap makes it a problem for whoever asks for one.
func (e *Wrong) Unwrap() error { return problem.New(problem.Invalid, e.Text, "") }
