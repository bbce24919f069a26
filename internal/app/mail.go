package app

import (
	"cmp"
	"context"
	"crypto/x509"
	"os"
	"time"

	"jeton/internal/config"
	"jeton/internal/mail"
	"jeton/internal/problem"
)

// MailSender is what takes the mails of a configuration: the server that it names, or
// a folder.
func MailSender(c config.Config) (mail.Sender, error) {
	host := c.Host()
	from := cmp.Or(c.MailFrom, "jeton@"+cmp.Or(host, "localhost"))
	at := c.MailServer()
	if at.Host == "" {
		return mail.NewFolder(c.Mails(), from), nil
	}
	roots, err := rootsWith(c.MailCA, "mail-ca")
	if err != nil {
		return nil, err
	}
	return &mail.Server{Host: at.Host, Port: at.Port, TLS: at.TLS, Plain: at.Plain, User: c.MailUser, Password: c.MailPassword, From: from,
		Hello: cmp.Or(c.MailHello, host, "localhost"), Roots: roots}, nil
}

// rootsWith are the system's authorities and those of a file; nil without one.
func rootsWith(file, setting string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, problem.Wrap(err, problem.Invalid, "The file of "+setting+" can't be read.", "Check that it is there, and that the server may read it.")
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool() // a machine without any
	}
	if !roots.AppendCertsFromPEM(pem) {
		return nil, problem.New(problem.Invalid, "The file of "+setting+" holds no certificate.", "It must be PEM: -----BEGIN CERTIFICATE-----.")
	}
	return roots, nil
}

// mailer builds the flow that sends notices.
func mailer(k *Core) (*mail.Flow, error) {
	to, err := MailSender(k.Config)
	if err != nil {
		return nil, err
	}
	return mail.New(mail.Options{DB: k.DB, Notices: k.Notices, Tokens: k.Tokens, Accounts: k.Accounts, Signin: k.Signin, Sender: to, URL: k.Config.URL, Log: k.o.Log, Now: k.o.Now}), nil
}

// queued counts the notices that wait, for metrics; -1 when that is not known.
func (a *App) queued() float64 {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second) // nobody waits for longer
	defer cancel()
	s, err := a.Notices.Status(ctx, a.DB)
	if err != nil {
		return -1
	}
	return float64(s.Waiting)
}
