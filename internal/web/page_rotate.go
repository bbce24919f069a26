package web

import "time"

// rotatePage asks for a new expiration, and how long the old secret works on.
type rotatePage struct {
	regeneratePage
	Windows []levelOption
	Closes  bool
}

// oldSecret is one that a rotation took out of a token and that works still.
type oldSecret struct {
	LastEight       string
	Ends, Used      time.Time
	Closes          bool
	Address, Client string
}
