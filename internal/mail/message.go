package mail

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"

	"jeton/internal/printable"
)

// Mail is one to be sent.
type Mail struct {
	ID      string // the same for each attempt
	Name    string // of its file, where it becomes one
	To      string
	Subject string
	Text    string
	At      time.Time
}

// Sender takes mails. It is a mail server or a folder.
type Sender interface {
	// Send hands one over. It fails with ErrRefused when another attempt is of no
	// use; any other failure may be over later.
	Send(ctx context.Context, m Mail) error
	// Check asks whether a mail would be taken, without sending one.
	Check(ctx context.Context) error
	// Trim forgets what is old.
	Trim(now time.Time) error
	// String says where mails go.
	String() string
}

// ErrRefused is that this one mail, or its recipient, was refused for good.
var ErrRefused = errors.New("the mail server refused this mail")

// errLater is that this one mail was refused for now: others may be taken.
var errLater = errors.New("the mail server refused this mail for now")

// Says is err in a line for administrators.
func Says(err error) string { return printable.Line(strings.TrimSpace(err.Error()), 300) }

// message makes m the form that travels. What stands in a header is one line of
// printable text, whatever it was.
func message(m Mail, from string) (*gomail.Msg, error) {
	msg := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	if err := msg.FromFormat("Jeton", from); err != nil {
		return nil, fmt.Errorf("%w: the address mail-from is not one", err)
	}
	if err := msg.To(m.To); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	// What looks like an encoded word would be decoded by whoever shows the subject.
	msg.Subject(strings.ReplaceAll(printable.Line(m.Subject, 200), "=?", "= ?"))
	msg.SetDateWithValue(m.At.UTC())
	msg.SetMessageIDWithValue(printable.Line(m.ID, 200))
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	msg.SetBodyString(gomail.TypeTextPlain, m.Text)
	return msg, nil
}

// render is m as it is sent.
func render(m Mail, from string) ([]byte, error) {
	msg, err := message(m, from)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	_, err = msg.WriteTo(&b)
	return b.Bytes(), err
}
