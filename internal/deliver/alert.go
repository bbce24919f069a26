package deliver

import (
	"context"
	"encoding/json"

	"jeton/internal/alert"
	"jeton/internal/hook"
	"jeton/internal/id"
	"jeton/internal/problem"
)

// alertBody is what package alert tells.
type alertBody struct {
	Alert struct {
		Number int64 `json:"number"`
	} `json:"alert"`
}

// alert adds what an alert is at this moment. The secret itself is no part of it,
// on GitHub neither.
func (f *Flow) alert(ctx context.Context, j *hook.Job, r *repoRow, fields map[string]any) error {
	var body alertBody
	if err := json.Unmarshal(j.Event.Body, &body); err != nil {
		return err
	}
	a, err := f.o.Alerts.ByNumber(ctx, f.o.DB, r.ID, body.Alert.Number)
	if problem.Is(err, problem.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	number := id.Text(a.Number)
	u := f.api("/repos/" + r.FullName() + "/secret-scanning/alerts/" + number)
	out := map[string]any{
		"number": a.Number, "secret_type": alert.Type(a.Kind), "secret_type_display_name": alert.TypeDisplay(a.Kind), "validity": a.Validity,
		"created_at": stamp(a.CreatedAt), "updated_at": stamp(a.UpdatedAt), "url": u, "locations_url": u + "/locations",
		"html_url": f.o.Gate.URL("/" + r.FullName() + "/security/secret-scanning/" + number), "resolution": nil, "resolution_comment": nil,
		"resolved_at": stamp(a.ResolvedAt), "resolved_by": nil, "push_protection_bypassed": a.BypassedBy != 0, "push_protection_bypassed_at": stamp(a.BypassedAt),
		"push_protection_bypassed_by": nil, "publicly_leaked": !r.Private, "multi_repo": false,
	}
	if !a.Open() {
		out["resolution"] = a.Resolution
	}
	if a.Comment != "" {
		out["resolution_comment"] = a.Comment
	}
	if a.ResolvedBy != 0 {
		if out["resolved_by"], err = f.user(ctx, a.ResolvedBy, "ghost"); err != nil {
			return err
		}
	}
	if a.BypassedBy != 0 {
		if out["push_protection_bypassed_by"], err = f.user(ctx, a.BypassedBy, "ghost"); err != nil {
			return err
		}
	}
	fields["alert"] = out
	return nil
}
