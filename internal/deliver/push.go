package deliver

import (
	"context"
	"encoding/json"
	"net/url"
	"strings"
	"time"

	"jeton/internal/gitstore"
	"jeton/internal/gitstore/object"
	"jeton/internal/gitstore/wire"
	"jeton/internal/hook"
	"jeton/internal/problem"
)

const (
	maxCommits = 20 // of a push that are told
	maxMessage = 128 << 10
)

// pushBody is what package push tells of a ref.
type pushBody struct {
	Ref    string    `json:"ref"`
	Before object.ID `json:"before"`
	After  object.ID `json:"after"`
}

// commit is GitHub's commit of a push.
type commit struct {
	ID        string   `json:"id"`
	Tree      string   `json:"tree_id"`
	Distinct  bool     `json:"distinct"`
	Message   string   `json:"message"`
	Timestamp string   `json:"timestamp"`
	URL       string   `json:"url"`
	Author    identity `json:"author"`
	Committer identity `json:"committer"`
	Added     []string `json:"added"`
	Removed   []string `json:"removed"`
	Modified  []string `json:"modified"`
}

type identity struct {
	Name     string `json:"name"`
	Email    string `json:"email"`
	Username string `json:"username,omitempty"`
	Date     string `json:"date,omitempty"`
}

// push adds what the movement of a ref brought.
func (f *Flow) push(ctx context.Context, j *hook.Job, r *repoRow, fields map[string]any) error {
	var body pushBody
	if err := json.Unmarshal(j.Event.Body, &body); err != nil {
		return err
	}
	u := wire.Update{Name: body.Ref, Old: body.Before, New: body.After}
	pushed, err := f.o.Git.Repo(r.ID).Pushed(ctx, u, maxCommits)
	if problem.Is(err, problem.Unavailable) {
		return err // later
	}
	if err != nil {
		// A history that can't be read any more must not keep back that it moved.
		f.o.Log.WarnContext(ctx, "a push is told without its commits", "repository", int64(r.ID), "err", err)
		pushed = gitstore.Pushed{}
	}
	commits := []commit{}
	for i := range pushed.Commits {
		commits = append(commits, f.commit(r, &pushed.Commits[i]))
	}
	fields["created"], fields["deleted"], fields["forced"] = body.Before.IsZero(), u.Deletes(), pushed.Forced
	fields["commits"], fields["head_commit"], fields["base_ref"] = commits, nil, nil
	if pushed.Head != nil {
		fields["head_commit"] = f.commit(r, pushed.Head)
	}
	if pushed.Base != "" && (body.Before.IsZero() || strings.HasPrefix(body.Ref, "refs/tags/")) {
		fields["base_ref"] = pushed.Base
	}
	fields["compare"] = f.compare(r, &body)
	fields["pusher"] = identity{Name: j.Event.Login, Email: f.mailbox(j.Event.Login)}
	return nil
}

// mailbox is an address that names the account and tells nobody where it reads
// its mail.
func (f *Flow) mailbox(login string) string {
	u, err := url.Parse(f.o.Gate.URL(""))
	if err != nil {
		return ""
	}
	return login + "@users.noreply." + u.Hostname()
}

// compare is where the change can be looked at.
func (f *Flow) compare(r *repoRow, b *pushBody) string {
	short := func(one object.ID) string { return string(one[:min(len(one), 12)]) }
	page := "/" + r.FullName()
	switch {
	case b.After.IsZero():
		return f.o.Gate.URL(page + "/compare/" + short(b.Before) + "..." + strings.Repeat("0", 12))
	case b.Before.IsZero():
		return f.o.Gate.URL(page + "/commit/" + short(b.After))
	}
	return f.o.Gate.URL(page + "/compare/" + short(b.Before) + "..." + short(b.After))
}

func (f *Flow) commit(r *repoRow, c *gitstore.PushedCommit) commit {
	message := c.Message
	if len(message) > maxMessage {
		message = message[:maxMessage]
	}
	return commit{
		ID: string(c.ID), Tree: string(c.Tree), Distinct: c.Distinct, Message: strings.TrimRight(message, "\n"), Timestamp: c.Committer.When.Format(time.RFC3339),
		URL: f.o.Gate.URL("/" + r.FullName() + "/commit/" + string(c.ID)), Author: identify(c.Author), Committer: identify(c.Committer),
		Added: orNone(c.Added), Removed: orNone(c.Removed), Modified: orNone(c.Modified),
	}
}

func identify(s object.Signature) identity {
	return identity{Name: s.Name, Email: s.Email, Date: s.When.Format(time.RFC3339)}
}

func orNone(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}
