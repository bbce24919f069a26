package foreign

import "context"

// oldNames reads which names still lead to accounts and repositories that were renamed
// or given away (go-gitea/gitea, models/user/redirect.go and models/repo/redirect.go).
// Where the tables are not there, nothing leads anywhere.
func oldNames(ctx context.Context, s *source, w *World) error {
	for _, q := range []struct{ table, of, query string }{
		{"user_redirect", "redirect_user_id", `SELECT 0, ` + text("lower_name") + `, redirect_user_id FROM user_redirect ORDER BY id`},
		{"repo_redirect", "redirect_repo_id", `SELECT owner_id, ` + text("lower_name") + `, redirect_repo_id FROM repo_redirect ORDER BY id`},
	} {
		there, err := s.columns(ctx, q.table)
		if err != nil {
			return err
		}
		if !there["lower_name"] || !there[q.of] {
			continue
		}
		err = s.each(ctx, q.query, func(scan func(...any) error) error {
			var owner, to num
			var name str
			if err := scan(&owner, &name, &to); err != nil {
				return err
			}
			w.Old = append(w.Old, Old{Owner: int64(owner), Name: string(name), To: int64(to)})
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
