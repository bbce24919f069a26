package deliver

import (
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"hash"
	"net/url"
	"strconv"
	"strings"
	"time"

	"jeton/internal/hook"
	"jeton/internal/id"
	"jeton/internal/outbound"
	"jeton/internal/problem"
)

const (
	maxPayload = 25 << 20 // bytes; GitHub's
	maxAnswer  = 64 << 10 // bytes of an answer that are kept
	maxLine    = 8 << 10  // bytes of one line of an answer's head
)

// again is how long after which attempt the next one follows. A hook whose last
// deliveries all failed gets one attempt for each event.
var again = [...]time.Duration{30 * time.Second, 2 * time.Minute, 10 * time.Minute, time.Hour}

const failing = 10 // deliveries in a row

// send signs and sends the payload, and notes what came of it.
func (f *Flow) send(ctx context.Context, j *hook.Job, res hook.Result) error {
	body, kind := j.Event.Payload, "application/json"
	if j.ContentType == hook.Form {
		body, kind = []byte(url.Values{"payload": {string(j.Event.Payload)}}.Encode()), "application/x-www-form-urlencoded"
	}
	head := f.head(j, kind)
	// At the last moment: a secret that was changed meanwhile counts.
	key, err := f.o.Hooks.Secret(ctx, f.o.DB, j.ID)
	if problem.Is(err, problem.NotFound) {
		return nil // deleted meanwhile
	}
	if err != nil {
		return err
	}
	shown := head
	if plain := key.Reveal(); plain != "" {
		head = append(head[:len(head):len(head)],
			outbound.Header{Name: "X-Hub-Signature", Value: "sha1=" + signature(sha1.New, plain, body)},
			outbound.Header{Name: "X-Hub-Signature-256", Value: "sha256=" + signature(sha256.New, plain, body)})
		// Whoever reads the log could try out secrets on a signature.
		shown = append(shown[:len(shown):len(shown)], outbound.Header{Name: "X-Hub-Signature", Value: "sha1=********"},
			outbound.Header{Name: "X-Hub-Signature-256", Value: "sha256=********"})
	}
	limited, cancel := context.WithTimeout(ctx, within)
	reply, err := f.o.Outbound.Post(limited, j.URL, head, body, maxAnswer)
	cancel()
	if ctx.Err() != nil {
		return errStopping
	}
	res.Took, res.Code, res.Answer = reply.Took, reply.Code, reply.Body
	res.Asked, res.Answered = lines(shown), lines(reply.Header)
	res.Status = status(reply.Code, err)
	if j.Attempt <= len(again) && j.Failures < failing && passing(reply.Code, err) {
		res.Retry = f.o.Now().Add(again[j.Attempt-1])
	}
	return f.o.Hooks.Finish(ctx, j, res)
}

func (f *Flow) head(j *hook.Job, kind string) []outbound.Header {
	of, number := "repository", int64(j.Hook.Repo)
	switch {
	case j.Hook.Org != 0:
		of, number = "organization", int64(j.Hook.Org)
	case j.Hook.Person != 0:
		of, number = "user", int64(j.Hook.Person)
	}
	host := f.o.Gate.URL("")
	if u, err := url.Parse(host); err == nil {
		host = u.Host
	}
	return []outbound.Header{
		{Name: "Accept", Value: "*/*"},
		{Name: "Content-Type", Value: kind},
		{Name: "User-Agent", Value: "GitHub-Hookshot/jeton"}, // receivers look for GitHub's name
		{Name: "X-GitHub-Delivery", Value: j.Event.GUID},
		{Name: "X-GitHub-Enterprise-Host", Value: host},
		{Name: "X-GitHub-Event", Value: j.Event.Name},
		{Name: "X-GitHub-Hook-ID", Value: strconv.FormatInt(int64(j.ID), 10)},
		{Name: "X-GitHub-Hook-Installation-Target-ID", Value: id.Text(number)},
		{Name: "X-GitHub-Hook-Installation-Target-Type", Value: of},
	}
}

func signature(sum func() hash.Hash, key string, body []byte) string {
	m := hmac.New(sum, []byte(key))
	m.Write(body)
	return hex.EncodeToString(m.Sum(nil))
}

func lines(h []outbound.Header) []hook.Header {
	out := []hook.Header{}
	for _, one := range h {
		if len(one.Value) > maxLine {
			one.Value = one.Value[:maxLine]
		}
		out = append(out, hook.Header(one))
	}
	return out
}

// passing reports whether another attempt may go better. What a receiver refuses
// it refuses again.
func passing(code int, err error) bool {
	if err != nil {
		return !errors.Is(err, outbound.ErrRefused)
	}
	return code >= 500 || code == 408 || code == 429
}

// status words how a delivery went: for the log, which its administrators read,
// without a word about what is inside our network.
func status(code int, err error) string {
	switch {
	case err == nil && code >= 200 && code < 300:
		return "OK"
	case err == nil && code >= 300 && code < 400:
		return "Invalid HTTP Response: " + strconv.Itoa(code) + " (redirects are not followed)"
	case err == nil:
		return "Invalid HTTP Response: " + strconv.Itoa(code)
	case errors.Is(err, outbound.ErrRefused):
		return "the host is not on the public Internet, and the administrator did not allow its network (webhook-allow)"
	case errors.Is(err, context.DeadlineExceeded):
		return "timed out"
	case isTLS(err):
		return "the certificate is not trusted (an administrator can name its authority: webhook-ca)"
	case strings.Contains(err.Error(), "look up the host"):
		return "failed to look up the host"
	case strings.Contains(err.Error(), "response headers"), strings.Contains(err.Error(), "malformed HTTP"):
		return "the answer is no HTTP response"
	}
	return "failed to connect to host"
}

func isTLS(err error) bool {
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return true
	}
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return true
	}
	_, ok := errors.AsType[x509.CertificateInvalidError](err)
	return ok
}
