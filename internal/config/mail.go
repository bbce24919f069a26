package config

import (
	"net"
	"net/mail"
	"net/netip"
	"net/url"
	"strings"
)

// MailServer is what the setting mail names.
type MailServer struct {
	Host  string
	Port  string
	TLS   bool // from the first byte
	Plain bool // without any; otherwise STARTTLS, or nothing is sent
}

// MailServer returns the mail server; the zero value where there is none.
func (c Config) MailServer() MailServer {
	s, _ := parseMail(c.Mail) // Complete has looked at it
	return s
}

const mailRemedy = "Write it as smtp://HOST for a server with STARTTLS, smtps://HOST for one with TLS from the start, or leave it away: mails are files in the data folder then."

func parseMail(text string) (MailServer, error) {
	if text == "" {
		return MailServer{}, nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || u.Opaque != "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return MailServer{}, invalid("mail", "mail is not the URL of a mail server", mailRemedy)
	}
	if u.User != nil {
		return MailServer{}, invalid("mail", "mail holds a user name or password", "Set mail-user, and the password with JETON_MAIL_PASSWORD or JETON_MAIL_PASSWORD_FILE.")
	}
	s := MailServer{Host: u.Hostname(), Port: u.Port()}
	switch strings.ToLower(u.Scheme) {
	case "smtp":
		def(&s.Port, "587")
	case "smtps":
		s.TLS = true
		def(&s.Port, "465")
	case "smtp+plain":
		s.Plain = true
		def(&s.Port, "25")
		if !thisMachine(s.Host) {
			return MailServer{}, invalid("mail", "smtp+plain:// is for a mail server on this machine alone", "What is sent without encryption can be read on its way. "+mailRemedy)
		}
	default:
		return MailServer{}, invalid("mail", "mail begins with none of smtp://, smtps:// and smtp+plain://", mailRemedy)
	}
	if n, err := net.LookupPort("tcp", s.Port); err != nil || n == 0 {
		return MailServer{}, invalid("mail", "mail has no port that exists", mailRemedy)
	}
	return s, nil
}

func thisMachine(host string) bool {
	a, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && a.IsLoopback()
}

func checkMail(c *Config) error {
	s, err := parseMail(c.Mail)
	if err != nil {
		return err
	}
	if (c.MailUser == "") != c.MailPassword.IsZero() {
		return invalid("mail-user", "mail-user and mail-password belong together", "Set both, or neither for a server that wants none.")
	}
	if c.MailUser != "" && (c.Mail == "" || s.Plain) {
		return invalid("mail-user", "mail-user is set, and mail names no server that is asked over TLS", "A password is sent encrypted or not at all. "+mailRemedy)
	}
	if c.MailFrom != "" {
		if a, err := mail.ParseAddress(c.MailFrom); err != nil || a.Address != c.MailFrom {
			return invalid("mail-from", "mail-from is not an e-mail address", "Write it as jeton@example.com, without a name beside it.")
		}
	}
	if strings.ContainsFunc(c.MailHello, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return invalid("mail-hello", "mail-hello is not the name of a host", "Leave it away to use the URL's.")
	}
	return nil
}
