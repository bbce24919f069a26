package lfs

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"unicode/utf8"

	"jeton/internal/httpkit"
	"jeton/internal/problem"
)

const (
	// maxJSON bounds a JSON body: the largest batch fits twice.
	maxJSON = 512 << 10
	// maxDepth is how deep a body's values may lie in each other; git-lfs's lie
	// three deep.
	maxDepth = 16
	// maxBatch is how many objects one batch may name. git-lfs sends a hundred
	// unless it is told otherwise.
	maxBatch = 1000
)

// readJSON reads the request's body into v.
func (c *call) readJSON(v any) error {
	kind, _, err := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	if err != nil || kind != media && kind != "application/json" {
		return &httpkit.Wrong{Status: http.StatusUnsupportedMediaType, Text: "The body must be " + media + "."}
	}
	if e := c.r.Header.Get("Content-Encoding"); e != "" && e != "identity" {
		return &httpkit.Wrong{Status: http.StatusUnsupportedMediaType, Text: "The body must not be packed."}
	}
	body, err := io.ReadAll(http.MaxBytesReader(c.w, c.r.Body, maxJSON))
	if err != nil {
		if _, big := errors.AsType[*http.MaxBytesError](err); big {
			return problem.Wrap(err, problem.TooLarge, "The request is larger than this server takes.", "Ask for fewer objects at a time: git config lfs.transfer.batchSize 100")
		}
		return problem.Wrap(err, problem.Invalid, "The request's body could not be read.", "")
	}
	// Who keeps the body back must not act by what was taken away meanwhile.
	if c.repo.ID != 0 && c.door.o.Gate.Heard() != c.heard {
		if err := c.door.again(c.ctx(), c); err != nil {
			return err
		}
	}
	return decode(body, v)
}

// decode reads one JSON value and nothing after it.
func decode(body []byte, v any) error {
	if !utf8.Valid(body) || tooDeep(body) {
		return &httpkit.Wrong{Status: http.StatusBadRequest, Text: "The body is no JSON that Git LFS sends."}
	}
	if err := json.Unmarshal(body, v); err != nil {
		if _, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			return problem.Wrap(err, problem.Invalid, "A value in the body is of the wrong kind.", "")
		}
		return &httpkit.Wrong{Status: http.StatusBadRequest, Text: "The body is not JSON."}
	}
	return nil
}

// tooDeep reports whether values lie deeper in each other than maxDepth. It
// reads brackets outside of strings, which is enough for what is JSON.
func tooDeep(body []byte) bool {
	depth, inString := 0, false
	for i := 0; i < len(body); i++ {
		switch c := body[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '{' || c == '[':
			if depth++; depth > maxDepth {
				return true
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return false
}
