package release

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"mime"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"jeton/internal/db"
	"jeton/internal/id"
	"jeton/internal/problem"
)

const (
	// maxAssets is how many a release may have, as on GitHub.
	maxAssets = 1000
	// maxListed is how many assets the releases of one list show together.
	maxListed = 5000
)

// Asset is a file of a release.
type Asset struct {
	ID          id.Asset
	Release     id.Release
	Draft       bool // the release is one
	Tag         string
	Name, Label string
	ContentType string
	Size        int64
	Digest      string // the SHA-256 of its bytes, in hexadecimal digits
	Key         string // of its bytes
	Uploader    id.Account
	Login       string // of the uploader; empty when the account is gone
	Downloads   int64
	CreatedAt   time.Time
	UpdatedAt   time.Time
}

// AssetName is the name that a file gets: what is not safe in every shell and URL
// becomes a dot, as on GitHub. It is empty when nothing is left.
func AssetName(s string) string {
	if !utf8.ValidString(s) || len(s) > 255 {
		return ""
	}
	s = strings.Map(func(c rune) rune {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.ContainsRune("._-+@~", c):
			return c
		}
		return '.'
	}, s)
	return strings.Trim(s, ".")
}

// mediaType is a media type that can be sent back.
func mediaType(s string) string {
	kind, params, err := mime.ParseMediaType(s)
	if err != nil || len(s) > 255 {
		return "application/octet-stream"
	}
	if out := mime.FormatMediaType(kind, params); out != "" {
		return out
	}
	return "application/octet-stream"
}

func checkLabel(s string) error {
	if utf8.RuneCountInString(s) > maxName || !utf8.ValidString(s) || strings.ContainsRune(s, 0) {
		return problem.Field("label", "label is too long (maximum is 255 characters)")
	}
	return nil
}

const assetColumns = `s.id, s.release_id, r.draft, r.tag, s.name, s.label, s.content_type, s.size, s.digest, s.blob_key, s.uploader_id, COALESCE(a.login, ''), s.downloads, s.created_at, s.updated_at
	FROM release_assets s JOIN releases r ON r.id = s.release_id LEFT JOIN accounts a ON a.id = s.uploader_id`

func scanAsset(row interface{ Scan(...any) error }) (Asset, error) {
	var s Asset
	var created, updated int64
	err := row.Scan(&s.ID, &s.Release, &s.Draft, &s.Tag, &s.Name, &s.Label, &s.ContentType, &s.Size, &s.Digest, &s.Key, &s.Uploader, &s.Login, &s.Downloads, &created, &updated)
	s.CreatedAt, s.UpdatedAt = db.Time(created), db.Time(updated)
	return s, err
}

func oneAsset(row *sql.Row) (Asset, error) {
	s, err := scanAsset(row)
	if errors.Is(err, sql.ErrNoRows) {
		return s, problem.New(problem.NotFound, "Not Found", "")
	}
	if err != nil {
		return s, fmt.Errorf("read an asset: %w", err)
	}
	return s, nil
}

// Asset returns an asset of the repository, a draft's too, or problem.NotFound.
func (r *Room) Asset(ctx context.Context, read db.Reader, repo id.Repo, asset id.Asset) (Asset, error) {
	return oneAsset(read.QueryRow(ctx, `SELECT `+assetColumns+` WHERE s.id = $1 AND s.repo_id = $2`, asset, repo))
}

// AssetByName returns an asset of the published release of a tag, or
// problem.NotFound.
func (r *Room) AssetByName(ctx context.Context, read db.Reader, repo id.Repo, tag, name string) (Asset, error) {
	return oneAsset(read.QueryRow(ctx, `SELECT `+assetColumns+` WHERE r.repo_id = $1 AND r.tag = $2 AND NOT r.draft AND s.name = $3`, repo, tag, name))
}

// assets adds the assets of releases, by one query for a hundred.
func (r *Room) assets(ctx context.Context, read db.Reader, list []Release) error {
	const atOnce = 100
	for from := 0; from < len(list); from += atOnce {
		some := list[from:min(from+atOnce, len(list))]
		args, at := make([]any, 0, atOnce), map[id.Release]int{}
		var marks strings.Builder
		for i := range atOnce { // one text for any number
			n := min(i, len(some)-1)
			at[some[n].ID] = n
			args = append(args, some[n].ID)
			if i > 0 {
				marks.WriteByte(',')
			}
			marks.WriteString("$" + strconv.Itoa(i+1))
		}
		rows, err := read.Query(ctx, `SELECT `+assetColumns+` WHERE s.release_id IN (`+marks.String()+`) ORDER BY s.id LIMIT `+strconv.Itoa(maxListed), args...)
		if err != nil {
			return fmt.Errorf("list assets: %w", err)
		}
		if err := gather(rows, some, at); err != nil {
			return fmt.Errorf("list assets: %w", err)
		}
	}
	return nil
}

func gather(rows *sql.Rows, list []Release, at map[id.Release]int) error {
	defer rows.Close()
	for rows.Next() {
		s, err := scanAsset(rows)
		if err != nil {
			return err
		}
		n := at[s.Release]
		list[n].Assets = append(list[n].Assets, s)
	}
	return errors.Join(rows.Err(), rows.Close())
}

// EditAsset gives an asset another name or label; nil leaves them. It fails with
// problem.NotFound and problem.Invalid.
func (r *Room) EditAsset(ctx context.Context, repo id.Repo, asset id.Asset, name, label *string) (Asset, error) {
	var out Asset
	err := r.o.DB.Write(ctx, func(tx *db.Tx) error {
		s, err := r.Asset(ctx, tx, repo, asset)
		if err != nil {
			return err
		}
		if name != nil {
			if s.Name = AssetName(*name); s.Name == "" {
				return badName()
			}
		}
		if label != nil {
			s.Label = *label
		}
		if err := checkLabel(s.Label); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE release_assets SET name = $3, label = $4, updated_at = $5 WHERE id = $1 AND repo_id = $2`, asset, repo, s.Name, s.Label, db.Micros(r.o.Now())); err != nil {
			return fmt.Errorf("change an asset: %w", err)
		}
		if err := r.touch(ctx, tx, s.Release); err != nil {
			return err
		}
		out, err = r.Asset(ctx, tx, repo, asset)
		return err
	})
	if db.IsUnique(err) {
		err = nameTaken()
	}
	return out, err
}

func badName() error   { return problem.Field("name", "name is missing or has no letter that may stay") }
func nameTaken() error { return problem.Field("name", "name already exists") }

// DeleteAsset removes an asset of the repository.
func (r *Room) DeleteAsset(ctx context.Context, repo id.Repo, asset id.Asset) error {
	return r.o.DB.Write(ctx, func(tx *db.Tx) error {
		s, err := r.Asset(ctx, tx, repo, asset)
		if err != nil {
			return err
		}
		if err := r.loosen(ctx, tx, repo, `id = $1`, asset); err != nil {
			return err
		}
		return r.touch(ctx, tx, s.Release)
	})
}

// touch notes that a release has changed with its assets: they are a part of it.
func (r *Room) touch(ctx context.Context, tx *db.Tx, rel id.Release) error {
	if _, err := tx.Exec(ctx, `UPDATE releases SET updated_at = $2 WHERE id = $1`, rel, db.Micros(r.o.Now())); err != nil {
		return fmt.Errorf("note a change of a release: %w", err)
	}
	return nil
}
