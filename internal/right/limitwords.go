package right

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Words says in a line what the limit leaves, for people. What it does not know it
// shows as it is: nothing is allowed by it.
func (l Limit) Words() string {
	any := strings.Join(l.Values, ", ")
	switch l.Name {
	case LimitRead:
		return "reads, and changes nothing"
	case LimitForward:
		return "makes branches and tags and moves them forward, without force, and deletes none"
	case LimitCreate:
		return "makes branches and tags, and never moves or deletes one"
	case LimitRepos:
		return "only " + any
	case LimitPermissions:
		return "not more than " + strings.ReplaceAll(any, "=", ": ")
	case LimitNetworks:
		return "only from " + any
	case LimitRefs:
		return "sees and moves only " + any
	case LimitPush:
		return "moves only " + any
	case LimitPaths:
		return "pushes change only " + any
	case LimitUntil:
		if n, err := strconv.ParseInt(any, 10, 64); err == nil {
			return "until " + time.Unix(n, 0).UTC().Format("2 January 2006, 15:04:05 MST")
		}
	case LimitUses:
		if any == "1" {
			return "one use"
		}
		return any + " uses, together with all that was made from it"
	case LimitBytes:
		return any + " bytes fetched and pushed, together with all that was made from it"
	}
	return fmt.Sprintf("%q, which is not understood here", strings.TrimSpace(l.Name+" "+any))
}
