package wire

import (
	"strconv"
	"strings"

	"jeton/internal/gitstore/object"
	"jeton/internal/gitstore/pktline"
)

// ObjectInfo is a version 2 object-info command: what a client wants to know of
// objects without fetching them.
type ObjectInfo struct {
	Size bool
	IDs  []object.ID
}

// maxObjectInfo is how many objects one request may ask about.
const maxObjectInfo = 10_000

func (q *ObjectInfo) arg(line string, format object.Format) error {
	if line == "size" {
		q.Size = true
		return nil
	}
	hex, ok := strings.CutPrefix(line, "oid ")
	if !ok {
		return malformed("object-info: unexpected line: '%s'", shown(line))
	}
	id, ok := format.ParseID(hex)
	if !ok {
		return malformed("object-info: protocol error, expected to get oid, not '%s'", shown(hex))
	}
	if len(q.IDs) >= maxObjectInfo {
		return errTooMuch
	}
	q.IDs = append(q.IDs, id)
	return nil
}

// AppendObjectInfo appends the answer to an object-info. sizes has the size of
// each object that there is for the client.
func AppendObjectInfo(b []byte, q *ObjectInfo, sizes map[object.ID]int64) []byte {
	if q.Size {
		b = pktline.Append(b, "size")
	}
	for _, id := range q.IDs {
		line := string(id)
		if q.Size {
			line += " "
			if n, ok := sizes[id]; ok {
				line += strconv.FormatInt(n, 10)
			}
		}
		b = pktline.Append(b, line)
	}
	return pktline.AppendFlush(b)
}
