package attack

import (
	"strings"
	"testing"

	"jeton/internal/app/apptest"
)

// mutants are, for each attack, the server without the guard that the attack
// meets, or with the mistake that others made. What is missing here has no line
// to take out: it holds because there is nothing that could do it.
var mutants = map[string]apptest.Mutant{
	"TestA1_":  {File: identify, Old: actorLine, New: "a, err := g.actorBy(ctx, v)\n\tif p.user == \"\" {\n\t\ta.Grant = right.Everything()\n\t}\n\treturn a, err"},
	"TestA2_":  {File: identify, Old: actorLine, New: "a, err := g.actorBy(ctx, v)\n\tif p.user != \"\" {\n\t\ta.Grant = right.Everything()\n\t}\n\treturn a, err"},
	"TestA3_":  {File: check, Old: "t.fails(PartExists, true, !f.Exists || relation == None)", New: "t.fails(PartExists, true, !f.Exists)"},
	"TestA5_":  {File: webCall, Old: authorizationLine, New: "if false {"},
	"TestA6_":  {File: "internal/repo/visible.go", Old: "if viewer.Grant.Level(info.Permission, false) >= info.Level && !all {", New: "if !all {"},
	"TestA8_":  {File: identify, Old: sessionLine, New: "if v, err := g.o.Tokens.Verify(ctx, bearer); err == nil {\n\t\treturn right.Actor{Account: v.Account, Kind: right.SessionCredential, Grant: right.Everything(), Confirmed: g.o.Now()}, nil\n\t}\n\t" + sessionLine},
	"TestA10_": {File: webCall, Old: authorizationLine, New: "if false {"},
	"TestA11_": {File: check, Old: "e.Recent && !actor.IsToken()", New: "false"},
	"TestA16_": {File: "internal/rest/user.go", Old: `{patch, "/user", right.SelfEdit,`, New: `{patch, "/user", right.SelfRead,`},
	"TestA19_": {File: check, Old: "if t.below(PartRight, relation, e.Right, false) {", New: "if false {"},
	"TestA20_": {File: identify, Old: sessionLine, New: "if v, err := g.o.Tokens.Verify(ctx, bearer); err == nil {\n\t\treturn right.Actor{Account: v.Account, Kind: right.SessionCredential, Grant: right.Everything()}, nil\n\t}\n\t" + sessionLine},
	"TestA23_": {File: check, Old: "if t.below(PartRight, relation, e.Right, false) {", New: "if false {"},

	"TestA6_Beyond":        {File: "internal/repo/visible.go", Old: "(r.private AND `+tied+` AND `+within+` AND", New: "(r.private AND `+tied+` AND (TRUE OR `+within+`) AND"},
	"TestA10_Narrowed":     {File: "internal/token/fine.go", Old: "if parent.Access != Anywhere {", New: "if false {"},
	"TestA14_AReach":       {File: "internal/rest/fork.go", Old: "if err := c.mayGive(in.NewOwner); err != nil {", New: "if err := error(nil); err != nil {"},
	"TestA14_AReachIs":     {File: "internal/right/reach.go", Old: "\t\tif r.Owner != f.Owner {", New: "\t\tif false {"},
	"TestA14_AReachIsNot":  {File: "internal/right/reach.go", Old: "return r.Owner == actor.Account && (r.All ||", New: "return r.Owner == actor.Account && (true ||"},
	"TestA14_AnAccount":    {File: "internal/right/reach.go", Old: "return r.Owner == actor.Account && (", New: "return actor.Account != 0 && (", Also: []apptest.Mutant{{File: "internal/token/fine.go", Old: "if n.Owner != account {", New: "if false {"}}},
	"TestA16_.*Permission": {File: "internal/right/fine.go", Old: "gives: levels(Levels{Administration: Read},", New: "gives: levels(Levels{Administration: Write},"},
	"TestA17_TheLife":      {File: "internal/token/token.go", Old: `return r.recordChange(ctx, tx, actor, t.Kind.deed("update"), t, "")`, New: `return r.record(ctx, tx, actor, t.Kind.deed("update"), t, "")`},
	"TestA17_.*Reaches":    {File: "internal/token/verify.go", Old: "Grant: t.Grant(), LastEight", New: "Grant: right.Everything(), LastEight"},
	"TestB8_ANarrower":     {File: "internal/token/approval.go", Old: `r.recordChange(ctx, tx, actor, deed, t, "")`, New: `r.record(ctx, tx, actor, deed, t, "")`},
	"TestB13_AReach":       {File: check, Old: "t.fails(PartExists, true, !f.Exists || relation == None)", New: "t.fails(PartExists, true, !f.Exists)"},
	"TestJ4_":              {File: "internal/rest/merge.go", Old: "if c.door.o.Gate.CheckRepo(&c.actor, right.RepoFetch, &r) != nil {", New: "if false {"},

	"TestB1_EveryRequestAsksAnew$": {File: "internal/token/verify.go", Old: "return !v.ExpiresAt.IsZero() && !r.o.Now().Before(v.ExpiresAt)", New: "return false", Also: []apptest.Mutant{
		{File: "internal/token/verify.go", Old: "case t.Expired(r.o.Now()):", New: "case false:"}}},
	"TestB1_ANewPasswordEndsOtherSessions$": {File: "internal/signin/password.go", Old: "if _, err := r.deleteSessions(ctx, tx, who.ID, `id <> $2`, int64(actor.Sess)); err != nil {", New: "if err := error(nil); err != nil {"},
	"TestB4_":                               {File: "internal/gate/gate.go", Old: "if f.Suspended {", New: "if false {"},
	"TestB5_": {File: "internal/gate/gate.go", Old: "if f.Suspended {", New: "if false {", Also: []apptest.Mutant{
		{File: "internal/signin/session.go", Old: "if f.Suspended {", New: "if false {"},
		{File: "internal/signin/session.go", Old: "if _, err := r.deleteSessions(ctx, tx, a, `id <> $2`, 0); err != nil {", New: "if err := error(nil); err != nil {"},
		{File: "internal/web/admin.go", Old: "return errMissing()\n\t}\n\tif c.field(\"suspend\")", New: "_ = a\n\t}\n\tif c.field(\"suspend\")"}}},
	"TestB6_": {File: "internal/signin/signin.go", Old: "if who.Suspended {", New: "if who.Suspended {\n\t\t_ = r.o.Account.Unsuspend(ctx, right.Operator(), who.ID)"},
	"TestB11_": {File: "internal/signin/link.go", Old: "if l.Kind != kind {", New: "if kind = l.Kind; false {", Also: []apptest.Mutant{
		{File: "internal/signin/link.go", Old: "if err == nil && l.Kind != kind {", New: "if false {"}}},
	"TestB13_": {File: "internal/repo/collaborator.go", Old: "`DELETE FROM collaborators WHERE repo_id = $1 AND account_id = $2`, repo, who)", New: "`UPDATE collaborators SET level = level WHERE repo_id = $1 AND account_id = $2`, repo, who)"},
	"TestB15_": {File: "internal/keys/digest.go", Old: "\tm := k.macs.Get().(*mac)", New: "\tif copy(sum[:], value) > 0 {\n\t\treturn sum\n\t}\n\tm := k.macs.Get().(*mac)"},
	"TestB16_": {File: "internal/gate/gate.go", Old: "Public: !r.Private", New: "Public: true"},
	"TestB17_": {File: "internal/token/verify.go", Old: "r.cache.drop(id.Token(c.Subject))", New: "_ = id.Token(c.Subject)"},

	"TestC1_":  {File: identify, Old: verifyLine, New: "if _, s, err := g.o.Signin.SignIn(ctx, p.user, p.plain); err == nil {\n\t\treturn right.Actor{Account: s.Account, Login: s.Login, Kind: right.SessionCredential, Grant: right.Everything()}, nil\n\t}\n\t" + verifyLine},
	"TestC10_": {File: webCall, Old: authorizationLine, New: "if false {"},
	"TestD1_":  {File: "internal/httpkit/guard.go", Old: "if secretInURL(r.URL) {", New: "if false {"},

	"TestE1_": {File: "internal/httpkit/address.go", Old: "if !p.trusts(a) {\n\t\treturn a", New: "if false {\n\t\treturn a"},
	"TestE2_": {File: "internal/httpkit/address.go", Old: `a = hop.Unmap().WithZone("")`, New: "a = hop"},
	"TestE3_": {File: identify, Old: actorLine, New: "if named, err := g.o.Accounts.ByLogin(ctx, g.o.DB, p.user); err == nil {\n\t\tother := *v\n\t\tother.Account, v = named.ID, &other\n\t}\n\t" + actorLine},

	"TestF2_":                   {File: "internal/repo/name.go", Old: "case !nameBytes(name):", New: "case false:"},
	"TestF9_":                   {File: "internal/gitstore/run/run.go", Old: `"core.hooksPath", os.DevNull,`, New: `"core.hooksPath", os.DevNull[:0] + "hooks",`},
	"TestF10_":                  {File: "internal/gitstore/incoming/receive.go", Old: "if err != nil && s.bad == nil {", New: "if false {"},
	"TestH1_":                   {File: "internal/githttp/request.go", Old: "if s != t.service.name {", New: "if s == t.service.name+\"x\" {"},
	"TestH3_":                   {File: "internal/push/rules.go", Old: "\t\tif path == \"\" {\n\t\t\tcontinue\n", New: "\t\tif path == \"\" {\n\t\t\treturn nil\n"},
	"TestH3_RulesJudgeEachRef$": {File: "internal/push/protect.go", Old: "p.refuseBy(i, &rules, rules.first(u))", New: "p.refuseBy(i, &rules, rules.first(p.cmds.Updates[0*len(u.Name)]))"},
	"TestH8_":                   {File: "internal/push/protect.go", Old: "if u.Deletes() && !rule.AllowDelete {", New: "if false {"},
	"TestH8_OnlyTheRepo":        {File: "internal/repo/rule.go", Old: "return r.Itself && who == r.machine ||", New: "return r.Itself ||"},
	"TestH8_NoWay":              {File: "internal/push/protect.go", Old: "\t\tif !descends {\n", New: "\t\tif false && !descends {\n"},
	"TestH8_NoWayAround":        {File: "internal/repo/pattern.go", Old: "pattern.Parse(text, pattern.Folded)", New: "pattern.Parse(text, pattern.Sensitive)"},
	"TestH8_NoWayAroundABranch": {File: "internal/push/protect.go", Old: "if !rule.MayPush(p.actor.Account, p.repo.Relation) {", New: "if false {"},
	"TestH6_":                   {File: check, Old: "if t.below(PartRight, relation, e.Right, false) {", New: "if false {"},
	"TestH9_":                   {File: identify, Old: "return right.Actor{}, g.refusePresented(ctx, p, refused)", New: "_ = refused\n\t\t\treturn right.Anonymous(), nil"},

	"TestF10_ByTheAPI$": {File: "internal/gitstore/draft/draft.go", Old: "err = object.CheckTree(d.Format(), data, nil)", New: "_ = data", Also: []apptest.Mutant{
		{File: "internal/gitstore/incoming/receive.go", Old: "if err != nil && s.bad == nil {", New: "if false {"}}},
	"TestF4_ByTheAPI$":      {File: "internal/rest/contentwrite.go", Old: "if there && !e.Mode.IsDir() {", New: "if there && !e.Mode.IsDir() && false {"},
	"TestH3_ByTheAPI$":      {File: "internal/push/rules.go", Old: "if denied == nil || len(tips) == 0 {", New: "if denied == nil || len(tips) >= 0 {"},
	"TestH3_InATree$":       {File: "internal/push/write.go", Old: "if denied == nil || root == \"\" {", New: "if denied == nil || root != \"x\" {"},
	"TestH8_ByTheAPI$":      {File: "internal/push/write.go", Old: "if !p.forward {", New: "if true {"},
	"TestJ7_ByTheAPI$":      {File: "internal/gitstore/view/find.go", Old: "if len(bad) > 0 {", New: "if len(bad) > 100 {"},
	"TestJ7_MadeByOthers$":  {File: "internal/gitstore/draft/made.go", Old: "strconv.FormatInt(int64(who), 10)", New: "strconv.FormatInt(int64(who)*0, 10)"},
	"TestK_SecretByTheAPI$": {File: "internal/push/write.go", Old: "if err != nil || len(found) == 0 {", New: "if err != nil || len(found) >= 0 {"},

	"TestA17_":               {File: "internal/lfs/lfs.go", Old: "if c.via != nil && c.via.repo != repo.ID {", New: "if false {"},
	"TestB14_ATransferEnds":  {File: "internal/lfs/ticket.go", Old: "if !ok || begins && !d.o.Now().Before(t.until) {", New: "if !ok {"},
	"TestB14_AnExpiredToken": {File: "internal/token/verify.go", Old: "case t.Expired(r.o.Now()):", New: "case false:"},
	"TestB14_AnOpenUpload":   {File: "internal/lfs/transfer.go", Old: "may := func(ctx context.Context) error { return d.again(ctx, c) }", New: "may := func(context.Context) error { return nil }", Also: []apptest.Mutant{{File: "internal/lfs/lfs.go", Old: "func(ctx context.Context) error { return d.again(ctx, c) })", New: "func(context.Context) error { return nil })"}}},
	"TestH2_":                {File: "internal/lfs/lfs.go", Old: `if c.r.URL.Query().Has("service") {`, New: `if c.r.URL.Query().Get("service") == "x" {`},
	"TestH9_.*OfLFS":         {File: "internal/lfs/ticket.go", Old: "return actor, nil, err\n}", New: "if err != nil {\n\t\tactor = right.Anonymous()\n\t}\n\treturn actor, nil, nil\n}"},
	"TestI1_":                {File: "internal/largefile/store.go", Old: "if hex.EncodeToString(c.sum.Sum(nil)) != string(c.want) {", New: "if len(hex.EncodeToString(c.sum.Sum(nil))) != len(c.want) {"},
	"TestI2_":                {File: "internal/largefile/object.go", Old: "`SELECT size FROM lfs_objects WHERE repo_id = $1 AND oid = $2`", New: "`SELECT size FROM lfs_objects WHERE ($1 > 0) AND oid = $2`"},
	"TestI3_":                {File: "internal/largefile/object.go", Old: "`SELECT size FROM lfs_objects WHERE repo_id = $1 AND oid = $2`", New: "`SELECT size FROM lfs_objects WHERE ($1 > 0) AND oid = $2`"},
	"TestI4_":                {File: "internal/lfs/batch.go", Old: `if b.Operation != "download" && b.Operation != "upload" {`, New: "if b.Operation != \"download\" {\n\t\tb.Operation = \"upload\"\n\t}\n\tif false {"},
	"TestI5_":                {File: "internal/token/verify.go", Old: "Grant: t.Grant(), LastEight", New: "Grant: right.Everything(), LastEight"},
	"TestI6_ALockIs":         {File: "internal/largefile/lock.go", Old: "WHERE l.id = $1 AND l.repo_id = $2`, int64(lock)", New: "WHERE l.id = $1 AND $2 > 0`, int64(lock)"},
	"TestI6_ForceIs":         {File: "internal/largefile/lock.go", Old: "if l.Owner != actor.Account && !force {", New: "if false {"},
	"TestI7_":                {File: "internal/largefile/lock.go", Old: "if bad {", New: "if bad = p == \"a\"; bad {", Also: []apptest.Mutant{{File: "internal/largefile/largefile.go", Old: "if len(s) != 64 {", New: "if len(s) > 0 {\n\t\treturn OID(s), true\n\t}\n\tif len(s) != 64 {"}}},
	"TestI8_":                {File: "internal/largefile/object.go", Old: "`SELECT size FROM lfs_objects WHERE repo_id = $1 AND oid = $2`", New: "`SELECT size FROM lfs_objects WHERE ($1 > 0) AND oid = $2`"},
	"TestN2_":                {File: "internal/lfs/body.go", Old: "if depth++; depth > maxDepth {", New: "if depth++; depth > maxDepth<<20 {"},

	"TestJ1_": {File: check, Old: "granted < e.Level && actor.granted(e, Metadata, f) < Read", New: "false"},
	"TestJ6_": {File: "internal/signin/signin.go", Old: hashLine, New: "if who.ID == 0 {\n\t\treturn secret.Value{}, Session{}, wrong()\n\t}\n\t" + hashLine},
	"TestJ7_": {File: "internal/gitstore/upload.go", Old: "bad, err := r.Unreachable(ctx, refs, f.Wants)", New: "bad, err := f.Wants[:0], error(nil)"},
	"TestJ8_": {File: "internal/token/store.go", Old: "WHERE id = $1 AND account_id = $2 AND revoked_at = 0`+string(of), tid", New: "WHERE id = $1 AND $2 > 0 AND revoked_at = 0`+string(of), tid"},
	"TestL8_": {File: "internal/web/session.go", Old: "func returnTo(s string) string {", New: "func returnTo(s string) string {\n\tif s != \"\" {\n\t\treturn s\n\t}"},
	"TestM2_": {File: "internal/signin/link.go", Old: "\treturn 24 * time.Hour", New: "\treturn 7 * 24 * time.Hour"},
	"TestM3_": {File: webCall, Old: "if err := c.door.crossSite.Check(c.r); err != nil {", New: "if err := error(nil); err != nil {"},
	"TestM4_": {File: "internal/rest/call.go", Old: apiLine, New: apiLine + "\n\tif k, e := c.r.Cookie(\"__Host-session\"); e == nil {\n\t\tactor, err = c.door.o.Gate.IdentifySession(c.r.Context(), secret.New(k.Value))\n\t}", Also: []apptest.Mutant{
		{File: "internal/rest/call.go", Old: `"jeton/internal/right"`, New: "\"jeton/internal/right\"\n\t\"jeton/internal/secret\""}}},
	"TestM5_": {File: "internal/web/blob.go", Old: `h.Set("Content-Type", kind)`, New: `h.Set("Content-Type", kind[:0]+http.DetectContentType(head))`},
	"TestM6_": {File: "internal/printable/printable.go", Old: "func Line(s string, max int) string {", New: "func Line(s string, max int) string {\n\tif max >= 0 {\n\t\treturn s\n\t}"},
	"TestN3_": {File: "internal/httpkit/server.go", Old: "maxHeaderBytes = 32 << 10", New: "maxHeaderBytes = 32 << 20"},
	"TestN1_": {File: "internal/httpkit/server.go", Old: "headerTimeout  = 10 * time.Second", New: "headerTimeout  = 10 * time.Minute"},
	"TestN6_": {File: "internal/gitstore/incoming/receive.go", Old: "if err != nil && s.bad == nil {", New: "if false {"},
	"TestN7_": {File: "internal/githttp/request.go", Old: "maxFetchBody = 64 << 20", New: "maxFetchBody = 64 << 30"},

	"TestR1_":                          {File: "internal/token/rotate.go", Old: "case open && r.isKey(all[0], key):", New: "case open:"},
	"TestR3_":                          {File: "internal/token/verify.go", Old: "case !t.FrozenAt.IsZero():", New: "case false:"},
	"TestR4_":                          {File: "internal/token/freeze.go", Old: "if now.Before(o.endsAt.Add(underWay)) || !now.Before(o.rotatedAt.Add(FreezeWithin)) || !o.settledAt.IsZero() {", New: "if false {"},
	"TestB3_":                          {File: rightPolicy, Old: "if b := a.out(a.Policies.Site, 0); b != Within {", New: "if b := a.out(a.Policies.Site, 0); b > 99 {"},
	"TestB3_AKind":                     {File: rightPolicy, Old: "return a.out(a.Policies.Of[owner], owner), owner", New: "return a.out(a.Policies.Of[owner], owner) * 0, owner"},
	"TestS2_":                          {File: "internal/policy/policy.go", Old: "if c.Kind != change.PolicyChanged && c.Kind != change.All {", New: "if c.Kind != change.All {"},
	"TestS1_":                          {File: "internal/repo/visible.go", Old: "AND `+within+` AND `+c.notOf(shut)+`)`)", New: "AND `+within+` AND `+c.notOf(shut[:0])+`)`)"},
	"TestS1_Every":                     {File: "internal/rest/member.go", Old: "return c.actor.ShutOutOf(m.Org) })", New: "return c.actor.ShutOutOf(m.Org * 0) })"},
	"TestS1_EveryPolicy":               {File: rightPolicy, Old: "b != Within && !visitorMay(a, f, now)", New: "b != Within"},
	"TestS3_":                          {File: "internal/token/obey.go", Old: "t.Scopes = t.Scopes.Meet(p.Scopes)", New: "_ = t.Scopes.Meet(p.Scopes)"},
	"TestS3_LooseningWidensNoMachine$": {File: "internal/token/obey.go", Old: "t.Permissions = t.Permissions.Meet(p.Fine)", New: "_ = t.Permissions.Meet(p.Fine)"},
	"TestS5_NoMachines":                {File: "internal/token/obey.go", Old: "case p.Without.Has(t.Kind.Credential()):", New: "case p.Without.Has(right.NoCredential):"},
	"TestS3_Loosening":                 {File: rightPolicy, Old: "if slices.Contains(a.Barred, owner) {", New: "if slices.Contains(a.Barred, -owner) {"},
	"TestS4_":                          {File: rightPolicy, Old: "case p.Approve && a.Kind == FineToken", New: "case p.Approve && a.Kind == NoCredential"},
	"TestS4_Approval":                  {File: "internal/token/approval.go", Old: "case more:", New: "case more && was.ApprovedAt.IsZero():"},
	"TestS4_AnOwners":                  {File: "internal/token/standing.go", Old: "t.ApprovedAt, t.ApprovedBy = time.Time{}, 0", New: "_ = time.Time{}"},
	"TestS4_AnOwnersOwn":               {File: "internal/token/approval.go", Old: "if ok, err := answers(ctx, tx, actor, t.Owner); err != nil || !ok {", New: "if _, err := answers(ctx, tx, actor, t.Owner); err != nil {"},
	"TestS4_AnAnswerOnItsWay":          {File: "internal/token/approval.go", Old: "if !ok {\n\t\t\treturn problem.New(problem.Forbidden", New: "if !ok && approve && answer != \"\" {\n\t\t\treturn problem.New(problem.Forbidden"},
	"TestS5_":                          {File: "internal/token/obey.go", Old: "b = p.RefusesEnd(&i)", New: "b = p.RefusesGiven(&i)"},
	"TestS6_":                          {File: "internal/policy/rules.go", Old: "case d.More():", New: "case false:"},
	"TestS7_":                          {File: rightPolicy, Old: "case !p.admits(a.From):", New: "case false:"},
	"TestS7_NoWay":                     {File: "internal/rest/fork.go", Old: " && denied.Reason != right.OutOfPolicy {", New: " {"},
	"TestB8_AnOpenClone":               {File: "internal/gate/watch.go", Old: "c.Kind == change.PolicyChanged && w.actor.IsToken()", New: "c.Kind == change.PolicyChanged && w.actor.IsAnonymous()"},

	"TestR5_": {File: "internal/token/rotate.go", Old: "if n := distinct(s); n < 6 {", New: "if n := distinct(s); n < 0 {"},
}

// The files and lines that several mutants change.
const (
	identify = "internal/gate/identify.go"
	check    = "internal/right/check.go"

	rightPolicy = "internal/right/policy.go"

	webCall = "internal/web/call.go"

	actorLine         = "a, err := g.actorBy(ctx, v)"
	verifyLine        = "v, err := g.o.Tokens.Verify(ctx, p.plain)"
	sessionLine       = "s, err := g.o.Signin.Session(ctx, bearer)"
	authorizationLine = `if len(c.r.Header.Values("Authorization")) > 0 {`
	apiLine           = `actor, err := c.identify()`
	hashLine          = "ok, old, err := r.hasher.check(ctx, hash, password)"
)

// TestMutants builds the server without each guard and runs the attack against
// it: it must succeed. That takes minutes; the ordinary run only sees that the
// guards are still where the list says.
func TestMutants(t *testing.T) {
	t.Parallel()
	for run, m := range mutants {
		t.Run(strings.Trim(run, "_$"), func(t *testing.T) {
			m.Present(t)
			if long() {
				m.MustFail(t, "jeton/internal/attack", "^"+run)
			}
		})
	}
}
