package repo

import (
	"fmt"
	"strconv"
	"strings"

	"jeton/internal/id"
	"jeton/internal/right"
)

// visible adds the condition under which right.Check allows RepoRead to the
// viewer. It reports false when that can hold for no repository.
func (c *clause) visible(viewer *right.Actor, me string, closed bool) bool {
	info := right.RepoRead.Info()
	tied := `(r.owner_id = ` + me + ` OR COALESCE(c.level, 0) >= ` + fmt.Sprint(int(info.Right)) + ` OR ` + asked(byOrg, me) + `)`
	switch {
	case viewer.Kind == right.OperatorCommand:
		tied = `TRUE`
	case viewer.Account == 0:
		tied = `FALSE`
	}
	// Being public gives everybody the level Read, visitors only of an open site.
	open := tied
	if info.Right <= right.Read && !(closed && viewer.IsAnonymous()) {
		open = `TRUE`
	}
	shut, all := viewer.ShutOut()
	within, beyond := c.within(viewer.Grant.Reach), `FALSE`
	if viewer.Grant.Reach != nil && viewer.Grant.Reach.Beyond {
		beyond = `TRUE`
	}
	var any []string
	if viewer.Grant.Level(info.Permission, true) >= info.Level {
		public := `(NOT r.private AND ` + open + ` AND (` + within + ` OR ` + beyond + `)`
		if closed { // visitors see none of it, and whoever is shut out is one
			public += ` AND ` + c.notOf(shut)
		}
		if !closed || !all {
			any = append(any, public+`)`)
		}
	}
	if viewer.Grant.Level(info.Permission, false) >= info.Level && !all {
		any = append(any, `(r.private AND `+tied+` AND `+within+` AND `+c.notOf(shut)+`)`)
	}
	if len(any) == 0 {
		return false
	}
	c.and(`(` + strings.Join(any, ` OR `) + `)`)
	for _, set := range viewer.Grant.Limits.Repos() {
		c.named(set)
	}
	return true
}

// notOf is the condition that a repository is not one of some owners'. They are one
// argument, the keys of an object of JSON, whatever their number: each argument costs
// SQLite's driver a search among all, and each form of the statement is kept prepared.
func (c *clause) notOf(owners []id.Account) string {
	if len(owners) == 0 {
		return `TRUE`
	}
	keys := []byte{'{'}
	for i, o := range owners {
		if i > 0 {
			keys = append(keys, ',')
		}
		keys = append(strconv.AppendInt(append(keys, '"'), int64(o), 10), `":0`...)
	}
	return `r.owner_id NOT IN (SELECT CAST(key AS BIGINT) FROM json_each(` + c.arg(string(append(keys, '}'))) + `))`
}

// named adds the condition that a repository has one of the names.
func (c *clause) named(names [][2]string) {
	any := make([]string, len(names))
	for i, n := range names {
		any[i] = `a.login_key = ` + c.arg(n[0]) + ` AND r.name_key = ` + c.arg(n[1])
	}
	c.and(`(` + strings.Join(any, ` OR `) + `)`)
}

// within is the condition under which a repository is in reach.
func (c *clause) within(reach *right.Reach) string {
	switch {
	case reach == nil:
		return `TRUE`
	case reach.All:
		return `r.owner_id = ` + c.arg(reach.Owner)
	case len(reach.Repos) == 0:
		return `FALSE`
	}
	marks := make([]string, len(reach.Repos))
	for i, n := range reach.Repos {
		marks[i] = c.arg(n)
	}
	return `(r.owner_id = ` + c.arg(reach.Owner) + ` AND r.id IN (` + strings.Join(marks, `, `) + `))`
}
