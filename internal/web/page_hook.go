package web

import "time"

// hookRow is a webhook in a list.
type hookRow struct {
	URL, Href, Events string
	Says, Tone        string // how the last delivery went; empty before the first
}

// HookFrame is what every page about webhooks has: those of a repository, or those of
// an organisation or a person, whose frame stands in the same place then. Page structs
// embed it.
type HookFrame struct {
	RepoFrame
	Org       orgHead // without a login: they are no organisation's
	Own       bool    // they are the person's own
	HooksHref string  // the list
	Back      string  // of an organisation's: where the link at the end leads
}

// hooksPage is the webhooks of a repository, an organisation or a person.
type hooksPage struct {
	HookFrame
	Hooks []hookRow
}

// hookEvent is one event that can be chosen.
type hookEvent struct {
	Name, Text string
	On         bool
}

// deliveryRow is a delivery in a list.
type deliveryRow struct {
	Href, GUID, Event, Says string
	At                      time.Time
	OK, Again               bool
}

// hookPage is the form for one webhook, with what it delivered.
type hookPage struct {
	HookFrame
	URL, ContentType   string
	HasSecret, Active  bool
	Which              string // push, all or some
	Events             []hookEvent
	Others             string // events that it asks for and that don't happen here
	Action, DeleteHref string // DeleteHref is empty for a new one
	Stopped            string // why it is told nothing
	Deliveries         []deliveryRow
	Waiting            int
	More               bool
}

// headLine is one line of the head of a request or answer.
type headLine struct{ Name, Value string }

// deliveryPage is what was sent and answered.
type deliveryPage struct {
	HookFrame
	Row                        deliveryRow
	URL, Payload, Answer, Hook string
	Took                       time.Duration
	Asked, Answered            []headLine
	Cut                        bool // the payload is too long to show whole
}
